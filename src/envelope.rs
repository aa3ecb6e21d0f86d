//! The envelope: what is recorded of a delivery, in the first line of its entry.
//!
//! This is the contract with consumers: keys are only ever added. Version 1, as `docs/formats.md`
//! describes it.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{Context, SHA256};
use serde::Serialize;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::hex::Hex;

/// The version that this program writes.
pub const ENVELOPE_VERSION: u32 = 1;

/// The name of an entry: a UUIDv7 (RFC 9562), ordered by time and never reused.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EntryId(Uuid);

impl EntryId {
    /// A new name, greater than all that this process made before.
    pub fn fresh() -> Self {
        Self(Uuid::now_v7())
    }

    /// The 16 bytes of RFC 9562.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// When it was made, to the millisecond (RFC 9562, 5.7).
    pub fn made_at(&self) -> Timestamp {
        let [a, b, c, d, e, f, ..] = *self.as_bytes();
        let millisecond = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        i64::try_from(millisecond)
            .ok()
            .and_then(|millisecond| Timestamp::from_millisecond(millisecond).ok())
            .unwrap_or(Timestamp::MAX)
    }

    /// The name with these bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for EntryId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        Uuid::try_parse(text).map(Self)
    }
}

impl Serialize for EntryId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// SHA-256 of a payload, taken while its pieces arrive.
#[derive(Clone)]
pub struct PayloadDigest(Context);

impl Default for PayloadDigest {
    fn default() -> Self {
        Self(Context::new(&SHA256))
    }
}

impl PayloadDigest {
    /// Adds a piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The digest of all pieces.
    pub fn finish(self) -> Sha256 {
        let mut digest = [0; 32];
        digest.copy_from_slice(self.0.finish().as_ref());
        Sha256(digest)
    }
}

/// A payload's digest, shown in lower-case hex.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Sha256([u8; 32]);

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hex(&self.0).fmt(f)
    }
}

impl Serialize for Sha256 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What is recorded of a delivery.
#[derive(Clone, Debug, Serialize)]
pub struct Envelope<'a> {
    /// [`ENVELOPE_VERSION`].
    pub version: u32,
    /// The entry's name.
    pub id: EntryId,
    /// When the request's headers were complete, RFC 3339 in UTC with microseconds.
    pub received_at: String,
    /// The endpoint's name.
    pub endpoint: &'a str,
    /// As whom the peer delivered.
    pub sender: &'a str,
    /// The suffix the request target ended with, without its slash.
    pub event: Option<&'a str>,
    /// The request as it came.
    pub request: RequestFacts<'a>,
    /// Who delivered.
    pub peer: &'a PeerFacts,
    /// The set of certificates and configuration that judged the peer.
    pub generation: u64,
    /// The payload that follows.
    pub payload: PayloadFacts<'a>,
    /// The first entry that was stored for this endpoint with this payload, if it is remembered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicate_of: Option<EntryId>,
}

/// The request as it came. Bytes are written as code points (ISO-8859-1), so that none is lost.
#[derive(Clone, Debug, Serialize)]
pub struct RequestFacts<'a> {
    /// Always `POST` in this version.
    pub method: &'a str,
    /// The path, undecoded.
    pub path: String,
    /// What follows the question mark.
    pub query: Option<String>,
    /// `HTTP/1.0`, `HTTP/1.1` or `HTTP/2.0`.
    pub http_version: String,
    /// Names in lower case, values as they came.
    pub headers: Vec<(&'a str, String)>,
}

/// Who delivered, as the handshake proved it; the same for all deliveries of a connection.
#[derive(Clone, Debug, Serialize)]
pub struct PeerFacts {
    /// Address and port.
    pub address: String,
    /// RFC 4514.
    pub subject: String,
    /// RFC 4514.
    pub issuer: String,
    /// Where the certificate has exactly one.
    pub common_name: Option<String>,
    /// Lower-case hex.
    pub serial: String,
    /// Of the certificate.
    pub sha256: String,
    /// Of its key.
    pub spki_sha256: String,
    /// RFC 3339.
    pub not_before: String,
    /// RFC 3339.
    pub not_after: String,
    /// `TLSv1.2` or `TLSv1.3`.
    pub tls_version: &'static str,
    /// The IANA name.
    pub cipher_suite: String,
}

/// What a reader checks the payload against.
#[derive(Clone, Debug, Serialize)]
pub struct PayloadFacts<'a> {
    /// In bytes.
    pub length: usize,
    /// Lower-case hex.
    pub sha256: Sha256,
    /// As the sender called it.
    pub content_type: Option<&'a str>,
}

/// Bytes as text, one code point a byte (ISO-8859-1): nothing is lost, whatever they were.
pub fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_lower_case_version_7_and_in_order() {
        let ids: Vec<_> = (0..10_000).map(|_| EntryId::fresh()).collect();
        assert!(ids.is_sorted() && ids.windows(2).all(|pair| pair[0] != pair[1]));
        let text = ids[0].to_string();
        assert_eq!(text, text.to_lowercase());
        assert_eq!((text.len(), &text[14..15]), (36, "7"));
        assert_eq!(text.parse(), Ok(ids[0]));
    }

    #[test]
    fn a_digest_does_not_depend_on_the_pieces() {
        let mut pieces = PayloadDigest::default();
        pieces.update(b"a");
        pieces.update(b"bc");
        // FIPS 180-2, appendix B.1.
        assert_eq!(
            pieces.finish().to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn every_byte_has_its_code_point() {
        let all: Vec<u8> = (0..=255).collect();
        let text = latin1(&all);
        let back: Vec<u8> = text.chars().filter_map(|c| u8::try_from(u32::from(c)).ok()).collect();
        assert_eq!(back, all);
    }
}
