//! Parses a distinguished name as an operator writes it (RFC 4514).

use std::iter::Peekable;
use std::str::{CharIndices, FromStr};

use x509_parser::der_parser::asn1_rs::{Any, FromDer as _};

use super::der;
use super::distinguished_name::{Attribute, AttributeValue, DistinguishedName, SHORT_NAMES};
use crate::escape::Escaped;
use crate::hex::bytes_of_hex;

/// Additional names of attribute types in common use.
const ALIASES: &[(&str, &str)] = &[
    ("2.5.4.9", "streetAddress"),
    ("2.5.4.97", "organizationIdentifier"),
    ("1.2.840.113549.1.9.1", "E"),
    ("1.3.6.1.4.1.311.60.2.1.3", "jurisdictionCountryName"),
];

/// Why a text is not a distinguished name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{what}, at character {at}")]
pub struct NameFault {
    /// The character that cannot be read, from 1.
    pub at: usize,
    /// A description of the fault.
    pub what: String,
}

impl FromStr for DistinguishedName {
    type Err = NameFault;

    /// Spaces around `,`, `+` and `=` are ignored; significant spaces must be escaped.
    fn from_str(text: &str) -> Result<Self, NameFault> {
        let mut reader = Reader { text, rest: text.char_indices().peekable() };
        let mut rdns = vec![vec![reader.attribute()?]];
        while let Some(separator) = reader.next() {
            let attribute = reader.attribute()?;
            match rdns.last_mut() {
                Some(last) if separator == '+' => last.push(attribute),
                Some(_) | None => rdns.push(vec![attribute]),
            }
        }
        Ok(Self::from_rdns(rdns))
    }
}

struct Reader<'a> {
    text: &'a str,
    rest: Peekable<CharIndices<'a>>,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        self.rest.next().map(|(_, c)| c)
    }

    fn peek(&mut self) -> Option<char> {
        self.rest.peek().map(|(_, c)| *c)
    }

    fn skip_blanks(&mut self) {
        while self.peek() == Some(' ') {
            self.next();
        }
    }

    fn fault<T>(&mut self, what: impl Into<String>) -> Result<T, NameFault> {
        let byte = self.rest.peek().map_or(self.text.len(), |(byte, _)| *byte);
        Err(NameFault { at: self.text[..byte].chars().count() + 1, what: what.into() })
    }

    fn attribute(&mut self) -> Result<Attribute, NameFault> {
        self.skip_blanks();
        let mut kind = String::new();
        while let Some(c) = self.peek().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-')) {
            kind.push(c);
            self.next();
        }
        self.skip_blanks();
        if kind.is_empty() || self.peek() != Some('=') {
            return self.fault("a type and `=` are expected, as in `CN=`");
        }
        let Some(oid) = oid(&kind) else {
            return self.fault(format!("`{kind}` is not a known type; write its number, as in `2.5.4.97=`"));
        };
        self.next();
        self.skip_blanks();
        let value = if self.peek() == Some('#') { self.hex()? } else { self.text()? };
        Ok(Attribute { oid, value })
    }

    fn hex(&mut self) -> Result<AttributeValue, NameFault> {
        self.next();
        let mut digits = String::new();
        while let Some(c) = self.peek().filter(|c| !matches!(c, ',' | '+')) {
            digits.push(c);
            self.next();
        }
        let Some(der) = bytes_of_hex(digits.trim_end_matches(' ')) else {
            return self.fault("`#` must be followed by an even number of hex digits");
        };
        let is_valid = der::one(&der).is_some_and(der::DerValue::is_attribute_value);
        match Any::from_der(&der) {
            Ok((_, any)) if is_valid => Ok(AttributeValue::of(&any)),
            Ok(_) | Err(_) => self.fault("the hex digits are not one value in DER, as a name contains it"),
        }
    }

    fn text(&mut self) -> Result<AttributeValue, NameFault> {
        let mut bytes = Vec::new();
        // Spaces at the end are ignored unless they are escaped.
        let mut length = 0;
        let mut utf8 = [0; 4];
        while let Some(c) = self.peek().filter(|c| !matches!(c, ',' | '+')) {
            match c {
                '\\' => {
                    self.next();
                    self.escape(&mut bytes)?;
                    length = bytes.len();
                    continue;
                }
                '"' | ';' | '<' | '>' | '\0' => {
                    return self
                        .fault(format!("`{}` must be escaped with a backslash", Escaped(&c.to_string())));
                }
                c => bytes.extend_from_slice(c.encode_utf8(&mut utf8).as_bytes()),
            }
            self.next();
            if c != ' ' {
                length = bytes.len();
            }
        }
        bytes.truncate(length);
        match String::from_utf8(bytes) {
            Ok(text) => Ok(AttributeValue::Text(text)),
            Err(_) => self.fault("the escaped bytes before this are not UTF-8"),
        }
    }

    /// Parses the text after a backslash: a special character, or two hex digits.
    fn escape(&mut self, bytes: &mut Vec<u8>) -> Result<(), NameFault> {
        match self.peek() {
            Some(c) if matches!(c, '"' | '+' | ',' | ';' | '<' | '>' | '\\' | ' ' | '#' | '=') => {
                bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                self.next();
                Ok(())
            }
            Some(high) if high.is_ascii_hexdigit() => {
                self.next();
                let low = self.peek().unwrap_or(' ');
                let Some(byte) = bytes_of_hex(&format!("{high}{low}")) else {
                    return self.fault("two hex digits are expected after a backslash");
                };
                bytes.extend_from_slice(&byte);
                self.next();
                Ok(())
            }
            Some(_) | None => {
                self.fault("a backslash must be followed by a special character or two hex digits")
            }
        }
    }
}

fn oid(kind: &str) -> Option<String> {
    let is_number = kind.split('.').all(|arc| !arc.is_empty() && arc.bytes().all(|c| c.is_ascii_digit()));
    if is_number && kind.contains('.') {
        return Some(kind.to_owned());
    }
    let known = SHORT_NAMES.iter().chain(ALIASES).find(|(_, name)| name.eq_ignore_ascii_case(kind));
    known.map(|(oid, _)| (*oid).to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> DistinguishedName {
        text.parse().expect("a name")
    }

    #[test]
    fn names_are_compared_by_type_and_decoded_value_in_order() {
        assert_eq!(name("CN=a,O=b"), name("cn = a , o=b "));
        assert_eq!(name("CN=a,O=b"), name("2.5.4.3=a,2.5.4.10=b"));
        assert_eq!(name("CN=a"), name("CN=#0c0161"), "a UTF8String in hex");
        assert_eq!(name("CN=a"), name("CN=#130161"), "a PrintableString in hex");
        assert_eq!(name("CN=a+UID=1"), name("UID=1+CN=a"), "a relative name is a set");
        assert_eq!(name("CN=a\\2cb"), name("CN=a\\,b"));
        assert_eq!(name("2.5.4.97=VATBR-1"), name("organizationIdentifier=VATBR-1"));
        for (one, other) in [
            ("CN=a,O=b", "O=b,CN=a"),
            ("CN=a", "CN=A"),
            ("CN=a", "CN=a\\ "),
            ("CN=a", "O=a"),
            ("CN=a", "CN=a,O=b"),
            ("CN=a,CN=b", "CN=a+CN=b"),
            ("CN=a", "CN=#1e020061"),
        ] {
            assert_ne!(name(one), name(other), "{one} {other}");
        }
    }

    #[test]
    fn what_is_no_name_is_said_with_its_place() {
        for (text, at) in [
            ("", 1),
            ("CN", 3),
            ("=a", 1),
            ("CN=a,", 6),
            ("XX=a", 3),
            ("CN=a;O=b", 5),
            ("CN=\"a\"", 4),
            ("CN=a\\", 6),
            ("CN=a\\x", 6),
            ("CN=a\\4", 7),
            ("CN=\\ff", 7),
            ("CN=#0c", 7),
            ("CN=#0", 6),
            ("CN=#8c0161", 11),
            ("CN=#2c0161", 11),
            ("é=a", 1),
        ] {
            assert_eq!(text.parse::<DistinguishedName>().map_err(|fault| fault.at), Err(at), "{text}");
        }
    }

    #[test]
    fn a_name_reads_back_what_it_writes() {
        for text in [
            "CN=a",
            "CN=\\ a\\ ",
            "CN=\\#a",
            "CN=a\\00b",
            "2.5.4.97=#0c0141",
            "CN=#1e020061",
            "CN=",
            "CN=a\\\\",
        ] {
            assert_eq!(name(text).as_str(), text);
        }
    }

    proptest! {
        #[test]
        fn any_text_can_be_written_and_read(values in prop::collection::vec((0..SHORT_NAMES.len(), any::<String>()), 1..4)) {
            let rdns = values
                .into_iter()
                .map(|(kind, text)| vec![Attribute { oid: SHORT_NAMES[kind].0.to_owned(), value: AttributeValue::Text(text) }])
                .collect();
            let written = DistinguishedName::from_rdns(rdns);
            prop_assert_eq!(written.as_str().parse::<DistinguishedName>(), Ok(written));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[CNO=,+#\\\\ \"a0f;é]{0,24}") {
            let _ = text.parse::<DistinguishedName>();
        }
    }
}
