//! What the door for senders is told at start. Every wait and every crowd has its bound here.

use std::net::SocketAddr;
use std::time::Duration;

/// Where to listen, and how long to wait for what.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// The addresses, at least one.
    pub listen: Vec<SocketAddr>,
    /// Connections at once; more wait in the listen backlog.
    pub max_connections: usize,
    /// From accept to the end of the TLS handshake.
    pub handshake_timeout: Duration,
    /// From the first byte of a request to the end of its headers.
    pub header_timeout: Duration,
    /// From the headers to the last byte of the body.
    pub body_timeout: Duration,
    /// How long a kept-alive connection may have nothing to say.
    pub idle_timeout: Duration,
    /// How long a stop waits for what is in flight.
    pub drain_timeout: Duration,
}
