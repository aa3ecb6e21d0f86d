//! The other side of the handshake: what `send` and `probe` trust, show and understand.
//!
//! A server is believed only by the CAs that were named; the system's roots are never used.

mod alert;
mod server_verifier;

mod handshake;

pub use alert::Alert;
pub use handshake::{
    ClientSession, ClientSettings, Connector, HandshakeFault, Protocols, TlsStream, TlsVersions, is_hang_up,
};
pub use server_verifier::{ServerFault, Trust};
