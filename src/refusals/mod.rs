//! Refused and failed handshakes: stores the latest ones for `/status`, and limits the rate of their log lines.
//!
//! Anyone can present a certificate that a bank has shown to the world, and can create any number of other certificates.
//! So there are separate rings: one for each sender whose CA issued a certificate with a proven key, one for
//! certificates of such CAs without a proven key, one for all other certificates, and one for peers without a
//! certificate. A ring never displaces or suppresses the records of another.

mod shown;
mod rate_limiter;
mod ring;
mod rings;

pub use rings::{PLACES_MAX, Refusals};
pub use shown::{ClaimedCertificate, HandshakeRecord};
