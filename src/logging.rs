//! Logging that never waits: lines go through a bounded queue, and lines lost are counted and said.

/// How lines look.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Format {
    /// Text on a terminal, JSON otherwise.
    #[default]
    Auto,
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
    /// How lines look.
    pub format: Format,
    /// How much; `RUST_LOG` overrides it.
    pub level: Level,
}
