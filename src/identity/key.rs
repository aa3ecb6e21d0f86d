//! Public keys: their types, and whether their signatures are accepted.

use std::fmt;

use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::algorithm::key_name;

/// The lengths of RSA moduli, in bits, whose signatures are accepted.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// Elliptic curves by the identifier of their parameters (RFC 5480, 2.1.1.1).
const CURVES: &[(&str, PublicKeyKind)] = &[
    ("1.2.840.10045.3.1.7", PublicKeyKind::EcdsaP256),
    ("1.3.132.0.34", PublicKeyKind::EcdsaP384),
    ("1.3.132.0.35", PublicKeyKind::EcdsaP521),
];
/// id-Ed25519 (RFC 8410, 3).
const ED25519: &str = "1.3.101.112";

/// The type of a certificate's public key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PublicKeyKind {
    /// ECDSA on P-256.
    EcdsaP256,
    /// ECDSA on P-384.
    EcdsaP384,
    /// ECDSA on P-521.
    EcdsaP521,
    /// EdDSA on Curve25519.
    Ed25519,
    /// RSA, with the length of its modulus in bits.
    Rsa(usize),
    /// Another algorithm or curve, by OpenSSL's name. RSASSA-PSS as the type of a key is one of them
    /// (RFC 4055); signatures with PSS by ordinary RSA keys are not.
    Other(String),
}

/// Why the signatures of a key are not accepted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UnusableKey {
    /// An RSA key that is too short to be secure, or too long to be practical.
    #[error("its RSA key has {0} bits, but 2048 to 8192 are required")]
    RsaLength(usize),
    /// A key of a type that is not supported.
    #[error("its key is of a type that is not supported: {0}")]
    Unsupported(String),
}

impl PublicKeyKind {
    pub(super) fn of(spki: &SubjectPublicKeyInfo<'_>) -> Self {
        let algorithm = spki.algorithm.algorithm.to_id_string();
        let other = || Self::Other(key_name(&spki.algorithm));
        let curve = || {
            let oid = spki.algorithm.parameters.as_ref()?.as_oid().ok()?.to_id_string();
            CURVES.iter().find(|(id, _)| *id == oid).map(|(_, kind)| kind.clone())
        };
        match spki.parsed() {
            Ok(PublicKey::RSA(key)) => Self::Rsa(bits(key.modulus)),
            Ok(PublicKey::EC(_)) => curve().unwrap_or_else(other),
            Ok(_) | Err(_) if algorithm == ED25519 => Self::Ed25519,
            Ok(_) | Err(_) => other(),
        }
    }

    /// Checks whether signatures by such a key are accepted.
    ///
    /// # Errors
    /// If they are not.
    pub fn is_usable(&self) -> Result<(), UnusableKey> {
        match self {
            Self::EcdsaP256 | Self::EcdsaP384 | Self::EcdsaP521 | Self::Ed25519 => Ok(()),
            Self::Rsa(bits) if RSA_BITS.contains(bits) => Ok(()),
            Self::Rsa(bits) => Err(UnusableKey::RsaLength(*bits)),
            Self::Other(name) => Err(UnusableKey::Unsupported(name.clone())),
        }
    }
}

/// The length of an unsigned number, in bits.
fn bits(number: &[u8]) -> usize {
    let significant = &number[number.iter().take_while(|byte| **byte == 0).count()..];
    significant
        .first()
        .map_or(0, |first| 8 * significant.len() - usize::try_from(first.leading_zeros()).unwrap_or(0))
}

impl fmt::Display for PublicKeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EcdsaP256 => f.write_str("ECDSA P-256"),
            Self::EcdsaP384 => f.write_str("ECDSA P-384"),
            Self::EcdsaP521 => f.write_str("ECDSA P-521"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Rsa(bits) => write!(f, "RSA {bits} bits"),
            Self::Other(name) => f.write_str(name),
        }
    }
}
