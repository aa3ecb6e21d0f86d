//! Whether a certificate has been revoked, as far as one sender's lists tell (RFC 5280, 6.3).

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use rustls::crypto::WebPkiSupportedAlgorithms;

use super::anchors::{Anchor, algorithms};
use super::signature::list_is_signed_by;
use crate::clock::distance;
use crate::identity::{Identity, RevocationList, SpkiPin};
use crate::policy::{TrustError, TrustErrorKind};

/// What is asked of a sender's lists.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum CrlPolicy {
    /// Every certificate of a chain has to be covered by a current list.
    #[default]
    Strict,
    /// Whatever list is there is used, also an old one.
    Soft,
}

/// One sender's lists, and what is asked of them. They say nothing of other senders.
#[derive(Clone, Debug)]
pub struct Revocation {
    lists: Vec<SignedList>,
    policy: CrlPolicy,
}

/// A list, with the anchors that are known to have signed it.
#[derive(Clone, Debug)]
pub struct SignedList {
    /// What it says.
    pub list: RevocationList,
    signers: Vec<SpkiPin>,
    /// Whether keys of intermediates signed it, as far as that was asked: a large list takes
    /// milliseconds to hash.
    asked: Arc<Mutex<Vec<(SpkiPin, bool)>>>,
}

/// How many keys' answers are remembered for each list.
const ASKED_MAX: usize = 16;

/// A list bears the name of an anchor, and no anchor of that name signed it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("it is not signed by the CA whose name it bears")]
pub struct NotSigned;

/// A certificate, and who issued it.
pub(super) struct Link<'a> {
    pub(super) certificate: &'a Identity,
    pub(super) issuer: &'a Identity,
}

impl SignedList {
    /// Checks a list's signature, if its issuer is among the anchors.
    ///
    /// # Errors
    /// When the issuer is, and did not sign it.
    pub fn new(list: RevocationList, anchors: &[Anchor]) -> Result<Self, NotSigned> {
        let algorithms = algorithms();
        let mut named = anchors
            .iter()
            .filter(|anchor| anchor.never_issues().is_none() && anchor.identity.subject == list.issuer)
            .peekable();
        let is_named = named.peek().is_some();
        let signers: Vec<_> = named
            .filter(|anchor| list_is_signed_by(&list, &anchor.identity.spki, &algorithms))
            .map(|anchor| anchor.identity.spki_sha256)
            .collect();
        if is_named && signers.is_empty() {
            Err(NotSigned)
        } else {
            Ok(Self { list, signers, asked: Arc::default() })
        }
    }

    /// Whether an anchor is known to have signed it. If not, it is held against the chain of each
    /// certificate.
    pub fn is_verified(&self) -> bool {
        !self.signers.is_empty()
    }

    /// Whether this very anchor is known to have signed it.
    pub fn is_verified_by(&self, anchor: &Anchor) -> bool {
        self.list.issuer == anchor.identity.subject && self.signers.contains(&anchor.identity.spki_sha256)
    }

    fn is_by(&self, issuer: &Identity, algorithms: &WebPkiSupportedAlgorithms) -> bool {
        self.list.issuer == issuer.subject
            && (self.signers.contains(&issuer.spki_sha256) || self.is_by_key(issuer, algorithms))
    }

    fn is_by_key(&self, issuer: &Identity, algorithms: &WebPkiSupportedAlgorithms) -> bool {
        let asked = || self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, answer)) = asked().iter().find(|(pin, _)| *pin == issuer.spki_sha256) {
            return *answer;
        }
        let answer = list_is_signed_by(&self.list, &issuer.spki, algorithms);
        let mut known = asked();
        if known.len() == ASKED_MAX {
            known.remove(0);
        }
        known.push((issuer.spki_sha256, answer));
        answer
    }

    /// Whether it says that a certificate is revoked, in the name of that certificate's issuer. A CA
    /// that has a new key revokes with it what it issued with the old one.
    fn revokes(&self, link: &Link<'_>, algorithms: &WebPkiSupportedAlgorithms) -> bool {
        self.list.names(link.certificate) && (self.is_verified() || self.is_by(link.issuer, algorithms))
    }
}

impl Revocation {
    /// A sender's lists.
    pub fn new(lists: Vec<SignedList>, policy: CrlPolicy) -> Self {
        Self { lists, policy }
    }

    /// What names these lists, and what is asked of them.
    pub(super) fn describe(&self) -> (CrlPolicy, Vec<String>) {
        (self.policy, self.lists.iter().map(|signed| signed.list.digest()).collect())
    }

    /// Whether a list names a certificate that is itself trusted. No chain leads to it, so a
    /// list that its operator named counts by its issuer's name.
    pub(super) fn names(&self, certificate: &Identity) -> bool {
        self.lists.iter().any(|signed| signed.list.names(certificate))
    }

    /// Whether a list names an anchor. Nobody stands above a root to revoke it: what bears its
    /// number on its own list is another one's.
    pub fn revokes_anchor(&self, anchor: &Identity) -> bool {
        !anchor.is_self_issued() && self.names(anchor)
    }

    /// Judges a chain, each certificate with its issuer. Returns by when the lists have to be asked
    /// again, if the policy makes that matter.
    ///
    /// # Errors
    /// When one of the chain is revoked; where the policy is strict, also when that cannot be told.
    pub(super) fn check(
        &self,
        chain: &[Link<'_>],
        now: Timestamp,
        algorithms: &WebPkiSupportedAlgorithms,
    ) -> Result<Option<Timestamp>, TrustError> {
        let lists_of = |link: &Link<'_>| -> Vec<&RevocationList> {
            let signed = self.lists.iter().filter(|signed| signed.is_by(link.issuer, algorithms));
            signed.map(|signed| &signed.list).collect()
        };
        let named = |link: &&Link<'_>| self.lists.iter().any(|signed| signed.revokes(link, algorithms));
        if let Some(link) = chain.iter().find(named) {
            return Err(revoked(link.certificate));
        }
        if self.policy == CrlPolicy::Soft {
            return Ok(None);
        }
        let mut ends = None;
        for link in chain {
            let lists = lists_of(link);
            let covering = lists.iter().filter(|list| {
                link.issuer.issuing.signs_lists && list.covers(link.certificate) && list.is_current_at(now)
            });
            let until =
                covering.map(|list| list.next_update).max().ok_or_else(|| self.unknown(link, &lists, now))?;
            ends = Some(ends.map_or(until, |ends: Timestamp| ends.min(until)));
        }
        Ok(ends)
    }

    /// Why nothing certain is known of a certificate.
    fn unknown(&self, link: &Link<'_>, lists: &[&RevocationList], now: Timestamp) -> TrustError {
        let issuer = &link.certificate.issuer;
        let latest = lists.iter().max_by_key(|list| list.next_update);
        let why = match latest {
            None if self.lists.iter().any(|signed| signed.list.issuer == *issuer) => {
                format!(
                    "the revocation list of `{issuer}` is signed by another key of that name than the one above this certificate"
                )
            }
            None => format!("there is no revocation list of `{issuer}`"),
            Some(_) if !link.issuer.issuing.signs_lists => {
                format!("the keyUsage of `{issuer}` does not let it sign revocation lists")
            }
            Some(list) if now < list.this_update => {
                format!(
                    "the revocation list of `{issuer}` is of {}, which is still to come",
                    list.this_update
                )
            }
            Some(list) if !list.is_current_at(now) => format!(
                "the revocation list of `{issuer}` was to be replaced by {}, {}",
                list.next_update,
                distance(now, list.next_update)
            ),
            Some(_) => format!("the revocation list of `{issuer}` is for other certificates of it"),
        };
        TrustError::new(TrustErrorKind::RevocationUnknown, format!("{why}, and `crl_policy` is strict"))
    }
}

/// The error for a certificate that a list names.
pub(super) fn revoked(certificate: &Identity) -> TrustError {
    TrustError::new(
        TrustErrorKind::Revoked,
        format!(
            "`{}`, serial {}, is on the revocation list of `{}`",
            certificate.subject, certificate.serial, certificate.issuer
        ),
    )
}
