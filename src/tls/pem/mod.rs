//! Reads certificates, keys and revocation lists from the bytes of a PEM or DER file.
//!
//! A file is read once, elsewhere: the bytes that are validated here are those that are used. Every block of a file is
//! read or is a fault, and no fault contains bytes of the file.

use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use crate::identity::{ListFault, RevocationList};

mod label;
mod fault;
mod file_fault;
mod stray;
mod marks;
mod blocks;

pub use fault::{BLOCK_FAULTS_MAX, BlockFault, BlockFaultKind, BlockFaults};
pub use file_fault::{PemFault, Wanted};
pub use label::Label;

use blocks::{Block, scan};
use label::Kind;

/// The maximum number of certificates in one file.
pub const CERTIFICATES_MAX: usize = 256;
/// The maximum number of revocation lists in one file; large CAs divide theirs into more than a hundred.
pub const REVOCATION_LISTS_MAX: usize = 1024;
/// The size limit of a certificate or key file, in bytes.
pub const FILE_BYTES_MAX: u64 = 1 << 20;
/// The size limit of a file of revocation lists, in bytes. Those of a large public CA are a few MiB long.
pub const LISTS_BYTES_MAX: u64 = 16 << 20;

/// The byte order marks of UTF-16, and `BEGIN` in UTF-16 without a mark.
const UTF_16_MARKS: &[&[u8]] = &[b"\xff\xfe", b"\xfe\xff"];
const UTF_16_BEGIN: &[u8] = b"B\0E\0G\0I\0N";

/// The use of a file, which determines the blocks that it may contain.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FileUse {
    /// Only certificates: CAs.
    Anchors,
    /// The chain of the server or of a client; its key may be in the same file.
    Chain,
    /// A private key; its chain may be in the same file.
    Key,
    /// Revocation lists.
    RevocationLists,
}

impl FileUse {
    /// Whether such a file may contain a block.
    fn expects(self, label: Label) -> bool {
        match self {
            Self::Anchors => label.kind == Kind::Certificate,
            Self::RevocationLists => label.kind == Kind::RevocationList,
            Self::Chain => matches!(
                label.kind,
                Kind::Certificate | Kind::PrivateKey | Kind::EncryptedKey | Kind::Parameters
            ),
            Self::Key => matches!(label.kind, Kind::PrivateKey | Kind::Certificate | Kind::Parameters),
        }
    }
}

/// Reads every certificate in a file: any number in PEM, or one in DER.
///
/// # Errors
/// If there is none, or a block of the file cannot be read.
pub fn certificates(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemFault> {
    let found = wanted(bytes, Wanted::Certificates)?;
    at_most(CERTIFICATES_MAX, found.len(), Wanted::Certificates)?;
    Ok(found.into_iter().map(|mut der| CertificateDer::from(std::mem::take(&mut *der))).collect())
}

/// Reads every revocation list in a file, and returns them in DER: any number in PEM, or one in DER.
///
/// # Errors
/// If there is none, or a block of the file cannot be read.
pub fn revocation_lists(bytes: &[u8]) -> Result<Vec<Vec<u8>>, PemFault> {
    let found = wanted(bytes, Wanted::RevocationLists)?;
    at_most(REVOCATION_LISTS_MAX, found.len(), Wanted::RevocationLists)?;
    Ok(found.into_iter().map(|mut der| std::mem::take(&mut *der)).collect())
}

/// Reads every private key in a file, at least one: PKCS#8, SEC1 or PKCS#1, in PEM, or one in DER. The bytes determine
/// the form, as in OpenSSL. Keys are wiped when they are dropped, and no copy remains.
///
/// # Errors
/// If there is none, one is encrypted, or a block of the file cannot be read.
pub fn private_keys(bytes: &[u8]) -> Result<Vec<Zeroizing<PrivateKeyDer<'static>>>, PemFault> {
    let found = wanted(bytes, Wanted::Keys)?;
    found.into_iter().map(|der| key(der).ok_or(PemFault::UnreadableKey)).collect()
}

/// The blocks of a file, with their lines, that were read but are not used for the purpose of the file.
pub fn unused(bytes: &[u8], file_use: FileUse) -> Vec<(usize, Label)> {
    if looks_like_der(bytes) {
        return Vec::new();
    }
    let read = scan(bytes).read.into_iter().filter(|block| !file_use.expects(block.label));
    read.map(|block| (block.line, block.label)).collect()
}

/// Whether a file contains a private key, readable or not, so that its permissions matter.
pub fn holds_private_key(bytes: &[u8]) -> bool {
    const MARK: &[u8] = b"PRIVATE KEY-----";
    bytes.windows(MARK.len()).any(|window| window == MARK)
        || looks_like_der(bytes) && PrivateKeyDer::try_from(bytes).is_ok()
}

fn wanted(bytes: &[u8], wanted: Wanted) -> Result<Vec<Zeroizing<Vec<u8>>>, PemFault> {
    if is_pkcs12(bytes) {
        return Err(PemFault::Pkcs12 { wanted });
    }
    if looks_like_der(bytes) {
        if let Some(trailing) =
            der_bytes(bytes).and_then(|der| bytes.len().checked_sub(der)).filter(|it| *it > 0)
        {
            return Err(PemFault::TrailingBytes(trailing));
        }
        let is_key = PrivateKeyDer::try_from(bytes).is_ok();
        return match (wanted, is_key) {
            (Wanted::Keys, false) => Err(PemFault::UnreadableKey),
            (Wanted::Certificates | Wanted::RevocationLists, true) => {
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
    let mut blocks = scan(bytes);
    if blocks.read.is_empty() {
        match blocks.faults.named.first().map(|fault| fault.kind) {
            None | Some(BlockFaultKind::Binary) => return Err(PemFault::NotPem { encoded_twice: false }),
            Some(BlockFaultKind::EncodedTwice) => return Err(PemFault::NotPem { encoded_twice: true }),
            Some(_) => {}
        }
    }
    if blocks.faults.named.is_empty() {
        for block in &blocks.read {
            if let Some(kind) = hidden(block, wanted) {
                blocks.faults.push(BlockFault { line: block.line, label: block.label, kind });
            }
        }
    }
    if !blocks.faults.named.is_empty() {
        return Err(PemFault::Blocks(blocks.faults));
    }
    if wanted == Wanted::Keys && blocks.read.iter().any(|block| block.label.kind == Kind::EncryptedKey) {
        return Err(PemFault::EncryptedKey);
    }
    let (taken, others): (Vec<_>, Vec<_>) =
        blocks.read.into_iter().partition(|block| wanted.takes(block.label));
    if taken.is_empty() {
        return Err(PemFault::Missing { wanted, found: others.iter().map(|block| block.label).collect() });
    }
    Ok(taken.into_iter().map(|block| block.der).collect())
}

/// Why a block that may contain the wanted data is not used: because of its form or its label.
fn hidden(block: &Block, wanted: Wanted) -> Option<BlockFaultKind> {
    let is_wrapped = block.label.kind == Kind::WrappedCertificates;
    let is_list = || !matches!(RevocationList::from_der(&block.der), Err(ListFault::Damaged));
    match wanted {
        Wanted::Certificates | Wanted::RevocationLists if is_wrapped => Some(BlockFaultKind::NotSupported),
        Wanted::RevocationLists if !wanted.takes(block.label) && is_list() => Some(BlockFaultKind::ListLabel),
        Wanted::Certificates | Wanted::Keys | Wanted::RevocationLists => None,
    }
}

fn at_most(most: usize, found: usize, wanted: Wanted) -> Result<(), PemFault> {
    if found > most { Err(PemFault::TooMany { wanted, most }) } else { Ok(()) }
}

/// Parses a key in the form that its bytes have. The form in the label is often wrong.
fn key(mut der: Zeroizing<Vec<u8>>) -> Option<Zeroizing<PrivateKeyDer<'static>>> {
    // Data that is not a key stays in the memory that is wiped.
    PrivateKeyDer::try_from(der.as_slice()).ok()?;
    PrivateKeyDer::try_from(std::mem::take(&mut *der)).ok().map(Zeroizing::new)
}

/// Whether a file is DER: a SEQUENCE that has its length in long form, begins with a small INTEGER, or fills the file;
/// PEM begins with text.
fn looks_like_der(bytes: &[u8]) -> bool {
    match bytes {
        [0x30, 0x80..=0xff, ..] | [0x30, _, 0x02, 0x01, ..] => true,
        [0x30, length, rest @ ..] => usize::from(*length) == rest.len(),
        _ => false,
    }
}

/// Whether a file is PKCS#12 (RFC 7292): a SEQUENCE, of definite or indefinite length, that begins with version 3 and
/// another SEQUENCE. No certificate, list or key begins like this.
fn is_pkcs12(bytes: &[u8]) -> bool {
    let [0x30, length, rest @ ..] = bytes else { return false };
    let octets = usize::from(length.saturating_sub(0x80));
    rest.get(octets..).is_some_and(|content| content.starts_with(&[0x02, 0x01, 0x03, 0x30]))
}

/// The size of a DER structure according to its header (X.690, 8.1.3); `None` if it is indefinite or too large.
fn der_bytes(bytes: &[u8]) -> Option<usize> {
    const HEADER: usize = 2;
    let length = usize::from(*bytes.get(1)?);
    let Some(octets) = length.checked_sub(0x80) else { return Some(HEADER + length) };
    let octets = bytes.get(HEADER..HEADER + octets).filter(|octets| (1..=4).contains(&octets.len()))?;
    Some(HEADER + octets.len() + octets.iter().fold(0, |length, octet| length << 8 | usize::from(*octet)))
}

fn is_utf_16(bytes: &[u8]) -> bool {
    UTF_16_MARKS.iter().any(|mark| bytes.starts_with(mark))
        || bytes.windows(UTF_16_BEGIN.len()).any(|window| window == UTF_16_BEGIN)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod outside_tests;
