//! The records of a log. No I/O.
//!
//! ```text
//!   0   8  "hookrec2"
//!   8  16  the epoch, which distinguishes the records from those of an earlier use of the file
//!  24  16  the entry's ID
//!  40   8  length of the entry, little endian, as all numbers are
//!  48   4  length of the endpoint's name
//!  52   4  number of the batch in this epoch, from 0
//!  56   4  records in this batch
//!  60   4  records in the previous batch
//!  64  32  SHA-256 of the above, the name and the entry
//!  96      the endpoint's name, then the entry
//! ```
//!
//! A batch of records begins at a multiple of [`BLOCK`], so that a write never touches a block with acknowledged
//! records. Every record contains the size of its batch and of the previous one, so a damaged record is detected if any
//! record of its batch or of the next one is intact.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{Context, SHA256};

use super::mark::Epoch;
use super::{BLOCK, ZEROS};
use crate::envelope::EntryId;
use crate::policy::Name;
use crate::spool::draft::Draft;

const MAGIC: &[u8; 8] = b"hookrec2";
const FIELDS_BYTES: usize = 64;
const HEADER_BYTES: usize = 96;

/// The position of a batch in its epoch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Batch {
    /// The number of the batch, from 0.
    pub(super) number: u32,
    /// The records in the batch.
    pub(super) records: u32,
    /// The records in the previous batch; 0 for the first batch.
    pub(super) records_before: u32,
}

/// Encodes the fields in front of an entry, including the endpoint's name.
pub(super) fn header(epoch: Epoch, batch: Batch, draft: &Draft) -> Vec<u8> {
    let name = draft.endpoint().as_str().as_bytes();
    let mut header = Vec::with_capacity(HEADER_BYTES + name.len());
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&epoch.0);
    header.extend_from_slice(draft.id().as_bytes());
    // A length in memory fits in 64 bits, and a name has at most 63 bytes.
    header.extend_from_slice(&u64::try_from(draft.len()).unwrap_or(u64::MAX).to_le_bytes());
    header.extend_from_slice(&u32::try_from(name.len()).unwrap_or(u32::MAX).to_le_bytes());
    for number in [batch.number, batch.records, batch.records_before] {
        header.extend_from_slice(&number.to_le_bytes());
    }
    let [envelope, payload] = draft.pieces();
    let digest = digest(&[&header, name, envelope, payload]);
    header.extend_from_slice(&digest);
    header.extend_from_slice(name);
    header
}

/// The bytes that a draft occupies in a log, without the padding of its batch.
pub(super) fn size(draft: &Draft) -> usize {
    HEADER_BYTES + draft.endpoint().as_str().len() + draft.len()
}

/// The zeros that extend `bytes` to a multiple of the block size.
pub(super) fn padding(bytes: usize) -> &'static [u8] {
    &ZEROS[..bytes.next_multiple_of(BLOCK) - bytes]
}

/// An intact entry in a log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Record<'a> {
    pub(super) id: EntryId,
    pub(super) endpoint: Name,
    pub(super) entry: &'a [u8],
}

/// The intact records of an epoch, and how many are damaged.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Records<'a> {
    pub(super) intact: Vec<Record<'a>>,
    /// The minimum number of damaged records in batches that are followed by another one. They were acknowledged.
    pub(super) damaged: u32,
    /// The records missing from the last batch, which may have been torn before it was acknowledged.
    pub(super) incomplete: u32,
}

/// Finds the records of an epoch. Damaged ones are skipped.
pub(super) fn records(log: &[u8], epoch: Epoch) -> Records<'_> {
    let mut found = Records::default();
    let mut batches: BTreeMap<u32, BatchCount> = BTreeMap::new();
    let mut at = 0_usize;
    while at < log.len() {
        let Some((record, batch, end)) = parse(log, at, epoch) else {
            at += if log[at..].starts_with(ZEROS) { BLOCK } else { 1 };
            continue;
        };
        let count = batches.entry(batch.number).or_default();
        count.intact += 1;
        count.expected = Some(batch.records);
        if let Some(before) = batch.number.checked_sub(1) {
            batches.entry(before).or_default().expected = Some(batch.records_before);
        }
        found.intact.push(record);
        at = end;
    }
    let last = batches.last_key_value().map(|(number, _)| *number);
    let mut next = 0;
    for (number, count) in &batches {
        // Of a batch without a trace, the size is unknown; it counts as one record.
        found.damaged = found.damaged.saturating_add(number.saturating_sub(next));
        next = number.saturating_add(1);
        if Some(*number) == last {
            found.incomplete = count.missing();
        } else {
            found.damaged = found.damaged.saturating_add(count.missing());
        }
    }
    found
}

/// The intact and the expected records of a batch.
#[derive(Debug, Default)]
struct BatchCount {
    intact: u32,
    expected: Option<u32>,
}

impl BatchCount {
    fn missing(&self) -> u32 {
        self.expected.unwrap_or(0).saturating_sub(self.intact)
    }
}

fn parse(log: &[u8], start: usize, epoch: Epoch) -> Option<(Record<'_>, Batch, usize)> {
    let header = log.get(start..start.checked_add(HEADER_BYTES)?)?;
    if !header.starts_with(MAGIC) || header[8..24] != epoch.0 {
        return None;
    }
    let number = |at: usize| Some(u32::from_le_bytes(header[at..at + 4].try_into().ok()?));
    let length = usize::try_from(u64::from_le_bytes(header[40..48].try_into().ok()?)).ok()?;
    let name_at = start + HEADER_BYTES;
    let entry_at = name_at.checked_add(usize::try_from(number(48)?).ok()?)?;
    let end = entry_at.checked_add(length)?;
    let (name, entry) = (log.get(name_at..entry_at)?, log.get(entry_at..end)?);
    if header[FIELDS_BYTES..] != digest(&[&header[..FIELDS_BYTES], name, entry]) {
        return None;
    }
    let id = EntryId::from_bytes(header[24..40].try_into().ok()?);
    let endpoint = std::str::from_utf8(name).ok()?.parse().ok()?;
    let batch = Batch { number: number(52)?, records: number(56)?, records_before: number(60)? };
    Some((Record { id, endpoint, entry }, batch, end))
}

/// The SHA-256 of the pieces, concatenated.
pub(super) fn digest(pieces: &[&[u8]]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    pieces.iter().for_each(|piece| context.update(piece));
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::draft::tests::draft;

    const EPOCH: Epoch = Epoch([1; 16]);

    /// Encodes batches with these numbers of records.
    fn log(epoch: Epoch, sizes: &[usize]) -> (Vec<u8>, Vec<EntryId>) {
        let (mut log, mut ids, mut before) = (Vec::new(), Vec::new(), 0);
        for (number, size) in (0..).zip(sizes) {
            let records = u32::try_from(*size).unwrap();
            let batch = Batch { number, records, records_before: before };
            for index in 0..*size {
                let draft = draft("pix", &vec![b'x'; 100 + index * 4000]);
                log.extend(header(epoch, batch, &draft));
                log.extend(draft.pieces().concat());
                ids.push(draft.id());
            }
            log.extend_from_slice(padding(log.len()));
            before = records;
        }
        (log, ids)
    }

    fn ids(found: &Records<'_>) -> Vec<EntryId> {
        found.intact.iter().map(|record| record.id).collect()
    }

    #[test]
    fn written_records_are_read_back() {
        let (log, written) = log(EPOCH, &[1, 3, 2]);
        let found = records(&log, EPOCH);
        assert_eq!((ids(&found), found.damaged, found.incomplete), (written, 0, 0));
        assert!(found.intact[0].entry.ends_with(&[b'x'; 100]));
        assert_eq!(records(&log, Epoch([2; 16])), Records::default());
        assert_eq!(records(&[], EPOCH), Records::default());
    }

    #[test]
    fn damaged_record_affects_no_other_and_is_counted_if_a_batch_follows() {
        let (log, written) = log(EPOCH, &[1, 3, 2]);
        let starts: Vec<_> =
            (0..log.len()).filter(|at| log[*at..].starts_with(MAGIC)).chain([log.len()]).collect();
        for (index, range) in starts.windows(2).enumerate() {
            for at in (range[0]..range[1]).step_by(37) {
                let mut log = log.clone();
                log[at] ^= 0x10;
                let found = records(&log, EPOCH);
                let others: Vec<_> = written.iter().copied().filter(|id| *id != written[index]).collect();
                if found.intact.len() == written.len() {
                    // The damage is in the padding.
                    continue;
                }
                assert_eq!(ids(&found), others, "{index} at {at}");
                let expected = if index < 4 { (1, 0) } else { (0, 1) };
                assert_eq!((found.damaged, found.incomplete), expected, "{index} at {at}");
            }
        }
    }

    #[test]
    fn fully_damaged_batches_are_counted_from_the_next_one() {
        let (mut log, written) = log(EPOCH, &[2, 3, 1, 1]);
        let third = (0..log.len()).filter(|at| log[*at..].starts_with(MAGIC)).nth(5).unwrap();
        log[..third].fill(0);
        let found = records(&log, EPOCH);
        // The size of the first batch is unknown, so it counts as one record.
        assert_eq!((ids(&found), found.damaged), (written[5..].to_vec(), 3 + 1));
    }

    #[test]
    fn greatest_batch_number_is_read_at_once() {
        let draft = draft("pix", b"payload");
        let batch = Batch { number: u32::MAX, records: u32::MAX, records_before: 2 };
        let log = [header(EPOCH, batch, &draft), draft.pieces().concat()].concat();
        let found = records(&log, EPOCH);
        assert_eq!((ids(&found), found.damaged), (vec![draft.id()], u32::MAX));
        assert_eq!(found.incomplete, u32::MAX - 1);
    }

    #[test]
    fn torn_last_batch_is_not_counted_as_damaged() {
        let (log, written) = log(EPOCH, &[2, 2]);
        let last = (0..log.len()).rfind(|at| log[*at..].starts_with(MAGIC)).unwrap();
        let found = records(&log[..last + 200], EPOCH);
        assert_eq!((ids(&found), found.damaged, found.incomplete), (written[..3].to_vec(), 0, 1));
        let second = log.len() / BLOCK / 2 * BLOCK;
        let found = records(&log[..second], EPOCH);
        assert_eq!((found.damaged, found.incomplete), (0, 0));
    }

    #[test]
    fn record_inside_a_payload_is_not_read_as_a_record() {
        let (forged, _) = log(Epoch([9; 16]), &[1]);
        let draft = draft("pix", &forged);
        let batch = Batch { number: 0, records: 1, records_before: 0 };
        let mut log = [header(EPOCH, batch, &draft), draft.pieces().concat()].concat();
        log[70] ^= 1;
        assert_eq!(records(&log, EPOCH), Records::default());
    }
}
