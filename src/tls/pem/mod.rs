//! Certificates, keys and revocation lists out of the bytes of a file, PEM or DER.
//!
//! A file is read once, elsewhere, and only its bytes come here: what is judged is what is used. Every block of a file is
//! read or is a fault, and no fault contains bytes of the file.

use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

mod label;
mod blocks;

pub use blocks::{BlockFault, BlockFaultKind};
pub use label::Label;

use blocks::{Block, scan};
use label::Kind;

/// The most certificates that one file may hold.
pub const CERTIFICATES_MAX: usize = 256;
/// The largest certificate or key file that is read, in bytes.
pub const FILE_BYTES_MAX: u64 = 1 << 20;
/// The largest file of revocation lists that is read, in bytes. A large public CA's is a few MiB.
pub const LISTS_BYTES_MAX: u64 = 16 << 20;

/// How UTF-16 begins, and what `BEGIN` looks like in it without such a mark.
const UTF_16_MARKS: &[&[u8]] = &[b"\xff\xfe", b"\xfe\xff"];
const UTF_16_BEGIN: &[u8] = b"B\0E\0G\0I\0N";

/// What a file is read for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wanted {
    /// Certificates alone: CAs.
    Certificates,
    /// The server's or a client's chain, with whose key it may share a file.
    Chain,
    /// A private key, with whose chain it may share a file.
    Key,
    /// Revocation lists.
    RevocationLists,
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
    #[error("{}", faults(.0))]
    Blocks(Vec<BlockFault>),
    /// There is nothing in it of what it is read for.
    #[error("the file holds no {}{}", noun(*.wanted), instead(.found))]
    Missing {
        /// What it is read for.
        wanted: Wanted,
        /// What it holds instead.
        found: Vec<Label>,
    },
    /// The key is encrypted, and nobody could type its password at a restart.
    #[error("the private key is encrypted with a password")]
    EncryptedKey,
    /// DER that is not a private key.
    #[error("the file holds no private key that can be read: PKCS#8, SEC1 or PKCS#1")]
    UnreadableKey,
    /// More than [`CERTIFICATES_MAX`].
    #[error("the file holds more than {CERTIFICATES_MAX} certificates")]
    TooMany,
}

/// How many damaged blocks a message names.
const SHOWN_FAULTS_MAX: usize = 3;

fn faults(faults: &[BlockFault]) -> String {
    let shown: Vec<_> = faults.iter().take(SHOWN_FAULTS_MAX).map(ToString::to_string).collect();
    let more = faults.len().saturating_sub(SHOWN_FAULTS_MAX);
    let more = if more == 0 { String::new() } else { format!("; and {more} more") };
    format!("{}{more}", shown.join("; "))
}

fn noun(wanted: Wanted) -> &'static str {
    match wanted {
        Wanted::Certificates | Wanted::Chain => "certificate",
        Wanted::Key => "private key",
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

impl Wanted {
    fn takes(self, label: Label) -> bool {
        match self {
            Self::Certificates | Self::Chain => label.kind == Kind::Certificate,
            Self::Key => label.kind == Kind::PrivateKey,
            Self::RevocationLists => label.kind == Kind::RevocationList,
        }
    }

    /// Whether a block belongs beside what is wanted.
    fn expects(self, label: Label) -> bool {
        match self {
            Self::Certificates | Self::RevocationLists => false,
            Self::Chain => {
                matches!(label.kind, Kind::PrivateKey | Kind::EncryptedKey | Kind::Parameters)
            }
            Self::Key => matches!(label.kind, Kind::Certificate | Kind::Parameters),
        }
    }
}

/// Every certificate of a file: PEM with any number of them, or one in DER.
///
/// # Errors
/// If there is none, or a block of the file cannot be read.
pub fn certificates(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemFault> {
    let found = wanted(bytes, Wanted::Certificates)?;
    if found.len() > CERTIFICATES_MAX {
        return Err(PemFault::TooMany);
    }
    Ok(found.into_iter().map(|mut der| CertificateDer::from(std::mem::take(&mut *der))).collect())
}

/// Every revocation list of a file, in DER: PEM with any number of them, or one in DER.
///
/// # Errors
/// If there is none, or a block of the file cannot be read.
pub fn revocation_lists(bytes: &[u8]) -> Result<Vec<Vec<u8>>, PemFault> {
    let found = wanted(bytes, Wanted::RevocationLists)?;
    Ok(found.into_iter().map(|mut der| std::mem::take(&mut *der)).collect())
}

/// Every private key of a file, at least one: PKCS#8, SEC1 or PKCS#1, in PEM or one of them in DER. The bytes decide which
/// form it is, as for OpenSSL. Keys are wiped when they are dropped, and no copy stays behind.
///
/// # Errors
/// If there is none, one is encrypted, or a block of the file cannot be read.
pub fn private_keys(bytes: &[u8]) -> Result<Vec<Zeroizing<PrivateKeyDer<'static>>>, PemFault> {
    let found = wanted(bytes, Wanted::Key)?;
    found.into_iter().map(|der| key(der).ok_or(PemFault::UnreadableKey)).collect()
}

/// The blocks of a file, with their lines, that were read and are not used for what the file is read for.
pub fn unused(bytes: &[u8], wanted: Wanted) -> Vec<(usize, Label)> {
    if looks_like_der(bytes) {
        return Vec::new();
    }
    let used = |block: &Block| wanted.takes(block.label) || wanted.expects(block.label);
    let read = scan(bytes).read.into_iter().filter(|block| !used(block));
    read.map(|block| (block.line, block.label)).collect()
}

/// Whether a private key is in a file, readable or not, so that its permissions matter.
pub fn holds_private_key(bytes: &[u8]) -> bool {
    const MARK: &[u8] = b"PRIVATE KEY-----";
    bytes.windows(MARK.len()).any(|window| window == MARK)
        || looks_like_der(bytes) && PrivateKeyDer::try_from(bytes).is_ok()
}

fn wanted(bytes: &[u8], wanted: Wanted) -> Result<Vec<Zeroizing<Vec<u8>>>, PemFault> {
    if looks_like_der(bytes) {
        let is_key = PrivateKeyDer::try_from(bytes).is_ok();
        return match (wanted, is_key) {
            (Wanted::Key, false) => Err(PemFault::UnreadableKey),
            (Wanted::Certificates | Wanted::Chain | Wanted::RevocationLists, true) => {
                Err(PemFault::Missing { wanted, found: vec![Label::of(b"PRIVATE KEY")] })
            }
            (_, _) => Ok(vec![Zeroizing::new(bytes.to_vec())]),
        };
    }
    if bytes.trim_ascii().is_empty() {
        return Err(PemFault::Empty);
    }
    if is_utf_16(bytes) {
        return Err(PemFault::Utf16);
    }
    let blocks = scan(bytes);
    if !blocks.faults.is_empty() {
        return Err(PemFault::Blocks(blocks.faults));
    }
    if blocks.read.is_empty() {
        return Err(PemFault::NotPem { encoded_twice: is_encoded_twice(bytes) });
    }
    if wanted == Wanted::Key && blocks.read.iter().any(|block| block.label.kind == Kind::EncryptedKey) {
        return Err(PemFault::EncryptedKey);
    }
    if matches!(wanted, Wanted::Certificates | Wanted::Chain) {
        let wrapped = blocks.read.iter().filter(|block| block.label.kind == Kind::WrappedCertificates);
        let unread = |block: &Block| BlockFault {
            line: block.line,
            label: block.label,
            kind: BlockFaultKind::NotSupported,
        };
        let faults: Vec<_> = wrapped.map(unread).collect();
        if !faults.is_empty() {
            return Err(PemFault::Blocks(faults));
        }
    }
    let (taken, others): (Vec<_>, Vec<_>) =
        blocks.read.into_iter().partition(|block| wanted.takes(block.label));
    if taken.is_empty() {
        return Err(PemFault::Missing { wanted, found: others.iter().map(|block| block.label).collect() });
    }
    Ok(taken.into_iter().map(|block| block.der).collect())
}

/// A key in whatever form its bytes have. The form's name in the label is often wrong.
fn key(mut der: Zeroizing<Vec<u8>>) -> Option<Zeroizing<PrivateKeyDer<'static>>> {
    // What is not a key is not moved out of the memory that is wiped.
    PrivateKeyDer::try_from(der.as_slice()).ok()?;
    PrivateKeyDer::try_from(std::mem::take(&mut *der)).ok().map(Zeroizing::new)
}

/// DER begins with a SEQUENCE, whose length is that of the file or has a long form; PEM begins with text.
fn looks_like_der(bytes: &[u8]) -> bool {
    match bytes {
        [0x30, 0x80..=0xff, ..] => true,
        [0x30, length, rest @ ..] => usize::from(*length) == rest.len(),
        _ => false,
    }
}

fn is_utf_16(bytes: &[u8]) -> bool {
    UTF_16_MARKS.iter().any(|mark| bytes.starts_with(mark))
        || bytes.windows(UTF_16_BEGIN.len()).any(|window| window == UTF_16_BEGIN)
}

/// Whether the text is base64 of PEM, as in a Kubernetes manifest: `-----BEGIN` becomes this.
fn is_encoded_twice(bytes: &[u8]) -> bool {
    bytes.trim_ascii().starts_with(b"LS0tLS1CRUdJTi")
}

#[cfg(test)]
mod tests;
