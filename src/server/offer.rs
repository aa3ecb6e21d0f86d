//! The offer in a ClientHello, for the log and the status.

use rustls::server::ClientHello;
use rustls::{CipherSuite, NamedGroup, SignatureScheme};

/// The maximum number of values of one kind that are shown.
const OFFERED_MAX: usize = 24;
/// The length limit of their text, in bytes, because the peer determines it.
const OFFERED_BYTES_MAX: usize = 512;

/// The offer in a ClientHello, kept to report a handshake that fails because nothing is in common.
#[derive(Debug, Default)]
pub(super) struct Offer {
    pub(super) suites: Vec<CipherSuite>,
    pub(super) groups: Vec<NamedGroup>,
    pub(super) schemes: Vec<SignatureScheme>,
    pub(super) protocols: Vec<Vec<u8>>,
}

impl Offer {
    pub(super) fn of(hello: &ClientHello<'_>) -> Self {
        Self {
            suites: hello.cipher_suites().to_vec(),
            groups: hello.named_groups().unwrap_or_default().to_vec(),
            schemes: hello.signature_schemes().to_vec(),
            protocols: hello.alpn().into_iter().flatten().take(OFFERED_MAX).map(<[u8]>::to_vec).collect(),
        }
    }
}

/// At most [`OFFERED_MAX`] values in [`OFFERED_BYTES_MAX`] bytes, separated by commas.
pub(super) fn list<T>(values: &[T], word: impl Fn(&T) -> String) -> String {
    let mut words: Vec<_> = values.iter().take(OFFERED_MAX).map(word).collect();
    if let more @ 1.. = values.len().saturating_sub(OFFERED_MAX) {
        words.push(format!("{more} more"));
    }
    let mut text = words.join(", ");
    if text.len() > OFFERED_BYTES_MAX {
        text.truncate(text.floor_char_boundary(OFFERED_BYTES_MAX));
        text.push('…');
    }
    text
}
