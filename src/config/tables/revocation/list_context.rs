//! What all lists of one sender are checked against.

use std::path::Path;

use jiff::Timestamp;

use crate::identity::RevocationList;
use crate::tls::anchors::Anchor;
use crate::tls::revocation::CrlPolicy;

/// The facts against which all lists of one sender are checked.
pub(super) struct ListContext<'s> {
    pub(super) shown: &'s str,
    pub(super) name: &'s str,
    pub(super) anchors: &'s [Anchor],
    pub(super) policy: CrlPolicy,
    pub(super) bytes_max: u64,
    pub(super) now: Timestamp,
}

impl ListContext<'_> {
    /// The beginning of messages about a list.
    pub(super) fn what(&self, path: &Path, list: &RevocationList) -> String {
        format!("{}: `{}`: the revocation list of `{}`", self.shown, path.display(), list.issuer)
    }

    /// A message about a file, without the name of the sender.
    pub(super) fn unprefixed(&self, message: &str) -> String {
        let rest = message.strip_prefix(self.shown).and_then(|rest| rest.strip_prefix(": "));
        rest.unwrap_or(message).to_owned()
    }
}
