//! Refused and failed handshakes: stores the latest ones for `/status`, and limits the rate of their log lines.

mod shown;
mod rate_limiter;
mod ring;

pub use ring::{REFUSALS_MAX, Refusals};
pub use shown::{ClaimedCertificate, HandshakeRecord};
