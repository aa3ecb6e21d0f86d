//! Reads entries and checks that they are intact.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::layout::Layout;
use super::volume::Volume;
use crate::envelope::{EntryId, PayloadDigest};
use crate::escape::Escaped;
use crate::metrics::Queue;

/// The longest envelope. The server limits the headers of a request to a tenth of this.
const ENVELOPE_BYTES_MAX: u64 = 1 << 20;

/// The keys of an envelope that its reader needs. [`OpenEntry::line`] contains the whole envelope.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct EnvelopeFacts {
    /// The entry's ID.
    pub id: String,
    /// When the delivery arrived, as in RFC 3339.
    pub received_at: String,
    /// The name of the endpoint.
    pub endpoint: String,
    /// The name of the sender.
    pub sender: String,
    /// The suffix of the request's path; none if it had no suffix.
    pub event: Option<String>,
    /// The values of the placeholders in the endpoint's path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, String>,
    /// What the payload must be.
    pub payload: PayloadClaim,
    /// The first entry with the same payload that the daemon remembered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicate_of: Option<String>,
}

/// The length and digest of a payload as its envelope states them.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct PayloadClaim {
    /// The length in bytes.
    pub length: u64,
    /// The digest in lowercase hex.
    pub sha256: String,
    /// The `Content-Type` that the sender gave.
    pub content_type: Option<String>,
}

/// An open entry whose payload has not been read yet.
#[derive(Debug)]
pub struct OpenEntry<R> {
    /// The keys of its envelope.
    pub facts: EnvelopeFacts,
    /// The envelope, with its newline.
    pub line: Vec<u8>,
    /// The payload, at its beginning.
    pub payload: BufReader<R>,
}

/// Why an entry cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum EntryFault {
    /// The file system returned an error.
    #[error("cannot read it: {0}")]
    Io(#[from] io::Error),
    /// It is not intact, or does not match its file name.
    #[error(transparent)]
    NotIntact(#[from] NotIntact),
}

/// Why an entry is not intact.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotIntact {
    /// No line ends within the limit.
    #[error("it has no envelope: no line ends within {ENVELOPE_BYTES_MAX} bytes")]
    NoEnvelope,
    /// The first line is not an envelope.
    #[error("its first line is not an envelope: {0}")]
    NotAnEnvelope(String),
    /// The envelope belongs to another entry.
    #[error("its envelope belongs to entry `{0}`")]
    OtherId(String),
    /// The entry is in the directory of another endpoint.
    #[error("its envelope belongs to an entry of endpoint `{0}`")]
    OtherEndpoint(String),
    /// The payload has another length.
    #[error("its payload has {found} bytes instead of the {claimed} in its envelope")]
    Length {
        /// The value in the envelope.
        claimed: u64,
        /// The bytes that were read. A payload that is too long is not read to its end.
        found: u64,
    },
    /// The payload has another digest.
    #[error("its payload has the SHA-256 {found} instead of the {claimed} in its envelope")]
    Digest {
        /// The value in the envelope.
        claimed: String,
        /// The digest of the payload.
        found: String,
    },
}

/// Opens an entry and reads its envelope.
///
/// # Errors
/// If it cannot be read, or has the envelope of another entry.
pub fn open_entry<V: Volume>(volume: &V, path: &Path) -> Result<OpenEntry<V::Reader>, EntryFault> {
    open_file(volume.read(path)?, path)
}

/// Like [`open_entry`], for a file that is open at its beginning.
///
/// # Errors
/// If it cannot be read, or has the envelope of another entry.
pub fn open_file<R: Read>(file: R, path: &Path) -> Result<OpenEntry<R>, EntryFault> {
    let mut payload = BufReader::new(file);
    let mut line = Vec::new();
    payload.by_ref().take(ENVELOPE_BYTES_MAX).read_until(b'\n', &mut line)?;
    if line.last() != Some(&b'\n') {
        return Err(NotIntact::NoEnvelope.into());
    }
    let facts: EnvelopeFacts = serde_json::from_slice(&line)
        .map_err(|error| NotIntact::NotAnEnvelope(Escaped(&error.to_string()).to_string()))?;
    if Layout::id_of(path).is_none_or(|id: EntryId| id.to_string() != facts.id) {
        return Err(NotIntact::OtherId(Escaped(&facts.id).to_string()).into());
    }
    if endpoint_of(path).is_some_and(|endpoint| endpoint != facts.endpoint) {
        return Err(NotIntact::OtherEndpoint(Escaped(&facts.endpoint).to_string()).into());
    }
    Ok(OpenEntry { facts, line, payload })
}

/// The endpoint whose queue a path is in; none for a path in `corrupt`.
fn endpoint_of(path: &Path) -> Option<&str> {
    let queue = path.parent()?;
    Queue::named(queue.file_name()?.to_str()?)?;
    queue.parent()?.file_name()?.to_str()
}

/// Reads an entry to its end and compares its length and digest with the envelope.
///
/// # Errors
/// If it cannot be read, or is not intact.
pub fn check_entry<V: Volume>(volume: &V, path: &Path) -> Result<EnvelopeFacts, EntryFault> {
    check_file(volume.read(path)?, path)
}

/// Like [`check_entry`], for a file that is open at its beginning.
///
/// # Errors
/// If it cannot be read, or is not intact.
pub fn check_file<R: Read>(file: R, path: &Path) -> Result<EnvelopeFacts, EntryFault> {
    let OpenEntry { facts, mut payload, .. } = open_file(file, path)?;
    check_payload(&facts.payload, &mut payload, |_| {})?;
    Ok(facts)
}

/// A whole entry that is intact.
#[derive(Debug)]
pub struct ReadEntry {
    /// The keys of its envelope.
    pub facts: EnvelopeFacts,
    /// The envelope, with its newline.
    pub line: Vec<u8>,
    /// The payload.
    pub payload: Vec<u8>,
}

/// Reads a whole entry from a file that is open at its beginning.
///
/// # Errors
/// If it cannot be read, or is not intact.
pub fn read_file<R: Read>(file: R, path: &Path) -> Result<ReadEntry, EntryFault> {
    let OpenEntry { facts, line, mut payload } = open_file(file, path)?;
    let mut bytes = Vec::new();
    check_payload(&facts.payload, &mut payload, |piece| bytes.extend_from_slice(piece))?;
    Ok(ReadEntry { facts, line, payload: bytes })
}

/// Reads a payload to its end, passes its pieces on, and compares its length and digest with the envelope.
fn check_payload(
    claim: &PayloadClaim,
    payload: &mut impl BufRead,
    mut keep: impl FnMut(&[u8]),
) -> Result<(), EntryFault> {
    let claimed = claim.length;
    let mut digest = PayloadDigest::default();
    let mut found = 0_u64;
    loop {
        let piece = payload.fill_buf()?;
        let read = piece.len();
        if read == 0 || found > claimed {
            break;
        }
        digest.update(piece);
        keep(piece);
        found = found.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        payload.consume(read);
    }
    if found != claimed {
        return Err(NotIntact::Length { claimed, found }.into());
    }
    let found = digest.finish().to_string();
    if found != claim.sha256 {
        let claimed = Escaped(&claim.sha256).to_string();
        return Err(NotIntact::Digest { claimed, found }.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::spool::draft::tests::draft;
    use crate::spool::sim::{Contents, Sim};

    /// Returns why an entry with these bytes and this ID is not intact.
    fn fault(bytes: &[u8], id: EntryId) -> Option<NotIntact> {
        let path = PathBuf::from(format!("/spool/pix/new/{id}.hook"));
        let mut contents = Contents::default();
        contents.names.insert(path.clone(), 1);
        contents.write(1, 0, bytes);
        match check_entry(&Sim::with_contents(contents, true), &path) {
            Ok(facts) => {
                assert_eq!(facts.id, id.to_string());
                None
            }
            Err(EntryFault::NotIntact(fault)) => Some(fault),
            Err(EntryFault::Io(error)) => panic!("{error}"),
        }
    }

    #[test]
    fn truncated_extended_altered_and_misplaced_entries_are_not_intact() {
        for length in [0, 1, 100, 20_000] {
            let draft = draft("pix", &vec![b'p'; length]);
            let bytes = draft.pieces().concat();
            assert_eq!(fault(&bytes, draft.id()), None);
            for end in [0, 1, bytes.len() - length - 1, bytes.len() - length / 2 - 1] {
                assert!(fault(&bytes[..end], draft.id()).is_some(), "{length} bytes, cut at {end}");
            }
            let longer = [&bytes[..], b"\n"].concat();
            assert!(matches!(fault(&longer, draft.id()), Some(NotIntact::Length { .. })));
            assert!(matches!(fault(&bytes, EntryId::fresh()), Some(NotIntact::OtherId(_))));
        }
        let draft = draft("pix", b"payload");
        let misplaced = PathBuf::from(format!("/spool/boleto/new/{}.hook", draft.id()));
        let found = check_file(&*draft.pieces().concat(), &misplaced);
        assert!(
            matches!(found, Err(EntryFault::NotIntact(NotIntact::OtherEndpoint(endpoint))) if endpoint == "pix")
        );
        let mut bytes = draft.pieces().concat();
        *bytes.last_mut().unwrap() ^= 1;
        assert!(matches!(fault(&bytes, draft.id()), Some(NotIntact::Digest { .. })));
        assert!(matches!(fault(b"{}\n", draft.id()), Some(NotIntact::NotAnEnvelope(_))));
        assert_eq!(fault(&vec![b' '; 2 << 20], draft.id()), Some(NotIntact::NoEnvelope));
    }
}
