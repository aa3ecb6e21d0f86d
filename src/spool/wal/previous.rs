//! The log format of release 0.1, which is read and never written. No I/O.
//!
//! ```text
//!  0   8  "hookspl1"
//!  8  16  the epoch; only records with the epoch of the first one are valid
//! 24  16  the entry's ID
//! 40   8  length of the entry, little endian
//! 48   8  length of the endpoint's name
//! 56  32  SHA-256 of the above, the name and the entry
//! 88      the endpoint's name, then the entry
//! ```
//!
//! A log begins with its first record. A log whose first block is zeros is void.

use super::record::{Record, digest};
use crate::envelope::EntryId;

const MAGIC: &[u8; 8] = b"hookspl1";
const FIELDS_BYTES: usize = 56;
const HEADER_BYTES: usize = 88;

/// Whether these are the first bytes of an active log of that release.
pub(super) fn is_active(log: &[u8]) -> bool {
    log.starts_with(MAGIC)
}

/// Returns the intact records of the epoch that the log begins with.
pub(super) fn records(log: &[u8]) -> Vec<Record<'_>> {
    let Some(epoch) = log.get(8..24) else { return Vec::new() };
    let (mut found, mut at) = (Vec::new(), 0);
    while at < log.len() {
        match parse(log, at, epoch) {
            Some((record, end)) => {
                found.push(record);
                at = end;
            }
            None => at += 1,
        }
    }
    found
}

fn parse<'a>(log: &'a [u8], start: usize, epoch: &[u8]) -> Option<(Record<'a>, usize)> {
    let header = log.get(start..start.checked_add(HEADER_BYTES)?)?;
    if !header.starts_with(MAGIC) || header[8..24] != *epoch {
        return None;
    }
    let length = |at: usize| usize::try_from(u64::from_le_bytes(header[at..at + 8].try_into().ok()?)).ok();
    let name_at = start + HEADER_BYTES;
    let entry_at = name_at.checked_add(length(48)?)?;
    let end = entry_at.checked_add(length(40)?)?;
    let (name, entry) = (log.get(name_at..entry_at)?, log.get(entry_at..end)?);
    if header[FIELDS_BYTES..] != digest(&[&header[..FIELDS_BYTES], name, entry]) {
        return None;
    }
    let id = EntryId::from_bytes(header[24..40].try_into().ok()?);
    let endpoint = std::str::from_utf8(name).ok()?.parse().ok()?;
    Some((Record { id, endpoint, entry }, end))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::spool::draft::Draft;
    use crate::spool::draft::tests::draft;
    use crate::spool::wal::BLOCK;

    /// Encodes a batch as release 0.1 did.
    pub(in crate::spool) fn batch(epoch: [u8; 16], drafts: &[Draft]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for draft in drafts {
            let name = draft.endpoint().as_str().as_bytes();
            let mut header = [&MAGIC[..], &epoch, draft.id().as_bytes()].concat();
            header.extend(u64::try_from(draft.len()).unwrap().to_le_bytes());
            header.extend(u64::try_from(name.len()).unwrap().to_le_bytes());
            let [envelope, payload] = draft.pieces();
            let sum = digest(&[&header, name, envelope, payload]);
            bytes.extend([&header[..], &sum, name, envelope, payload].concat());
        }
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        bytes
    }

    #[test]
    fn only_records_of_the_first_epoch_are_read() {
        let drafts: Vec<_> = (0..5).map(|number| draft("pix", &[b'a'; 900].repeat(number + 1))).collect();
        let old = [draft("pix", b"old")];
        let log = [batch([1; 16], &drafts[..2]), batch([1; 16], &drafts[2..]), batch([2; 16], &old)].concat();
        let found = records(&log);
        let ids = |range: &[Draft]| range.iter().map(Draft::id).collect::<Vec<_>>();
        assert_eq!(found.iter().map(|record| record.id).collect::<Vec<_>>(), ids(&drafts));
        assert_eq!(found[4].entry, drafts[4].pieces().concat());
        assert!(is_active(&log) && !is_active(&[0; BLOCK]));
    }
}
