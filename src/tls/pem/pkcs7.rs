//! Reads certificates and revocation lists in PKCS#7 (RFC 5652, section 5.1), the form of `.p7b` and `.p7c` files.
//!
//! Such a file is a container, like a PEM file with several blocks. A signature of its own is not verified.

use x509_parser::certificate::X509Certificate;
use x509_parser::der_parser::asn1_rs::{Any, FromDer as _};
use zeroize::Zeroizing;

use super::CERTIFICATES_MAX;
use super::label::Label;

/// The types of PKCS#7, as an OBJECT IDENTIFIER without its last byte.
const TYPES: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7];
/// The type signedData.
const SIGNED_DATA: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// The content of signedData, its certificates and its lists, by their context-specific tags.
const TAG_0: u8 = 0xa0;
const TAG_1: u8 = 0xa1;

/// A certificate or list in DER, with the label of its block in PEM.
pub(super) type Item = (Label, Zeroizing<Vec<u8>>);

/// Whether a structure is PKCS#7: a SEQUENCE, of definite or indefinite length, that begins with one of its types.
pub(super) fn is_pkcs7(der: &[u8]) -> bool {
    let [SEQUENCE, length, rest @ ..] = der else { return false };
    let octets = usize::from(length.saturating_sub(0x80));
    rest.get(octets..).is_some_and(|content| content.starts_with(TYPES))
}

/// The certificates, each before its issuer, and the lists. `None` if the structure is not signedData in DER, or if it
/// contains certificates or revocation information of another kind.
pub(super) fn read(der: &[u8]) -> Option<Vec<Item>> {
    let content = only(der, SEQUENCE)?;
    let [kind, signed] = elements(content)?[..] else { return None };
    let signed = only(only(signed.whole, TAG_0).filter(|_| kind.whole == SIGNED_DATA)?, SEQUENCE)?;
    let parts = elements(signed)?;
    let [version, algorithms, content, optional @ .., signers] = &parts[..] else { return None };
    let tags = [version, algorithms, content, signers].map(Element::tag);
    if tags != [INTEGER, SET, SEQUENCE, SET] {
        return None;
    }
    let (certificates, lists) = match optional {
        [] => (Vec::new(), Vec::new()),
        [it] if it.tag() == TAG_0 => (sequences(it)?, Vec::new()),
        [it] if it.tag() == TAG_1 => (Vec::new(), sequences(it)?),
        [first, second] if [first.tag(), second.tag()] == [TAG_0, TAG_1] => {
            (sequences(first)?, sequences(second)?)
        }
        _ => return None,
    };
    let of = |label: &'static [u8]| move |der: &[u8]| (Label::of(label), Zeroizing::new(der.to_vec()));
    let certificates = issuers_last(certificates).into_iter().map(of(b"CERTIFICATE"));
    Some(certificates.chain(lists.into_iter().map(of(b"X509 CRL"))).collect())
}

/// One structure, with its header and without.
#[derive(Clone, Copy)]
struct Element<'a> {
    whole: &'a [u8],
    content: &'a [u8],
}

impl Element<'_> {
    fn tag(&self) -> u8 {
        self.whole.first().copied().unwrap_or_default()
    }
}

/// All structures, one after another.
fn elements(mut bytes: &[u8]) -> Option<Vec<Element<'_>>> {
    let mut elements = Vec::new();
    while !bytes.is_empty() {
        let (rest, any) = Any::from_der(bytes).ok()?;
        let whole = bytes.get(..bytes.len() - rest.len())?;
        elements.push(Element { whole, content: any.data });
        bytes = rest;
    }
    Some(elements)
}

/// The content of the only structure.
fn only(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    let [element] = elements(bytes)?[..] else { return None };
    (element.tag() == tag).then_some(element.content)
}

/// The elements of a set, each of which must be a SEQUENCE; other kinds have other tags.
fn sequences<'a>(set: &Element<'a>) -> Option<Vec<&'a [u8]>> {
    let elements = elements(set.content)?;
    let all = elements.iter().all(|element| element.tag() == SEQUENCE);
    all.then(|| elements.iter().map(|element| element.whole).collect())
}

/// The certificates in the order of a chain, because a set has none: DER sorts it by content. Each is followed by its
/// issuer, and a chain begins with a certificate that issued none of the others.
fn issuers_last(certificates: Vec<&[u8]>) -> Vec<&[u8]> {
    if certificates.len() > CERTIFICATES_MAX {
        return certificates;
    }
    let mut left: Vec<_> = certificates.into_iter().map(Named::of).collect();
    let mut ordered: Vec<Named<'_>> = Vec::new();
    while !left.is_empty() {
        let issuer = ordered.last().and_then(|last| last.issuer.as_ref());
        let issued_any = |it: &Named<'_>| left.iter().any(|other| other.issuer.as_ref() == Some(&it.subject));
        let next = left.iter().position(|it| issuer == Some(&it.subject));
        let next = next.or_else(|| left.iter().position(|it| !issued_any(it)));
        ordered.push(left.remove(next.unwrap_or(0)));
    }
    ordered.into_iter().map(|named| named.der).collect()
}

/// A certificate with its names, which are empty if it cannot be parsed.
struct Named<'a> {
    der: &'a [u8],
    subject: Vec<u8>,
    /// `None` if it is the subject.
    issuer: Option<Vec<u8>>,
}

impl<'a> Named<'a> {
    fn of(der: &'a [u8]) -> Self {
        let Ok((_, certificate)) = X509Certificate::from_der(der) else {
            return Self { der, subject: Vec::new(), issuer: None };
        };
        let (subject, issuer) =
            (certificate.subject().as_raw().to_vec(), certificate.issuer().as_raw().to_vec());
        Self { der, issuer: (issuer != subject).then_some(issuer), subject }
    }
}

#[cfg(test)]
#[path = "pkcs7_tests.rs"]
mod tests;
