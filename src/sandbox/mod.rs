//! Permanently restricts the process to the files that it needs, and prevents copies of its memory.
//!
//! Landlock (landlock(7)) restricts the calling thread and the threads it starts later. Therefore the restrictions are
//! applied before the first thread is started.

mod settings;
mod readable;
mod memory;
mod descriptors;
mod restrict;

pub use descriptors::{descriptor_limit, hard_descriptor_limit, raise_descriptor_limit};
pub use memory::keep_memory_private;
pub use readable::Readable;
pub use restrict::{AccessPaths, Enforcement, RestrictError, Sandbox, SpoolAccess, restrict, unrestricted};
pub use settings::Settings;
