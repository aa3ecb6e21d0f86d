//! The door for senders: sockets, handshakes, HTTP connections.

mod settings;
mod listen;
mod pace;
mod failure;
mod handshake;
mod routes;
mod rejected;
mod frames;
mod connection;
mod crowd;
mod accept;

pub use accept::Server;
pub use listen::{BindError, bind};
pub use settings::{Listen, Settings};
