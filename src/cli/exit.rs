//! How the program ends: the codes of sysexits(3), and the one table from a failure to its code.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::daemon::StartError;
use crate::escape::Escaped;
use crate::logging::LoggingError;
use crate::secrets::without_secrets;
use crate::spool::{LockError, OpenError};

/// The exit code of the process.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// 0: fine.
    Fine,
    /// 1: the answer is no.
    No,
    /// 64: the command line cannot be understood.
    Usage,
    /// 65: a file named on the command line is not what it should be.
    Data,
    /// 66: a file named on the command line is missing.
    NoInput,
    /// 69: the daemon or the URL cannot be reached.
    Unavailable,
    /// 73: something cannot be made because another has it: the spool's lock, an address, a file.
    CannotCreate,
    /// 74: input or output failed.
    Io,
    /// 75: some entries have to wait.
    TryAgain,
    /// 78: the configuration has errors.
    Config,
}

/// Whatever the cause of a failure is.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A file of the command line is not what it should be.
    #[error("`{}`", shown(.path))]
    BadFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        why: BoxError,
    },
    /// What was to be made exists, or another holds it.
    #[error(transparent)]
    CannotCreate(BoxError),
    /// The configuration has errors, which have been printed.
    #[error("{0}")]
    Configuration(String),
    /// The system said no.
    #[error("{what}")]
    Io {
        /// What was being done.
        what: String,
        /// What the system said.
        #[source]
        why: io::Error,
    },
    /// A file of the command line is missing.
    #[error("`{}` does not exist", shown(.0))]
    MissingFile(PathBuf),
    /// The reader of standard output has closed it.
    #[error("standard output is closed")]
    OutputClosed,
    /// The answer is no.
    #[error("{0}")]
    Refused(String),
    /// Nobody answers.
    #[error("{what}")]
    Unreachable {
        /// Who was asked.
        what: String,
        /// Why there was no answer.
        #[source]
        why: BoxError,
    },
    /// The command line asks for something that cannot be.
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
            Failure::MissingFile(_) => Self::NoInput,
            Failure::OutputClosed => Self::Fine,
            Failure::Refused(_) => Self::No,
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

impl From<LoggingError> for Failure {
    fn from(error: LoggingError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Fine => 0,
            Exit::No => 1,
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
    /// What became of writing to standard output. `head` closing the pipe is no failure.
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

    /// What became of reading `path`, which the command line names.
    pub fn reading(path: &Path, why: io::Error) -> Self {
        if why.kind() == io::ErrorKind::NotFound {
            Self::MissingFile(path.to_owned())
        } else {
            Self::Io { what: format!("cannot read `{}`", shown(path)), why }
        }
    }

    /// The failure and its causes on one line; `None` where there is nothing to say.
    pub fn chain(&self) -> Option<String> {
        if matches!(self, Self::OutputClosed) {
            return None;
        }
        let mut text = self.to_string();
        let mut next = self.source();
        while let Some(cause) = next {
            let words = cause.to_string();
            // Some libraries repeat their cause in their own words.
            if !text.ends_with(&words) {
                text.push_str(": ");
                text.push_str(&words);
            }
            next = cause.source();
        }
        // An argument may be a key, and messages quote arguments.
        Some(without_secrets(&text))
    }
}

/// A path, safe to print.
pub fn shown(path: &Path) -> String {
    Escaped(&without_secrets(&path.to_string_lossy())).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_follow_the_failure_once() {
        let failure = Failure::Io { what: "cannot read `x`".to_owned(), why: io::Error::other("no") };
        assert_eq!(failure.chain().as_deref(), Some("cannot read `x`: no"));
        assert_eq!(Failure::output(io::ErrorKind::BrokenPipe.into()).chain(), None);
    }

    #[test]
    fn a_closed_pipe_is_fine_and_a_missing_file_is_not() {
        let closed = || Failure::output(io::ErrorKind::BrokenPipe.into());
        assert_eq!(Exit::from(&closed()), Exit::Fine);
        assert_eq!(Exit::from(&closed().after_change()), Exit::Io);
        let missing = Failure::reading(Path::new("x"), io::ErrorKind::NotFound.into());
        assert_eq!(Exit::from(&missing), Exit::NoInput);
    }
}
