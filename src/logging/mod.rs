//! Logging that never waits: lines go through a bounded queue, and lines lost are counted and said.

mod settings;
mod text;
mod journal;
mod journal_layer;
mod start;

pub use settings::{Format, Level, Settings};
pub use start::{Logging, LoggingError};
