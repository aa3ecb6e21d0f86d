//! What the service manager hands to the process and hears from it: sockets, credentials, news.

pub mod environment;

pub mod activation;
pub mod credentials;
pub mod manager;
