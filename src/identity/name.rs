//! Distinguished names: as text (RFC 4514), and the one common name that a rule may ask for.

use std::fmt::Write as _;

use x509_parser::der_parser::asn1_rs::{Any, Tag};
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use super::fingerprint::Hex;

/// What a subject says under commonName (2.5.4.3).
///
/// A rule by CN holds only for [`CommonName::One`]: with two names it would matter which one is
/// read, and software that reads the other one would see another sender.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CommonName {
    /// The subject has none.
    None,
    /// Exactly one, decoded.
    One(String),
    /// More than one, whether in one RDN or in several.
    Several(usize),
    /// One, which is not text that can be compared.
    Unreadable(UnreadableCommonName),
}

/// Why a common name is not compared at all.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UnreadableCommonName {
    /// It holds NUL or another control character, which other software may cut at.
    #[error("the common name holds a control character")]
    ControlCharacter,
    /// It is not a UTF8String or a PrintableString, the two that RFC 5280 (4.1.2.4) tells issuers
    /// to use; this includes IA5String.
    #[error("the common name is not encoded as UTF8String or PrintableString")]
    Encoding,
}

impl CommonName {
    /// The name, where there is exactly one that can be read.
    pub fn one(&self) -> Option<&str> {
        match self {
            Self::One(name) => Some(name),
            Self::None | Self::Several(_) | Self::Unreadable(_) => None,
        }
    }

    pub(super) fn of(name: &X509Name<'_>) -> Self {
        let mut all = name.iter_common_name();
        match (all.next(), all.count()) {
            (None, _) => Self::None,
            (Some(only), 0) => match read_common_name(only.attr_value()) {
                Ok(text) => Self::One(text),
                Err(why) => Self::Unreadable(why),
            },
            (Some(_), more) => Self::Several(more + 1),
        }
    }
}

fn read_common_name(value: &Any<'_>) -> Result<String, UnreadableCommonName> {
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

/// Attribute types with a registered short name (RFC 4519, and RFC 2985 for emailAddress).
const SHORT_NAMES: &[(&str, &str)] = &[
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

/// The name as RFC 4514 writes it: most specific first, foreign characters escaped.
pub(super) fn rfc4514(name: &X509Name<'_>) -> String {
    let rdns: Vec<_> = name.iter_rdn().collect();
    let mut out = String::new();
    for (i, rdn) in rdns.iter().rev().enumerate() {
        for (j, attribute) in rdn.iter().enumerate() {
            match (i, j) {
                (0, 0) => {}
                (_, 0) => out.push(','),
                (_, _) => out.push('+'),
            }
            write_attribute(&mut out, attribute);
        }
    }
    out
}

fn write_attribute(out: &mut String, attribute: &AttributeTypeAndValue<'_>) {
    let oid = attribute.attr_type().to_id_string();
    let short = SHORT_NAMES.iter().find(|(id, _)| *id == oid).map(|(_, short)| *short);
    out.push_str(short.unwrap_or(&oid));
    out.push('=');
    match (short, readable(attribute.attr_value())) {
        (Some(_), Some(text)) => write_value(out, text),
        // RFC 4514, 2.4: without a short name, or without text, the BER of the value in hex.
        (None, _) | (_, None) => write_ber(out, attribute.attr_value()),
    }
}

fn readable<'a>(value: &Any<'a>) -> Option<&'a str> {
    match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::NumericString => {
            str::from_utf8(value.data).ok()
        }
        _ => None,
    }
}

fn write_value(out: &mut String, text: &str) {
    let last = text.chars().count().saturating_sub(1);
    for (i, c) in text.chars().enumerate() {
        match c {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => out.extend(['\\', c]),
            ' ' if i == 0 || i == last => out.push_str("\\ "),
            '#' if i == 0 => out.push_str("\\#"),
            c if c.is_control() => {
                let mut utf8 = [0; 4];
                for byte in c.encode_utf8(&mut utf8).bytes() {
                    let _ = write!(out, "\\{byte:02x}");
                }
            }
            c => out.push(c),
        }
    }
}

fn write_ber(out: &mut String, value: &Any<'_>) {
    let length = value.data.len();
    let tag = u8::try_from(value.tag().0).unwrap_or(0x1f);
    let _ = write!(out, "#{tag:02x}");
    let _ = match length {
        0..=0x7f => write!(out, "{length:02x}"),
        0x80..=0xff => write!(out, "81{length:02x}"),
        0x100..=0xffff => write!(out, "82{length:04x}"),
        _ => write!(out, "84{length:08x}"),
    };
    let _ = write!(out, "{}", Hex(value.data));
}
