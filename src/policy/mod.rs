//! Who may deliver what where: pure functions over facts.
//!
//! Nothing here does I/O or knows TLS. A handshake yields a [`Peer`], [`Policy::authorize`] turns a
//! peer and an endpoint into a [`Permit`], and only a permit begins a delivery.

mod authorize;
mod endpoint;
mod name;
mod peer;
mod rule;
mod sender;

pub use authorize::{Denial, PathConflict, Permit, Policy, Route};
pub use endpoint::{Endpoint, ResponseRule};
pub use name::{Name, NameError};
pub use peer::{Peer, Session};
pub use rule::{Mismatch, Rule};
pub use sender::{Admission, Doubt, Refusal, RefusalReason, Sender, SenderIndex};
