//! One entry as it stands in a journal. No I/O.
//!
//! ```text
//!  0   8  "hookspl1"
//!  8  16  the filling it belongs to: what an earlier one left behind is not taken for it
//! 24  16  the entry's id
//! 40   8  length of the entry, little endian
//! 48   8  length of the endpoint's name, little endian
//! 56  32  SHA-256 of the above, the name and the entry
//! 88      the endpoint's name, then the entry
//! ```
//!
//! A batch of records begins at a multiple of [`BLOCK`], so that a write never touches a block that
//! holds what was promised before.

use aws_lc_rs::digest::{Context, SHA256};

use crate::envelope::EntryId;
use crate::policy::Name;
use crate::spool::draft::Draft;

/// What a disk writes at once, or a multiple of it.
pub(super) const BLOCK: usize = 4096;

const MAGIC: &[u8; 8] = b"hookspl1";
const FACTS: usize = 56;
const HEAD: usize = 88;

/// What is in front of an entry.
pub(super) fn head(filling: EntryId, draft: &Draft) -> Vec<u8> {
    let name = draft.endpoint().as_str().as_bytes();
    let mut head = Vec::with_capacity(HEAD + name.len());
    head.extend_from_slice(MAGIC);
    head.extend_from_slice(filling.as_bytes());
    head.extend_from_slice(draft.id().as_bytes());
    head.extend_from_slice(&length(draft.len()));
    head.extend_from_slice(&length(name.len()));
    let [envelope, payload] = draft.pieces();
    let digest = digest(&[&head, name, envelope, payload]);
    head.extend_from_slice(&digest);
    head.extend_from_slice(name);
    head
}

/// The bytes that a draft takes in a journal, its batch's padding aside.
pub(super) fn size(draft: &Draft) -> usize {
    HEAD + draft.endpoint().as_str().len() + draft.len()
}

/// What makes `bytes` a whole number of blocks.
pub(super) fn padding(bytes: usize) -> &'static [u8] {
    const ZEROS: &[u8] = &[0; BLOCK];
    &ZEROS[..bytes.next_multiple_of(BLOCK) - bytes]
}

/// An entry that was found in a journal, whole.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Record<'a> {
    pub(super) id: EntryId,
    pub(super) endpoint: Name,
    pub(super) entry: &'a [u8],
}

/// The records of the filling that `journal` begins with, up to the first that is not whole: what
/// comes after it was never promised.
pub(super) fn records(journal: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let filling = journal.get(8..24);
    let mut at = 0_usize;
    std::iter::from_fn(move || {
        // The next one follows at once, or begins the next batch.
        let (found, end) =
            [at, at.next_multiple_of(BLOCK)].into_iter().find_map(|start| parse(journal, start, filling?))?;
        at = end;
        Some(found)
    })
}

fn parse<'a>(journal: &'a [u8], start: usize, filling: &[u8]) -> Option<(Record<'a>, usize)> {
    let head = journal.get(start..start.checked_add(HEAD)?)?;
    if &head[..8] != MAGIC || &head[8..24] != filling {
        return None;
    }
    let read = |at: usize| usize::try_from(u64::from_le_bytes(head[at..at + 8].try_into().ok()?)).ok();
    let name_at = start + HEAD;
    let entry_at = name_at.checked_add(read(48)?)?;
    let end = entry_at.checked_add(read(40)?)?;
    let (name, entry) = (journal.get(name_at..entry_at)?, journal.get(entry_at..end)?);
    if head[FACTS..] != digest(&[&head[..FACTS], name, entry]) {
        return None;
    }
    let id = EntryId::from_bytes(head[24..40].try_into().ok()?);
    let endpoint = std::str::from_utf8(name).ok()?.parse().ok()?;
    Some((Record { id, endpoint, entry }, end))
}

fn digest(pieces: &[&[u8]]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    pieces.iter().for_each(|piece| context.update(piece));
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

fn length(bytes: usize) -> [u8; 8] {
    // No length in memory is beyond 64 bits.
    u64::try_from(bytes).unwrap_or(u64::MAX).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::draft::tests::draft;

    /// A batch as it stands on disk.
    fn batch(filling: EntryId, drafts: &[Draft]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for draft in drafts {
            bytes.extend(head(filling, draft));
            bytes.extend(draft.pieces().concat());
        }
        bytes.extend_from_slice(padding(bytes.len()));
        assert_eq!(bytes.len() % BLOCK, 0);
        bytes
    }

    fn ids(journal: &[u8]) -> Vec<EntryId> {
        records(journal).map(|record| record.id).collect()
    }

    #[test]
    fn what_was_written_is_read_back() {
        let filling = EntryId::fresh();
        let drafts: Vec<_> = (0..40).map(|n| draft("pix", &vec![b'x'; n * 300])).collect();
        let journal: Vec<u8> = drafts.chunks(7).flat_map(|drafts| batch(filling, drafts)).collect();
        let found: Vec<_> = records(&journal).collect();
        assert_eq!(found.len(), drafts.len());
        for (record, draft) in found.iter().zip(&drafts) {
            assert_eq!((record.id, &record.endpoint), (draft.id(), draft.endpoint()));
            assert_eq!(record.entry, draft.pieces().concat());
        }
    }

    #[test]
    fn a_batch_that_is_not_whole_ends_it_and_hurts_none_before_it() {
        let filling = EntryId::fresh();
        let (first, second) = (draft("pix", b"first"), draft("pix", &[7; 9000]));
        let sound = batch(filling, &[first]);
        let journal = [sound.clone(), batch(filling, &[second])].concat();
        assert_eq!(ids(&journal).len(), 2);
        for at in sound.len()..sound.len() + 9000 {
            let mut torn = journal.clone();
            torn[at] ^= 1;
            assert_eq!(ids(&torn).len(), 1, "byte {at}");
        }
        for length in [0, 1, HEAD, sound.len() - BLOCK + 20] {
            assert!(ids(&journal[..length]).is_empty(), "{length} bytes");
        }
    }

    #[test]
    fn what_an_earlier_filling_left_behind_is_not_read() {
        let old = batch(EntryId::fresh(), &[draft("pix", &[1; 5000])]);
        let old = [old.clone(), old].concat();
        let new = batch(EntryId::fresh(), &[draft("pix", b"new")]);
        let journal = [&new[..], &old[new.len()..]].concat();
        assert_eq!(ids(&journal).len(), 1);
        assert!(ids(&vec![0; 3 * BLOCK]).is_empty());
    }
}
