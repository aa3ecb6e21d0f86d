//! Who may deliver what where: pure functions over facts.
//!
//! Nothing here does I/O or knows TLS. A handshake yields a [`Peer`], [`Policy::authorize`] turns a
//! peer and an endpoint into a [`Permit`], and only a permit begins a delivery.

mod name;
mod rule;
mod sender;
mod peer;
mod endpoint;
mod authorize;

pub use authorize::{Denial, PathConflict, Permit, Policy, Route};
pub use endpoint::{Endpoint, ResponseRule};
pub use name::{Name, NameError};
pub use peer::{Peer, Session};
pub use rule::{Mismatch, Rule};
pub use sender::{Admission, Doubt, Refusal, RefusalReason, Sender, SenderIndex};
