//! webhooks.toml: read as a whole, judged as a whole, every finding at once.

// What there is to say
pub mod schema;
mod raw;
mod defaults;
mod restart;

// Saying it with its place
mod findings;

mod reader;

mod read_scope;

mod files;

mod settings;

mod context;

// Table by table
mod certificates;
mod log;
mod matchers;
mod names;
mod reload;
mod sandbox;
mod server;
mod spool;

mod mount;
mod admin;
mod response;
mod secret;
mod networks;
mod anchors;
mod revocation;
mod senders;
mod server_chain;
mod tls;

mod endpoints;

mod routes;

// All together
mod validate;

mod load;

pub use files::{Digest, FileFault};
pub use load::{LoadError, Loaded, admin_settings, load, load_within, spool_settings};
pub use read_scope::ReadScope;
pub use restart::RestartSettings;
pub use settings::{Settings, Tls};
