//! The lines that begin and end a block, as OpenSSL recognizes them (RFC 7468, 3).

use std::ops::Range;

use super::fault::BlockFaultKind;
use super::label::Label;
use super::stray::data_follows;

pub(super) const BEGIN: &[u8] = b"-----BEGIN";
pub(super) const PLAIN_BEGIN: &[u8] = b"BEGIN";
pub(super) const END: &[u8] = b"-----END";
pub(super) const DASHES: &[u8] = b"-----";
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The position at which a block begins in a line outside of blocks, and the fault of that beginning. A BEGIN elsewhere
/// than at the start of the line, or spelled differently, is one only if data follows it: comments mention BEGIN, too.
pub(super) fn begin(text: &[u8], line: Range<usize>) -> Option<(usize, Option<BlockFaultKind>)> {
    let follows = |from: usize| data_follows(&text[line.start + from..], BEGIN);
    let rest = &text[line.clone()];
    let first = find(rest, BEGIN);
    if let Some(begin) = first.filter(|begin| !has_text(&rest[..*begin])) {
        return Some((begin, None));
    }
    let mut next = first;
    while let Some(begin) = next {
        let from = begin + BEGIN.len();
        if follows(from) {
            return Some((begin, Some(BlockFaultKind::TextBefore)));
        }
        next = find(&rest[from..], BEGIN).map(|begin| from + begin);
    }
    let begin = rest.windows(PLAIN_BEGIN.len()).position(|it| it.eq_ignore_ascii_case(PLAIN_BEGIN))?;
    let kind = if rest[..begin].trim_ascii() == DASHES {
        BlockFaultKind::BeginDamaged
    } else {
        BlockFaultKind::DashesDamaged
    };
    follows(begin + PLAIN_BEGIN.len()).then_some((begin, Some(kind)))
}

/// Whether there is more than white space, hyphens and a byte order mark.
pub(super) fn has_text(text: &[u8]) -> bool {
    let is_text = |byte: &u8| !byte.is_ascii_whitespace() && *byte != b'-';
    let Some(first) = text.iter().position(is_text) else { return false };
    !text[first..].starts_with(BYTE_ORDER_MARK) || text[first + BYTE_ORDER_MARK.len()..].iter().any(is_text)
}

/// The label up to the closing dashes; `None` if there are none, or they begin the next block.
pub(super) fn name(text: &[u8]) -> Option<&[u8]> {
    let end = find(text, DASHES)?;
    let opens_another = [BEGIN, END].iter().any(|mark| text[end..].starts_with(mark));
    (!opens_another).then(|| &text[..end])
}

/// The position of the next block in a line, after the dashes that end at `after`. The two blocks can share dashes.
pub(super) fn next_block(line: &[u8], after: usize) -> Option<usize> {
    let from = after - DASHES.len() + 1;
    find(&line[from..], BEGIN).map(|begin| from + begin)
}

/// Whether the text after BEGIN or END is one space and a label without spaces at its ends (RFC 7468, 3).
pub(super) fn is_label(name: &[u8]) -> bool {
    name.strip_prefix(b" ").is_some_and(|label| label.trim_ascii() == label)
}

/// Whether a line is the END of a block, preceded by nothing but base64 text. Prose mentions END, too.
pub(super) fn is_lone_end(line: &[u8]) -> bool {
    let Some(end) = find(line, END) else { return false };
    let is_piece = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=-".contains(byte);
    let before = line[..end].trim_ascii_start();
    let before = before.strip_prefix(BYTE_ORDER_MARK).unwrap_or(before);
    let label = name(&line[end + END.len()..]).map(|name| Label::of(name.trim_ascii()));
    before.iter().all(is_piece) && label.is_some_and(Label::is_known)
}

pub(super) fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}
