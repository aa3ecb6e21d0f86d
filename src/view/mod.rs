//! `hookspool view`: a page in the browser that shows the spool and the running processes.
//!
//! It listens on loopback only. A one-time link opens a session (`sessions`); every request must come from the page
//! itself (`origin`). The pages are rendered from the spool, and from the status documents of the daemon and of
//! `forward`, neither of which has to run. They can be read without scripts.

mod words;
mod language;
mod times;
mod settings;
mod payload;
mod assets;
mod sessions;
mod origin;
mod scan;
mod overview;
mod search;
mod pages;
mod body;
mod state;
mod actions;
mod stream;
mod request;
mod entry_routes;
mod routes;
mod listener;

pub use listener::{ViewListener, ViewStartError};
pub use sessions::Sessions;
pub use settings::{ListenError, Settings, listen_address};
pub use times::Times;
