//! A secret that the URL of an endpoint has to carry.
//!
//! A bank's one certificate serves all its customers, so anybody who is one can point the bank at
//! our address. What only the bank was told tells its calls for us from its calls for them.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;

/// What stands in the place of a secret in an envelope.
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
    /// It holds what a URL carries only in another form, so senders might write it differently.
    #[error("it holds a character other than letters, digits and -._~:@/?!$'()*+,;=")]
    Characters,
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
        let fits = |c: u8| c.is_ascii_alphanumeric() || b"-._~:@/?!$'()*+,;=".contains(&c);
        match value.len() {
            0 => Err(SecretFault::Empty),
            1..=SECRET_BYTES_MAX if value.bytes().all(fits) => {
                Ok(Self { name: name.to_owned(), value: value.to_owned() })
            }
            1..=SECRET_BYTES_MAX => Err(SecretFault::Characters),
            _ => Err(SecretFault::Long),
        }
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
        for bad in ["with blank", "with&and", "with#hash", "with%25", "with\"quote", "withé-é"] {
            assert_eq!(QuerySecret::new("a", bad).err(), Some(SecretFault::Characters), "{bad}");
        }
    }
}
