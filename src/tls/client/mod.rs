//! The client side of the handshake, for `send`, `probe` and `forward`.
//!
//! `send` and `probe` verify a server only with the CAs of the command line. The targets of `forward` are verified with
//! the CAs of the configuration, or else with those of the system.

mod alert;
mod server_verifier;

mod handshake;

mod target;

pub use alert::Alert;
pub use handshake::{
    ClientSession, ClientSettings, Connector, HandshakeFault, Protocols, TlsStream, TlsVersions,
    is_disconnect,
};
pub use server_verifier::{ServerFault, Trust};
pub use target::{system_anchors, target_config};
