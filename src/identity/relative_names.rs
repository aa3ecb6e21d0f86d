//! Parses a name in DER completely.
//!
//! The parser of certificates stops at the first part of a name that it cannot parse, without
//! an error. The rest would be signed but ignored, for example a second common name. It also reads
//! encodings that other programs reject, for example a common name with a tag of another class.

use x509_parser::der_parser::asn1_rs::{Any, FromDer as _};
use x509_parser::x509::X509Name;

use super::der::{self, DerValue, SEQUENCE, SET};

/// An attribute: its type in dotted decimal, and its value.
pub(super) type RawAttribute<'a> = (String, Any<'a>);

/// The relative names in the order in which they are encoded, the most general first (RFC 5280,
/// 4.1.2.4).
///
/// # Errors
/// If any part of the name is not valid, or other bytes follow it.
pub(super) fn relative_names<'a>(name: &X509Name<'a>) -> Result<Vec<Vec<RawAttribute<'a>>>, UnreadableName> {
    let rdns = || der::all(der::one(name.as_raw())?.tagged(SEQUENCE)?);
    rdns().and_then(|rdns| rdns.into_iter().map(relative_name).collect()).ok_or(UnreadableName)
}

/// A name cannot be parsed completely.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a name in it cannot be parsed completely")]
pub struct UnreadableName;

fn relative_name(rdn: DerValue<'_>) -> Option<Vec<RawAttribute<'_>>> {
    let attributes = der::all(rdn.tagged(SET)?)?;
    if attributes.is_empty() {
        return None;
    }
    attributes.into_iter().map(attribute).collect()
}

fn attribute(attribute: DerValue<'_>) -> Option<RawAttribute<'_>> {
    let parts = der::all(attribute.tagged(SEQUENCE)?)?;
    let [kind, value] = parts.as_slice() else { return None };
    if !kind.is_oid() || !value.is_attribute_value() {
        return None;
    }
    let (_, kind) = Any::from_der(kind.whole).ok()?;
    let (_, value) = Any::from_der(value.whole).ok()?;
    Some((kind.as_oid().ok()?.to_id_string(), value))
}
