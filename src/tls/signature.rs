//! Signatures checked with a bare key, on bytes that the TLS library will not read: version 1
//! certificates, certificates that are trusted as they stand, and revocation lists.
//!
//! The signature is looked at and nothing else: who may sign what, and when, is for the caller.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::{CertificateError, DigitallySignedStruct, Error};
use rustls_pki_types::SubjectPublicKeyInfoDer;
use webpki::RawPublicKeyEntity;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use crate::identity::{Identity, RevocationList, algorithm_id};

/// What a key has to do with a signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Signature {
    /// It made the signature.
    Valid,
    /// It did not.
    Invalid,
    /// That cannot be verified: the algorithm or the form of the key is not supported.
    Unsupported,
}

/// Whether the key of `issuer` signed `certificate`, and the names agree. The DER is the identity's.
pub(super) fn issued_by(
    certificate: (&[u8], &Identity),
    issuer: &Identity,
    algorithms: &WebPkiSupportedAlgorithms,
) -> bool {
    // What costs little first: this is asked for strangers.
    certificate.1.issuer == issuer.subject && verify(certificate.0, issuer, algorithms) == Signature::Valid
}

/// Whether the names agree and the signature is of a form that cannot be verified.
pub(super) fn is_unsupported(
    certificate: (&[u8], &Identity),
    issuer: &Identity,
    algorithms: &WebPkiSupportedAlgorithms,
) -> bool {
    certificate.1.issuer == issuer.subject
        && (issuer.key.is_usable().is_err()
            || verify(certificate.0, issuer, algorithms) == Signature::Unsupported)
}

fn verify(der: &[u8], issuer: &Identity, algorithms: &WebPkiSupportedAlgorithms) -> Signature {
    let Ok((_, read)) = X509Certificate::from_der(der) else { return Signature::Invalid };
    let signed = read.tbs_certificate.as_ref();
    let Some(algorithm_id) = algorithm_id(der, signed.len()) else { return Signature::Invalid };
    // RFC 5280, 4.1.1.2: the algorithm outside must be the one that was signed over.
    if read.tbs_certificate.signature != read.signature_algorithm {
        return Signature::Invalid;
    }
    verify_with(signed, algorithm_id, &read.signature_value.data, &issuer.spki, algorithms)
}

/// Whether a key (a SubjectPublicKeyInfo in DER) signed a revocation list.
pub(super) fn list_is_signed_by(
    list: &RevocationList,
    spki: &[u8],
    algorithms: &WebPkiSupportedAlgorithms,
) -> bool {
    let signature = verify_with(&list.signed, &list.algorithm_id, &list.signature, spki, algorithms);
    signature == Signature::Valid
}

fn verify_with(
    signed: &[u8],
    algorithm_id: &[u8],
    signature: &[u8],
    spki: &[u8],
    algorithms: &WebPkiSupportedAlgorithms,
) -> Signature {
    let spki = SubjectPublicKeyInfoDer::from(spki);
    let Ok(key) = RawPublicKeyEntity::try_from(&spki) else { return Signature::Unsupported };
    let candidates = algorithms.all.iter().filter(|it| it.signature_alg_id().as_ref() == algorithm_id);
    let mut outcome = Signature::Unsupported;
    for candidate in candidates {
        if key.verify_signature(*candidate, signed, signature).is_ok() {
            return Signature::Valid;
        }
        // Also where the key is of another kind than the algorithm: such a key did not sign.
        outcome = Signature::Invalid;
    }
    outcome
}

/// TLS 1.2's proof of possession (RFC 5246, 7.4.8), with the certificate's bare key.
pub(super) fn verify_tls12(
    message: &[u8],
    spki: &SubjectPublicKeyInfoDer<'_>,
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let bad = || Error::InvalidCertificate(CertificateError::BadSignature);
    let key = RawPublicKeyEntity::try_from(spki).map_err(|_| bad())?;
    algorithms
        .mapping
        .iter()
        .filter(|(scheme, _)| *scheme == signed.scheme)
        .flat_map(|(_, candidates)| candidates.iter())
        .find(|algorithm| key.verify_signature(**algorithm, message, signed.signature()).is_ok())
        .map(|_| HandshakeSignatureValid::assertion())
        .ok_or_else(bad)
}

/// TLS 1.3's proof of possession (RFC 8446, 4.4.3), with the certificate's bare key.
pub(super) fn verify_tls13(
    message: &[u8],
    spki: &SubjectPublicKeyInfoDer<'_>,
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    verify_tls13_signature_with_raw_key(message, spki, signed, algorithms)
}
