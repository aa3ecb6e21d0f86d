//! Where the admin listener is.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::systemd::activation::SocketSelector;

/// Settings of the admin listener.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Settings {
    /// Where to listen; empty turns the listener off.
    pub listen: Vec<Address>,
}

/// One place to listen. Plain HTTP, so nothing but loopback and unix sockets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Address {
    /// A loopback address.
    Tcp(SocketAddr),
    /// A unix socket, made with mode 0660.
    Unix(PathBuf),
    /// Sockets that systemd has bound; loopback or unix, as above.
    Inherited(SocketSelector),
}
