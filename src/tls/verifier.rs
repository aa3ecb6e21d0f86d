//! Who gets in: each sender's certificates are held against that sender's own anchors and rule.
//!
//! The library tells a verifier's verdict to nobody but the peer, and forgets a refused
//! certificate. So the verifier leaves its verdict where the task that drives the handshake finds
//! it: [`observed`].

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};

use super::anchors::{Anchor, Chain, INTERMEDIATES_MAX, vouch};
use super::signature::{verify_tls12, verify_tls13};
use crate::clock::Clock;
use crate::identity::{Identity, Version};
use crate::policy::{Admission, Doubt, Refusal, RefusalReason, Sender};

/// A sender with the anchors that vouch for it, and for it alone.
#[derive(Clone, Debug)]
pub struct TrustedSender {
    /// The sender and its rule.
    pub sender: Sender,
    /// The sender's own CAs.
    pub anchors: Vec<Anchor>,
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
pub type Verdict = Result<Admitted, Refusal>;

tokio::task_local! {
    static VERDICT: RefCell<Option<Verdict>>;
}

/// Drives a handshake and returns, beside its result, what was decided about the certificate;
/// `None` when no certificate came that far. Verification runs inside the poll of `handshake`.
pub async fn observed<F: Future>(handshake: F) -> (F::Output, Option<Verdict>) {
    VERDICT
        .scope(RefCell::new(None), async {
            let output = handshake.await;
            (output, VERDICT.with(RefCell::take))
        })
        .await
}

/// Lets in whom the anchors of a sender vouch for and that sender's rule fits.
pub struct SenderVerifier {
    senders: Vec<Sender>,
    anchors: Vec<Vec<Anchor>>,
    hints: Vec<DistinguishedName>,
    algorithms: WebPkiSupportedAlgorithms,
    clock: Clock,
}

impl SenderVerifier {
    /// A verifier for these senders; their order is the order of the policy's table.
    pub fn new(senders: Vec<TrustedSender>, clock: Clock) -> Self {
        // Some clients withhold a certificate that no hint matches, so the hints are complete.
        let mut hints: Vec<_> = senders.iter().flat_map(|s| s.anchors.iter().map(Anchor::hint)).collect();
        hints.sort_by(|a, b| a.as_ref().cmp(b.as_ref()));
        hints.dedup_by(|a, b| a.as_ref() == b.as_ref());
        let (senders, anchors) = senders.into_iter().map(|s| (s.sender, s.anchors)).unzip();
        let algorithms = rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms;
        Self { senders, anchors, hints, algorithms, clock }
    }

    /// Judges a chain as a handshake would, possession of the key aside.
    ///
    /// # Errors
    /// The refusal, with what the certificate claims.
    pub fn judge(&self, end_entity: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> Verdict {
        let identity = Identity::from_der(end_entity).map_err(|error| Refusal {
            reason: RefusalReason::Unreadable(error.to_string()),
            claimed: None,
        })?;
        match self.admit(end_entity, intermediates, &identity) {
            Ok(admission) => Ok(Admitted { identity: Arc::new(identity), admission }),
            Err(reason) => Err(Refusal { reason, claimed: Some(Box::new(identity)) }),
        }
    }

    fn admit(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        identity: &Identity,
    ) -> Result<Admission, RefusalReason> {
        if intermediates.len() > INTERMEDIATES_MAX {
            return Err(RefusalReason::Unreadable(format!(
                "{} intermediate certificates came with it, more than {INTERMEDIATES_MAX}",
                intermediates.len()
            )));
        }
        let chain = Chain { end_entity, intermediates, identity };
        let now = self.clock.now();
        let mut vouched = Vec::new();
        let mut not_after = identity.not_after;
        let mut doubt = Doubt::UnknownCa;
        for (index, anchors) in self.anchors.iter().enumerate() {
            match vouch(anchors, &chain, now, &self.algorithms) {
                Ok(last_moment) => {
                    vouched.push(index);
                    not_after = not_after.min(last_moment);
                }
                Err(found) => doubt = doubt.max(found),
            }
        }
        if vouched.is_empty() {
            return Err(doubt.into());
        }
        Admission::judge(&self.senders, &vouched, identity, not_after)
    }
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
        let verdict = self.judge(end_entity, intermediates);
        let answer = match &verdict {
            Ok(_) => Ok(ClientCertVerified::assertion()),
            Err(refusal) => Err(Error::InvalidCertificate(alert_for(&refusal.reason))),
        };
        // Outside of `observed` there is nobody to tell.
        let _ = VERDICT.try_with(|place| place.replace(Some(verdict)));
        answer
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match old_key(certificate) {
            Some(spki) => verify_tls12(message, &spki, signed, &self.algorithms),
            None => verify_tls12_signature(message, certificate, signed, &self.algorithms),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match old_key(certificate) {
            Some(spki) => verify_tls13(message, &spki, signed, &self.algorithms),
            None => verify_tls13_signature(message, certificate, signed, &self.algorithms),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl fmt::Debug for SenderVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SenderVerifier").field("senders", &self.senders).finish_non_exhaustive()
    }
}

/// The key of a version 1 certificate, which the library would not read.
fn old_key(certificate: &CertificateDer<'_>) -> Option<SubjectPublicKeyInfoDer<'static>> {
    let identity = Identity::from_der(certificate).ok()?;
    (identity.version == Version::One).then(|| SubjectPublicKeyInfoDer::from(identity.spki))
}

/// From a reason to what the library turns into the fitting alert (RFC 8446, 6.2).
fn alert_for(reason: &RefusalReason) -> CertificateError {
    match reason {
        RefusalReason::Expired => CertificateError::Expired,
        RefusalReason::NotYetValid => CertificateError::NotValidYet,
        RefusalReason::Purpose => CertificateError::InvalidPurpose,
        RefusalReason::NoCertificate | RefusalReason::Rule(_) => {
            CertificateError::ApplicationVerificationFailure
        }
        RefusalReason::UnknownCa => CertificateError::UnknownIssuer,
        RefusalReason::Unreadable(_) => CertificateError::BadEncoding,
    }
}

#[cfg(test)]
#[path = "verifier_tests.rs"]
mod tests;
