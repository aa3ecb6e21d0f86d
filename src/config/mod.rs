//! webhooks.toml and the files it names, judged as a whole: all findings at once, or the settings
//! of everything below.

mod raw;
mod findings;
mod keys;
mod defaults;
mod files;
mod tables;
mod certificates;
mod senders;
mod endpoints;
mod load;

pub use load::{LoadError, Loaded, Settings, Tls, admin_door, load};
