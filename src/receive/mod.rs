//! From a request to a receipt.
//!
//! ```text
//! handshake -> Peer    authorize -> Permit    read -> Payload    Draft    commit -> Receipt -> Answer
//! ```
//!
//! Each step needs the result of the one before: a payload keeps its permit, a draft is made from a payload, and a
//! successful answer from a receipt.

pub mod authorization;
pub mod error;
pub mod answer;
pub mod head;
pub mod memory;
pub mod body;
pub mod recent;
pub mod intake;
