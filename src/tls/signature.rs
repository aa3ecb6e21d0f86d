//! Signatures checked with a bare key, for certificates that the TLS library will not read.
//!
//! Version 1 certificates are refused by the library before it looks at their signature. Here the
//! signature is looked at and nothing else: who may issue, and when, is for the caller to judge.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::{CertificateError, DigitallySignedStruct, Error};
use rustls_pki_types::SubjectPublicKeyInfoDer;
use webpki::RawPublicKeyEntity;
use x509_parser::certificate::X509Certificate;
use x509_parser::der_parser::asn1_rs::{Any, FromDer as _};

/// Whether the key of `issuer` signed `certificate`, and the names agree. Both in DER.
pub(super) fn issued_by(certificate: &[u8], issuer: &[u8], algorithms: &WebPkiSupportedAlgorithms) -> bool {
    let Ok((_, child)) = X509Certificate::from_der(certificate) else { return false };
    let Ok((_, parent)) = X509Certificate::from_der(issuer) else { return false };
    // RFC 5280, 4.1.1.2: the algorithm outside must be the one that was signed over.
    if child.issuer().as_raw() != parent.subject().as_raw()
        || child.tbs_certificate.signature != child.signature_algorithm
    {
        return false;
    }
    let Some(algorithm_id) = algorithm_id(certificate, child.tbs_certificate.as_ref().len()) else {
        return false;
    };
    let spki = SubjectPublicKeyInfoDer::from(parent.public_key().raw);
    let Ok(key) = RawPublicKeyEntity::try_from(&spki) else { return false };
    algorithms.all.iter().filter(|algorithm| algorithm.signature_alg_id().as_ref() == algorithm_id).any(
        |algorithm| {
            key.verify_signature(*algorithm, child.tbs_certificate.as_ref(), &child.signature_value.data)
                .is_ok()
        },
    )
}

/// The content of the outer AlgorithmIdentifier, which follows the signed part.
fn algorithm_id(certificate: &[u8], signed_bytes: usize) -> Option<&[u8]> {
    let (_, outer) = Any::from_der(certificate).ok()?;
    let (_, algorithm) = Any::from_der(outer.data.get(signed_bytes..)?).ok()?;
    Some(algorithm.data)
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
