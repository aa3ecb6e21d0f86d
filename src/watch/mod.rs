//! Reports when files in use may have changed on disk. The receiver of the report compares their contents.

mod settings;
mod path_trace;
mod file_watch;

pub use file_watch::{FileWatch, WatchError, WatchEvent};
pub use settings::Settings;
