//! Our own certificate and its key, proven to belong together.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::identity::{Identity, UnreadableCertificate};

/// A chain and the key of its first certificate.
#[derive(Clone, Debug)]
pub struct KeyPair {
    /// What the end-entity certificate says.
    pub identity: Identity,
    pub(super) certified: Arc<CertifiedKey>,
}

/// Why a chain and a key are not a pair.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyPairFault {
    /// The key is not one that can sign in TLS.
    #[error("the private key is not usable: {0}")]
    UnusableKey(String),
    /// A certificate of the chain cannot be read.
    #[error(transparent)]
    Certificate(#[from] UnreadableCertificate),
    /// The key is another certificate's.
    #[error("this key does not belong to the certificate (subject `{subject}`)")]
    Mismatch {
        /// The certificate's subject.
        subject: String,
    },
}

impl KeyPair {
    /// Puts a chain (end-entity certificate first, at least one) and a key together.
    ///
    /// # Errors
    /// When either cannot be used, or the key is another certificate's.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: &PrivateKeyDer<'static>,
    ) -> Result<Self, KeyPairFault> {
        let signer = any_supported_type(key).map_err(|e| KeyPairFault::UnusableKey(e.to_string()))?;
        let mut identities =
            chain.iter().map(|der| Identity::from_der(der)).collect::<Result<Vec<_>, _>>()?;
        let identity = identities.swap_remove(0);
        // Compared by hand: the library's own comparison refuses version 1 certificates.
        let ours = signer.public_key().is_some_and(|spki| spki.as_ref() == identity.spki);
        if !ours {
            return Err(KeyPairFault::Mismatch { subject: identity.subject.to_string() });
        }
        Ok(Self { identity, certified: Arc::new(CertifiedKey::new(chain, signer)) })
    }
}
