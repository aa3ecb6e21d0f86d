//! The names of senders and endpoints.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The longest name, in bytes.
const NAME_BYTES_MAX: usize = 63;

/// Directories of the spool that an endpoint's directory must not replace.
const RESERVED: &[&str] = &["tmp", "corrupt"];

/// A name that is safe in a file name, a metric label and a log line: `[a-z0-9][a-z0-9_-]{0,62}`.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Name(Arc<str>);

/// Why a text is not a [`Name`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NameError {
    /// It contains other characters, or too many.
    #[error("`{0}` is not a name: 1 to 63 of a-z, 0-9, `_` and `-`, starting with a letter or digit")]
    Form(String),
    /// The spool uses this name for a directory.
    #[error("`{0}` is reserved: the spool has a directory of that name")]
    Reserved(String),
}

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let is_start_valid = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        let is_valid = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_' || c == b'-';
        if !is_start_valid || text.len() > NAME_BYTES_MAX || !text.bytes().all(is_valid) {
            return Err(NameError::Form(text.to_owned()));
        }
        if RESERVED.contains(&text) {
            return Err(NameError::Reserved(text.to_owned()));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_as_file_names_and_labels() {
        for good in ["efi", "0", "banco-do-brasil_2", &"a".repeat(63)] {
            assert!(good.parse::<Name>().is_ok(), "{good}");
        }
        for bad in ["", "-efi", "_efi", "Efi", "a/b", "..", "a b", "ação", &"a".repeat(64)] {
            assert!(matches!(bad.parse::<Name>(), Err(NameError::Form(_))), "{bad}");
        }
        for reserved in ["tmp", "corrupt"] {
            assert!(matches!(reserved.parse::<Name>(), Err(NameError::Reserved(_))));
        }
    }
}
