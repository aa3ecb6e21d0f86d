//! Settings of the log.

/// The format and the destination of the log.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Format {
    /// Text on a terminal, the journal if standard error is connected to it, and JSON otherwise.
    #[default]
    Auto,
    /// Entries of systemd's journal, with the fields of each event.
    Journald,
    /// One JSON object per line.
    Json,
    /// Text lines for people.
    Text,
}

/// The least severe events that are written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Level {
    /// Failures.
    Error,
    /// Also problems that may lead to failures.
    Warn,
    /// Also every delivery and refusal.
    #[default]
    Info,
    /// Also the actions of unauthenticated peers.
    Debug,
    /// Everything.
    Trace,
}

/// The format and the level of the log.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Settings {
    /// The format and the destination.
    pub format: Format,
    /// The level, which `RUST_LOG` overrides.
    pub level: Level,
}
