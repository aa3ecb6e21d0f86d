//! An HTTP client with a client certificate, and one without TLS for the admin listener.

mod fault;
mod alert_recorder;
mod server_url;

mod connection;
mod plain;

pub use connection::{CONNECT_DEADLINE, ClientConnection, ClientResponse, EXCHANGE_DEADLINE};
pub use fault::ClientFault;
pub use plain::{get_tcp, get_unix, post_unix};
pub use server_url::{ServerUrl, ServerUrlFault, without_credentials};
