//! A certificate chain with the private key that belongs to it.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::der_parser::asn1_rs::{Any, FromDer as _};
use x509_parser::x509::AlgorithmIdentifier;
use zeroize::Zeroizing;

use crate::identity::{Identity, UnreadableCertificate, key_name};

/// A certificate chain and the private key of its first certificate.
#[derive(Clone, Debug)]
pub struct KeyPair {
    /// The contents of the end-entity certificate.
    pub identity: Identity,
    pub(super) certified: Arc<CertifiedKey>,
}

/// Pairs with the same chain are equal, because the key belongs to its first certificate.
impl PartialEq for KeyPair {
    fn eq(&self, other: &Self) -> bool {
        self.certified.cert == other.certified.cert
    }
}

impl Eq for KeyPair {}

/// Why a chain and a key are not a pair.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyPairFault {
    /// No key of the file can sign in TLS.
    #[error("the private key cannot be used: {0}")]
    UnusableKey(UnusableKeyReason),
    /// A certificate of the chain cannot be parsed.
    #[error(transparent)]
    Certificate(#[from] UnreadableCertificate),
    /// The keys belong to other certificates.
    #[error("{} to the certificate (subject `{subject}`)", which(*.keys))]
    Mismatch {
        /// The subject of the end-entity certificate.
        subject: String,
        /// The number of keys in the file.
        keys: usize,
    },
}

/// Why a private key cannot sign in TLS.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UnusableKeyReason {
    /// Keys of this kind are not supported.
    #[error("keys of type {0} are not supported")]
    Kind(String),
    /// The kind is supported, but the key is damaged or too short.
    #[error("this {0} key is damaged, or of a length or form that is not supported")]
    Form(String),
}

/// The supported kinds of keys, by OpenSSL's names.
const KINDS: &[&str] = &["rsaEncryption", "prime256v1", "secp384r1", "secp521r1", "ED25519"];

impl KeyPair {
    /// Combines a chain (end-entity certificate first, at least one) with the key that belongs to it.
    ///
    /// # Errors
    /// If a certificate cannot be parsed, or none of the keys can be used or belongs to the certificate.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        keys: &[Zeroizing<PrivateKeyDer<'static>>],
    ) -> Result<Self, KeyPairFault> {
        let mut identities =
            chain.iter().map(|der| Identity::from_der(der)).collect::<Result<Vec<_>, _>>()?;
        let identity = identities.swap_remove(0);
        let mut fault = KeyPairFault::Mismatch { subject: identity.subject.to_string(), keys: keys.len() };
        for key in keys {
            match any_supported_type(key) {
                // The library's own comparison refuses version 1 certificates.
                Ok(signer) if signer.public_key().is_some_and(|spki| spki.as_ref() == identity.spki) => {
                    return Ok(Self { identity, certified: Arc::new(CertifiedKey::new(chain, signer)) });
                }
                Ok(_) => {}
                Err(_) => fault = KeyPairFault::UnusableKey(reason(key)),
            }
        }
        Err(fault)
    }
}

fn which(keys: usize) -> &'static str {
    if keys > 1 { "no key of this file belongs" } else { "this key does not belong" }
}

fn reason(key: &PrivateKeyDer<'_>) -> UnusableKeyReason {
    match kind(key) {
        Some(kind) if KINDS.contains(&kind.as_str()) => UnusableKeyReason::Form(kind),
        Some(kind) => UnusableKeyReason::Kind(kind),
        None => UnusableKeyReason::Form("private".to_owned()),
    }
}

/// The kind of a private key, by OpenSSL's name.
fn kind(key: &PrivateKeyDer<'_>) -> Option<String> {
    let PrivateKeyDer::Pkcs8(key) = key else {
        return matches!(key, PrivateKeyDer::Pkcs1(_)).then(|| "rsaEncryption".to_owned());
    };
    // PrivateKeyInfo (RFC 5208, 5): a version, the algorithm, the key.
    let (_, sequence) = Any::from_der(key.secret_pkcs8_der()).ok()?;
    let (rest, _version) = Any::from_der(sequence.data).ok()?;
    let (_, algorithm) = AlgorithmIdentifier::from_der(rest).ok()?;
    Some(key_name(&algorithm))
}
