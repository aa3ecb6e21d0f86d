//! Settings of the admin listener.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::systemd::activation::SocketSelector;

/// Settings of the admin listener.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Settings {
    /// The addresses to listen on; empty disables the listener.
    pub listen: Vec<Address>,
    /// A group (gid) whose members may use the Unix sockets, which otherwise only the daemon's user may use.
    pub group: Option<u32>,
}

/// An address of the listener. Only loopback and Unix sockets are possible, because it serves plain HTTP.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Address {
    /// A loopback address.
    Tcp(SocketAddr),
    /// A Unix socket, created with mode 0600, or 0660 with the group.
    Unix(PathBuf),
    /// Sockets that systemd has bound, on loopback or Unix.
    Inherited(SocketSelector),
}
