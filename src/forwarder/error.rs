//! Why `forward` cannot start.

use std::io;
use std::path::PathBuf;

use crate::admin::{AdminBindError, AdminListenerError};
use crate::forward::TargetFault;
use crate::sandbox::RestrictError;
use crate::spool::ForwardLockError;
use crate::systemd::activation::ActivationError;
use crate::watch::WatchError;

/// Why `forward` cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ForwardStartError {
    /// The sockets of the service manager cannot be used.
    #[error(transparent)]
    Activation(#[from] ActivationError),
    /// The admin listener cannot be started.
    #[error(transparent)]
    AdminListener(#[from] AdminListenerError),
    /// A directory of an admin socket cannot be created.
    #[error("cannot create the directory of a socket")]
    Folder(#[source] io::Error),
    /// Another process forwards an endpoint, or its lock cannot be used.
    #[error(transparent)]
    Lock(#[from] ForwardLockError),
    /// The process cannot be restricted.
    #[error(transparent)]
    Restrict(#[from] RestrictError),
    /// An address or a socket is in use.
    #[error(transparent)]
    Socket(#[from] AdminBindError),
    /// The spool cannot be opened.
    #[error("cannot open the spool `{}`; `hookspool run` creates it", path.display())]
    Spool {
        /// Its directory.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// A system call failed.
    #[error(transparent)]
    System(#[from] io::Error),
    /// A target cannot be set up.
    #[error("consumer `{consumer}`")]
    Target {
        /// The name of the consumer.
        consumer: String,
        /// The reason.
        source: TargetFault,
    },
    /// The file watcher cannot be started.
    #[error(transparent)]
    Watch(#[from] WatchError),
}
