//! Settings of the file watcher.

use std::time::Duration;

/// How files are watched.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Settings {
    /// Whether inotify is used.
    pub watch: bool,
    /// The interval at which a possible change is reported without an event; `None` for never.
    pub poll: Option<Duration>,
    /// The time without events that must follow an event before it is reported, because files are often written in
    /// several steps.
    pub settle: Duration,
}
