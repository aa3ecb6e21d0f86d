//! What a certificate says of its holder: facts, not judgement.
//!
//! Everything here is built from DER and from nothing else. What a certificate says is only
//! *claimed* until an anchor has vouched for it and the handshake has proved possession of its key.

mod fingerprint;
mod name;
mod issuer;
mod certificate;

pub use certificate::{Identity, UnreadableCertificate, Version};
pub use fingerprint::{Fingerprint, SpkiPin};
pub use issuer::CannotIssue;
pub use name::{CommonName, UnreadableCommonName};
