//! Verifies signatures with a bare key, for data that the TLS library does not parse: version 1 certificates, pinned
//! certificates and revocation lists.
//!
//! Only the signature is verified. The caller checks whether the key may sign, and the dates.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::{CertificateError, DigitallySignedStruct, Error};
use rustls_pki_types::{SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer};
use webpki::RawPublicKeyEntity;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use crate::identity::{Identity, ListSignature, algorithm_id};

/// The signature algorithms that are tried.
pub(super) type Algorithms<'a> = &'a [&'a dyn SignatureVerificationAlgorithm];

/// The result of verifying a signature with a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Signature {
    /// The key made the signature.
    Valid,
    /// The key did not make the signature.
    Invalid,
    /// The algorithm or the form of the key is not supported.
    Unsupported,
}

/// Whether the names agree and the key of `issuer` signed `certificate`, given as DER and as the identity in it.
pub(super) fn issued_by(
    certificate: (&[u8], &Identity),
    issuer: &Identity,
    algorithms: Algorithms<'_>,
) -> bool {
    // The cheap comparison comes first, because unknown peers cause this check.
    certificate.1.issuer == issuer.subject && verify(certificate.0, issuer, algorithms) == Signature::Valid
}

/// Whether the names agree, but the algorithm of the signature is not supported.
pub(super) fn is_unsupported(
    certificate: (&[u8], &Identity),
    issuer: &Identity,
    algorithms: Algorithms<'_>,
) -> bool {
    certificate.1.issuer == issuer.subject
        && (issuer.key.is_usable().is_err()
            || verify(certificate.0, issuer, algorithms) == Signature::Unsupported)
}

fn verify(der: &[u8], issuer: &Identity, algorithms: Algorithms<'_>) -> Signature {
    let Ok((_, read)) = X509Certificate::from_der(der) else { return Signature::Invalid };
    let signed = read.tbs_certificate.as_ref();
    let Some(algorithm_id) = algorithm_id(der, signed.len()) else { return Signature::Invalid };
    // RFC 5280, section 4.1.1.2: both algorithm fields must be equal; only the inner one is signed.
    if read.tbs_certificate.signature != read.signature_algorithm {
        return Signature::Invalid;
    }
    verify_with(signed, algorithm_id, &read.signature_value.data, &issuer.spki, algorithms)
}

/// Whether a key (a SubjectPublicKeyInfo in DER) signed a revocation list in DER.
pub(super) fn list_is_signed_by(list: &[u8], spki: &[u8], algorithms: &WebPkiSupportedAlgorithms) -> bool {
    let Some(ListSignature { signed, algorithm_id, value }) = ListSignature::of(list) else { return false };
    verify_with(signed, algorithm_id, value, spki, algorithms.all) == Signature::Valid
}

fn verify_with(
    signed: &[u8],
    algorithm_id: &[u8],
    signature: &[u8],
    spki: &[u8],
    algorithms: Algorithms<'_>,
) -> Signature {
    let spki = SubjectPublicKeyInfoDer::from(spki);
    let Ok(key) = RawPublicKeyEntity::try_from(&spki) else { return Signature::Unsupported };
    let candidates = algorithms.iter().filter(|it| it.signature_alg_id().as_ref() == algorithm_id);
    let mut outcome = Signature::Unsupported;
    for candidate in candidates {
        if key.verify_signature(*candidate, signed, signature).is_ok() {
            return Signature::Valid;
        }
        // A key of another kind than the algorithm's cannot have made the signature.
        outcome = Signature::Invalid;
    }
    outcome
}

/// Verifies a proof of possession of TLS 1.2 (RFC 5246, section 7.4.8) with the certificate's bare key.
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

/// Verifies a proof of possession of TLS 1.3 (RFC 8446, section 4.4.3) with the certificate's bare key.
pub(super) fn verify_tls13(
    message: &[u8],
    spki: &SubjectPublicKeyInfoDer<'_>,
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    verify_tls13_signature_with_raw_key(message, spki, signed, algorithms)
}
