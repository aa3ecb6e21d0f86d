//! A secret in the query of an endpoint's URL.
//!
//! A bank uses one certificate for all its customers, so another customer could register our address with the bank.
//! A secret that only the bank has received distinguishes our deliveries from those of other customers.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;

use crate::escape::CodePoint;

/// The text that an envelope contains instead of a secret.
pub const REDACTED: &str = "***";

/// A parameter of the query and its required value. The value is never logged.
#[derive(Clone, Eq, PartialEq)]
pub struct QuerySecret {
    name: String,
    value: String,
}

/// Why a text cannot be a secret in a URL.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SecretFault {
    /// An empty value would be no secret.
    #[error("it is empty")]
    Empty,
    /// The value is longer than [`SECRET_BYTES_MAX`].
    #[error("it is longer than {SECRET_BYTES_MAX} characters")]
    Long,
    /// The value contains a character that must be percent-encoded in a query. Only this character is shown.
    #[error("it contains {c} at {at}; letters, digits and -._~:@/?!$'()*+,;= are allowed")]
    Character {
        /// The first such character in the value.
        c: CodePoint,
        /// The position of the character.
        at: CharacterAt,
    },
    /// Some editors and PowerShell write files in this encoding.
    #[error("it is UTF-16 text; it must be UTF-8 and contain only ASCII characters")]
    Utf16,
    /// The file is not valid UTF-8.
    #[error("it is not UTF-8 text")]
    NotText,
}

/// The position of a character in a secret.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CharacterAt {
    /// The position in characters, from 1.
    #[error("character {0}")]
    Number(usize),
    /// It is the last character.
    #[error("the end")]
    End,
}

/// The length, in bytes, below which a secret could be guessed.
const SAFE_SECRET_BYTES_MIN: usize = 12;
/// The longest secret, in bytes.
pub const SECRET_BYTES_MAX: usize = 512;

impl QuerySecret {
    /// Creates a secret from the name of the parameter and its value.
    ///
    /// # Errors
    /// If the value is empty, too long, or must be percent-encoded in a query (RFC 3986, section 3.4).
    pub fn new(name: &str, value: &str) -> Result<Self, SecretFault> {
        if value.is_empty() {
            return Err(SecretFault::Empty);
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || "-._~:@/?!$'()*+,;=".contains(c);
        if let Some((index, c)) = value.chars().enumerate().find(|(_, c)| !fits(*c)) {
            let is_last = index > 0 && value.chars().nth(index + 1).is_none();
            let at = if is_last { CharacterAt::End } else { CharacterAt::Number(index + 1) };
            return Err(SecretFault::Character { c: CodePoint(c), at });
        }
        if value.len() > SECRET_BYTES_MAX {
            return Err(SecretFault::Long);
        }
        Ok(Self { name: name.to_owned(), value: value.to_owned() })
    }

    /// Creates a secret from the contents of a file. Trailing line feeds and carriage returns are removed.
    ///
    /// # Errors
    /// As [`QuerySecret::new`], and if the contents are not UTF-8 text.
    pub fn from_file(name: &str, contents: &[u8]) -> Result<Self, SecretFault> {
        if matches!(contents, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [0, _, ..] | [_, 0, ..]) {
            return Err(SecretFault::Utf16);
        }
        let text = str::from_utf8(contents).map_err(|_| SecretFault::NotText)?;
        Self::new(name, text.trim_end_matches(['\n', '\r']))
    }

    /// Whether the secret consists of unreserved characters (RFC 3986, section 2.3), which no library percent-encodes.
    pub fn is_unreserved(&self) -> bool {
        self.value.bytes().all(|c| c.is_ascii_alphanumeric() || b"-._~".contains(&c))
    }

    /// Whether the secret is too long to be guessed.
    pub fn is_long(&self) -> bool {
        self.value.len() >= SAFE_SECRET_BYTES_MIN
    }

    /// The name of the parameter.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a query contains the secret. The duration depends on the query, not on the characters of the secret.
    /// Banks append the suffix of an event to the registered URL, so one of `suffixes` may follow at the end.
    pub fn is_in(&self, query: Option<&str>, suffixes: &[String]) -> bool {
        let Some(query) = query else { return false };
        let last = query.rsplit('&').next().unwrap_or(query);
        let whole = query.split('&').filter_map(|parameter| self.value_of(parameter));
        let cut = suffixes.iter().filter_map(|suffix| self.value_of(last)?.strip_suffix(suffix.as_str()));
        // All values are compared, so that the position of a match cannot be measured.
        whole.chain(cut).fold(false, |found, value| self.is(value) | found)
    }

    fn value_of<'q>(&self, parameter: &'q str) -> Option<&'q str> {
        parameter.split_once('=').filter(|(name, _)| *name == self.name).map(|(_, value)| value)
    }

    fn is(&self, value: &str) -> bool {
        verify_slices_are_equal(value.as_bytes(), self.value.as_bytes()).is_ok()
    }

    /// A query with the secret redacted.
    pub fn redact_query(&self, query: &str) -> String {
        let redacted =
            |parameter: &str| match self.value_of(parameter).and_then(|it| it.strip_prefix(&*self.value)) {
                Some(rest) => format!("{}={REDACTED}{}", self.name, self.redact(rest)),
                None => self.redact(parameter),
            };
        query.split('&').map(redacted).collect::<Vec<_>>().join("&")
    }

    /// A text with the secret redacted. A short secret is not redacted, because it may occur by chance, and the
    /// envelope must not lose data.
    pub fn redact(&self, text: &str) -> String {
        if self.is_long() { text.replace(&self.value, REDACTED) } else { text.to_owned() }
    }
}

impl fmt::Debug for QuerySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QuerySecret").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_found_in_a_query() {
        let secret = QuerySecret::new("hmac", "s3cret/+=x").expect("a secret");
        let suffixes = ["/pix".to_owned()];
        let is_in = |query: &str| secret.is_in(Some(query), &suffixes);
        for good in [
            "hmac=s3cret/+=x",
            "a=b&hmac=s3cret/+=x&ignorar=/pix",
            "hmac=s3cret/+=x/pix",
            "hmac=no&hmac=s3cret/+=x",
        ] {
            assert!(is_in(good), "{good}");
        }
        for bad in [
            "",
            "hmac",
            "hmac=",
            "hmac=s3cret/+=",
            "hmac=s3cret/+=xx",
            "HMAC=s3cret/+=x",
            "xhmac=s3cret/+=x",
            "hmac=s3cret/+=x/rec",
            "hmac=s3cret/+=x/pix&a=b",
            "hmac=s3cret%2F+=x",
            "s3cret/+=x",
        ] {
            assert!(!is_in(bad), "{bad}");
        }
        assert!(!secret.is_in(None, &suffixes));
    }

    #[test]
    fn the_secret_is_redacted_and_not_in_the_debug_output() {
        let short = QuerySecret::new("hmac", "a").expect("a secret");
        assert_eq!(short.redact_query("a=a&hmac=a/pix"), "a=a&hmac=***/pix");
        let secret = QuerySecret::new("hmac", "s3cret-s3cret").expect("a secret");
        assert_eq!(secret.redact_query("hmac=s3cret-s3cret/pix&a=s3cret-s3cret"), "hmac=***/pix&a=***");
        assert_eq!(secret.redact_query("hmac=s3cret-s3crets3cret-s3cret"), "hmac=******");
        assert!(!format!("{secret:?}").contains("s3cret"));
    }

    #[test]
    fn a_value_that_a_query_cannot_contain_is_rejected() {
        assert_eq!(QuerySecret::new("a", "").err(), Some(SecretFault::Empty));
        assert_eq!(QuerySecret::new("a", &"x".repeat(600)).err(), Some(SecretFault::Long));
        for (bad, expected) in [
            ("\u{feff}s3cret", "it contains U+FEFF (byte order mark) at character 1; "),
            ("s3cret ", "it contains U+0020 (space) at the end; "),
            ("s3 cret&", "it contains U+0020 (space) at character 3; "),
            ("s3cret&and", "it contains U+0026 at character 7; "),
            ("s3cret#", "it contains U+0023 at the end; "),
            ("s3%25cret", "it contains U+0025 at character 3; "),
            ("s3cr\u{e9}t", "it contains U+00E9 at character 5; "),
            ("\ns3cret", "it contains U+000A (line feed) at character 1; "),
        ] {
            let fault = QuerySecret::new("a", bad).expect_err(expected).to_string();
            assert!(fault.starts_with(expected) && !fault.contains("s3") && !fault.contains("cr"), "{fault}");
        }
        let file = |bytes: &[u8]| QuerySecret::from_file("a", bytes).map(|secret| secret.value);
        for utf16 in [&b"\xff\xfes\0"[..], b"\xfe\xff\0s", b"s\x003\0", b"\0s\x003"] {
            assert_eq!(file(utf16), Err(SecretFault::Utf16), "{utf16:?}");
        }
        assert_eq!(file(b"s3\xff"), Err(SecretFault::NotText));
        assert_eq!(file(b"s3cret\r\n\n"), Ok("s3cret".to_owned()));
    }

    #[test]
    fn reserved_characters_are_not_unreserved() {
        let is_unreserved = |value| QuerySecret::new("a", value).expect("a secret").is_unreserved();
        assert!(is_unreserved("5f0c9f3a-._~Z"));
        for reserved in ["a+b", "a/b", "a=", "a:b", "a'b", "a!b", "a@b", "a$b"] {
            assert!(!is_unreserved(reserved), "{reserved}");
        }
    }
}
