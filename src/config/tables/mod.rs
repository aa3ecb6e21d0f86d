//! The tables of webhooks.toml, and the parts that several have in common.
//!
//! Each function reads one table through a `Reader`, takes its other inputs as arguments, and returns a value. It
//! reports findings at their `Location`, and adds to `Facts`.

// Parts
mod certificates;
mod matchers;
mod mount;
mod names;
mod networks;
mod secret_file;

// Tables
pub(super) mod log;
pub(super) mod reload;
pub(super) mod sandbox;
pub(super) mod server;
pub(super) mod spool;
pub(super) mod admin;
mod response;
mod secret;
mod anchors;
mod revocation;
pub(super) mod senders;
pub(super) mod server_chain;
pub(super) mod tls;
pub(super) mod endpoints;

// Senders and endpoints together
pub(super) mod routes;

// What `hookspool forward` reads
pub(super) mod consumers;
