//! The context in which a table is validated, and the facts that it contributes.

use jiff::Timestamp;

use super::files::Files;
use super::text::Location;
use crate::tls::expiry::CertificateFact;

/// The inputs of validation besides the text: the named files and the time.
pub(super) struct ValidationContext {
    pub(super) files: Files,
    pub(super) now: Timestamp,
}

/// The facts that a table contributes, besides its settings.
#[derive(Default)]
pub(super) struct Facts<'a> {
    pub(super) certificates: Vec<CertificateFact>,
    /// Faults that are caused only by expired or not yet valid files, a sentence each.
    pub(super) degraded: Vec<String>,
    pub(super) no_chain: Vec<NoChain<'a>>,
}

/// A note about a server certificate without a chain. It is omitted if the issuer is a CA of a sender: a
/// chain need not contain its root.
pub(super) struct NoChain<'a> {
    pub(super) at: Location<'a>,
    pub(super) message: String,
    pub(super) hint: String,
    pub(super) issuer: String,
}
