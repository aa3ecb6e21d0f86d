//! What is wrong with a file of certificates, keys or revocation lists as a whole.

use super::fault::BlockFaults;
use super::label::{Kind, Label};
use crate::identity::following;

/// What is looked for in a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wanted {
    /// Certificates.
    Certificates,
    /// Private keys.
    Keys,
    /// Revocation lists.
    RevocationLists,
}

impl Wanted {
    pub(super) fn takes(self, label: Label) -> bool {
        match self {
            Self::Certificates => label.kind == Kind::Certificate,
            Self::Keys => label.kind == Kind::PrivateKey,
            Self::RevocationLists => label.kind == Kind::RevocationList,
        }
    }
}

/// What is wrong with a file of certificates, keys or revocation lists.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PemFault {
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
    /// It is text in UTF-16, as Windows PowerShell writes it.
    #[error("the file is UTF-16 text")]
    Utf16,
    /// There is neither a PEM block in it nor DER.
    #[error("the file is neither PEM nor DER")]
    NotPem {
        /// Whether it is PEM once more in base64.
        encoded_twice: bool,
    },
    /// Blocks of it cannot be read: at least one.
    #[error("{0}")]
    Blocks(BlockFaults),
    /// There is nothing in it of what it is read for.
    #[error("the file holds no {}{}", noun(*.wanted), instead(.found))]
    Missing {
        /// What it is read for.
        wanted: Wanted,
        /// What it holds instead.
        found: Vec<Label>,
    },
    /// The key is encrypted, and a restart could not ask for its password.
    #[error("the private key is encrypted with a password")]
    EncryptedKey,
    /// More than one structure in DER, or something else behind the first.
    #[error("{} the DER structure at the start of the file", following(*.0))]
    TrailingBytes(usize),
    /// DER that is not a private key.
    #[error("the file holds no private key that can be read: PKCS#8, SEC1 or PKCS#1")]
    UnreadableKey,
    /// More than [`CERTIFICATES_MAX`](super::CERTIFICATES_MAX) or [`REVOCATION_LISTS_MAX`](super::REVOCATION_LISTS_MAX).
    #[error("the file holds more than {most} {}s", noun(*.wanted))]
    TooMany {
        /// Of what.
        wanted: Wanted,
        /// The bound.
        most: usize,
    },
}

fn noun(wanted: Wanted) -> &'static str {
    match wanted {
        Wanted::Certificates => "certificate",
        Wanted::Keys => "private key",
        Wanted::RevocationLists => "revocation list",
    }
}

fn instead(found: &[Label]) -> String {
    match found {
        [] => String::new(),
        [first, rest @ ..] => {
            let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
            format!(", but a {first}{more}")
        }
    }
}
