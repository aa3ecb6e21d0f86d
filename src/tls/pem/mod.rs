//! Certificates, keys and revocation lists out of the bytes of a file, PEM or DER.
//!
//! A file is read once, elsewhere, and only its bytes come here: what is judged is what is used. Every block of a file is
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

/// The most certificates that one file may hold.
pub const CERTIFICATES_MAX: usize = 256;
/// The most revocation lists that one file may hold; large CAs divide theirs into more than a hundred.
pub const REVOCATION_LISTS_MAX: usize = 1024;
/// The largest certificate or key file that is read, in bytes.
pub const FILE_BYTES_MAX: u64 = 1 << 20;
/// The largest file of revocation lists that is read, in bytes. A large public CA's is a few MiB.
pub const LISTS_BYTES_MAX: u64 = 16 << 20;

/// How UTF-16 begins, and what `BEGIN` looks like in it without such a mark.
const UTF_16_MARKS: &[&[u8]] = &[b"\xff\xfe", b"\xfe\xff"];
const UTF_16_BEGIN: &[u8] = b"B\0E\0G\0I\0N";

/// What a file is for, which decides the blocks that belong into it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FileUse {
    /// Certificates alone: CAs.
    Anchors,
    /// The server's or a client's chain, with whose key it may share a file.
    Chain,
    /// A private key, with whose chain it may share a file.
    Key,
    /// Revocation lists.
    RevocationLists,
}

impl FileUse {
    /// Whether a block belongs into such a file.
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

/// Every certificate of a file: PEM with any number of them, or one in DER.
///
/// # Errors
/// If there is none, or a block of the file cannot be read.
pub fn certificates(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemFault> {
    let found = wanted(bytes, Wanted::Certificates)?;
    at_most(CERTIFICATES_MAX, found.len(), Wanted::Certificates)?;
    Ok(found.into_iter().map(|mut der| CertificateDer::from(std::mem::take(&mut *der))).collect())
}

/// Every revocation list of a file, in DER: PEM with any number of them, or one in DER.
///
/// # Errors
/// If there is none, or a block of the file cannot be read.
pub fn revocation_lists(bytes: &[u8]) -> Result<Vec<Vec<u8>>, PemFault> {
    let found = wanted(bytes, Wanted::RevocationLists)?;
    at_most(REVOCATION_LISTS_MAX, found.len(), Wanted::RevocationLists)?;
    Ok(found.into_iter().map(|mut der| std::mem::take(&mut *der)).collect())
}

/// Every private key of a file, at least one: PKCS#8, SEC1 or PKCS#1, in PEM or one of them in DER. The bytes decide which
/// form it is, as for OpenSSL. Keys are wiped when they are dropped, and no copy stays behind.
///
/// # Errors
/// If there is none, one is encrypted, or a block of the file cannot be read.
pub fn private_keys(bytes: &[u8]) -> Result<Vec<Zeroizing<PrivateKeyDer<'static>>>, PemFault> {
    let found = wanted(bytes, Wanted::Keys)?;
    found.into_iter().map(|der| key(der).ok_or(PemFault::UnreadableKey)).collect()
}

/// The blocks of a file, with their lines, that were read and are not used for what the file is read for.
pub fn unused(bytes: &[u8], file_use: FileUse) -> Vec<(usize, Label)> {
    if looks_like_der(bytes) {
        return Vec::new();
    }
    let read = scan(bytes).read.into_iter().filter(|block| !file_use.expects(block.label));
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

/// Why a block that was read may hold what is wanted and is not used: in a form or under a label that hides it.
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

/// A key in whatever form its bytes have. The form's name in the label is often wrong.
fn key(mut der: Zeroizing<Vec<u8>>) -> Option<Zeroizing<PrivateKeyDer<'static>>> {
    // What is not a key is not moved out of the memory that is wiped.
    PrivateKeyDer::try_from(der.as_slice()).ok()?;
    PrivateKeyDer::try_from(std::mem::take(&mut *der)).ok().map(Zeroizing::new)
}

/// DER begins with a SEQUENCE, whose length is that of the file or has a long form, or with a SEQUENCE and a small INTEGER;
/// PEM begins with text.
fn looks_like_der(bytes: &[u8]) -> bool {
    match bytes {
        [0x30, 0x80..=0xff, ..] | [0x30, _, 0x02, 0x01, ..] => true,
        [0x30, length, rest @ ..] => usize::from(*length) == rest.len(),
        _ => false,
    }
}

/// How many bytes a structure in DER has by its header (X.690, 8.1.3); none if its length is indefinite or absurd.
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
