//! The first field of an HTTP/2 header block (RFC 7541) whose beginning is known.

use super::frame_reader::PADDED;

/// The flag of HEADERS with a priority (RFC 9113, section 6.2).
const PRIORITY: u8 = 0x20;
/// The entries of the static table that have the name of a pseudo-header (appendix A).
const PSEUDO: std::ops::RangeInclusive<u8> = 1..=14;
/// The first seven bits of a compressed name that begins with a colon (appendix B).
const COLON: u8 = 0x5c;

/// Skips the padding's length and the priority of HEADERS (RFC 9113, section 6.2).
pub(super) fn block(flags: u8, payload: &[u8]) -> &[u8] {
    let padding = usize::from(flags & PADDED != 0);
    let priority = if flags & PRIORITY != 0 { 5 } else { 0 };
    payload.get(padding + priority..).unwrap_or_default()
}

/// The block after changes of the table's size (RFC 7541, section 6.3), which are integers with a prefix of five bits
/// (section 5.1).
pub(super) fn first_field(mut block: &[u8]) -> &[u8] {
    while let [first @ 0x20..=0x3f, rest @ ..] = block {
        let is_long = *first == 0x3f;
        let more = rest.iter().take_while(|byte| is_long && **byte & 0x80 != 0).count();
        block = rest.get(more + usize::from(is_long)..).unwrap_or_default();
    }
    block
}

/// Whether a field is a pseudo-header. One whose name is in the dynamic table is not recognized.
pub(super) fn is_pseudo(field: &[u8]) -> bool {
    let [first, rest @ ..] = field else { return false };
    let index = match first {
        0x80.. => first & 0x7f,
        0x40.. => first & 0x3f,
        _ => first & 0x0f,
    };
    match (index, rest) {
        (0, [length, name, ..]) if length & 0x80 != 0 => name >> 1 == COLON,
        (0, [_, name, ..]) => *name == b':',
        _ => PSEUDO.contains(&index),
    }
}
