//! Decides which peer may deliver to which endpoint. The functions are pure: they do no I/O and do not use TLS.
//!
//! A certificate is evaluated for each sender ([`Evaluation`]), and [`Admission::decide`] combines the evaluations.
//! A handshake yields a [`Peer`], [`Policy::authorize`] yields a [`Permit`] for a peer and an endpoint, and a
//! delivery requires a permit.

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
mod payload;
mod shares;

pub use admission::Admission;
pub use authorize::{Denial, PathConflict, Permit, Policy, Route, valid_sender};
pub use endpoint::{Endpoint, ResponseRule};
pub use evaluation::{Evaluation, TrustError, TrustErrorKind, Trusted, TrustedBy};
pub use matcher::{MATCHERS, Matcher, presented};
pub use name::{Name, NameError};
pub use payload::{PartialPayload, Payload, TooLong};
pub use peer::{Origin, Peer, Session};
pub use refusal::{Advice, Refusal, RefusalGroup, quoted};
pub use rule::Rule;
pub use secret::{QuerySecret, REDACTED, SECRET_BYTES_MAX, SecretFault};
pub use sender::Sender;
pub use shares::{ShareUsedUp, Shares};
