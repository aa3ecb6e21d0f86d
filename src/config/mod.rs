//! webhooks.toml: read and validated as a whole; all findings are reported at once.

pub mod access;
pub mod schema;
mod read_scope;
mod text;
mod files;
mod context;
mod restart;
mod settings;
mod tables;
mod validate;
mod load;

pub use files::{Digest, FileFault};
pub use load::{LoadError, Loaded, admin_settings, endpoint_names, load, load_within, spool_settings};
pub use read_scope::ReadScope;
pub use restart::RestartSettings;
pub use settings::{Settings, Tls};
