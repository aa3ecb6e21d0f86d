//! The lines that begin and end a block, as OpenSSL recognizes them (RFC 7468, 3).

use std::ops::Range;

use super::fault::BlockFaultKind;
use super::label::Label;
use super::stray::data_follows;

pub(super) const BEGIN: &[u8] = b"-----BEGIN";
pub(super) const PLAIN_BEGIN: &[u8] = b"BEGIN";
pub(super) const END: &[u8] = b"-----END";
pub(super) const DASHES: &[u8] = b"-----";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Where a block begins in a line that is outside of one, and what is wrong with that beginning. A BEGIN at another place
/// than the line's start, or in another writing, is only one if data follows it: comments mention BEGIN, too.
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

/// The label up to the closing dashes; none if there are none, or they open the next block.
pub(super) fn name(text: &[u8]) -> Option<&[u8]> {
    let end = find(text, DASHES)?;
    let opens_another = [BEGIN, END].iter().any(|mark| text[end..].starts_with(mark));
    (!opens_another).then(|| &text[..end])
}

/// Where the next block begins in a line, after the dashes that end at `after`. The two can share dashes.
pub(super) fn next_block(line: &[u8], after: usize) -> Option<usize> {
    let from = after - DASHES.len() + 1;
    find(&line[from..], BEGIN).map(|begin| from + begin)
}

/// Whether what follows BEGIN or END is one blank and a label that neither begins nor ends with another (RFC 7468, 3).
pub(super) fn is_label(name: &[u8]) -> bool {
    name.strip_prefix(b" ").is_some_and(|label| label.trim_ascii() == label)
}

/// Whether a line is the END of a block, with no more than a piece of its base64 text before it. Prose mentions END, too.
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
