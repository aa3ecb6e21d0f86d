//! The exit codes, which follow sysexits(3), and the exit code of each failure.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::config::access::AccessDenied;
use crate::daemon::StartError;
use crate::escape::Escaped;
use crate::forwarder::ForwardStartError;
use crate::logging::LoggingError;
use crate::secrets::without_secrets;
use crate::spool::{ForwardLockError, LockError, OpenError};
use crate::view::ViewStartError;

/// The exit code of the process.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// 0: success.
    Success,
    /// 1: the result is negative.
    Negative,
    /// 64: the command line is not valid.
    Usage,
    /// 65: a file named on the command line has the wrong contents.
    Data,
    /// 66: a file named on the command line is missing.
    NoInput,
    /// 69: the daemon or the URL cannot be reached.
    Unavailable,
    /// 73: the spool's lock, an address or a file is in use by another process, or exists.
    CannotCreate,
    /// 74: input or output failed.
    Io,
    /// 75: some entries must be processed again later.
    TryAgain,
    /// 78: the configuration has errors.
    Config,
}

/// The cause of a failure, of any type.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A file of the command line has the wrong contents.
    #[error("`{}`", shown(.path))]
    BadFile {
        /// The path from the command line.
        path: PathBuf,
        /// The error.
        #[source]
        why: BoxError,
    },
    /// A file, lock or address exists already or is in use.
    #[error(transparent)]
    CannotCreate(BoxError),
    /// The configuration has errors. They have been printed; this is the summary.
    #[error("{0}")]
    Configuration(String),
    /// A system call failed.
    #[error("{what}")]
    Io {
        /// The operation, as a sentence without a period.
        what: String,
        /// The error of the system.
        #[source]
        why: io::Error,
    },
    /// A file of the command line is missing.
    #[error("`{}` does not exist", shown(.0))]
    MissingFile(PathBuf),
    /// No configuration is named, and none was found in these places.
    #[error("there is no configuration: {0}; name one with `--config FILE`")]
    NoConfiguration(&'static str),
    /// The reader of standard output has closed it.
    #[error("standard output is closed")]
    OutputClosed,
    /// The result is negative, for example a refusal.
    #[error("{0}")]
    Refused(String),
    /// The daemon or the server cannot be reached.
    #[error("{what}")]
    Unreachable {
        /// The daemon, or the URL of the server.
        what: String,
        /// The error.
        #[source]
        why: BoxError,
    },
    /// The flags contradict each other, or a value is not valid.
    #[error("{0}")]
    Usage(String),
}

impl From<&Failure> for Exit {
    fn from(failure: &Failure) -> Self {
        match failure {
            Failure::BadFile { .. } => Self::Data,
            Failure::CannotCreate(_) => Self::CannotCreate,
            Failure::Configuration(_) => Self::Config,
            Failure::Io { .. } => Self::Io,
            Failure::MissingFile(_) | Failure::NoConfiguration(_) => Self::NoInput,
            Failure::OutputClosed => Self::Success,
            Failure::Refused(_) => Self::Negative,
            Failure::Unreachable { .. } => Self::Unavailable,
            Failure::Usage(_) => Self::Usage,
        }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Activation(_)
            | StartError::Socket(_)
            | StartError::Spool(OpenError::Lock(LockError::Held(_))) => Self::CannotCreate(error.into()),
            StartError::Spool(
                OpenError::Io { .. }
                | OpenError::Folder(_)
                | OpenError::Log(_)
                | OpenError::Lock(LockError::Io { .. }),
            )
            | StartError::AdminListener(_)
            | StartError::Folder(_)
            | StartError::Restrict(_)
            | StartError::System(_)
            | StartError::Watch(_) => {
                Self::Io { what: "cannot start".to_owned(), why: io::Error::other(error) }
            }
        }
    }
}

impl From<ForwardStartError> for Failure {
    fn from(error: ForwardStartError) -> Self {
        match error {
            ForwardStartError::Activation(_)
            | ForwardStartError::Socket(_)
            | ForwardStartError::Lock(ForwardLockError::Held { .. }) => Self::CannotCreate(error.into()),
            ForwardStartError::Target { consumer, source } => {
                Self::Configuration(format!("consumer `{consumer}`: {source}"))
            }
            ForwardStartError::Lock(_)
            | ForwardStartError::AdminListener(_)
            | ForwardStartError::Folder(_)
            | ForwardStartError::Restrict(_)
            | ForwardStartError::Spool { .. }
            | ForwardStartError::System(_)
            | ForwardStartError::Watch(_) => {
                Self::Io { what: "cannot start".to_owned(), why: io::Error::other(error) }
            }
        }
    }
}

impl From<ViewStartError> for Failure {
    fn from(error: ViewStartError) -> Self {
        match error {
            ViewStartError::Bind { .. } => Self::CannotCreate(error.into()),
            ViewStartError::Spool { .. } | ViewStartError::Restrict(_) | ViewStartError::System(_) => {
                Self::Io { what: "cannot start".to_owned(), why: io::Error::other(error) }
            }
        }
    }
}

impl From<LoggingError> for Failure {
    fn from(error: LoggingError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::Negative => 1,
            Exit::Usage => 64,
            Exit::Data => 65,
            Exit::NoInput => 66,
            Exit::Unavailable => 69,
            Exit::CannotCreate => 73,
            Exit::Io => 74,
            Exit::TryAgain => 75,
            Exit::Config => 78,
        })
    }
}

impl Failure {
    /// Converts an error of writing to standard output. A closed pipe, as with `head`, is not a failure.
    pub fn output(why: io::Error) -> Self {
        if why.kind() == io::ErrorKind::BrokenPipe {
            Self::OutputClosed
        } else {
            Self::Io { what: "cannot write to standard output".to_owned(), why }
        }
    }

    /// The failure of a command that changed something. Its report is part of the change, so a closed pipe is a
    /// failure too: the caller would not learn what was done.
    pub fn after_change(self) -> Self {
        if matches!(self, Self::OutputClosed) {
            let why = io::ErrorKind::BrokenPipe.into();
            return Self::Io { what: "cannot write to standard output".to_owned(), why };
        }
        self
    }

    /// Converts an error of reading `path`, which the command line names.
    pub fn reading(path: &Path, why: io::Error) -> Self {
        let kind = why.kind();
        if kind == io::ErrorKind::NotFound {
            return Self::MissingFile(path.to_owned());
        }
        let is_denied = kind == io::ErrorKind::PermissionDenied;
        let why = if is_denied { io::Error::new(kind, AccessDenied::of(path).to_string()) } else { why };
        Self::Io { what: format!("cannot read `{}`", shown(path)), why }
    }

    /// The failure and its causes on one line; `None` if nothing is to be reported.
    pub fn chain(&self) -> Option<String> {
        if matches!(self, Self::OutputClosed) {
            return None;
        }
        let mut text = self.to_string();
        let mut next = self.source();
        while let Some(cause) = next {
            let message = cause.to_string();
            // Some libraries include the message of the cause in their own message.
            if !text.ends_with(&message) {
                text.push_str(": ");
                text.push_str(&message);
            }
            next = cause.source();
        }
        // An argument may contain a key by mistake, and messages quote arguments.
        Some(without_secrets(&text))
    }
}

/// A path, escaped and without secrets.
pub fn shown(path: &Path) -> String {
    Escaped(&without_secrets(&path.to_string_lossy())).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_is_reported_once() {
        let failure = Failure::Io { what: "cannot read `x`".to_owned(), why: io::Error::other("no") };
        assert_eq!(failure.chain().as_deref(), Some("cannot read `x`: no"));
        assert_eq!(Failure::output(io::ErrorKind::BrokenPipe.into()).chain(), None);
    }

    #[test]
    fn a_closed_pipe_is_success_and_a_missing_file_is_not() {
        let closed = || Failure::output(io::ErrorKind::BrokenPipe.into());
        assert_eq!(Exit::from(&closed()), Exit::Success);
        assert_eq!(Exit::from(&closed().after_change()), Exit::Io);
        let missing = Failure::reading(Path::new("x"), io::ErrorKind::NotFound.into());
        assert_eq!(Exit::from(&missing), Exit::NoInput);
    }
}
