//! The door for senders: sockets, handshakes, HTTP connections.

mod settings;

pub use settings::Settings;
