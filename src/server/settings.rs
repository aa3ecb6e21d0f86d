//! The addresses on which the server listens.

use std::fmt;
use std::net::SocketAddr;

use crate::systemd::activation::SocketSelector;

/// The addresses to listen on. The timeouts are in [`crate::live::Limits`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// At least one.
    pub listen: Vec<Listen>,
}

impl Settings {
    /// Whether senders can connect from other machines. A socket from systemd may be bound to any address.
    pub fn is_beyond_loopback(&self) -> bool {
        self.listen.iter().any(|place| match place {
            Listen::Address(address) => !address.ip().is_loopback(),
            Listen::Inherited(_) => true,
        })
    }
}

/// One address, or sockets from systemd.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Listen {
    /// An address that the daemon binds.
    Address(SocketAddr),
    /// Sockets that systemd has bound.
    Inherited(SocketSelector),
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Inherited(which) => which.fmt(f),
        }
    }
}
