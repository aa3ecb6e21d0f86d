//! The addresses on which the server listens.

use std::fmt;
use std::net::{Ipv6Addr, SocketAddr};

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

/// Whether one of the listed addresses accepts IPv4 besides IPv6, as `[::]` does unless an IPv4 address with its port is
/// listed, too.
pub fn accepts_ipv4(address: SocketAddr, listed: impl IntoIterator<Item = SocketAddr>) -> bool {
    let is_taken = |other: SocketAddr| other.is_ipv4() && other.port() == address.port();
    address == SocketAddr::from((Ipv6Addr::UNSPECIFIED, address.port())) && !listed.into_iter().any(is_taken)
}

/// One address, or sockets from systemd.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Listen {
    /// An address that the daemon binds.
    Address(SocketAddr),
    /// Sockets that systemd has bound.
    Inherited(SocketSelector),
}

impl Listen {
    /// The address, if the daemon binds it.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Address(address) => Some(*address),
            Self::Inherited(_) => None,
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Inherited(which) => which.fmt(f),
        }
    }
}
