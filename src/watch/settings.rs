//! How files are watched.

use std::time::Duration;

/// How files are watched.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Settings {
    /// Whether inotify is used.
    pub watch: bool,
    /// How often to look without being told to; `None` for never.
    pub poll: Option<Duration>,
    /// Quiet that has to follow an event: a file is often written in several steps.
    pub settle: Duration,
}
