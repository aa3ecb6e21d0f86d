//! The interfaces to the service manager: sockets, credentials and notifications.

pub mod environment;

pub mod activation;
pub mod credentials;
pub mod manager;
pub mod unit;
