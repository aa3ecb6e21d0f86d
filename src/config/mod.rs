//! webhooks.toml and the files it names, judged as a whole: all findings at once, or the settings
//! of everything below.

mod certificates;
mod defaults;
mod endpoints;
mod files;
mod findings;
mod keys;
mod load;
mod raw;
mod senders;
mod tables;

pub use load::{LoadError, Loaded, Settings, Tls, admin_door, load};
