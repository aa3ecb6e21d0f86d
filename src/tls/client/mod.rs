//! The client side of the handshake, for `send` and `probe`.
//!
//! A server is verified only with the CAs of the command line; the system's roots are never used.

mod alert;
mod server_verifier;

mod handshake;

pub use alert::Alert;
pub use handshake::{
    ClientSession, ClientSettings, Connector, HandshakeFault, Protocols, TlsStream, TlsVersions,
    is_disconnect,
};
pub use server_verifier::{ServerFault, Trust};
