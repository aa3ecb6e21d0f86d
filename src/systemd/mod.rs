//! What the service manager hands to the process and hears from it: sockets, credentials, news.

pub mod activation;
pub mod credentials;
pub mod manager;
