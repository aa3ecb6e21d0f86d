//! How and how much to log.

/// How lines look, and where they go.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Format {
    /// Text on a terminal, the journal where standard error leads there, JSON otherwise.
    #[default]
    Auto,
    /// Entries of systemd's journal, with a field for each fact.
    Journald,
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// The least important events that are written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Level {
    /// Only what is broken.
    Error,
    /// And what may break soon.
    Warn,
    /// And every delivery and refusal.
    #[default]
    Info,
    /// And what strangers do.
    Debug,
    /// And everything else.
    Trace,
}

/// How and how much to log.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Settings {
    /// How lines look, and where they go.
    pub format: Format,
    /// How much; `RUST_LOG` overrides it.
    pub level: Level,
}
