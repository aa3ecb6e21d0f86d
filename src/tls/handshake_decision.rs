//! The decision on a client certificate inside a handshake.
//!
//! The library calls the verifier twice: with the certificate, then with a signature that proves possession of its key.
//! If a CA of a sender issued the certificate, the decision is kept until then. Only then is anything about the sender
//! logged: anyone can present a certificate that somebody else has shown to the world.
//!
//! The library reports a decision to the peer only, and drops a refused certificate. [`with_decision`] returns the decision
//! to the task that drives the handshake.

use std::cell::RefCell;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};

use super::pem::certificate_pem;
use super::signature::{verify_tls12, verify_tls13};
use super::verifier::{Admitted, Decision, SenderVerifier};
use crate::identity::Identity;
use crate::metrics::RefusalReason;
use crate::policy::{Origin, Peer, Refusal, Session};

/// The size limit of a certificate that is offered to the operator in PEM, in bytes.
const OFFERED_BYTES_MAX: usize = 8 << 10;

/// Signature schemes of the library for kinds of keys that are not supported.
const UNUSED_SCHEMES: [SignatureScheme; 3] =
    [SignatureScheme::ML_DSA_44, SignatureScheme::ML_DSA_65, SignatureScheme::ML_DSA_87];

tokio::task_local! {
    static VERIFICATION: RefCell<Option<Verification>>;
}

/// How far the verification of a client's certificate and key has got in a handshake.
#[derive(Debug)]
pub enum Verification {
    /// A CA of a sender issued the certificate. The decision takes effect when the peer has proven its key.
    Deferred(Deferred),
    /// The certificate is accepted, and its key is proven.
    Proven(Proven),
    /// The certificate is refused. If a CA of a sender issued it, its key is proven.
    Refused(Refusal),
}

/// A decision without the proof of the key. Anyone who has seen a certificate can present it, so nothing depends on the
/// decision yet, and it is not shown.
#[derive(Debug)]
pub struct Deferred(Decision);

/// An accepted certificate whose key is proven. Only a verified signature of a handshake yields one.
#[derive(Debug)]
pub struct Proven(Admitted);

/// Drives a handshake and returns its result with the verification of the certificate and its key; `None` if the handshake
/// ended before a certificate was verified. The verification runs while `handshake` is polled.
pub async fn with_decision<F: Future>(handshake: F) -> (F::Output, Option<Verification>) {
    VERIFICATION
        .scope(RefCell::new(None), async {
            let output = handshake.await;
            (output, VERIFICATION.with(RefCell::take))
        })
        .await
}

impl Deferred {
    fn identity(&self) -> Option<&Identity> {
        match &self.0 {
            Ok(admitted) => Some(&admitted.identity),
            Err(refusal) => refusal.claimed.as_deref(),
        }
    }

    /// The refusal of a peer that did not prove its key.
    pub fn unproven(&self) -> Option<Refusal> {
        self.identity().map(|identity| Refusal::unproven(Box::new(identity.clone())))
    }

    /// The refusal if no signature by the certificate's key can be verified. An accepted certificate has no such key.
    fn unprovable(&self) -> Option<Refusal> {
        let refusal = self.0.as_ref().err()?;
        let unusable = refusal.claimed.as_ref()?.key.is_usable().err()?;
        Some(Refusal {
            fault: Some(format!("{unusable}; the peer cannot prove it")),
            evaluations: Vec::new(),
            ..refusal.clone()
        })
    }

    /// The result of the decision after the proof of the key. The certificate is given in DER.
    ///
    /// # Errors
    /// If the certificate is refused.
    fn proven(
        self,
        certificate: &CertificateDer<'_>,
        _signature: &HandshakeSignatureValid,
    ) -> Result<Proven, Refusal> {
        self.0.map(Proven).map_err(|mut refusal| {
            let is_small = certificate.len() <= OFFERED_BYTES_MAX;
            refusal.pem = (refusal.is_of_a_ca() && is_small).then(|| certificate_pem(certificate));
            refusal
        })
    }
}

impl Proven {
    /// The peer of the connection.
    pub fn peer(self, origin: Origin, session: Session) -> Peer {
        let Self(Admitted { identity, admission }) = self;
        Peer::new(origin, identity, admission, session)
    }
}

/// Stores how far the verification has got. Returns whether there is a place for it, which is inside of
/// [`with_decision`].
fn store(verification: Verification) -> bool {
    VERIFICATION.try_with(|slot| slot.replace(Some(verification))).is_ok()
}

/// The decision that waits for the proof of this certificate's key.
fn take_deferred(certificate: &Identity) -> Option<Deferred> {
    let taken = VERIFICATION.try_with(|slot| {
        slot.borrow_mut().take_if(|it| match it {
            Verification::Deferred(it) => it.identity().is_some_and(|it| it.sha256 == certificate.sha256),
            Verification::Proven(_) | Verification::Refused(_) => false,
        })
    });
    match taken {
        Ok(Some(Verification::Deferred(deferred))) => Some(deferred),
        Ok(_) | Err(_) => None,
    }
}

/// Completes a handshake's decision: verifies the signature with the certificate's key, then returns the refusal, if
/// there is one. Without a deferred decision, every peer is refused.
fn prove(
    certificate: &CertificateDer<'_>,
    verify: impl FnOnce(&SubjectPublicKeyInfoDer<'_>) -> Result<HandshakeSignatureValid, Error>,
) -> Result<HandshakeSignatureValid, Error> {
    let identity = Identity::from_der(certificate)
        .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
    // The bare key: of some accepted certificates, the library cannot parse anything else.
    let signature = verify(&SubjectPublicKeyInfoDer::from(identity.spki.as_slice()))?;
    let deferred = take_deferred(&identity)
        .ok_or(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))?;
    match deferred.proven(certificate, &signature) {
        Ok(proven) => {
            store(Verification::Proven(proven));
            Ok(signature)
        }
        Err(refusal) => Err(refuse(refusal)),
    }
}

/// Stores a refusal; returns the error that ends the handshake with its alert.
fn refuse(refusal: Refusal) -> Error {
    let error = Error::InvalidCertificate(alert_for(refusal.reason));
    store(Verification::Refused(refusal));
    error
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
        let decision = match self.verify(end_entity, intermediates) {
            Err(refusal) if refusal.vouched().is_empty() => {
                return Err(refuse(refusal.with_readable(end_entity)));
            }
            decision => decision,
        };
        let alert = decision.as_ref().err().map(|refusal| alert_for(refusal.reason));
        let deferred = Deferred(decision);
        if let Some(refusal) = deferred.unprovable() {
            return Err(refuse(refusal));
        }
        match (store(Verification::Deferred(deferred)), alert) {
            // A decision that nothing would complete must not be deferred.
            (false, Some(alert)) => Err(Error::InvalidCertificate(alert)),
            (true, _) | (_, None) => Ok(ClientCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        prove(certificate, |key| verify_tls12(message, key, signed, &self.algorithms))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        prove(certificate, |key| verify_tls13(message, key, signed, &self.algorithms))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        // Certificates with other kinds of keys are not accepted, so a client should not choose one.
        let of_known_keys = |scheme: &SignatureScheme| !UNUSED_SCHEMES.contains(scheme);
        self.algorithms.supported_schemes().into_iter().filter(of_known_keys).collect()
    }
}

/// The error that the library sends as the alert for a reason (RFC 8446, section 6.2).
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
        // Becomes certificate_unknown, which is for unspecified issues.
        RefusalReason::RevocationUnknown => CertificateError::Other(OtherError(Arc::new(UnknownRevocation))),
        RefusalReason::UnknownCa => CertificateError::UnknownIssuer,
        RefusalReason::Unreadable => CertificateError::BadEncoding,
    }
}

/// The revocation status is unknown.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("it is unknown whether the certificate is revoked")]
struct UnknownRevocation;

#[cfg(test)]
#[path = "handshake_decision_tests.rs"]
mod tests;
