//! Handshakes that were refused or failed: the latest ones, for an operator who looks for the reason, and a rate limiter for
//! their log lines.

mod shown;
mod rate_limiter;
mod ring;

pub use ring::{REFUSALS_MAX, Refusals};
pub use shown::{ClaimedCertificate, RefusedHandshake, admit};
