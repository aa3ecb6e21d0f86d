//! The envelope: the metadata of a delivery, in the first line of its entry.
//!
//! It is the contract with consumers: later releases only add keys. `docs/formats.md` describes version 1.

use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};
use serde::Serialize;
use uuid::{ClockSequence as _, ContextV7, Uuid};

use crate::clock::Timestamp;
use crate::hex::Hex;

/// The envelope version that this release writes.
pub const ENVELOPE_VERSION: u32 = 1;

/// The ID of an entry: a UUIDv7 (RFC 9562), ordered by time and never reused.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EntryId(Uuid);

impl EntryId {
    /// A new ID from the system clock, for uses other than entries. IDs of entries come from [`EntryIds`].
    pub fn fresh() -> Self {
        Self(Uuid::now_v7())
    }

    /// The 16 bytes of RFC 9562.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The time in the ID, in milliseconds (RFC 9562, section 5.7).
    pub fn made_at(&self) -> Timestamp {
        i64::try_from(self.millisecond())
            .ok()
            .and_then(|millisecond| Timestamp::from_millisecond(millisecond).ok())
            .unwrap_or(Timestamp::MAX)
    }

    /// The milliseconds since the epoch, which are the first 48 bits.
    fn millisecond(&self) -> u64 {
        let [a, b, c, d, e, f, ..] = *self.as_bytes();
        u64::from_be_bytes([0, 0, a, b, c, d, e, f])
    }

    /// The lowest ID with this time.
    pub fn first_of(at: Timestamp) -> Self {
        let [_, _, a, b, c, d, e, f] = at.as_millisecond().max(0).to_be_bytes();
        Self::from_bytes([a, b, c, d, e, f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    }

    /// The ID with these bytes.
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

/// Generates IDs for entries. Each is greater than all previous ones, even if the clock goes back. An ID contains the
/// arrival time of its entry, or, while the clock is behind a previous ID, the time of that ID.
#[derive(Debug)]
pub struct EntryIds(Mutex<ContextV7>);

impl EntryIds {
    /// Creates a generator of IDs greater than `greatest`, the greatest ID of an earlier run.
    pub fn after(greatest: Option<EntryId>) -> Self {
        let context = ContextV7::new();
        if let Some(id) = greatest {
            // Begins with the next millisecond, so that the bits after the time in `greatest` do not matter.
            let (seconds, nanoseconds) = seconds_and_nanoseconds(id.millisecond().saturating_add(1));
            context.generate_timestamp_sequence(seconds, nanoseconds);
        }
        Self(Mutex::new(context))
    }

    /// The next ID, for an entry that arrives at `now`.
    pub fn next(&self, now: Timestamp) -> EntryId {
        let (seconds, nanoseconds) =
            seconds_and_nanoseconds(u64::try_from(now.as_millisecond()).unwrap_or(0));
        let context = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        EntryId(Uuid::new_v7(uuid::Timestamp::from_unix(&*context, seconds, nanoseconds)))
    }
}

/// Converts milliseconds since the epoch to seconds and nanoseconds.
fn seconds_and_nanoseconds(milliseconds: u64) -> (u64, u32) {
    let nanoseconds = u32::try_from(milliseconds % 1000).map_or(0, |millisecond| millisecond * 1_000_000);
    (milliseconds / 1000, nanoseconds)
}

/// Computes the SHA-256 of a payload while its pieces arrive.
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

    /// Returns the digest of all pieces.
    pub fn finish(self) -> Sha256 {
        let mut digest = [0; 32];
        digest.copy_from_slice(self.0.finish().as_ref());
        Sha256(digest)
    }
}

/// The digest of a payload, displayed in lowercase hex.
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

/// The metadata of a delivery.
#[derive(Clone, Debug, Serialize)]
pub struct Envelope<'a> {
    /// Always [`ENVELOPE_VERSION`].
    pub version: u32,
    /// The entry's ID.
    pub id: EntryId,
    /// When the headers of the request were complete, as in RFC 3339, in UTC with microseconds.
    pub received_at: String,
    /// The name of the endpoint.
    pub endpoint: &'a str,
    /// The name of the sender.
    pub sender: &'a str,
    /// The suffix at the end of the request target, without its slash.
    pub event: Option<&'a str>,
    /// The request.
    pub request: RequestFacts<'a>,
    /// The peer that delivered.
    pub peer: &'a PeerFacts,
    /// The generation of certificates and configuration that authorized the request.
    pub generation: u64,
    /// The payload that follows.
    pub payload: PayloadFacts<'a>,
    /// The first entry of this endpoint with the same payload, if it is still in the memory of recent payloads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicate_of: Option<EntryId>,
}

/// The request as received. Bytes are written as code points (ISO-8859-1), so that none is lost.
#[derive(Clone, Debug, Serialize)]
pub struct RequestFacts<'a> {
    /// Always `POST` in this version.
    pub method: &'a str,
    /// The path, not decoded.
    pub path: String,
    /// The query, without the question mark.
    pub query: Option<String>,
    /// `HTTP/1.0`, `HTTP/1.1` or `HTTP/2.0`.
    pub http_version: String,
    /// The headers in their order: names in lowercase, values unchanged.
    pub headers: Vec<(&'a str, String)>,
}

/// The peer as authenticated in the handshake, which is the same for all deliveries of a connection.
#[derive(Clone, Debug, Serialize)]
pub struct PeerFacts {
    /// The address and port; behind a trusted proxy, those that the proxy names.
    pub address: String,
    /// The address and port of the proxy that named them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// The subject of the certificate, as in RFC 4514.
    pub subject: String,
    /// The issuer of the certificate, as in RFC 4514.
    pub issuer: String,
    /// The common name, if the certificate has exactly one.
    pub common_name: Option<String>,
    /// The serial number in lowercase hex.
    pub serial: String,
    /// The SHA-256 of the certificate in lowercase hex.
    pub sha256: String,
    /// The SHA-256 of the certificate's public key (SubjectPublicKeyInfo) in lowercase hex.
    pub spki_sha256: String,
    /// The beginning of the validity, as in RFC 3339.
    pub not_before: String,
    /// The end of the validity, as in RFC 3339.
    pub not_after: String,
    /// `TLSv1.2` or `TLSv1.3`.
    pub tls_version: &'static str,
    /// The IANA name of the cipher suite.
    pub cipher_suite: String,
}

/// The length and digest with which a consumer checks the payload.
#[derive(Clone, Debug, Serialize)]
pub struct PayloadFacts<'a> {
    /// The length in bytes.
    pub length: usize,
    /// The digest, in lowercase hex.
    pub sha256: Sha256,
    /// The `Content-Type` that the sender gave.
    pub content_type: Option<&'a str>,
}

/// Converts bytes to text with one code point for each byte (ISO-8859-1), which loses nothing.
pub fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_lowercase_version_7_and_in_order() {
        let ids: Vec<_> = (0..10_000).map(|_| EntryId::fresh()).collect();
        assert!(ids.is_sorted() && ids.windows(2).all(|pair| pair[0] != pair[1]));
        let text = ids[0].to_string();
        assert_eq!(text, text.to_lowercase());
        assert_eq!((text.len(), &text[14..15]), (36, "7"));
        assert_eq!(text.parse(), Ok(ids[0]));
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a timestamp")
    }

    #[test]
    fn entry_ids_are_in_order_of_arrival_if_the_clock_jumps() {
        use std::time::Duration;
        let ids = EntryIds::after(None);
        let now = at("2026-11-23T12:00:00Z");
        let year = Duration::from_secs(365 * 86_400);
        let clock = [now, now, now + year, now, now - year, at("1969-01-01T00:00:00Z"), now + year * 2, now];
        let made: Vec<_> = clock.iter().cycle().take(10_000).map(|now| ids.next(*now)).collect();
        assert!(made.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!((made[0].made_at(), made[2].made_at(), made[3].made_at()), (now, now + year, now + year));
        assert!(made.iter().all(|id| &id.to_string()[14..15] == "7"));
    }

    #[test]
    fn entry_ids_continue_after_those_of_an_earlier_run() {
        let (now, later) = (at("2026-11-23T12:00:00Z"), at("2027-06-11T12:00:00Z"));
        for millisecond in [now, later].map(Timestamp::as_millisecond) {
            // The greatest ID of this millisecond.
            let [_, _, a, b, c, d, e, f] = millisecond.to_be_bytes();
            let greatest = EntryId::from_bytes([
                a, b, c, d, e, f, 0x7F, 0xFF, 0xBF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
            ]);
            let ids = EntryIds::after(Some(greatest));
            let made: Vec<_> = [now, later, now].into_iter().map(|now| ids.next(now)).collect();
            assert!(greatest < made[0] && made.is_sorted());
            assert_eq!(made[0].made_at().as_millisecond(), millisecond + 1);
        }
        // An ID in the past has no effect.
        let ids = EntryIds::after(Some(EntryId::from_bytes([0; 16])));
        assert_eq!(ids.next(now).made_at(), now);
    }

    #[test]
    fn extreme_ids_and_times_do_not_panic() {
        let ids = EntryIds::after(Some(EntryId::from_bytes([0xFF; 16])));
        let _ = ids.next(Timestamp::MAX);
        let _ = EntryIds::after(None).next(Timestamp::MIN);
    }

    #[test]
    fn digest_does_not_depend_on_the_pieces() {
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
    fn every_byte_round_trips_as_a_code_point() {
        let all: Vec<u8> = (0..=255).collect();
        let text = latin1(&all);
        let back: Vec<u8> = text.chars().filter_map(|c| u8::try_from(u32::from(c)).ok()).collect();
        assert_eq!(back, all);
    }
}
