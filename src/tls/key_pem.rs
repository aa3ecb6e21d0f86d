//! Private keys out of PEM (RFC 7468), in memory that is wiped. The library that reads the other blocks
//! would leave the text of a key behind, in memory that it gives back as it is.

use rustls_pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};
use zeroize::Zeroizing;

/// The lines around a key, and what stands between them.
const FORMS: &[Form] = &[
    Form { begin: b"-----BEGIN PRIVATE KEY-----", end: "-----END PRIVATE KEY-----", kind: Kind::Pkcs8 },
    Form {
        begin: b"-----BEGIN RSA PRIVATE KEY-----",
        end: "-----END RSA PRIVATE KEY-----",
        kind: Kind::Pkcs1,
    },
    Form { begin: b"-----BEGIN EC PRIVATE KEY-----", end: "-----END EC PRIVATE KEY-----", kind: Kind::Sec1 },
];

#[derive(Debug)]
struct Form {
    begin: &'static [u8],
    end: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Pkcs1,
    Pkcs8,
    Sec1,
}

/// A private key as it stands in a file.
#[derive(Debug)]
pub(super) struct KeyBlock<'a> {
    kind: Kind,
    base64: &'a [u8],
}

/// A file, the keys apart from the rest.
#[derive(Debug)]
pub(super) struct Parted<'a> {
    pub(super) keys: Vec<KeyBlock<'a>>,
    /// What is no key, in its order.
    pub(super) rest: Vec<u8>,
}

/// The line that is missing at the end of a key.
#[derive(Debug)]
pub(super) struct NoEnd(pub(super) &'static str);

/// Takes the keys out of a text.
pub(super) fn part(bytes: &[u8]) -> Result<Parted<'_>, NoEnd> {
    let mut parted = Parted { keys: Vec::new(), rest: Vec::new() };
    let mut open: Option<(&Form, usize)> = None;
    let mut at = 0;
    for line in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
        match open {
            Some((form, from)) if line.starts_with(form.end.as_bytes()) => {
                parted.keys.push(KeyBlock { kind: form.kind, base64: &bytes[from..at] });
                open = None;
            }
            Some(_) => {}
            None => match FORMS.iter().find(|form| line.trim_ascii() == form.begin) {
                Some(form) => open = Some((form, at + line.len())),
                None => parted.rest.extend_from_slice(line),
            },
        }
        at += line.len();
    }
    match open {
        Some((form, _)) => Err(NoEnd(form.end)),
        None => Ok(parted),
    }
}

impl KeyBlock<'_> {
    /// The key; none if its text is not base64.
    pub(super) fn decode(&self) -> Option<Zeroizing<PrivateKeyDer<'static>>> {
        let mut der = decode(self.base64)?;
        // Moved, not copied.
        let der = std::mem::take(&mut *der);
        Some(Zeroizing::new(match self.kind {
            Kind::Pkcs1 => PrivatePkcs1KeyDer::from(der).into(),
            Kind::Pkcs8 => PrivatePkcs8KeyDer::from(der).into(),
            Kind::Sec1 => PrivateSec1KeyDer::from(der).into(),
        }))
    }
}

/// Base64 with padding (RFC 4648, 4), white space anywhere.
fn decode(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    // All of it from the start: a vector that grows leaves its old place as it was.
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() / 4 * 3 + 3));
    let (mut held, mut bits, mut padding) = (0_u32, 0_u32, 0_u32);
    for c in text.iter().filter(|c| !c.is_ascii_whitespace()) {
        let sextet = match c {
            b'=' => {
                padding += 1;
                continue;
            }
            _ if padding > 0 => return None,
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        held = held << 6 | u32::from(sextet);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits).ok()?);
            held &= (1 << bits) - 1;
        }
    }
    // What is left over of the last letter is nothing, and as much as was padded.
    (held == 0 && bits == 2 * padding && bits < 6).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_are_taken_out_and_the_rest_stays() {
        let text = b"a\n-----BEGIN PRIVATE KEY-----\r\nAQID\n-----END PRIVATE KEY-----\nb\n-----BEGIN EC PRIVATE KEY-----\nBA==\n-----END EC PRIVATE KEY-----";
        let parted = part(text).expect("whole");
        assert_eq!(parted.rest, b"a\nb\n");
        let keys: Vec<_> = parted.keys.iter().map(|key| key.decode().expect("a key")).collect();
        assert!(matches!(&*keys[0], PrivateKeyDer::Pkcs8(key) if key.secret_pkcs8_der() == [1, 2, 3]));
        assert!(matches!(&*keys[1], PrivateKeyDer::Sec1(key) if key.secret_sec1_der() == [4]));
    }

    #[test]
    fn what_has_no_end_or_is_no_base64_is_no_key() {
        let cut = part(b"-----BEGIN RSA PRIVATE KEY-----\nAQID\n-----END PRIVATE KEY-----\n");
        assert_eq!(cut.expect_err("no end").0, "-----END RSA PRIVATE KEY-----");
        for bad in ["A", "AB", "AQ=", "AQ===", "AQ==AQ==", "AR==", "AQI", "AQ-D", "Proc-Type: 4"] {
            assert!(decode(bad.as_bytes()).is_none(), "{bad}");
        }
        assert_eq!(decode(b"AQ I=\n").expect("base64").as_slice(), [1, 2]);
    }

    proptest! {
        #[test]
        fn what_another_library_writes_is_read_back(der in prop::collection::vec(any::<u8>(), 0..300)) {
            let text = ::pem::encode(&::pem::Pem::new("PRIVATE KEY", der.clone()));
            let parted = part(text.as_bytes()).expect("whole");
            prop_assert_eq!(decode(parted.keys[0].base64).expect("base64").to_vec(), der);
        }
    }
}
