//! Notices that files in use may have changed on disk. Whether they have is for others to find out.

mod settings;
mod path_trace;
mod file_watch;

pub use file_watch::{FileWatch, WatchError, WatchEvent};
pub use settings::Settings;
