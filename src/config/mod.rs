//! webhooks.toml: read and validated as a whole; all findings are reported at once.

pub mod access;
pub mod schema;
mod process;
mod read_scope;
mod text;
mod files;
mod accepted;
mod context;
mod restart;
mod settings;
mod tables;
mod validate;
mod load;
mod ad_hoc;

pub use accepted::AcceptedLists;
pub use ad_hoc::ad_hoc_consumer;
pub use files::{Digest, FileFault};
pub use load::{
    LoadError, Loaded, LoadedForward, admin_settings, consumer_endpoints, endpoint_names, forward_listen,
    load, load_forward, load_within, sandbox_settings, spool_settings, until_stable,
};
pub use process::Process;
pub use read_scope::ReadScope;
pub use restart::RestartSettings;
pub use settings::{ForwardSettings, Settings, Tls};
pub use tables::consumers::ConsumerDraft;
#[cfg(feature = "postgres")]
pub use tables::consumers::table_name;
