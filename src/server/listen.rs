//! Sockets that senders connect to.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

use super::settings::{Listen, accepts_ipv4};
use crate::systemd::activation::{ActivationError, Inherited, InheritedSocket, SocketSelector};

/// The number of connections that may wait to be accepted. The kernel limits it to `net.core.somaxconn`.
const BACKLOG: u32 = 4096;

/// Why the server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// An address cannot be bound.
    #[error("cannot listen on {address}{}", hint(.source))]
    Address {
        /// The address.
        address: SocketAddr,
        /// The error of the system.
        source: io::Error,
    },
    /// Systemd did not pass the socket.
    #[error("[server] listen")]
    Inherited(#[from] ActivationError),
    /// Systemd passed a Unix socket, but senders connect over TCP.
    #[error("[server] listen: `{0}` is a unix socket; write ListenStream= with a port in the socket unit")]
    NotTcp(SocketSelector),
    /// The runtime cannot use the socket that systemd passed.
    #[error("[server] listen: cannot use the socket that systemd passes")]
    Unusable(#[source] io::Error),
}

/// Listens on all addresses and inherited sockets, or on none.
///
/// # Errors
/// If an address cannot be bound or a socket was not passed: the first such error.
pub fn bind(settings: &[Listen], inherited: &mut Inherited) -> Result<Vec<TcpListener>, BindError> {
    let mut listeners = Vec::new();
    for each in settings {
        match each {
            Listen::Address(address) => {
                let address = *address;
                let is_for_both = accepts_ipv4(address, settings.iter().filter_map(Listen::address));
                listeners.push(
                    listen(address, is_for_both).map_err(|source| BindError::Address { address, source })?,
                );
            }
            Listen::Inherited(which) => {
                for socket in inherited.take(which)? {
                    let InheritedSocket::Tcp(listener) = socket else {
                        return Err(BindError::NotTcp(which.clone()));
                    };
                    listeners.push(TcpListener::from_std(listener).map_err(BindError::Unusable)?);
                }
            }
        }
    }
    Ok(listeners)
}

fn listen(address: SocketAddr, accepts_ipv4: bool) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => {
            let socket = TcpSocket::new_v6()?;
            // Set in both cases, because the system's default can be changed (net.ipv6.bindv6only).
            rustix::net::sockopt::set_ipv6_v6only(&socket, !accepts_ipv4)?;
            socket
        }
    };
    // A restart need not wait for old connections to be forgotten.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only some of the system's errors have a hint")]
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => ": another program listens there",
        io::ErrorKind::PermissionDenied => {
            ": ports below 1024 need CAP_NET_BIND_SERVICE (AmbientCapabilities= under systemd), or a socket unit and `listen = \"systemd\"`"
        }
        io::ErrorKind::AddrNotAvailable => ": this machine does not have that address",
        _ => "",
    }
}
