//! The sockets that the daemon listens on, bound here or passed by systemd.

use tokio::net::TcpListener;

use crate::admin::{self, Address, AdminBindError};
use crate::server::{self, BindError, Listen};
use crate::systemd::activation::{Inherited, SocketSelector};

/// Why a socket cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// A socket of the admin listener.
    #[error(transparent)]
    Admin(#[from] AdminBindError),
    /// A socket for senders.
    #[error(transparent)]
    Server(#[from] BindError),
}

/// Binds all sockets, or takes them over from systemd.
pub(super) fn bind(
    server: &server::Settings,
    admin: &admin::Settings,
    mut inherited: Inherited,
) -> Result<(Vec<TcpListener>, Vec<admin::Socket>), SocketError> {
    inherited.reserve(named(server, admin));
    let listeners = server::bind(&server.listen, &mut inherited)?;
    let sockets = admin::bind(admin, &mut inherited)?;
    for name in inherited.names() {
        tracing::warn!(name, "systemd passes a socket that no `listen` names; its clients get no response");
    }
    Ok((listeners, sockets))
}

fn named<'s>(
    server: &'s server::Settings,
    admin: &'s admin::Settings,
) -> impl Iterator<Item = &'s SocketSelector> {
    let for_senders = server.listen.iter().filter_map(|place| match place {
        Listen::Inherited(which) => Some(which),
        Listen::Address(_) => None,
    });
    for_senders.chain(admin.listen.iter().filter_map(|address| match address {
        Address::Inherited(which) => Some(which),
        Address::Tcp(_) | Address::Unix(_) => None,
    }))
}
