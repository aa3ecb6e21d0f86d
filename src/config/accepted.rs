//! The revocation lists that were accepted before. A later list of the same series must not be older.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::identity::RevocationList;
use crate::policy::Name;
use crate::spool::KeptList;
use crate::tls::anchors::Anchor;
use crate::tls::revocation::SignedList;
use crate::tls::verifier::SenderVerifier;

/// The lists that are compared with those on disk.
#[derive(Clone, Debug, Default)]
pub enum AcceptedLists {
    /// Those that the spool keeps: at a start.
    #[default]
    Kept,
    /// Those in force: at a reload.
    InForce {
        /// The lists of each sender.
        lists: Arc<BTreeMap<Name, Vec<SignedList>>>,
        /// The sender whose older lists are accepted.
        older_from: Option<Name>,
    },
}

impl AcceptedLists {
    /// The lists of the senders in force.
    pub fn in_force(verifier: &SenderVerifier, older_from: Option<Name>) -> Self {
        let lists = verifier
            .revocations()
            .map(|(sender, revocation)| (sender.name.clone(), revocation.lists().to_vec()));
        Self::InForce { lists: Arc::new(lists.collect()), older_from }
    }

    /// The list in force with the same signed part as a list in DER.
    pub(super) fn in_force_as(&self, der: &[u8]) -> Option<Arc<RevocationList>> {
        let Self::InForce { lists, .. } = self else { return None };
        let digest = RevocationList::digest_of(der)?;
        let found = lists.values().flatten().find(|signed| signed.list.digest == digest)?;
        Some(Arc::clone(&found.list))
    }

    /// Whether older lists of this sender are accepted.
    pub(super) fn are_older_accepted(&self, sender: &str) -> bool {
        matches!(self, Self::InForce { older_from: Some(name), .. } if name.as_str() == sender)
    }
}

/// One accepted list. Its contents are read only when they are needed.
pub(super) enum Accepted {
    InForce(SignedList),
    /// A list in the spool at this path.
    Kept(KeptList, PathBuf),
}

impl Accepted {
    pub(super) fn digest(&self) -> &str {
        match self {
            Self::InForce(signed) => &signed.list.digest,
            Self::Kept(kept, _) => &kept.head.digest,
        }
    }

    /// The list, if one of the anchors signed it, or if it is unknown which key did.
    ///
    /// # Errors
    /// If it cannot be read, or was not signed by the CA that it names.
    pub(super) fn load(&self, anchors: &[Anchor], bytes_max: u64) -> Result<SignedList, UnusableList> {
        let (kept, spool) = match self {
            Self::InForce(signed) => {
                let signed = signed.for_anchors(anchors);
                return signed.ok_or_else(|| UnusableList::Invalid("its CA is no longer in `ca`".to_owned()));
            }
            Self::Kept(kept, spool) => (kept, spool),
        };
        let der = kept.der(spool, bytes_max)?;
        let list = RevocationList::from_der(&der).map_err(UnusableList::because)?;
        if list.digest != kept.head.digest {
            return Err(UnusableList::Invalid("its digest is wrong".to_owned()));
        }
        let file = Path::new(&kept.head.file);
        SignedList::new(Arc::new(list), Arc::new(der), file, anchors).map_err(UnusableList::because)
    }
}

/// Why an accepted list cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum UnusableList {
    /// It cannot be read now.
    #[error(transparent)]
    Unreadable(#[from] io::Error),
    /// It is damaged, or was not signed by the CA that it names.
    #[error("{0}")]
    Invalid(String),
}

impl UnusableList {
    fn because(fault: impl fmt::Display) -> Self {
        Self::Invalid(fault.to_string())
    }
}
