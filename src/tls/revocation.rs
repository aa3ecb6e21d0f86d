//! Checks certificates against one sender's revocation lists (RFC 5280, section 6.3).

use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use rustls::crypto::WebPkiSupportedAlgorithms;

use super::anchors::{Anchor, algorithms};
use super::signature::list_is_signed_by;
use crate::clock::distance;
use crate::identity::{Identity, RevocationList, SpkiPin};
use crate::policy::{TrustError, TrustErrorKind};

/// The requirements on a sender's lists.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum CrlPolicy {
    /// A current list must cover every certificate of a chain.
    #[default]
    Strict,
    /// Lists are used if present, even after their next update.
    Soft,
}

/// One sender's lists, and the requirements on them. They do not apply to other senders.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Revocation {
    lists: Vec<SignedList>,
    policy: CrlPolicy,
    /// The files of lists that cannot be used, a sentence each.
    faults: Vec<String>,
}

/// A list, with the anchors that signed it.
#[derive(Clone, Debug)]
pub struct SignedList {
    /// The parsed list.
    pub list: Arc<RevocationList>,
    /// The file that contains it, or contained it when it was accepted.
    pub file: PathBuf,
    signers: Vec<SpkiPin>,
    /// The list in DER, to verify its signature with the keys of intermediates; none if an anchor signed it.
    der: Option<Arc<Vec<u8>>>,
    /// Whether the keys of intermediates signed the list. Cached, because hashing a large list takes milliseconds.
    cache: Arc<Mutex<Vec<(SpkiPin, bool)>>>,
}

/// The number of keys that are cached for each list.
const CACHE_MAX: usize = 16;

/// The issuer of a list has the name of an anchor, but no anchor of that name signed it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("it is not signed by the CA that it names as its issuer")]
pub struct NotSigned;

/// A certificate and its issuer.
pub(super) struct Link<'a> {
    pub(super) certificate: &'a Identity,
    pub(super) issuer: &'a Identity,
}

impl SignedList {
    /// Verifies the signature of a list, also given in DER, if its issuer is one of the anchors.
    ///
    /// # Errors
    /// If an anchor has the issuer's name and none of that name signed the list.
    pub fn new(
        list: Arc<RevocationList>,
        der: Arc<Vec<u8>>,
        file: &Path,
        anchors: &[Anchor],
    ) -> Result<Self, NotSigned> {
        let algorithms = algorithms();
        let mut named = issuers(&list, anchors).peekable();
        let is_named = named.peek().is_some();
        let signers: Vec<_> = named
            .filter(|anchor| list_is_signed_by(&der, &anchor.identity.spki, &algorithms))
            .map(|anchor| anchor.identity.spki_sha256)
            .collect();
        if is_named && signers.is_empty() {
            return Err(NotSigned);
        }
        let der = signers.is_empty().then_some(der);
        Ok(Self { list, file: file.to_owned(), signers, der, cache: Arc::default() })
    }

    /// The list in a sentence: its issuer and its file.
    fn shown(&self) -> String {
        format!("the revocation list of `{}` in `{}`", self.list.issuer, self.file.display())
    }

    /// The same list for other anchors; none if its signature cannot be verified with them.
    pub fn for_anchors(&self, anchors: &[Anchor]) -> Option<Self> {
        if let Some(der) = &self.der {
            return Self::new(Arc::clone(&self.list), Arc::clone(der), &self.file, anchors).ok();
        }
        let mut pins = issuers(&self.list, anchors).map(|anchor| anchor.identity.spki_sha256);
        pins.any(|pin| self.signers.contains(&pin)).then(|| self.clone())
    }

    /// Identifies the series of lists of which this one is an issue.
    pub fn series(&self) -> String {
        self.list.series(self.signers.first())
    }

    /// Whether the list is another copy of this one, with the same signature unless an anchor signed both.
    pub fn is_copy_of(&self, other: &Self) -> bool {
        self.list.digest == other.list.digest && self.der == other.der
    }

    /// Whether an anchor signed the list. If not, its signature is verified with the issuers of each chain.
    pub fn is_verified(&self) -> bool {
        !self.signers.is_empty()
    }

    /// Whether the given anchor signed the list.
    pub fn is_verified_by(&self, anchor: &Anchor) -> bool {
        self.list.issuer == anchor.identity.subject && self.signers.contains(&anchor.identity.spki_sha256)
    }

    fn is_by(&self, issuer: &Identity, algorithms: &WebPkiSupportedAlgorithms) -> bool {
        self.list.issuer == issuer.subject
            && (self.signers.contains(&issuer.spki_sha256) || self.is_by_key(issuer, algorithms))
    }

    fn is_by_key(&self, issuer: &Identity, algorithms: &WebPkiSupportedAlgorithms) -> bool {
        let cache = || self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, is_signed)) = cache().iter().find(|(pin, _)| *pin == issuer.spki_sha256) {
            return *is_signed;
        }
        let der = self.der.as_ref();
        let is_signed = der.is_some_and(|der| list_is_signed_by(der, &issuer.spki, algorithms));
        let mut known = cache();
        if known.len() == CACHE_MAX {
            known.remove(0);
        }
        known.push((issuer.spki_sha256, is_signed));
        is_signed
    }

    /// The error for a certificate that is on this list.
    fn revoked(&self, certificate: &Identity) -> TrustError {
        let Identity { subject, serial, .. } = certificate;
        let why = format!("`{subject}`, serial {serial}, is on {}", self.shown());
        TrustError::new(TrustErrorKind::Revoked, why)
    }

    /// Whether the list revokes a certificate of its issuer. A CA with a new key revokes with that key what it issued
    /// with the old one.
    fn revokes(&self, link: &Link<'_>, algorithms: &WebPkiSupportedAlgorithms) -> bool {
        self.list.names(link.certificate) && (self.is_verified() || self.is_by(link.issuer, algorithms))
    }
}

/// The anchors that have the name of a list's issuer and can issue.
fn issuers<'a>(list: &RevocationList, anchors: &'a [Anchor]) -> impl Iterator<Item = &'a Anchor> {
    let is_issuer =
        |anchor: &&Anchor| anchor.never_issues().is_none() && anchor.identity.subject == list.issuer;
    anchors.iter().filter(is_issuer)
}

/// Lists are the same if they have the same contents and file and, unless an anchor signed them, the same signature. The
/// digest is compared instead of the list, which may be large.
impl PartialEq for SignedList {
    fn eq(&self, other: &Self) -> bool {
        self.is_copy_of(other) && self.file == other.file
    }
}

impl Eq for SignedList {}

impl Hash for SignedList {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.list.digest.hash(state);
    }
}

impl Revocation {
    /// Creates the lists of one sender. `faults` are sentences about files of lists that cannot be used.
    pub fn new(lists: Vec<SignedList>, policy: CrlPolicy, faults: Vec<String>) -> Self {
        Self { lists, policy, faults }
    }

    /// The lists in force.
    pub fn lists(&self) -> &[SignedList] {
        &self.lists
    }

    /// The error for a pinned certificate that is on a list. There is no chain to verify a signature with, so every list
    /// with the issuer's name applies.
    pub(super) fn naming(&self, certificate: &Identity) -> Option<TrustError> {
        let signed = self.lists.iter().find(|signed| signed.list.names(certificate))?;
        Some(signed.revoked(certificate))
    }

    /// The error for an anchor that is on a list. No CA is above a root, so an entry with the root's serial number on
    /// its own list belongs to another certificate.
    pub(super) fn revoked_anchor(&self, anchor: &Identity) -> Option<TrustError> {
        if anchor.is_self_issued() { None } else { self.naming(anchor) }
    }

    /// Whether a list contains an anchor.
    pub fn revokes_anchor(&self, anchor: &Identity) -> bool {
        self.revoked_anchor(anchor).is_some()
    }

    /// Checks a chain, each certificate with its issuer. Returns the earliest next update of the lists that were used,
    /// or `None` with [`CrlPolicy::Soft`].
    ///
    /// # Errors
    /// If a certificate is revoked, or, with [`CrlPolicy::Strict`], if no current list covers it.
    pub(super) fn check(
        &self,
        chain: &[Link<'_>],
        now: Timestamp,
        algorithms: &WebPkiSupportedAlgorithms,
    ) -> Result<Option<Timestamp>, TrustError> {
        let lists_of = |link: &Link<'_>| -> Vec<&SignedList> {
            self.lists.iter().filter(|signed| signed.is_by(link.issuer, algorithms)).collect()
        };
        let naming = |link: &Link<'_>| self.lists.iter().find(|signed| signed.revokes(link, algorithms));
        if let Some((link, signed)) = chain.iter().find_map(|link| Some((link, naming(link)?))) {
            return Err(signed.revoked(link.certificate));
        }
        if self.policy == CrlPolicy::Soft {
            return Ok(None);
        }
        let mut ends = None;
        for link in chain {
            let lists = lists_of(link);
            let covering = lists.iter().map(|signed| &signed.list).filter(|list| {
                link.issuer.issuing.signs_lists && list.covers(link.certificate) && list.is_current_at(now)
            });
            let until =
                covering.map(|list| list.next_update).max().ok_or_else(|| self.unknown(link, &lists, now))?;
            ends = Some(ends.map_or(until, |ends: Timestamp| ends.min(until)));
        }
        Ok(ends)
    }

    /// Why the revocation status of a certificate is unknown.
    fn unknown(&self, link: &Link<'_>, lists: &[&SignedList], now: Timestamp) -> TrustError {
        let issuer = &link.certificate.issuer;
        let latest = lists.iter().max_by_key(|signed| signed.list.next_update);
        let why = match latest.map(|signed| (signed.shown(), &signed.list)) {
            None => match self.lists.iter().find(|signed| signed.list.issuer == *issuer) {
                Some(other) => {
                    format!(
                        "{} is signed by a key other than that of this certificate's issuer",
                        other.shown()
                    )
                }
                None => format!("there is no revocation list of `{issuer}`"),
            },
            Some(_) if !link.issuer.issuing.signs_lists => {
                format!("the keyUsage of `{issuer}` does not include signing of revocation lists")
            }
            Some((shown, list)) if now < list.this_update => {
                format!("{shown} is dated {}, which is in the future", list.this_update)
            }
            Some((shown, list)) if !list.is_current_at(now) => format!(
                "the next update of {shown} was due {}, {}",
                list.next_update,
                distance(now, list.next_update)
            ),
            Some((shown, _)) => format!("{shown} is for other certificates"),
        };
        let faults = self.faults.join("; ");
        let faults = if faults.is_empty() { faults } else { format!(" ({faults})") };
        let why = format!("{why}{faults}, and `crl_policy` is strict");
        TrustError::new(TrustErrorKind::RevocationUnknown, why)
    }
}
