//! What the door for senders is told at start.

use std::fmt;
use std::net::SocketAddr;

use crate::systemd::activation::Which;

/// Where to listen. How long to wait for what is in [`crate::live::Limits`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// The places, at least one.
    pub listen: Vec<Listen>,
}

/// One place to listen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Listen {
    /// An address that we bind.
    Address(SocketAddr),
    /// Sockets that systemd has bound.
    Inherited(Which),
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Inherited(which) => which.fmt(f),
        }
    }
}
