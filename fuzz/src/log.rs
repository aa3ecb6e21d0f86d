//! The write-ahead log, in its current and its previous format. Of the first block, the input contains only the state,
//! without the padding.

use aws_lc_rs::digest::{SHA256, digest};
use hookspool::spool::entries_in_log;

/// The magic bytes of a format, the offset of its digest, and those of its two lengths and their size.
type Format = (&'static [u8; 8], usize, [usize; 2], usize);
const FORMATS: [Format; 2] = [(b"hookrec2", 64, [40, 48], 4), (b"hookspl1", 56, [40, 48], 8)];
const DIGEST_BYTES: usize = 32;
const STATE: &[u8] = b"hookwal2";
const STATE_BYTES: usize = 64;
const BLOCK: usize = 4096;

pub fn run(data: &[u8]) {
    let mut log = data.to_vec();
    if data.starts_with(STATE) && data.len() >= STATE_BYTES {
        drop(log.splice(STATE_BYTES..STATE_BYTES, vec![0; BLOCK - STATE_BYTES]));
    }
    check(&log);
    let mut repaired = log;
    repair_state(&mut repaired);
    FORMATS.iter().for_each(|format| repair_records(&mut repaired, *format));
    check(&repaired);
}

fn check(log: &[u8]) {
    let Some(entries) = entries_in_log(log.to_vec()) else { return };
    let mut rest = log;
    for (id, endpoint, entry) in entries {
        // Each entry is in the log, in this order, after its ID and its endpoint.
        for piece in [&id.as_bytes()[..], endpoint.as_str().as_bytes(), &entry] {
            let at = (0..=rest.len()).find(|at| rest[*at..].starts_with(piece));
            rest = &rest[at.expect("an entry of the log") + piece.len()..];
        }
    }
}

/// Makes the digest of the first block's state valid, so that mutations reach the records.
fn repair_state(log: &mut [u8]) {
    if log.len() >= STATE_BYTES && log.starts_with(STATE) {
        let sum = digest(&SHA256, &log[..STATE_BYTES - DIGEST_BYTES]);
        log[STATE_BYTES - DIGEST_BYTES..STATE_BYTES].copy_from_slice(sum.as_ref());
    }
}

/// Makes the digest of each record valid.
fn repair_records(log: &mut [u8], (magic, digest_at, lengths, bytes): Format) {
    for start in 0..log.len().saturating_sub(digest_at + DIGEST_BYTES) {
        if !log[start..].starts_with(magic) {
            continue;
        }
        let number = |at: usize, bytes: usize| {
            let field = &log[start + at..start + at + bytes];
            field.iter().rev().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte))
        };
        let length = number(lengths[0], 8).saturating_add(number(lengths[1], bytes));
        let content = start + digest_at + DIGEST_BYTES;
        let Some(end) = usize::try_from(length).ok().and_then(|length| content.checked_add(length)) else {
            continue;
        };
        if end <= log.len() {
            let sum = digest(&SHA256, &[&log[start..start + digest_at], &log[content..end]].concat());
            log[start + digest_at..content].copy_from_slice(sum.as_ref());
        }
    }
}
