//! Parses a name in DER completely.
//!
//! The parser of certificates stops at the first part of a name that it cannot parse, without
//! an error. The rest would be signed but ignored, for example a second common name.

use x509_parser::der_parser::asn1_rs::{Any, FromDer as _, Tag};
use x509_parser::x509::X509Name;

/// An attribute: its type in dotted decimal, and its value.
pub(super) type RawAttribute<'a> = (String, Any<'a>);

/// The relative names in the order in which they are encoded, the most general first (RFC 5280,
/// 4.1.2.4).
///
/// # Errors
/// If any part of the name is not valid, or other bytes follow it.
pub(super) fn relative_names<'a>(name: &X509Name<'a>) -> Result<Vec<Vec<RawAttribute<'a>>>, UnreadableName> {
    all(one(name.as_raw(), Tag::Sequence)?)?.iter().map(relative_name).collect()
}

/// A name cannot be parsed completely.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a name in it cannot be parsed completely")]
pub struct UnreadableName;

fn relative_name<'a>(rdn: &Any<'a>) -> Result<Vec<RawAttribute<'a>>, UnreadableName> {
    let attributes = all(tagged(rdn, Tag::Set)?)?;
    if attributes.is_empty() {
        return Err(UnreadableName);
    }
    attributes.iter().map(attribute).collect()
}

fn attribute<'a>(attribute: &Any<'a>) -> Result<RawAttribute<'a>, UnreadableName> {
    let parts = all(tagged(attribute, Tag::Sequence)?)?;
    let [kind, value] = parts.as_slice() else { return Err(UnreadableName) };
    let kind = kind.as_oid().map_err(|_| UnreadableName)?;
    Ok((kind.to_id_string(), value.clone()))
}

/// The content of the single value that the bytes contain.
fn one(bytes: &[u8], tag: Tag) -> Result<&[u8], UnreadableName> {
    match Any::from_der(bytes) {
        Ok(([], value)) => tagged(&value, tag),
        Ok(_) | Err(_) => Err(UnreadableName),
    }
}

fn tagged<'a>(value: &Any<'a>, tag: Tag) -> Result<&'a [u8], UnreadableName> {
    if value.tag() == tag { Ok(value.data) } else { Err(UnreadableName) }
}

/// All values, one after another.
fn all(mut bytes: &[u8]) -> Result<Vec<Any<'_>>, UnreadableName> {
    let mut values = Vec::new();
    while !bytes.is_empty() {
        let (rest, value) = Any::from_der(bytes).map_err(|_| UnreadableName)?;
        values.push(value);
        bytes = rest;
    }
    Ok(values)
}
