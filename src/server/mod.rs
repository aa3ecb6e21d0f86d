//! The door for senders: sockets, handshakes, HTTP connections.

mod accept;
mod connection;
mod handshake;
mod listen;
mod pace;
mod routes;
mod settings;

pub use accept::Server;
pub use listen::{BindError, bind};
pub use settings::Settings;
