//! Decides which client certificates are accepted, by each sender's own anchors and rule.

use std::fmt;
use std::sync::Arc;

use rustls::DistinguishedName;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm};

use super::anchors::{Anchor, algorithms};
use super::chain::{Chain, readable};
use super::groups::{SharedTrust, TrustGroups};
use super::path::{KnownSearches, verify_path};
use super::revocation::Revocation;
use super::signature_cache::CachedAlgorithm;
use super::trust::{Moment, RelevantTrust, SenderTrust};
use crate::clock::Clock;
use crate::identity::{Identity, Version};
use crate::policy::{Admission, Evaluation, Refusal, Sender, TrustError, TrustErrorKind, Trusted};

/// The largest number of certificates that a client may send with its own. Ten that are issued by each other form
/// hundreds of thousands of paths, which the search would try for an unknown peer; five form some hundreds.
pub const INTERMEDIATES_MAX: usize = 5;
/// The size limit of a certificate with its intermediates, in bytes. The TLS library reads messages of up to 64 KiB,
/// including the framing of the certificates.
pub const CHAIN_BYTES_MAX: usize = 64_000;
/// The size limit of the names of all anchors in a CertificateRequest, in bytes.
const HINTS_BYTES_MAX: usize = 32 << 10;

/// A sender with its rule and its trust.
#[derive(Clone, Debug, PartialEq)]
pub struct TrustedSender {
    /// The sender's name and rule.
    pub sender: Sender,
    /// The sender's anchors, and the other requirements on its certificates.
    pub trust: SenderTrust,
}

/// An accepted certificate. The handshake has yet to prove possession of its key.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// The contents of the certificate.
    pub identity: Arc<Identity>,
    /// The senders that it is accepted for.
    pub admission: Admission,
}

/// The decision on the certificate of one handshake.
pub type Decision = Result<Admitted, Refusal>;

/// Accepts certificates that are trusted for a sender and match that sender's rule.
pub struct SenderVerifier {
    /// Each sender with the index of its group.
    senders: Vec<(Arc<Sender>, usize)>,
    groups: TrustGroups,
    pub(super) hints: Vec<DistinguishedName>,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
    signatures: Arc<[CachedAlgorithm]>,
    clock: Clock,
}

/// The evaluations of one certificate for all senders.
#[derive(Clone, Debug)]
pub struct Evaluations {
    /// The contents of the certificate.
    pub identity: Identity,
    /// The evaluations, in the order of the configuration.
    pub evaluations: Vec<Evaluation>,
}

impl SenderVerifier {
    /// Creates a verifier for these senders, in the order of the configuration.
    pub fn new(senders: Vec<TrustedSender>, clock: Clock) -> Self {
        let algorithms = algorithms();
        Self::with(senders, clock, CachedAlgorithm::all(&algorithms).into())
    }

    fn with(senders: Vec<TrustedSender>, clock: Clock, signatures: Arc<[CachedAlgorithm]>) -> Self {
        let (senders, trusts): (Vec<_>, Vec<_>) =
            senders.into_iter().map(|TrustedSender { sender, trust }| (Arc::new(sender), trust)).unzip();
        let (groups, group_of_senders) = TrustGroups::new(trusts.into_iter());
        let senders = senders.into_iter().zip(group_of_senders).collect();
        let hints = hints(groups.anchors());
        Self { senders, groups, hints, algorithms: algorithms(), signatures, clock }
    }

    /// The verifier for these senders after a reload: this one if it makes the same decisions, with the same order of
    /// senders, else a new one to which the signatures that this one verified are known.
    pub fn succeeded_by(self: &Arc<Self>, senders: Vec<TrustedSender>) -> Arc<Self> {
        let next = Self::with(senders, self.clock.clone(), Arc::clone(&self.signatures));
        let is_same = self.senders == next.senders && self.groups == next.groups;
        if is_same { Arc::clone(self) } else { Arc::new(next) }
    }

    /// The senders that have revocation lists, with these.
    pub fn revocations(&self) -> impl Iterator<Item = (&Sender, &Revocation)> {
        let with_lists =
            self.senders.iter().map(|(sender, group)| (sender.as_ref(), self.groups.trust(*group)));
        with_lists.filter_map(|(sender, trust)| Some((sender, trust?.revocation.as_ref()?)))
    }

    /// Verifies a chain like a handshake, without the proof of possession of the key.
    ///
    /// # Errors
    /// The refusal, with the contents of the certificate.
    pub fn verify(&self, end_entity: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> Decision {
        let (identity, trust) = self.trust(end_entity, intermediates)?;
        // Of many senders, most do not match. Why is only needed for a refusal.
        let accepted = self.senders.iter().filter_map(|(sender, group)| match &trust[*group] {
            Ok(trusted) if sender.rule.matches(&identity) => Some((sender.name.clone(), trusted.not_after)),
            Ok(_) | Err(_) => None,
        });
        match Admission::new(accepted) {
            Some(admission) => Ok(Admitted { identity: Arc::new(identity), admission }),
            None => self.evaluations(identity, &trust).decide(),
        }
    }

    /// Evaluates a chain for every sender. Pure except for the clock.
    ///
    /// # Errors
    /// If the certificate cannot be parsed, or the chain is too large.
    pub fn evaluate(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> Result<Evaluations, Refusal> {
        let (identity, trust) = self.trust(end_entity, intermediates)?;
        Ok(self.evaluations(identity, &trust))
    }

    fn evaluations(&self, identity: Identity, trust: &[SharedTrust]) -> Evaluations {
        let senders = self.senders.iter();
        let evaluations = senders
            .map(|(sender, group)| Evaluation::new(sender, trust[*group].clone(), &identity))
            .collect();
        Evaluations { evaluations, identity }
    }

    /// Whether each group trusts a chain.
    ///
    /// # Errors
    /// As [`Self::evaluate`].
    fn trust(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> Result<(Identity, Vec<SharedTrust>), Refusal> {
        let identity =
            Identity::from_der(end_entity).map_err(|error| Refusal::unreadable(error.to_string(), None))?;
        if let Some(excess) = excess(end_entity, intermediates) {
            return Err(Refusal::unreadable(excess, Some(Box::new(identity))));
        }
        let sent = readable(intermediates);
        let relevant = self.groups.relevant_to(&identity, sent.iter().map(|(_, identity)| identity));
        let signatures: Vec<_> =
            self.signatures.iter().map(|it| -> &dyn SignatureVerificationAlgorithm { it }).collect();
        let chain =
            Chain::new((end_entity, &identity), intermediates, sent, &relevant.issuers(), &signatures);
        let moment = Moment { now: self.clock.now(), algorithms: &self.algorithms };
        let mut known = KnownSearches::new();
        let trust = relevant.each_group(|trust| verify_chain(trust, &chain, moment, &mut known));
        Ok((identity, trust))
    }
}

impl Evaluations {
    /// Decides whether the certificate is accepted.
    ///
    /// # Errors
    /// The refusal, with the contents of the certificate and all evaluations.
    pub fn decide(self) -> Decision {
        let Self { identity, evaluations } = self;
        match Admission::decide(&evaluations) {
            Ok(admission) => Ok(Admitted { identity: Arc::new(identity), admission }),
            Err(reason) => Err(Refusal {
                reason,
                fault: None,
                claimed: Some(Box::new(identity)),
                readable: None,
                pem: None,
                evaluations,
            }),
        }
    }
}

/// Decides whether a chain is trusted for the senders of one group.
fn verify_chain<'a>(
    trust: &RelevantTrust<'a>,
    chain: &'a Chain<'a>,
    moment: Moment<'a>,
    known: &mut KnownSearches<'a>,
) -> Result<Trusted, TrustError> {
    let trusted = if trust.anchors.iter().any(|anchor| anchor.is(chain.end_entity)) {
        trust.verify_pinned(chain.identity, moment.now)
    } else {
        match chain.identity.version {
            Version::One => trust.verify_version_1(chain, moment),
            Version::Three => verify_path(trust, chain, moment, known),
        }
    }?;
    match chain.identity.key.is_usable() {
        Ok(()) => Ok(trusted),
        Err(unusable) => Err(TrustError::new(TrustErrorKind::Key, unusable.to_string())),
    }
}

/// Why a chain is too large to be verified; `None` if it is not.
fn excess(end_entity: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> Option<String> {
    let count = intermediates.len();
    if count > INTERMEDIATES_MAX {
        return Some(format!(
            "{count} intermediate certificates were sent with it, more than {INTERMEDIATES_MAX}"
        ));
    }
    let bytes = end_entity.len() + intermediates.iter().map(|der| der.len()).sum::<usize>();
    (bytes > CHAIN_BYTES_MAX)
        .then(|| format!("it has {bytes} bytes with its intermediates, more than {CHAIN_BYTES_MAX}"))
}

/// Some clients do not send a certificate that no hint matches. So the list is complete, or empty if it is too large;
/// with an empty list a client may choose any certificate.
fn hints<'a>(anchors: impl Iterator<Item = &'a Anchor>) -> Vec<DistinguishedName> {
    let mut hints: Vec<_> = anchors.flat_map(|anchor| anchor.hints.clone()).collect();
    hints.sort_by(|a, b| a.as_ref().cmp(b.as_ref()));
    hints.dedup_by(|a, b| a.as_ref() == b.as_ref());
    let bytes: usize = hints.iter().map(|hint| hint.as_ref().len() + 2).sum();
    if bytes > HINTS_BYTES_MAX { Vec::new() } else { hints }
}

impl fmt::Debug for SenderVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SenderVerifier").field("senders", &self.senders).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "verifier_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "verifier_properties.rs"]
mod properties;

#[cfg(test)]
#[path = "verifier_groups_tests.rs"]
mod groups_tests;
