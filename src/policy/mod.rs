//! Who may deliver what where: pure functions over facts.
//!
//! Nothing here does I/O or knows TLS. What each sender's trust and rule make of a certificate is a
//! [`Evaluation`]; [`Admission::decide`] comes to a decision over all of them. A handshake yields a
//! [`Peer`], [`Policy::authorize`] turns a peer and an endpoint into a [`Permit`], and only a permit
//! begins a delivery.

mod name;
mod matcher;
mod rule;
mod sender;
mod evaluation;
mod refusal;
mod admission;
mod peer;
mod secret;
mod endpoint;
mod authorize;

pub use admission::Admission;
pub use authorize::{Denial, PathConflict, Permit, Policy, Route};
pub use endpoint::{Endpoint, ResponseRule};
pub use evaluation::{Evaluation, TrustError, TrustErrorKind, Vouched, VouchedBy};
pub use matcher::{MATCHERS, Matcher, Mismatch, presented};
pub use name::{Name, NameError};
pub use peer::{Peer, Session};
pub use refusal::{Advice, Refusal, RefusalReason};
pub use rule::Rule;
pub use secret::{QuerySecret, SECRET_BYTES_MAX, STRUCK_OUT, SecretFault};
pub use sender::{Sender, SenderIndex};
