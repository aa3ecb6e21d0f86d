//! The envelope: what is recorded of a delivery, in the first line of its entry.
//!
//! This is the contract with consumers: keys are only ever added. Version 1, as `docs/formats.md`
//! describes it.

use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};
use serde::Serialize;
use uuid::{ClockSequence as _, ContextV7, Uuid};

use crate::clock::Timestamp;
use crate::hex::Hex;

/// The version that this program writes.
pub const ENVELOPE_VERSION: u32 = 1;

/// The name of an entry: a UUIDv7 (RFC 9562), ordered by time and never reused.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EntryId(Uuid);

impl EntryId {
    /// A new name by the system's clock, for what needs no place in the order of entries: [`EntryIds`] names entries.
    pub fn fresh() -> Self {
        Self(Uuid::now_v7())
    }

    /// The 16 bytes of RFC 9562.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// When it was made, to the millisecond (RFC 9562, 5.7).
    pub fn made_at(&self) -> Timestamp {
        i64::try_from(self.millisecond())
            .ok()
            .and_then(|millisecond| Timestamp::from_millisecond(millisecond).ok())
            .unwrap_or(Timestamp::MAX)
    }

    /// The first 48 bits.
    fn millisecond(&self) -> u64 {
        let [a, b, c, d, e, f, ..] = *self.as_bytes();
        u64::from_be_bytes([0, 0, a, b, c, d, e, f])
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

/// Names for entries, each greater than all before it, whatever the clock does. They carry the time at which the entry
/// arrived, or, while the clock is behind an earlier name, the time of that name.
#[derive(Debug)]
pub struct EntryIds(Mutex<ContextV7>);

impl EntryIds {
    /// Names greater than `greatest`, the greatest that is known from an earlier run.
    pub fn after(greatest: Option<EntryId>) -> Self {
        let context = ContextV7::new();
        if let Some(id) = greatest {
            // From the next millisecond on, whatever follows the time in that name.
            let (seconds, nanoseconds) = parts(id.millisecond().saturating_add(1));
            context.generate_timestamp_sequence(seconds, nanoseconds);
        }
        Self(Mutex::new(context))
    }

    /// The next name, for an entry that arrives at `now`.
    pub fn next(&self, now: Timestamp) -> EntryId {
        let (seconds, nanoseconds) = parts(u64::try_from(now.as_millisecond()).unwrap_or(0));
        let context = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        EntryId(Uuid::new_v7(uuid::Timestamp::from_unix(&*context, seconds, nanoseconds)))
    }
}

/// Seconds and nanoseconds since the epoch.
fn parts(milliseconds: u64) -> (u64, u32) {
    let nanoseconds = u32::try_from(milliseconds % 1000).map_or(0, |millisecond| millisecond * 1_000_000);
    (milliseconds / 1000, nanoseconds)
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
    /// The sender.
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

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a timestamp")
    }

    #[test]
    fn the_names_of_entries_are_in_order_of_arrival_whatever_the_clock_does() {
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
    fn the_names_of_entries_continue_after_those_of_an_earlier_run() {
        let (now, later) = (at("2026-11-23T12:00:00Z"), at("2027-06-11T12:00:00Z"));
        for millisecond in [now, later].map(Timestamp::as_millisecond) {
            // The greatest name of this millisecond.
            let [_, _, a, b, c, d, e, f] = millisecond.to_be_bytes();
            let greatest = EntryId::from_bytes([
                a, b, c, d, e, f, 0x7F, 0xFF, 0xBF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
            ]);
            let ids = EntryIds::after(Some(greatest));
            let made: Vec<_> = [now, later, now].into_iter().map(|now| ids.next(now)).collect();
            assert!(greatest < made[0] && made.is_sorted());
            assert_eq!(made[0].made_at().as_millisecond(), millisecond + 1);
        }
        // An earlier one changes nothing.
        let ids = EntryIds::after(Some(EntryId::from_bytes([0; 16])));
        assert_eq!(ids.next(now).made_at(), now);
    }

    #[test]
    fn the_end_of_the_name_space_is_no_panic() {
        let ids = EntryIds::after(Some(EntryId::from_bytes([0xFF; 16])));
        let _ = ids.next(Timestamp::MAX);
        let _ = EntryIds::after(None).next(Timestamp::MIN);
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
