//! TLS: parsing of certificates and keys, path validation, and the configurations of server and client.
//!
//! Only these modules, `live.rs` and `server/{handshake,offer,failure}.rs` use rustls.

pub mod expiry;
pub mod pem;
pub mod key_pair;
mod signature;
mod signature_cache;
pub mod anchors;
pub mod server_chain;
pub mod revocation;
mod chain;
mod name_constraints;
pub mod trust;
mod groups;
mod search;
mod path;
pub mod verifier;
pub mod alert;
pub mod handshake_decision;
pub mod server;
pub mod client;
