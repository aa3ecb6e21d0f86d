//! Whether a certificate has been revoked, as far as one sender's lists tell (RFC 5280, 6.3).

use jiff::Timestamp;
use rustls::crypto::WebPkiSupportedAlgorithms;

use super::anchors::{Anchor, algorithms};
use super::signature::list_is_signed_by;
use crate::clock::distance;
use crate::identity::{Identity, RevocationList, SpkiPin};
use crate::policy::{Doubt, DoubtKind};

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
}

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
        if is_named && signers.is_empty() { Err(NotSigned) } else { Ok(Self { list, signers }) }
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
            && (self.signers.contains(&issuer.spki_sha256)
                || list_is_signed_by(&self.list, &issuer.spki, algorithms))
    }
}

impl Revocation {
    /// A sender's lists.
    pub fn new(lists: Vec<SignedList>, policy: CrlPolicy) -> Self {
        Self { lists, policy }
    }

    /// The list that names a certificate which is trusted as it stands. No chain leads to it, so a
    /// list that its operator named counts by its issuer's name.
    pub fn naming(&self, certificate: &Identity) -> Option<&RevocationList> {
        self.lists.iter().map(|signed| &signed.list).find(|list| list.names(certificate))
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
    ) -> Result<Option<Timestamp>, Doubt> {
        let lists_of = |link: &Link<'_>| -> Vec<&RevocationList> {
            let signed = self.lists.iter().filter(|signed| signed.is_by(link.issuer, algorithms));
            signed.map(|signed| &signed.list).collect()
        };
        let checked: Vec<_> = chain.iter().map(|link| (link, lists_of(link))).collect();
        for (link, lists) in &checked {
            if lists.iter().any(|list| list.names(link.certificate)) {
                return Err(revoked(link.certificate));
            }
        }
        if self.policy == CrlPolicy::Soft {
            return Ok(None);
        }
        let mut ends = None;
        for (link, lists) in &checked {
            let covering = lists.iter().filter(|list| {
                link.issuer.issuing.signs_lists && list.covers(link.certificate) && list.is_current_at(now)
            });
            let until =
                covering.map(|list| list.next_update).max().ok_or_else(|| self.unknown(link, lists, now))?;
            ends = Some(ends.map_or(until, |ends: Timestamp| ends.min(until)));
        }
        Ok(ends)
    }

    /// Why nothing certain is known of a certificate.
    fn unknown(&self, link: &Link<'_>, lists: &[&RevocationList], now: Timestamp) -> Doubt {
        let issuer = &link.certificate.issuer;
        let latest = lists.iter().max_by_key(|list| list.next_update);
        let why = match latest {
            None if self.lists.iter().any(|signed| signed.list.issuer == *issuer) => {
                format!("the revocation list of `{issuer}` is not signed by the CA above this certificate")
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
        Doubt::new(DoubtKind::RevocationUnknown, format!("{why}, and `crl_policy` is strict"))
    }
}

/// What is said of a certificate that a list names.
pub(super) fn revoked(certificate: &Identity) -> Doubt {
    Doubt::new(
        DoubtKind::Revoked,
        format!(
            "`{}`, serial {}, is on the revocation list of `{}`",
            certificate.subject, certificate.serial, certificate.issuer
        ),
    )
}
