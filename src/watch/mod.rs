//! Reports when files in use may have changed on disk, whose contents the receiver compares, and which files arrive in a
//! queue.

mod settings;
mod path_trace;
mod file_watch;
mod arrivals;

pub use arrivals::{Arrival, Arrivals};
pub use file_watch::{FileWatch, WatchError, WatchEvent};
pub use settings::Settings;
