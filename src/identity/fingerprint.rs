//! Digests that identify a certificate or its key, and serial numbers: bytes that are shown in hex.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};

use crate::hex::{Hex, bytes_of_hex};

/// The SHA-256 of a certificate's complete DER. It identifies exactly that certificate.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Fingerprint([u8; 32]);

/// The SHA-256 of a certificate's SubjectPublicKeyInfo. It identifies the key, and is unchanged by a renewal that
/// keeps it (RFC 7469, section 2.4).
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SpkiPin([u8; 32]);

/// A serial number (RFC 5280, 4.1.2.2) without redundant bytes, so that equal numbers are equal however they are
/// encoded, and without the zero byte that only indicates the sign, which some CAs omit.
#[derive(Clone, Eq, Ord, PartialEq, PartialOrd)]
pub struct Serial(Vec<u8>);

/// The text is not a SHA-256 digest.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a SHA-256 digest is 64 hex digits, with or without colons")]
pub struct NotADigest;

impl Fingerprint {
    /// The fingerprint of a certificate in DER.
    pub fn of_certificate(der: &[u8]) -> Self {
        Self(sha256(der))
    }
}

impl SpkiPin {
    /// The pin of a SubjectPublicKeyInfo in DER.
    pub fn of_spki(der: &[u8]) -> Self {
        Self(sha256(der))
    }
}

impl Serial {
    /// Creates a serial number from the content of an INTEGER. `None` if it is empty, which no INTEGER is.
    pub fn from_integer(content: &[u8]) -> Option<Self> {
        Self::significant(content).map(|bytes| Self(bytes.to_vec()))
    }

    /// The content of an INTEGER without redundant bytes. `None` if it is empty.
    pub(super) fn significant(content: &[u8]) -> Option<&[u8]> {
        let (_, before) = content.split_last()?;
        let redundant = match before {
            [0, ..] => before.iter().take_while(|byte| **byte == 0).count(),
            // Of a negative number, as long as the next byte also has the sign.
            [0xff, ..] => content.windows(2).take_while(|pair| pair[0] == 0xff && pair[1] >= 0x80).count(),
            _ => 0,
        };
        content.get(redundant..)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl FromStr for Fingerprint {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        read_digest(text).map(Self)
    }
}

impl FromStr for SpkiPin {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        read_digest(text).map(Self)
    }
}

/// Implements `Display` and `Debug` in hex.
macro_rules! shown_in_hex {
    ($($kind:ty),*) => {$(
        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Hex(&self.0).fmt(f)
            }
        }

        impl fmt::Debug for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}

shown_in_hex!(Fingerprint, SpkiPin, Serial);

/// Parses hex digits with colons between all bytes, as OpenSSL prints them, or with none.
fn read_digest(text: &str) -> Result<[u8; 32], NotADigest> {
    let pairs: Vec<&str> = text.split(':').collect();
    if pairs.len() > 1 && pairs.iter().any(|pair| pair.len() != 2) {
        return Err(NotADigest);
    }
    bytes_of_hex(&pairs.concat()).and_then(|bytes| bytes.try_into().ok()).ok_or(NotADigest)
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_read_in_each_form_and_printed_in_one() {
        let plain = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let bytes: Vec<_> = (0..32).map(|i| plain[2 * i..2 * i + 2].to_uppercase()).collect();
        for text in [plain, &plain.to_uppercase(), &bytes.join(":")] {
            assert_eq!(text.parse::<Fingerprint>().map(|digest| digest.to_string()), Ok(plain.to_owned()));
        }
        let odd = format!("{}:{}", &plain[..1], &plain[1..]);
        for bad in ["", "ba78", &plain[..63], &format!("{plain}00"), &plain.replace('b', "g"), &odd, "é"] {
            assert_eq!(bad.parse::<SpkiPin>(), Err(NotADigest), "{bad}");
        }
    }

    #[test]
    fn serial_numbers_are_equal_if_they_are_the_same_number() {
        let shown = |content: &[u8]| Serial::from_integer(content).map(|serial| serial.to_string());
        for (content, expected) in [
            (&[7][..], "07"),
            (&[0, 7], "07"),
            (&[0, 0, 7], "07"),
            (&[0], "00"),
            (&[0, 0], "00"),
            (&[1, 0, 7], "010007"),
            (&[0x8a], "8a"),
            (&[0, 0x8a], "8a"),
            (&[0xff, 0x8a], "8a"),
            (&[0xff, 0xff, 0x8a], "8a"),
            (&[0xff], "ff"),
            (&[0xff, 0xff], "ff"),
            (&[0xff, 7], "ff07"),
            (&[0, 0xff, 0x8a], "ff8a"),
        ] {
            assert_eq!(shown(content).as_deref(), Some(expected), "{content:02x?}");
        }
        assert_eq!(shown(&[]), None);
    }
}
