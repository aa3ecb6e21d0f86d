//! Faults of a file of certificates, keys or revocation lists as a whole.

use super::fault::{BlockFault, BlockFaults};
use super::label::{Kind, Label};
use crate::identity::following;

/// The kind of data that is expected in a file.
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
    /// The label of a block with the wanted data.
    pub(super) fn label(self) -> Label {
        Label::of(match self {
            Self::Certificates => b"CERTIFICATE",
            Self::Keys => b"PRIVATE KEY",
            Self::RevocationLists => b"X509 CRL",
        })
    }

    pub(super) fn takes(self, label: Label) -> bool {
        match self {
            Self::Certificates => label.kind == Kind::Certificate,
            Self::Keys => label.kind == Kind::PrivateKey,
            Self::RevocationLists => label.kind == Kind::RevocationList,
        }
    }
}

/// A fault of a file of certificates, keys or revocation lists.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PemFault {
    /// The file is empty.
    #[error("the file is empty")]
    Empty,
    /// It is PKCS#12, which contains certificates and their key, encrypted with a password.
    #[error("the file is PKCS#12 (.p12, .pfx)")]
    Pkcs12 {
        /// The expected kind of data.
        wanted: Wanted,
    },
    /// It is PKCS#7 in a form that is not read, such as BER.
    #[error("the file is PKCS#7 (.p7b, .p7c) in a form that is not supported")]
    Pkcs7,
    /// It is text to which text in UTF-16 was appended, as Windows PowerShell does.
    #[error("the file contains text in UTF-16 after other text")]
    Utf16,
    /// It is a web page.
    #[error("the file is an HTML page")]
    Html,
    /// The file contains neither a PEM block nor DER.
    #[error("the file is neither PEM nor DER")]
    NotPem {
        /// Whether it is PEM that is encoded in base64 once more.
        encoded_twice: bool,
    },
    /// At least one block cannot be read.
    #[error("{0}")]
    Blocks(BlockFaults),
    /// The file does not contain the expected kind of data.
    #[error("the file contains no {}{}", noun(*.wanted), instead(.found))]
    Missing {
        /// The expected kind of data.
        wanted: Wanted,
        /// The labels of the blocks that it contains instead.
        found: Vec<Label>,
    },
    /// The key is encrypted, and the daemon cannot ask for its password.
    #[error("the private key is encrypted with a password")]
    EncryptedKey,
    /// The first structure in DER is followed by this number of bytes.
    #[error("{} the DER structure at the start of the file", following(*.0))]
    TrailingBytes(usize),
    /// DER that is not a private key.
    #[error("the file contains no readable private key (PKCS#8, SEC1 or PKCS#1)")]
    UnreadableKey,
    /// More than [`CERTIFICATES_MAX`](super::CERTIFICATES_MAX) or [`REVOCATION_LISTS_MAX`](super::REVOCATION_LISTS_MAX).
    #[error("the file contains more than {most} {}s", noun(*.wanted))]
    TooMany {
        /// The kind of data.
        wanted: Wanted,
        /// The limit.
        most: usize,
    },
}

impl PemFault {
    /// A hint for correcting it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Empty => "write the certificates or the key to it; a copy may have been interrupted",
            Self::Pkcs12 { wanted: Wanted::Certificates } => {
                "convert it with `openssl pkcs12 -in OLD -nokeys -out NEW` (an old file may need `-legacy`)"
            }
            Self::Pkcs12 { wanted: Wanted::Keys } => {
                "convert it with `openssl pkcs12 -in OLD -nocerts -nodes -out NEW` (an old file may need `-legacy`)"
            }
            Self::Pkcs7 => "convert it with `openssl pkcs7 -inform DER -in OLD -print_certs -out NEW`",
            Self::Utf16 => "create it again in one encoding; in PowerShell, add `-Encoding ascii`",
            Self::Html => {
                "a server often sends a page instead of a file; download it in a browser, and inspect it with `hookspool certs show FILE`"
            }
            Self::NotPem { encoded_twice: true } => {
                "it is another file encoded in base64; decode it with `base64 -d OLD > NEW`"
            }
            Self::NotPem { encoded_twice: false } => {
                "name a PEM file, which has a `-----BEGIN …-----` line, or a DER file"
            }
            Self::Blocks(blocks) => blocks.named.first().map_or("copy the file again", BlockFault::hint),
            Self::Missing { wanted: Wanted::Keys, found } => {
                let conversion = found.first().and_then(|label| label.conversion());
                conversion.unwrap_or("name the file of the private key")
            }
            Self::Pkcs12 { wanted: Wanted::RevocationLists }
            | Self::Missing { wanted: Wanted::RevocationLists, .. } => "name the file of the revocation list",
            Self::Missing { wanted: Wanted::Certificates, .. } => "name the file of the certificate",
            Self::TrailingBytes(_) => {
                "copy the file again; a DER file contains one structure and nothing else, so convert files to PEM before you join them"
            }
            Self::UnreadableKey => {
                "name the file of the private key; `openssl pkey -in FILE -noout` shows whether OpenSSL can read it"
            }
            Self::EncryptedKey => {
                "remove the password, because the daemon cannot ask for it: `openssl pkey -in OLD -out NEW`"
            }
            Self::TooMany { wanted: Wanted::RevocationLists, .. } => {
                "keep the current lists of the CAs that issue this sender's certificates, and no others"
            }
            Self::TooMany { .. } => "keep the CAs that issue this sender's certificates, and no others",
        }
    }
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
