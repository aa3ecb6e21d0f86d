//! The decision on a client certificate inside a handshake.
//!
//! The library reports a verifier's decision to the peer only, and drops a refused certificate. [`with_decision`] returns
//! the decision to the task that drives the handshake.

use std::cell::RefCell;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};

use super::signature::{verify_tls12, verify_tls13};
use super::verifier::{Decision, SenderVerifier};
use crate::identity::Identity;
use crate::metrics::RefusalReason;

/// Signature schemes of the library for kinds of keys that are not supported.
const UNUSED_SCHEMES: [SignatureScheme; 3] =
    [SignatureScheme::ML_DSA_44, SignatureScheme::ML_DSA_65, SignatureScheme::ML_DSA_87];

tokio::task_local! {
    static DECISION: RefCell<Option<Decision>>;
}

/// Drives a handshake and returns its result with the decision on the certificate; `None` if the handshake ended
/// before a certificate was verified. The verification runs while `handshake` is polled.
pub async fn with_decision<F: Future>(handshake: F) -> (F::Output, Option<Decision>) {
    DECISION
        .scope(RefCell::new(None), async {
            let output = handshake.await;
            (output, DECISION.with(RefCell::take))
        })
        .await
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
        let decision = self.verify(end_entity, intermediates);
        let result = match &decision {
            Ok(_) => Ok(ClientCertVerified::assertion()),
            Err(refusal) => Err(Error::InvalidCertificate(alert_for(refusal.reason))),
        };
        // Fails outside of `with_decision`, where the decision is not needed.
        let _ = DECISION.try_with(|slot| slot.replace(Some(decision)));
        result
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
        // Certificates with other kinds of keys are not accepted, so a client should not choose one.
        let of_known_keys = |scheme: &SignatureScheme| !UNUSED_SCHEMES.contains(scheme);
        self.algorithms.supported_schemes().into_iter().filter(of_known_keys).collect()
    }
}

/// The bare key of a certificate. Of some accepted certificates, the library cannot parse anything else.
fn key(certificate: &CertificateDer<'_>) -> Result<SubjectPublicKeyInfoDer<'static>, Error> {
    let identity = Identity::from_der(certificate)
        .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
    Ok(SubjectPublicKeyInfoDer::from(identity.spki))
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
