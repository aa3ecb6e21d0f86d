//! Certificates and keys out of the bytes of a file, PEM or DER.
//!
//! A file is read once, elsewhere, and only its bytes come here: what is judged is what is used.

use rustls_pki_types::pem::{Error as PemError, PemObject, SectionKind};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::key_pem::{KeyBlock, NoEnd, Parted, part};

/// The most certificates that one file may hold.
pub const CERTIFICATES_MAX: usize = 256;
/// The largest certificate or key file that is read, in bytes.
pub const FILE_BYTES_MAX: u64 = 1 << 20;
/// The largest file of revocation lists that is read, in bytes. A large public CA's is a few MiB.
pub const LISTS_BYTES_MAX: u64 = 16 << 20;

/// How an encrypted key says so: PKCS#8 (RFC 7468, 11), and OpenSSL's older way (RFC 1421).
const ENCRYPTED_MARKS: &[&[u8]] = &[b"-----BEGIN ENCRYPTED PRIVATE KEY-----", b"Proc-Type: 4,ENCRYPTED"];

/// A block and what it holds.
type Block = (SectionKind, Vec<u8>);

/// What is wrong with a file of certificates or a key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PemFault {
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
    /// A PEM block has no end, or is not base64.
    #[error("a PEM block is damaged or cut off: {0}")]
    Malformed(String),
    /// There is no certificate in it.
    #[error("the file holds no certificate{}", other(.keys))]
    NoCertificate {
        /// How many private keys it holds instead.
        keys: usize,
    },
    /// There is no revocation list in it.
    #[error("the file holds no revocation list (other PEM blocks: {others})")]
    NoList {
        /// How many certificates or keys it holds instead.
        others: usize,
    },
    /// There is no private key in it.
    #[error("the file holds no private key (certificates: {certificates})")]
    NoKey {
        /// How many certificates it holds instead.
        certificates: usize,
    },
    /// The key is encrypted, and nobody could type its password at a restart.
    #[error("the private key is encrypted with a password")]
    EncryptedKey,
    /// More than [`CERTIFICATES_MAX`].
    #[error("the file holds more than {CERTIFICATES_MAX} certificates")]
    TooMany,
}

fn other(keys: &usize) -> String {
    if *keys == 0 { String::new() } else { format!(" (private keys: {keys})") }
}

/// Every certificate of a file: PEM with any number of them, or one in DER.
///
/// # Errors
/// When there is none, or the PEM is damaged anywhere.
pub fn certificates(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemFault> {
    if looks_like_der(bytes) {
        return Ok(vec![CertificateDer::from(bytes.to_vec())]);
    }
    let (keys, blocks) = blocks(bytes)?;
    let keys = keys.len();
    let found: Vec<_> = blocks
        .into_iter()
        .filter(|(kind, _)| *kind == SectionKind::Certificate)
        .map(|(_, der)| CertificateDer::from(der))
        .collect();
    match found.len() {
        0 if bytes.is_empty() => Err(PemFault::Empty),
        0 => Err(PemFault::NoCertificate { keys }),
        n if n > CERTIFICATES_MAX => Err(PemFault::TooMany),
        _ => Ok(found),
    }
}

/// Every revocation list of a file, in DER: PEM with any number of them, or one in DER.
///
/// # Errors
/// When there is none, or the PEM is damaged anywhere.
pub fn revocation_lists(bytes: &[u8]) -> Result<Vec<Vec<u8>>, PemFault> {
    if looks_like_der(bytes) {
        return Ok(vec![bytes.to_vec()]);
    }
    let (keys, blocks) = blocks(bytes)?;
    let others = keys.len() + blocks.len();
    let found: Vec<_> =
        blocks.into_iter().filter(|(kind, _)| *kind == SectionKind::Crl).map(|(_, der)| der).collect();
    match found.len() {
        0 if bytes.is_empty() => Err(PemFault::Empty),
        0 => Err(PemFault::NoList { others }),
        _ => Ok(found),
    }
}

/// The first private key of a file: PKCS#8, SEC1 or PKCS#1 in PEM, or one of these in DER. It is wiped
/// when it is dropped, and no copy stays behind.
///
/// # Errors
/// When there is none, it is encrypted, or the PEM is damaged anywhere.
pub fn private_key(bytes: &[u8]) -> Result<Zeroizing<PrivateKeyDer<'static>>, PemFault> {
    if looks_like_der(bytes) {
        return PrivateKeyDer::try_from(bytes)
            .map(|key| Zeroizing::new(key.clone_key()))
            .map_err(|why| PemFault::Malformed(why.to_owned()));
    }
    if bytes.is_empty() {
        return Err(PemFault::Empty);
    }
    if ENCRYPTED_MARKS.iter().any(|mark| bytes.windows(mark.len()).any(|window| window == *mark)) {
        return Err(PemFault::EncryptedKey);
    }
    let (keys, blocks) = blocks(bytes)?;
    let Some(key) = keys.first() else {
        let certificates = blocks.iter().filter(|(kind, _)| *kind == SectionKind::Certificate).count();
        return Err(PemFault::NoKey { certificates });
    };
    key.decode().ok_or_else(|| PemFault::Malformed("the private key is not base64".to_owned()))
}

/// The keys, unread, and the blocks that are none.
fn blocks(bytes: &[u8]) -> Result<(Vec<KeyBlock<'_>>, Vec<Block>), PemFault> {
    let Parted { keys, rest } =
        part(bytes).map_err(|NoEnd(line)| PemFault::Malformed(format!("`{line}` is missing")))?;
    let blocks = Block::pem_slice_iter(&rest)
        .collect::<Result<_, _>>()
        .map_err(|error| PemFault::Malformed(explain(&error)))?;
    Ok((keys, blocks))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "another crate's errors, which may grow")]
fn explain(error: &PemError) -> String {
    match error {
        PemError::MissingSectionEnd { end_marker } => {
            format!("`{}` is missing", String::from_utf8_lossy(end_marker).trim_end())
        }
        PemError::Base64Decode(why) => format!("not base64 ({why})"),
        other => other.to_string(),
    }
}

/// DER begins with a SEQUENCE of long length; PEM with text.
fn looks_like_der(bytes: &[u8]) -> bool {
    matches!(bytes, [0x30, length, ..] if *length >= 0x80)
}
