//! From a request to a receipt.
//!
//! ```text
//! handshake -> Peer      authorize -> Permit      read -> Payload      commit -> Receipt -> 200
//! ```
//!
//! A payload can be read only with a permit, and a success response requires a receipt.

pub mod authorization;
pub mod outcome;
mod head;
pub mod body;
pub mod recent;
pub mod intake;
