//! Splits a revocation list in DER, so that its entries are read one at a time: a parsed object for each of a million
//! entries would take hundreds of megabytes.
//!
//! As in OpenSSL, lengths may have redundant bytes, which `der` rejects in certificates: some programs write those of a
//! large list that way.

use x509_parser::der_parser::asn1_rs::{Any, FromDer as _};

use super::der::{BIT_STRING, SEQUENCE};

const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The parts of a CertificateList (RFC 5280, section 5.1).
pub(super) struct ListParts<'a> {
    /// The list without its entries, in DER.
    pub(super) without_entries: Vec<u8>,
    /// The entries, one after the other.
    pub(super) entries: &'a [u8],
    /// The signed part.
    pub(super) signed: &'a [u8],
    /// The number of bytes that follow the list.
    pub(super) trailing: usize,
}

impl<'a> ListParts<'a> {
    /// `None` if it is not DER of this structure.
    pub(super) fn of(der: &'a [u8]) -> Option<Self> {
        let (list, trailing) = element(der)?;
        let (tbs, after) = element(content(list)?)?;
        let (mut without, mut entries, mut rest) = (Vec::new(), None, content(tbs)?);
        let mut is_after_time = false;
        while !rest.is_empty() {
            let (field, next) = element(rest)?;
            // revokedCertificates: the SEQUENCE after thisUpdate or nextUpdate.
            match content(field).filter(|_| is_after_time && entries.is_none()) {
                Some(found) => entries = Some(found),
                None => without.extend_from_slice(field),
            }
            is_after_time = matches!(field.first(), Some(&(UTC_TIME | GENERALIZED_TIME)));
            rest = next;
        }
        Some(Self {
            without_entries: sequence(&[&sequence(&[&without]), after]),
            entries: entries.unwrap_or_default(),
            signed: tbs,
            trailing: trailing.len(),
        })
    }
}

/// The signature of a list, and what it was made over.
pub(crate) struct ListSignature<'a> {
    /// The signed part, in DER.
    pub(crate) signed: &'a [u8],
    /// The content of the AlgorithmIdentifier.
    pub(crate) algorithm_id: &'a [u8],
    /// The signature.
    pub(crate) value: &'a [u8],
}

impl<'a> ListSignature<'a> {
    /// `None` if it is not DER of this structure.
    pub(crate) fn of(list: &'a [u8]) -> Option<Self> {
        let (list, _) = element(list).filter(|(_, trailing)| trailing.is_empty())?;
        let (signed, rest) = element(content(list)?)?;
        let (algorithm_id, rest) = element(rest)?;
        let (after, bits) = Any::from_der(rest).ok()?;
        // A signature has complete bytes, so no bits are unused.
        let (0, value) = bits.data.split_first()? else { return None };
        if rest.first() != Some(&BIT_STRING) || !after.is_empty() {
            return None;
        }
        Some(Self { signed, algorithm_id: content(algorithm_id)?, value })
    }
}

/// The first element, and the bytes that follow it.
pub(super) fn element(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (rest, _) = Any::from_der(bytes).ok()?;
    bytes.split_at_checked(bytes.len() - rest.len())
}

/// The content of an element that is a SEQUENCE.
pub(super) fn content(element: &[u8]) -> Option<&[u8]> {
    let (_, any) = Any::from_der(element).ok().filter(|_| element.first() == Some(&SEQUENCE))?;
    Some(any.data)
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = content.len().to_be_bytes();
    let length = length.get(length.iter().take_while(|byte| **byte == 0).count()..).unwrap_or_default();
    let mut der = vec![SEQUENCE];
    match (u8::try_from(length.len()), length) {
        (_, []) => der.push(0),
        (_, [short @ 0..0x80]) => der.push(*short),
        (octets, long) => {
            der.push(0x80 | octets.unwrap_or(0x7f));
            der.extend_from_slice(long);
        }
    }
    der.extend_from_slice(&content);
    der
}
