//! Logging that never blocks: lines are sent to a bounded queue, and dropped lines are counted and reported.

mod settings;
mod findings;
mod text;
mod lines;
mod journal;
mod journal_layer;
mod start;

pub use findings::log_findings;
pub use settings::{Format, Level, Settings};
pub use start::{Logging, LoggingError};
