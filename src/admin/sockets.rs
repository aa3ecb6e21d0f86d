//! The admin listener's sockets.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, lchown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, fchmod};
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind as bind_to, listen, socket_with,
};

use super::settings::{Address, Settings};
use crate::systemd::activation::{self, ActivationError, Inherited};

/// The connections that wait to be accepted by a Unix socket. If there are more, clients get an error at once.
const BACKLOG: i32 = 1024;

/// A bound, non-blocking socket.
#[derive(Debug)]
pub enum Socket {
    /// A loopback address.
    Tcp(TcpListener),
    /// A Unix socket, with its path if the daemon created it and removes it at the end.
    Unix(UnixListener, Option<PathBuf>),
}

impl Socket {
    /// The address in the notation of webhooks.toml, with the port that the system chose.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Tcp(listener) => {
                listener.local_addr().map(|address| address.to_string()).unwrap_or_default()
            }
            Self::Unix(_, Some(path)) => format!("unix:{}", path.display()),
            Self::Unix(listener, None) => {
                let address = listener.local_addr().ok();
                let path = address.as_ref().and_then(|address| address.as_pathname());
                path.map(|path| format!("unix:{}", path.display())).unwrap_or_default()
            }
        }
    }
}

/// Why the listener's sockets cannot be bound.
#[derive(Debug, thiserror::Error)]
pub enum AdminBindError {
    /// An address or a path cannot be bound.
    #[error("cannot listen on {place} for the admin listener")]
    Place {
        /// The address or path, in the notation of webhooks.toml.
        place: String,
        /// The error of the system.
        source: io::Error,
    },
    /// Systemd did not pass the socket.
    #[error("[admin] listen")]
    Inherited(#[from] ActivationError),
    /// Systemd passed a socket that other hosts can reach.
    #[error(
        "[admin] listen: systemd passes {0}, which is not loopback, and the admin listener has no authentication"
    )]
    NotLoopback(SocketAddr),
}

/// The directories in which the Unix sockets are created.
pub fn socket_folders(settings: &Settings) -> impl Iterator<Item = &Path> {
    settings.listen.iter().filter_map(|address| match address {
        Address::Tcp(_) | Address::Inherited(_) => None,
        Address::Unix(path) => match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => Some(folder),
            Some(_) | None => Some(Path::new(".")),
        },
    })
}

/// Binds all sockets. The directories of Unix sockets must exist.
///
/// # Errors
/// If an address or path cannot be bound; the first one is returned.
pub fn bind(settings: &Settings, inherited: &mut Inherited) -> Result<Vec<Socket>, AdminBindError> {
    let mut sockets = Vec::new();
    for address in &settings.listen {
        match address {
            Address::Tcp(address) => sockets.push(
                bind_tcp(*address)
                    .map_err(|source| AdminBindError::Place { place: address.to_string(), source })?,
            ),
            Address::Unix(path) => sockets.push(bind_unix(path, settings.group).map_err(|source| {
                AdminBindError::Place { place: format!("unix:{}", path.display()), source }
            })?),
            Address::Inherited(which) => {
                for socket in inherited.take(which)? {
                    sockets.push(check_inherited(socket)?);
                }
            }
        }
    }
    Ok(sockets)
}

/// Applies the same restrictions to a socket of systemd as to configured addresses.
fn check_inherited(socket: activation::InheritedSocket) -> Result<Socket, AdminBindError> {
    match socket {
        activation::InheritedSocket::Unix(listener) => Ok(Socket::Unix(listener, None)),
        activation::InheritedSocket::Tcp(listener) => match listener.local_addr() {
            Ok(address) if address.ip().is_loopback() => Ok(Socket::Tcp(listener)),
            Ok(address) => Err(AdminBindError::NotLoopback(address)),
            Err(source) => Err(AdminBindError::Place { place: "systemd".to_owned(), source }),
        },
    }
}

fn bind_tcp(address: SocketAddr) -> io::Result<Socket> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(Socket::Tcp(listener))
}

fn bind_unix(path: &Path, group: Option<u32>) -> io::Result<Socket> {
    remove_stale_socket(path)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    // Before bind(2), which gives the file the mode of the socket: it is never open to more users than intended.
    fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    bind_to(&socket, &SocketAddrUnix::new(path)?)?;
    if let Some(group) = group {
        // Only if it differs, because a system call filter may reject the call.
        if fs::symlink_metadata(path)?.gid() != group {
            lchown(path, None, Some(group))?;
        }
        fs::set_permissions(path, fs::Permissions::from_mode(0o660))?;
    }
    listen(&socket, BACKLOG)?;
    Ok(Socket::Unix(socket.into(), Some(path.to_owned())))
}

/// Removes a socket that no process listens on, for example one of a killed daemon.
fn remove_stale_socket(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(found) if !found.file_type().is_socket() => {
            Err(io::Error::new(io::ErrorKind::AlreadyExists, "the path exists and is not a socket"))
        }
        Ok(_) => match UnixStream::connect(path) {
            Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "another daemon is listening on it")),
            // No process listens. Any other error may come from a running daemon.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
            Err(error) => Err(error),
        },
    }
}
