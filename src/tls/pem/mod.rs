//! Reads certificates, keys and revocation lists from the bytes of a file in PEM, DER or PKCS#7.
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
mod pkcs7;
mod form;
mod encode;

pub use encode::certificate_pem;
pub use fault::{BLOCK_FAULTS_MAX, BlockFault, BlockFaultKind, BlockFaults};
pub use file_fault::{PemFault, Wanted};
pub use label::Label;

use blocks::{Block, Blocks, scan};
use form::{Plain, der_bytes, is_html, is_pkcs12, is_utf_16, looks_like_der, other_kind};
use label::Kind;

/// The maximum number of certificates in one file.
pub const CERTIFICATES_MAX: usize = 256;
/// The maximum number of revocation lists in one file; large CAs divide theirs into more than a hundred.
pub const REVOCATION_LISTS_MAX: usize = 1024;
/// The size limit of a certificate or key file, in bytes.
pub const FILE_BYTES_MAX: u64 = 1 << 20;

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

/// The blocks of a file, with their lines, that were read but are not used for the purpose of the file. The certificates
/// that accompany lists in PKCS#7 are not among them.
pub fn unused(bytes: &[u8], file_use: FileUse) -> Vec<(usize, Label)> {
    let bytes = &*Plain::of(bytes);
    let blocks = if !looks_like_der(bytes) {
        scan_all(bytes).read
    } else {
        pkcs7::read(bytes).map(|items| contents(items, 1)).unwrap_or_default()
    };
    let accompanies = |block: &Block| block.is_in_pkcs7 && file_use == FileUse::RevocationLists;
    let unused = blocks.into_iter().filter(|block| !file_use.expects(block.label) && !accompanies(block));
    unused.map(|block| (block.line, block.label)).collect()
}

/// Whether a file contains a private key, readable or not, so that its permissions matter.
pub fn holds_private_key(bytes: &[u8]) -> bool {
    const MARK: &[u8] = b"PRIVATE KEY-----";
    let bytes = &*Plain::of(bytes);
    bytes.windows(MARK.len()).any(|window| window == MARK)
        || looks_like_der(bytes) && PrivateKeyDer::try_from(bytes).is_ok()
}

fn wanted(bytes: &[u8], wanted: Wanted) -> Result<Vec<Zeroizing<Vec<u8>>>, PemFault> {
    let plain = Plain::of(bytes);
    let bytes = &*plain;
    let read = if is_pkcs12(bytes) {
        Err(PemFault::Pkcs12 { wanted })
    } else if looks_like_der(bytes) {
        read_der(bytes, wanted)
    } else {
        read_text(bytes, wanted)
    };
    // The commands that convert such files do not decode base64.
    let is_encoded = matches!(read, Err(PemFault::Pkcs12 { .. } | PemFault::Pkcs7)) && plain.is_from_base64;
    let read = if is_encoded { Err(PemFault::NotPem { encoded_twice: true }) } else { read }?;
    if wanted == Wanted::Keys && read.iter().any(|block| block.label.kind == Kind::EncryptedKey) {
        return Err(PemFault::EncryptedKey);
    }
    let (taken, others): (Vec<_>, Vec<_>) = read.into_iter().partition(|block| wanted.takes(block.label));
    if taken.is_empty() {
        return Err(PemFault::Missing { wanted, found: others.iter().map(|block| block.label).collect() });
    }
    Ok(taken.into_iter().map(|block| block.der).collect())
}

/// Reads DER: one structure, or the contents of PKCS#7.
fn read_der(bytes: &[u8], wanted: Wanted) -> Result<Vec<Block>, PemFault> {
    let trailing = der_bytes(bytes).and_then(|der| bytes.len().checked_sub(der));
    if let Some(trailing) = trailing.filter(|trailing| *trailing > 0) {
        return Err(PemFault::TrailingBytes(trailing));
    }
    if pkcs7::is_pkcs7(bytes) {
        return pkcs7::read(bytes).map(|items| contents(items, 1)).ok_or(PemFault::Pkcs7);
    }
    let label = if PrivateKeyDer::try_from(bytes).is_ok() {
        Label::of(b"PRIVATE KEY")
    } else if wanted == Wanted::Keys {
        return Err(PemFault::UnreadableKey);
    } else {
        other_kind(bytes, wanted).unwrap_or(wanted.label())
    };
    Ok(vec![Block { label, line: 1, der: Zeroizing::new(bytes.to_vec()), is_in_pkcs7: false }])
}

/// Reads PEM.
fn read_text(bytes: &[u8], wanted: Wanted) -> Result<Vec<Block>, PemFault> {
    if bytes.trim_ascii().is_empty() {
        return Err(PemFault::Empty);
    }
    if is_utf_16(bytes) {
        return Err(PemFault::Utf16);
    }
    if is_html(bytes) {
        return Err(PemFault::Html);
    }
    let mut blocks = scan_all(bytes);
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
    if blocks.faults.named.is_empty() { Ok(blocks.read) } else { Err(PemFault::Blocks(blocks.faults)) }
}

/// The blocks of a text, with the contents of PKCS#7 instead of its blocks. Its label is often that of a certificate.
fn scan_all(bytes: &[u8]) -> Blocks {
    let mut blocks = scan(bytes);
    let unpack = |block: Block| {
        let is_pkcs7 = block.label.kind != Kind::PrivateKey && pkcs7::is_pkcs7(&block.der);
        match is_pkcs7.then(|| pkcs7::read(&block.der)) {
            None => vec![block],
            Some(Some(items)) => contents(items, block.line),
            // Its label determines the command that converts it.
            Some(None) if block.label.kind == Kind::WrappedCertificates => vec![block],
            Some(None) => vec![Block { label: Label::of(b"PKCS7"), ..block }],
        }
    };
    blocks.read = blocks.read.into_iter().flat_map(unpack).collect();
    blocks
}

fn contents(items: Vec<pkcs7::Item>, line: usize) -> Vec<Block> {
    items.into_iter().map(|(label, der)| Block { label, line, der, is_in_pkcs7: true }).collect()
}

/// Why a block that may contain the wanted data is not used: because of its form or its label.
fn hidden(block: &Block, wanted: Wanted) -> Option<BlockFaultKind> {
    let is_wrapped = block.label.kind == Kind::WrappedCertificates;
    let is_list = || !matches!(RevocationList::from_der(&block.der), Err(ListFault::Damaged));
    match wanted {
        Wanted::Certificates | Wanted::RevocationLists if is_wrapped => Some(BlockFaultKind::NotSupported),
        Wanted::RevocationLists if !wanted.takes(block.label) && is_list() => Some(BlockFaultKind::ListLabel),
        Wanted::Certificates | Wanted::RevocationLists if wanted.takes(block.label) => {
            other_kind(&block.der, wanted).map(BlockFaultKind::OtherContent)
        }
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

#[cfg(test)]
mod tests;
#[cfg(test)]
mod outside_tests;
