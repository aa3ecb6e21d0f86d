//! Distinguished names: their contents and their notation (RFC 4514).

use std::fmt::{self, Write as _};

use x509_parser::der_parser::asn1_rs::{Any, Class, Tag};

use super::relative_names::RawAttribute;
use crate::hex::Hex;

/// A distinguished name: relative names in the order of RFC 4514 notation, the most
/// specific first.
///
/// Two names are equal when their attributes have the same types and the same decoded values, in
/// the same order of relative names. Nothing is folded, trimmed or otherwise prepared.
#[derive(Clone, Eq, PartialEq)]
pub struct DistinguishedName {
    text: String,
    rdns: Vec<Rdn>,
}

/// A relative name: a set, kept sorted.
pub(super) type Rdn = Vec<Attribute>;

#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Attribute {
    /// The type, in dotted decimal.
    pub(super) oid: String,
    pub(super) value: AttributeValue,
}

#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum AttributeValue {
    /// Text, regardless of its string type.
    Text(String),
    /// Any other value, as its complete DER.
    Der(Vec<u8>),
}

/// Attribute types with a registered short name (RFC 4519, and RFC 2985 for emailAddress).
pub(super) const SHORT_NAMES: &[(&str, &str)] = &[
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "street"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "title"),
    ("2.5.4.15", "businessCategory"),
    ("2.5.4.42", "givenName"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
];

impl DistinguishedName {
    /// The name in RFC 4514 notation. Parsing that text returns an equal name.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The values of every attribute of this type (dotted decimal) that are text.
    pub fn texts(&self, oid: &str) -> impl Iterator<Item = &str> {
        self.values(oid).flatten()
    }

    /// The value of every attribute of this type (dotted decimal); `None` for one that is not text.
    pub fn values(&self, oid: &str) -> impl Iterator<Item = Option<&str>> {
        self.rdns.iter().flatten().filter(move |attribute| attribute.oid == oid).map(|attribute| {
            match &attribute.value {
                AttributeValue::Text(text) => Some(text.as_str()),
                AttributeValue::Der(_) => None,
            }
        })
    }

    pub(super) fn of(rdns: &[Vec<RawAttribute<'_>>]) -> Self {
        let attribute = |(oid, value): &RawAttribute<'_>| Attribute {
            oid: oid.clone(),
            value: AttributeValue::of(value),
        };
        Self::from_rdns(rdns.iter().rev().map(|rdn| rdn.iter().map(attribute).collect()).collect())
    }

    pub(super) fn from_rdns(mut rdns: Vec<Rdn>) -> Self {
        for rdn in &mut rdns {
            rdn.sort();
        }
        let rdn = |rdn: &Rdn| rdn.iter().map(ToString::to_string).collect::<Vec<_>>().join("+");
        let text = rdns.iter().map(rdn).collect::<Vec<_>>().join(",");
        Self { text, rdns }
    }
}

impl fmt::Display for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl AttributeValue {
    pub(super) fn of(value: &Any<'_>) -> Self {
        readable(value).map_or_else(|| Self::Der(der(value)), |text| Self::Text(text.to_owned()))
    }
}

fn readable<'a>(value: &Any<'a>) -> Option<&'a str> {
    let text = str::from_utf8(value.data).ok()?;
    match value.tag() {
        Tag::Utf8String => Some(text),
        Tag::PrintableString | Tag::Ia5String | Tag::NumericString => text.is_ascii().then_some(text),
        _ => None,
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = SHORT_NAMES.iter().find(|(oid, _)| *oid == self.oid).map(|(_, short)| *short);
        write!(f, "{}=", short.unwrap_or(&self.oid))?;
        match (short, &self.value) {
            (Some(_), AttributeValue::Text(text)) => write_text(f, text),
            // RFC 4514, 2.4: without a short name, or without text, the encoded value in hex.
            (None, AttributeValue::Text(text)) => write!(f, "#{}", Hex(&utf8_string(text))),
            (_, AttributeValue::Der(der)) => write!(f, "#{}", Hex(der)),
        }
    }
}

fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let last = text.chars().count().saturating_sub(1);
    for (i, c) in text.chars().enumerate() {
        match c {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => write!(f, "\\{c}")?,
            ' ' if i == 0 || i == last => f.write_str("\\ ")?,
            '#' if i == 0 => f.write_str("\\#")?,
            c if c.is_control() => {
                let mut utf8 = [0; 4];
                c.encode_utf8(&mut utf8).bytes().try_for_each(|byte| write!(f, "\\{byte:02x}"))?;
            }
            c => f.write_char(c)?,
        }
    }
    Ok(())
}

/// The text of an attribute without a short name, regardless of its string type.
fn utf8_string(text: &str) -> Vec<u8> {
    tag_length_value(0x0c, text.as_bytes())
}

fn der(value: &Any<'_>) -> Vec<u8> {
    let constructed = if value.header.is_constructed() { 0x20 } else { 0 };
    // Tags above 30 take more than a byte; no string type has one.
    let tag = u8::try_from(value.tag().0).unwrap_or(0x1f).min(0x1f);
    let class = match value.class() {
        Class::Universal => 0,
        Class::Application => 0x40,
        Class::ContextSpecific => 0x80,
        Class::Private => 0xc0,
    };
    tag_length_value(class | constructed | tag, value.data)
}

fn tag_length_value(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant = &length[length.iter().position(|byte| *byte != 0).unwrap_or(length.len() - 1)..];
    let mut out = vec![tag];
    match (significant.len(), significant[0]) {
        (1, short) if short < 0x80 => out.push(short),
        (count, _) => {
            out.push(0x80 | u8::try_from(count).unwrap_or(8));
            out.extend_from_slice(significant);
        }
    }
    out.extend_from_slice(content);
    out
}
