//! Determines the form of a file of certificates, keys or lists, and decodes its text.

use std::ops::Deref;

use x509_parser::certificate::X509Certificate;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;
use x509_parser::x509::SubjectPublicKeyInfo;
use zeroize::Zeroizing;

use super::blocks::decode;
use super::file_fault::Wanted;
use super::label::Label;
use super::marks::BYTE_ORDER_MARK;

/// `BEGIN` in UTF-16.
const UTF_16_BEGIN: &[u8] = b"B\0E\0G\0I\0N";
/// The number of bytes at the start of a page that are searched for its first tag.
const HTML_WITHIN: usize = 1024;

/// A file as PEM or DER: UTF-16 is decoded, and so is a single DER structure in base64 without BEGIN and END lines.
pub(super) struct Plain<'a> {
    bytes: &'a [u8],
    decoded: Option<Zeroizing<Vec<u8>>>,
    /// Whether it is DER that was in base64.
    pub(super) is_from_base64: bool,
}

impl<'a> Plain<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        let text = utf_16(bytes);
        let der = bare_der(text.as_deref().map_or(bytes, |text| text));
        Self { bytes, is_from_base64: der.is_some(), decoded: der.or(text) }
    }
}

impl Deref for Plain<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.decoded.as_deref().map_or(self.bytes, |bytes| bytes)
    }
}

/// The text of a file in UTF-16, as Windows PowerShell writes it: with a mark, or with an ASCII character at its start.
fn utf_16(bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let unit: fn([u8; 2]) -> u16 = match bytes {
        [0xff, 0xfe, ..] | [1..=0x7f, 0, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] | [0, 1..=0x7f, ..] => u16::from_be_bytes,
        _ => return None,
    };
    let units = bytes.chunks_exact(2).filter_map(|pair| pair.try_into().ok().map(unit));
    // Full capacity from the start: a vector that grows leaves a copy that is not wiped.
    let mut text = Zeroizing::new(Vec::with_capacity(bytes.len() / 2 * 3));
    for character in char::decode_utf16(units) {
        let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
        text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Some(text)
}

/// DER in base64, if a file contains nothing else.
fn bare_der(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text).trim_ascii_start();
    // A SEQUENCE with a length of several bytes.
    let der = decode(text.starts_with(b"MI").then_some(text)?)?;
    let is_whole = der_bytes(&der).is_none_or(|length| length == der.len());
    (is_whole && looks_like_der(&der)).then_some(der)
}

/// Whether a file is a web page: many servers answer with one instead of a file that does not exist.
pub(super) fn is_html(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes).trim_ascii_start();
    let head = &text[..text.len().min(HTML_WITHIN)];
    let has = |tag: &[u8]| head.windows(tag.len()).any(|window| window.eq_ignore_ascii_case(tag));
    head.starts_with(b"<") && (has(b"<html") || has(b"<!doctype html"))
}

/// The kind of a structure, if it is known and not the wanted one. The wanted kind itself is not parsed here: lists can be
/// very long.
pub(super) fn other_kind(der: &[u8], wanted: Wanted) -> Option<Label> {
    let is = |known: Wanted, parses: fn(&[u8]) -> bool| wanted != known && parses(der);
    let label: &[u8] = if is(Wanted::Certificates, |der| X509Certificate::from_der(der).is_ok()) {
        b"CERTIFICATE"
    } else if is(Wanted::RevocationLists, |der| CertificateRevocationList::from_der(der).is_ok()) {
        b"X509 CRL"
    } else if X509CertificationRequest::from_der(der).is_ok() {
        b"CERTIFICATE REQUEST"
    } else if SubjectPublicKeyInfo::from_der(der).is_ok() {
        b"PUBLIC KEY"
    } else {
        return None;
    };
    Some(Label::of(label))
}

/// Whether a file is DER: a SEQUENCE that has its length in long form, begins with a small INTEGER, or fills the file;
/// PEM begins with text.
pub(super) fn looks_like_der(bytes: &[u8]) -> bool {
    match bytes {
        [0x30, 0x80..=0xff, ..] | [0x30, _, 0x02, 0x01, ..] => true,
        [0x30, length, rest @ ..] => usize::from(*length) == rest.len(),
        _ => false,
    }
}

/// Whether a file is PKCS#12 (RFC 7292): a SEQUENCE, of definite or indefinite length, that begins with version 3 and
/// another SEQUENCE. No certificate, list or key begins like this.
pub(super) fn is_pkcs12(bytes: &[u8]) -> bool {
    let [0x30, length, rest @ ..] = bytes else { return false };
    let octets = usize::from(length.saturating_sub(0x80));
    rest.get(octets..).is_some_and(|content| content.starts_with(&[0x02, 0x01, 0x03, 0x30]))
}

/// The size of a DER structure according to its header (X.690, 8.1.3); `None` if it is indefinite or too large.
pub(super) fn der_bytes(bytes: &[u8]) -> Option<usize> {
    const HEADER: usize = 2;
    let length = usize::from(*bytes.get(1)?);
    let Some(octets) = length.checked_sub(0x80) else { return Some(HEADER + length) };
    let octets = bytes.get(HEADER..HEADER + octets).filter(|octets| (1..=4).contains(&octets.len()))?;
    Some(HEADER + octets.len() + octets.iter().fold(0, |length, octet| length << 8 | usize::from(*octet)))
}

/// Whether a file contains text in UTF-16 after other text, as PowerShell appends it.
pub(super) fn is_utf_16(bytes: &[u8]) -> bool {
    bytes.windows(UTF_16_BEGIN.len()).any(|window| window == UTF_16_BEGIN)
}
