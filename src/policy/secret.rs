//! A secret that the URL of an endpoint has to carry.
//!
//! A bank's one certificate serves all its customers, so anybody who is one can point the bank at
//! our address. What only the bank was told tells its calls for us from its calls for them.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;

use crate::escape::CodePoint;

/// What an envelope contains instead of a secret.
pub const STRUCK_OUT: &str = "***";

/// A parameter of the query and the value it has to have. Never printed.
#[derive(Clone, Eq, PartialEq)]
pub struct QuerySecret {
    name: String,
    value: String,
}

/// Why a text cannot be a secret in a URL.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SecretFault {
    /// There is nothing to be known.
    #[error("it is empty")]
    Empty,
    /// More than a URL should carry.
    #[error("it is longer than {SECRET_BYTES_MAX} characters")]
    Long,
    /// It contains a character that a URL carries only in another form, so senders might write it differently.
    /// Nothing but this character is shown.
    #[error("it contains {c} at {at}; letters, digits and -._~:@/?!$'()*+,;= are allowed")]
    Character {
        /// The first such character.
        c: CodePoint,
        /// Where it is.
        at: CharacterAt,
    },
    /// Every other byte is a null, as in the files of some editors and of PowerShell.
    #[error("it is UTF-16 text; it must be UTF-8, and of ASCII characters only")]
    Utf16,
    /// Some bytes are not characters.
    #[error("it is not UTF-8 text")]
    NotText,
}

/// Where a character is in a secret.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CharacterAt {
    /// Counted in characters, from 1.
    #[error("character {0}")]
    Number(usize),
    /// It is the last one.
    #[error("the end")]
    End,
}

/// Whatever is shorter could be guessed, in bytes.
const SECRET_BYTES_SAFE: usize = 12;
/// The longest secret, in bytes.
pub const SECRET_BYTES_MAX: usize = 512;

impl QuerySecret {
    /// A parameter that has to have a value.
    ///
    /// # Errors
    /// When the value cannot be carried by a URL as it is (RFC 3986, 3.4).
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

    /// As [`QuerySecret::new`], for the contents of a file. The line ending that editors leave is removed.
    ///
    /// # Errors
    /// As [`QuerySecret::new`], and when the contents are not UTF-8 text.
    pub fn from_file(name: &str, contents: &[u8]) -> Result<Self, SecretFault> {
        if matches!(contents, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [0, _, ..] | [_, 0, ..]) {
            return Err(SecretFault::Utf16);
        }
        let text = str::from_utf8(contents).map_err(|_| SecretFault::NotText)?;
        Self::new(name, text.trim_end_matches(['\n', '\r']))
    }

    /// Whether no library writes the secret in another form: it consists of characters that are never
    /// percent-encoded (RFC 3986, section 2.3).
    pub fn is_written_in_one_way(&self) -> bool {
        self.value.bytes().all(|c| c.is_ascii_alphanumeric() || b"-._~".contains(&c))
    }

    /// Whether it is long enough not to be guessed.
    pub fn is_long(&self) -> bool {
        self.value.len() >= SECRET_BYTES_SAFE
    }

    /// The parameter's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a query carries the secret. How long it takes depends on the query, not on the
    /// secret's characters. Banks append the suffix of an event to the registered URL, so one of
    /// `suffixes` may follow at the very end.
    pub fn is_in(&self, query: Option<&str>, suffixes: &[String]) -> bool {
        let Some(query) = query else { return false };
        let last = query.rsplit('&').next().unwrap_or(query);
        let whole = query.split('&').filter_map(|parameter| self.value_of(parameter));
        let cut = suffixes.iter().filter_map(|suffix| self.value_of(last)?.strip_suffix(suffix.as_str()));
        // All are compared, so that not even the place of a match can be measured.
        whole.chain(cut).fold(false, |found, value| self.is(value) | found)
    }

    fn value_of<'q>(&self, parameter: &'q str) -> Option<&'q str> {
        parameter.split_once('=').filter(|(name, _)| *name == self.name).map(|(_, value)| value)
    }

    fn is(&self, value: &str) -> bool {
        verify_slices_are_equal(value.as_bytes(), self.value.as_bytes()).is_ok()
    }

    /// A query without the secret.
    pub fn strike_from_query(&self, query: &str) -> String {
        let struck =
            |parameter: &str| match self.value_of(parameter).and_then(|it| it.strip_prefix(&*self.value)) {
                Some(behind) => format!("{}={STRUCK_OUT}{behind}", self.name),
                None => self.strike_from(parameter),
            };
        query.split('&').map(struck).collect::<Vec<_>>().join("&")
    }

    /// Any text without the secret. A short one is as likely to stand there by chance, and nothing
    /// of a delivery shall be lost.
    pub fn strike_from(&self, text: &str) -> String {
        if self.is_long() { text.replace(&self.value, STRUCK_OUT) } else { text.to_owned() }
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
    fn a_query_carries_it_or_does_not() {
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
    fn it_is_struck_out_and_never_printed() {
        let short = QuerySecret::new("hmac", "a").expect("a secret");
        assert_eq!(short.strike_from_query("a=a&hmac=a/pix"), "a=a&hmac=***/pix");
        let secret = QuerySecret::new("hmac", "s3cret-s3cret").expect("a secret");
        assert_eq!(secret.strike_from_query("hmac=s3cret-s3cret/pix&a=s3cret-s3cret"), "hmac=***/pix&a=***");
        assert!(!format!("{secret:?}").contains("s3cret"));
    }

    #[test]
    fn what_a_url_cannot_carry_is_no_secret() {
        assert_eq!(QuerySecret::new("a", "").err(), Some(SecretFault::Empty));
        assert_eq!(QuerySecret::new("a", &"x".repeat(600)).err(), Some(SecretFault::Long));
        for (bad, said) in [
            ("\u{feff}s3cret", "it contains U+FEFF (byte order mark) at character 1; "),
            ("s3cret ", "it contains U+0020 (space) at the end; "),
            ("s3 cret&", "it contains U+0020 (space) at character 3; "),
            ("s3cret&and", "it contains U+0026 at character 7; "),
            ("s3cret#", "it contains U+0023 at the end; "),
            ("s3%25cret", "it contains U+0025 at character 3; "),
            ("s3cr\u{e9}t", "it contains U+00E9 at character 5; "),
            ("\ns3cret", "it contains U+000A (line feed) at character 1; "),
        ] {
            let fault = QuerySecret::new("a", bad).expect_err(said).to_string();
            assert!(fault.starts_with(said) && !fault.contains("s3") && !fault.contains("cr"), "{fault}");
        }
        let file = |bytes: &[u8]| QuerySecret::from_file("a", bytes).map(|secret| secret.value);
        for utf16 in [&b"\xff\xfes\0"[..], b"\xfe\xff\0s", b"s\x003\0", b"\0s\x003"] {
            assert_eq!(file(utf16), Err(SecretFault::Utf16), "{utf16:?}");
        }
        assert_eq!(file(b"s3\xff"), Err(SecretFault::NotText));
        assert_eq!(file(b"s3cret\r\n\n"), Ok("s3cret".to_owned()));
    }

    #[test]
    fn what_libraries_percent_encode_can_be_written_in_two_ways() {
        let is = |value| QuerySecret::new("a", value).expect("a secret").is_written_in_one_way();
        assert!(is("5f0c9f3a-._~Z"));
        for twofold in ["a+b", "a/b", "a=", "a:b", "a'b", "a!b", "a@b", "a$b"] {
            assert!(!is(twofold), "{twofold}");
        }
    }
}
