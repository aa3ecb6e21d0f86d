//! TLS: certificates and keys from their files, who vouches for whom, and the two configurations.
//!
//! The only place, with `server/handshake.rs`, that names rustls.

pub mod anchors;
pub mod client;
pub mod expiry;
pub mod key_pair;
pub mod pem;
pub mod server;
mod signature;
pub mod verifier;
