//! Notices that files in use may have changed on disk. Whether they have is for others to find out.

mod settings;
mod way;
mod file_watch;

pub use file_watch::{FileWatch, Tidings, WatchError};
pub use settings::Settings;
