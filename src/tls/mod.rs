//! TLS: certificates and keys from their files, who vouches for whom, and the two configurations.
//!
//! The only place, with `server/handshake.rs` and `live.rs`, that names rustls.

pub mod expiry;
pub mod pem;
pub mod key_pair;
mod signature;
pub mod anchors;
pub mod server_chain;
pub mod revocation;
mod chain;
pub mod trust;
mod search;
mod path;
pub mod verifier;
pub mod server;
pub mod client;
