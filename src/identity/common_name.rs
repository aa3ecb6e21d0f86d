//! The common name that a rule can require.

use x509_parser::der_parser::asn1_rs::{Any, Tag};

use super::relative_names::RawAttribute;

/// commonName (X.520).
const COMMON_NAME: &str = "2.5.4.3";

/// The commonName attributes (2.5.4.3) of a subject.
///
/// A rule with `cn` matches only [`CommonName::One`]: with two names the result would depend on which one is
/// read, and programs differ in that.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CommonName {
    /// The subject has none.
    None,
    /// Exactly one, decoded.
    One(String),
    /// More than one, whether in one RDN or in several.
    Several(usize),
    /// Exactly one, which is not comparable text.
    Unreadable(UnreadableCommonName),
}

/// Why a common name is not compared at all.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UnreadableCommonName {
    /// It contains NUL or another control character, at which other software may truncate it.
    #[error("the common name contains a control character")]
    ControlCharacter,
    /// It is not a UTF8String or a PrintableString, the two types that RFC 5280 (4.1.2.4) requires
    /// of issuers; IA5String is an example.
    #[error("the common name is not encoded as UTF8String or PrintableString")]
    Encoding,
}

impl CommonName {
    /// The name, if there is exactly one that can be read.
    pub fn one(&self) -> Option<&str> {
        match self {
            Self::One(name) => Some(name),
            Self::None | Self::Several(_) | Self::Unreadable(_) => None,
        }
    }

    /// Why there is no name to compare; `None` if there is one.
    pub fn fault(&self) -> Option<String> {
        match self {
            Self::One(_) => None,
            Self::None => Some("the subject has no common name".to_owned()),
            Self::Several(count) => {
                Some(format!("the subject has {count} common names, but exactly one is required"))
            }
            Self::Unreadable(why) => Some(why.to_string()),
        }
    }

    pub(super) fn of(rdns: &[Vec<RawAttribute<'_>>]) -> Self {
        let mut all = rdns.iter().flatten().filter(|(oid, _)| oid == COMMON_NAME);
        match (all.next(), all.count()) {
            (None, _) => Self::None,
            (Some((_, only)), 0) => match read(only) {
                Ok(text) => Self::One(text),
                Err(why) => Self::Unreadable(why),
            },
            (Some(_), more) => Self::Several(more + 1),
        }
    }
}

fn read(value: &Any<'_>) -> Result<String, UnreadableCommonName> {
    let text = match value.tag() {
        Tag::Utf8String | Tag::PrintableString => {
            str::from_utf8(value.data).map_err(|_| UnreadableCommonName::Encoding)?
        }
        _ => return Err(UnreadableCommonName::Encoding),
    };
    if value.tag() == Tag::PrintableString && !text.is_ascii() {
        return Err(UnreadableCommonName::Encoding);
    }
    if text.chars().any(char::is_control) {
        return Err(UnreadableCommonName::ControlCharacter);
    }
    Ok(text.to_owned())
}
