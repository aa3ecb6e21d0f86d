//! Reading an entry: it is whole, or it is not an entry.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::layout::{Layout, Queue};
use super::volume::Volume;
use crate::envelope::{EntryId, PayloadDigest};
use crate::escape::Escaped;

/// The longest envelope: headers are bounded at a tenth of this where they are received.
const ENVELOPE_BYTES_MAX: u64 = 1 << 20;

/// What a reader needs of an envelope; the rest of it is in [`OpenEntry::line`].
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct EnvelopeFacts {
    /// The entry's name.
    pub id: String,
    /// RFC 3339.
    pub received_at: String,
    /// The endpoint's name.
    pub endpoint: String,
    /// The sender.
    pub sender: String,
    /// The suffix of the request, or null.
    pub event: Option<String>,
    /// What the payload has to be.
    pub payload: PayloadClaim,
}

/// What an envelope says of its payload.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct PayloadClaim {
    /// In bytes.
    pub length: u64,
    /// Lower-case hex.
    pub sha256: String,
    /// As the sender called it.
    pub content_type: Option<String>,
}

/// An entry that is open, its payload still to be read.
#[derive(Debug)]
pub struct OpenEntry<R> {
    /// What its envelope says.
    pub facts: EnvelopeFacts,
    /// The envelope line, with its newline.
    pub line: Vec<u8>,
    /// The payload.
    pub payload: BufReader<R>,
}

/// Why an entry cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum EntryFault {
    /// The file system would not.
    #[error("cannot read it: {0}")]
    Io(#[from] io::Error),
    /// It is not whole, or not what its name says.
    #[error(transparent)]
    NotWhole(#[from] NotWhole),
}

/// What an entry that is not whole lacks.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotWhole {
    /// There is no first line.
    #[error("it has no envelope: no line ends within {ENVELOPE_BYTES_MAX} bytes")]
    NoEnvelope,
    /// The first line is not an envelope.
    #[error("its first line is not an envelope: {0}")]
    NotAnEnvelope(String),
    /// The envelope is another entry's.
    #[error("its envelope is that of `{0}`")]
    OtherId(String),
    /// The entry is in the directory of another endpoint.
    #[error("its envelope is that of an entry of endpoint `{0}`")]
    OtherEndpoint(String),
    /// The payload has another length.
    #[error("its payload has {found} bytes, and its envelope says {claimed}")]
    Length {
        /// What the envelope says.
        claimed: u64,
        /// What is there; what is too long is not read to its end.
        found: u64,
    },
    /// The payload has another digest.
    #[error("its payload's SHA-256 is {found}, and its envelope says {claimed}")]
    Digest {
        /// What the envelope says.
        claimed: String,
        /// What is there.
        found: String,
    },
}

/// Opens an entry and reads its envelope.
///
/// # Errors
/// When it cannot be read, or has another entry's envelope.
pub fn open_entry<V: Volume>(volume: &V, path: &Path) -> Result<OpenEntry<V::Reader>, EntryFault> {
    open_file(volume.read(path)?, path)
}

/// As [`open_entry`], of a file that is open at its beginning.
///
/// # Errors
/// When it cannot be read, or has another entry's envelope.
pub fn open_file<R: Read>(file: R, path: &Path) -> Result<OpenEntry<R>, EntryFault> {
    let mut payload = BufReader::new(file);
    let mut line = Vec::new();
    payload.by_ref().take(ENVELOPE_BYTES_MAX).read_until(b'\n', &mut line)?;
    if line.last() != Some(&b'\n') {
        return Err(NotWhole::NoEnvelope.into());
    }
    let facts: EnvelopeFacts = serde_json::from_slice(&line)
        .map_err(|error| NotWhole::NotAnEnvelope(Escaped(&error.to_string()).to_string()))?;
    if Layout::id_of(path).is_none_or(|id: EntryId| id.to_string() != facts.id) {
        return Err(NotWhole::OtherId(Escaped(&facts.id).to_string()).into());
    }
    if endpoint_of(path).is_some_and(|endpoint| endpoint != facts.endpoint) {
        return Err(NotWhole::OtherEndpoint(Escaped(&facts.endpoint).to_string()).into());
    }
    Ok(OpenEntry { facts, line, payload })
}

/// The endpoint whose queue a path is in; none for one in `corrupt`.
fn endpoint_of(path: &Path) -> Option<&str> {
    let queue = path.parent()?;
    Queue::named(queue.file_name()?.to_str()?)?;
    queue.parent()?.file_name()?.to_str()
}

/// Reads an entry to its end and compares length and digest.
///
/// # Errors
/// When it cannot be read, or is not whole.
pub fn check_entry<V: Volume>(volume: &V, path: &Path) -> Result<EnvelopeFacts, EntryFault> {
    check_file(volume.read(path)?, path)
}

/// As [`check_entry`], of a file that is open at its beginning.
///
/// # Errors
/// When it cannot be read, or is not whole.
pub fn check_file<R: Read>(file: R, path: &Path) -> Result<EnvelopeFacts, EntryFault> {
    let OpenEntry { facts, mut payload, .. } = open_file(file, path)?;
    let claimed = facts.payload.length;
    let mut digest = PayloadDigest::default();
    let mut found = 0_u64;
    loop {
        let piece = payload.fill_buf()?;
        let read = piece.len();
        if read == 0 || found > claimed {
            break;
        }
        digest.update(piece);
        found = found.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        payload.consume(read);
    }
    if found != claimed {
        return Err(NotWhole::Length { claimed, found }.into());
    }
    let found = digest.finish().to_string();
    if found != facts.payload.sha256 {
        let claimed = Escaped(&facts.payload.sha256).to_string();
        return Err(NotWhole::Digest { claimed, found }.into());
    }
    Ok(facts)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::spool::draft::tests::draft;
    use crate::spool::sim::{Contents, Sim};

    /// What is said of an entry with these bytes and this id.
    fn fault(bytes: &[u8], id: EntryId) -> Option<NotWhole> {
        let path = PathBuf::from(format!("/spool/pix/new/{id}.hook"));
        let mut contents = Contents::default();
        contents.names.insert(path.clone(), 1);
        contents.write(1, 0, bytes);
        match check_entry(&Sim::holding(contents, true), &path) {
            Ok(facts) => {
                assert_eq!(facts.id, id.to_string());
                None
            }
            Err(EntryFault::NotWhole(fault)) => Some(fault),
            Err(EntryFault::Io(error)) => panic!("{error}"),
        }
    }

    #[test]
    fn an_entry_is_whole_or_it_is_not_an_entry() {
        for length in [0, 1, 100, 20_000] {
            let draft = draft("pix", &vec![b'p'; length]);
            let bytes = draft.pieces().concat();
            assert_eq!(fault(&bytes, draft.id()), None);
            for end in [0, 1, bytes.len() - length - 1, bytes.len() - length / 2 - 1] {
                assert!(fault(&bytes[..end], draft.id()).is_some(), "{length} bytes, cut at {end}");
            }
            let longer = [&bytes[..], b"\n"].concat();
            assert!(matches!(fault(&longer, draft.id()), Some(NotWhole::Length { .. })));
            assert!(matches!(fault(&bytes, EntryId::fresh()), Some(NotWhole::OtherId(_))));
        }
        let draft = draft("pix", b"payload");
        let misplaced = PathBuf::from(format!("/spool/boleto/new/{}.hook", draft.id()));
        let found = check_file(&*draft.pieces().concat(), &misplaced);
        assert!(
            matches!(found, Err(EntryFault::NotWhole(NotWhole::OtherEndpoint(endpoint))) if endpoint == "pix")
        );
        let mut bytes = draft.pieces().concat();
        *bytes.last_mut().unwrap() ^= 1;
        assert!(matches!(fault(&bytes, draft.id()), Some(NotWhole::Digest { .. })));
        assert!(matches!(fault(b"{}\n", draft.id()), Some(NotWhole::NotAnEnvelope(_))));
        assert_eq!(fault(&vec![b' '; 2 << 20], draft.id()), Some(NotWhole::NoEnvelope));
    }
}
