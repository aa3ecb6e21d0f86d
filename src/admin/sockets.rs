//! The admin door's sockets.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use super::settings::{Address, Settings};

/// A socket that is bound and does not block.
#[derive(Debug)]
pub enum Socket {
    /// On loopback.
    Tcp(TcpListener),
    /// In the file system; removed at the end.
    Unix(UnixListener, PathBuf),
}

impl Socket {
    /// Where it is, as webhooks.toml writes it, with the port that the system chose.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Tcp(listener) => {
                listener.local_addr().map(|address| address.to_string()).unwrap_or_default()
            }
            Self::Unix(_, path) => format!("unix:{}", path.display()),
        }
    }
}

/// A place that cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {place} for the admin door")]
pub struct AdminBindError {
    place: String,
    source: io::Error,
}

/// The folders that its sockets are made in.
pub fn socket_folders(settings: &Settings) -> impl Iterator<Item = &Path> {
    settings.listen.iter().filter_map(|address| match address {
        Address::Tcp(_) => None,
        Address::Unix(path) => match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => Some(folder),
            Some(_) | None => Some(Path::new(".")),
        },
    })
}

/// Binds all of them, or none. The folders of sockets have to be there.
///
/// # Errors
/// With the first place that cannot be had.
pub fn bind(settings: &Settings) -> Result<Vec<Socket>, AdminBindError> {
    settings
        .listen
        .iter()
        .map(|address| match address {
            Address::Tcp(address) => {
                bind_tcp(*address).map_err(|source| AdminBindError { place: address.to_string(), source })
            }
            Address::Unix(path) => bind_unix(path)
                .map_err(|source| AdminBindError { place: format!("unix:{}", path.display()), source }),
        })
        .collect()
}

fn bind_tcp(address: std::net::SocketAddr) -> io::Result<Socket> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(Socket::Tcp(listener))
}

fn bind_unix(path: &Path) -> io::Result<Socket> {
    make_way(path)?;
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o660))?;
    listener.set_nonblocking(true)?;
    Ok(Socket::Unix(listener, path.to_owned()))
}

/// Removes a socket that nobody answers on: what a killed daemon left behind.
fn make_way(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(found) if !found.file_type().is_socket() => {
            Err(io::Error::new(io::ErrorKind::AlreadyExists, "something that is not a socket stands there"))
        }
        Ok(_) => match UnixStream::connect(path) {
            Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "another daemon answers there")),
            // Nobody listens. Any other error may come from a daemon that is there.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
            Err(error) => Err(error),
        },
    }
}
