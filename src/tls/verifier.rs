//! Who gets in: each sender's certificates are held against that sender's own anchors and rule.
//!
//! The library tells a verifier's decision to nobody but the peer, and forgets a refused
//! certificate. So the verifier leaves its decision where the task that drives the handshake finds
//! it: [`observed`].

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};

use super::anchors::algorithms;
use super::chain::Chain;
use super::revocation::Revocation;
use super::signature::{verify_tls12, verify_tls13};
use super::trust::{Moment, SenderTrust};
use crate::clock::Clock;
use crate::identity::Identity;
use crate::policy::{Admission, Evaluation, Refusal, RefusalReason, Sender};

/// The most certificates a client may send with its own. Ten that name each other would make
/// hundreds of thousands of paths, to be walked for a stranger; five make some hundreds.
pub const INTERMEDIATES_MAX: usize = 5;
/// The most that a certificate and its intermediates may take, in bytes: the TLS library reads
/// messages of up to 64 KiB, and what surrounds the certificates takes some of it.
pub const CHAIN_BYTES_MAX: usize = 64_000;
/// The most that the names of all anchors may take in a CertificateRequest, in bytes.
const HINTS_BYTES_MAX: usize = 32 << 10;

/// Schemes of the library whose kinds of keys no rule of ours knows.
const UNUSED_SCHEMES: [SignatureScheme; 3] =
    [SignatureScheme::ML_DSA_44, SignatureScheme::ML_DSA_65, SignatureScheme::ML_DSA_87];

/// A sender with what vouches for it, and for it alone.
#[derive(Clone, Debug)]
pub struct TrustedSender {
    /// The sender and its rule.
    pub sender: Sender,
    /// The sender's own CAs, and what is asked of their certificates.
    pub trust: SenderTrust,
}

/// A certificate that was let in. The handshake has still to prove that its key is there.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// What the certificate says.
    pub identity: Arc<Identity>,
    /// Whose it can be.
    pub admission: Admission,
}

/// What was decided about the certificate of one handshake.
pub type Decision = Result<Admitted, Refusal>;

tokio::task_local! {
    static DECISION: RefCell<Option<Decision>>;
}

/// Drives a handshake and returns, beside its result, what was decided about the certificate;
/// `None` when no certificate came that far. Verification runs inside the poll of `handshake`.
pub async fn observed<F: Future>(handshake: F) -> (F::Output, Option<Decision>) {
    DECISION
        .scope(RefCell::new(None), async {
            let output = handshake.await;
            (output, DECISION.with(RefCell::take))
        })
        .await
}

/// Accepts certificates that a sender's anchors vouch for and that match that sender's rule.
pub struct SenderVerifier {
    senders: Vec<TrustedSender>,
    hints: Vec<DistinguishedName>,
    algorithms: WebPkiSupportedAlgorithms,
    clock: Clock,
    /// What names everything that a decision depends on, time aside.
    digest: [u8; 32],
}

/// What every sender's trust and rule make of one certificate.
#[derive(Clone, Debug)]
pub struct Evaluations {
    /// What the certificate says.
    pub identity: Identity,
    /// In the order of the policy's table.
    pub evaluations: Vec<Evaluation>,
}

impl SenderVerifier {
    /// A verifier for these senders; their order is the order of the policy's table.
    pub fn new(senders: Vec<TrustedSender>, clock: Clock) -> Self {
        let hints = hints(&senders);
        let digest = digest_of(&senders);
        Self { senders, hints, algorithms: algorithms(), clock, digest }
    }

    /// Whether another verifier comes to the same verdicts, in the same order of senders.
    pub fn decides_like(&self, other: &Self) -> bool {
        self.digest == other.digest
    }

    /// Judges a chain as a handshake does, possession of the key aside.
    ///
    /// # Errors
    /// The refusal, with what the certificate claims.
    pub fn judge(&self, end_entity: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> Decision {
        self.evaluate(end_entity, intermediates)?.decide()
    }

    /// Lets every sender look at a chain. Pure, but for asking what time it is.
    ///
    /// # Errors
    /// When there is nothing to look at: it cannot be read, or is too much.
    pub fn evaluate(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> Result<Evaluations, Refusal> {
        let identity =
            Identity::from_der(end_entity).map_err(|error| Refusal::unreadable(error.to_string(), None))?;
        if let Some(excess) = excess(end_entity, intermediates) {
            return Err(Refusal::unreadable(excess, Some(Box::new(identity))));
        }
        let issuers: Vec<_> = self.senders.iter().flat_map(|trusted| trusted.trust.issuers()).collect();
        let chain = Chain::new(end_entity, &identity, intermediates, &issuers, &self.algorithms);
        let moment = Moment { now: self.clock.now(), algorithms: &self.algorithms };
        let evaluation = |trusted: &TrustedSender| {
            Evaluation::new(&trusted.sender, trusted.trust.vouch(&chain, moment), &identity)
        };
        let evaluations = self.senders.iter().map(evaluation).collect();
        Ok(Evaluations { identity, evaluations })
    }
}

impl Evaluations {
    /// Comes to the decision.
    ///
    /// # Errors
    /// The refusal, with what the certificate claims and what each sender made of it.
    pub fn decide(self) -> Decision {
        let Self { identity, evaluations } = self;
        match Admission::decide(&evaluations) {
            Ok(admission) => Ok(Admitted { identity: Arc::new(identity), admission }),
            Err(reason) => {
                Err(Refusal { reason, fault: None, claimed: Some(Box::new(identity)), evaluations })
            }
        }
    }
}

/// A chain that is larger than any that is verified.
fn excess(end_entity: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> Option<String> {
    let count = intermediates.len();
    if count > INTERMEDIATES_MAX {
        return Some(format!(
            "{count} intermediate certificates came with it, more than {INTERMEDIATES_MAX}"
        ));
    }
    let bytes = end_entity.len() + intermediates.iter().map(|der| der.len()).sum::<usize>();
    (bytes > CHAIN_BYTES_MAX).then(|| {
        format!("it and what came with it take {bytes} bytes, more than the {CHAIN_BYTES_MAX} that are read")
    })
}

/// Names, rules, certificates, purposes and lists of all senders, in their order.
fn digest_of(senders: &[TrustedSender]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for TrustedSender { sender, trust } in senders {
        let anchors: Vec<_> = trust.anchors.iter().map(|anchor| anchor.identity.sha256).collect();
        let lists = trust.revocation.as_ref().map(Revocation::describe);
        context.update(format!("{sender:?} {anchors:?} {:?} {lists:?}\n", trust.eku).as_bytes());
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

/// Some clients withhold a certificate that no hint matches, so the hints are complete; or there
/// are none at all, which lets a client choose freely.
fn hints(senders: &[TrustedSender]) -> Vec<DistinguishedName> {
    let anchors = senders.iter().flat_map(|trusted| &trusted.trust.anchors);
    let mut hints: Vec<_> = anchors.flat_map(|anchor| anchor.hints.clone()).collect();
    hints.sort_by(|a, b| a.as_ref().cmp(b.as_ref()));
    hints.dedup_by(|a, b| a.as_ref() == b.as_ref());
    let bytes: usize = hints.iter().map(|hint| hint.as_ref().len() + 2).sum();
    if bytes > HINTS_BYTES_MAX { Vec::new() } else { hints }
}

impl ClientCertVerifier for SenderVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let decision = self.judge(end_entity, intermediates);
        let answer = match &decision {
            Ok(_) => Ok(ClientCertVerified::assertion()),
            Err(refusal) => Err(Error::InvalidCertificate(alert_for(refusal.reason))),
        };
        // Outside of `observed` there is nobody to tell.
        let _ = DECISION.try_with(|place| place.replace(Some(decision)));
        answer
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12(message, &key(certificate)?, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13(message, &key(certificate)?, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        // A certificate with another kind of key is not accepted, so no client should choose it for that.
        let of_known_keys = |scheme: &SignatureScheme| !UNUSED_SCHEMES.contains(scheme);
        self.algorithms.supported_schemes().into_iter().filter(of_known_keys).collect()
    }
}

impl fmt::Debug for SenderVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SenderVerifier").field("senders", &self.senders).finish_non_exhaustive()
    }
}

/// The bare key of a certificate. Of some that are let in, the library would read nothing else.
fn key(certificate: &CertificateDer<'_>) -> Result<SubjectPublicKeyInfoDer<'static>, Error> {
    let identity = Identity::from_der(certificate)
        .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
    Ok(SubjectPublicKeyInfoDer::from(identity.spki))
}

/// From a reason to what the library turns into the fitting alert (RFC 8446, 6.2).
fn alert_for(reason: RefusalReason) -> CertificateError {
    match reason {
        RefusalReason::Expired => CertificateError::Expired,
        RefusalReason::NotYetValid => CertificateError::NotValidYet,
        // Becomes unsupported_certificate.
        RefusalReason::Purpose | RefusalReason::Unsupported => CertificateError::InvalidPurpose,
        RefusalReason::NoCertificate | RefusalReason::Rule | RefusalReason::Unproven => {
            CertificateError::ApplicationVerificationFailure
        }
        RefusalReason::Revoked => CertificateError::Revoked,
        // Becomes certificate_unknown: "some other issue", which is what it is.
        RefusalReason::RevocationUnknown => CertificateError::Other(OtherError(Arc::new(UnknownRevocation))),
        RefusalReason::UnknownCa => CertificateError::UnknownIssuer,
        RefusalReason::Unreadable => CertificateError::BadEncoding,
    }
}

/// Whether it is revoked cannot be told.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("whether the certificate is revoked cannot be told")]
struct UnknownRevocation;

#[cfg(test)]
#[path = "verifier_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "verifier_properties.rs"]
mod properties;
