//! The context in which a table is validated, and the facts that it contributes.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use super::accepted::{Accepted, AcceptedLists};
use super::files::Files;
use super::text::Location;
use crate::identity::RevocationList;
use crate::spool::{AcceptedList, KeptList, KeptLists, kept_lists, shown_kept_list};
use crate::tls::expiry::CertificateFact;

/// A revocation list, also in DER.
pub(super) type ReadList = (Arc<RevocationList>, Arc<Vec<u8>>);

/// The inputs of validation besides the text: the named files, the time, and the revocation lists accepted before.
pub(super) struct ValidationContext {
    pub(super) files: Files,
    pub(super) now: Timestamp,
    pub(super) accepted: AcceptedLists,
    /// The root of the spool, set when its table is read.
    pub(super) spool: PathBuf,
    /// The lists that the spool keeps, once they have been read.
    pub(super) kept: Option<Vec<KeptList>>,
    /// The revocation lists of the files without findings so far: many senders may name one file.
    pub(super) lists: HashMap<PathBuf, Vec<ReadList>>,
}

impl ValidationContext {
    pub(super) fn new(files: Files, now: Timestamp, accepted: AcceptedLists) -> Self {
        Self { files, now, accepted, spool: PathBuf::new(), kept: None, lists: HashMap::new() }
    }

    /// The revocation lists of a sender that were accepted before. `check` may not be able to read those in the spool;
    /// this is reported at most once.
    pub(super) fn accepted_lists(&mut self, sender: &str, at: Location<'_>) -> Vec<Accepted> {
        if let AcceptedLists::InForce { lists, .. } = &self.accepted {
            let found = lists.iter().filter(|(name, _)| name.as_str() == sender);
            return found.flat_map(|(_, lists)| lists).cloned().map(Accepted::InForce).collect();
        }
        let kept = self.kept.get_or_insert_with(|| {
            let report = |place: &str, error: &io::Error| {
                let message = format!("cannot read the revocation lists kept in `{place}`: {error}");
                let hint =
                    "run `hookspool check` as the daemon's user to detect lists that are older than these";
                if error.kind() == io::ErrorKind::PermissionDenied {
                    at.note(message, hint);
                } else {
                    at.warning(message, hint);
                }
            };
            let kept = kept_lists(&self.spool).unwrap_or_else(|error| {
                report(&self.spool.join(".state").display().to_string(), &error);
                KeptLists::default()
            });
            kept.unreadable.iter().for_each(|(path, error)| report(&shown_kept_list(path), error));
            kept.lists
        });
        let found = kept.iter().filter(|kept| kept.head.sender == sender);
        found.map(|kept| Accepted::Kept(kept.clone(), self.spool.clone())).collect()
    }
}

/// The facts that a table contributes, besides its settings.
#[derive(Default)]
pub(super) struct Facts<'a> {
    pub(super) certificates: Vec<CertificateFact>,
    /// Faults that are caused only by expired or not yet valid files, a sentence each.
    pub(super) degraded: Vec<String>,
    /// The revocation lists to keep.
    pub(super) accepted_lists: Vec<AcceptedList>,
    /// The files of revocation lists that cannot be used, each with its sender.
    pub(super) unusable_lists: Vec<String>,
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
