//! What the process gives up for good: files that it has no business with, and copies of its memory.
//!
//! Landlock (landlock(7)) binds the calling thread and those it starts later, so all of this comes
//! before the first thread.

mod settings;
mod readable;
mod memory;
mod restrict;

pub use memory::keep_memory_private;
pub use readable::Readable;
pub use restrict::{Force, Places, RestrictError, Sandbox, restrict, unrestricted};
pub use settings::Settings;
