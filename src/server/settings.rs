//! What the door for senders is told at start.

use std::net::SocketAddr;

/// Where to listen. How long to wait for what is in [`crate::live::Limits`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// The addresses, at least one.
    pub listen: Vec<SocketAddr>,
}
