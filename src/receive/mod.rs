//! From a request to a receipt.
//!
//! ```text
//! handshake -> Peer      authorize -> Permit      read -> Payload      commit -> Receipt -> 200
//! ```
//!
//! No step can be forgotten, because the next one asks for its product.

pub mod authorization;
pub mod outcome;
mod head;
pub mod body;
pub mod recent;
pub mod intake;
