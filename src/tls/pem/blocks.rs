//! Splits PEM text into blocks (RFC 7468, 3), so that everything that may be a block is read or is a fault.
//!
//! Libraries skip text that they cannot parse; a skipped CA or revocation list changes which peers are accepted.

use base64ct::{Base64, Encoding as _};
use zeroize::Zeroizing;

use super::fault::{BlockFault, BlockFaultKind, BlockFaults};
use super::label::{Kind, Label};
use super::marks::{
    BEGIN, DASHES, END, PLAIN_BEGIN, begin, find, has_text, is_label, is_lone_end, name, next_block,
};
use super::stray::StrayText;

/// The header with which OpenSSL marks an encrypted key inside a block (RFC 1421, 4.6.1.1).
const ENCRYPTED_HEADER: &[u8] = b"Proc-Type: 4,ENCRYPTED";

/// A block that was read.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) label: Label,
    /// The line of its `-----BEGIN`, from 1.
    pub(super) line: usize,
    /// Its contents, wiped when they are dropped. For an encrypted key, the ciphertext.
    pub(super) der: Zeroizing<Vec<u8>>,
    /// Whether it is one of the contents of a PKCS#7 structure, whose line it has.
    pub(super) is_in_pkcs7: bool,
}

/// Everything in a text that is or should be a block, in the order of the text.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    pub(super) read: Vec<Block>,
    pub(super) faults: BlockFaults,
}

/// A block whose END has not been read yet.
struct Open {
    label: Label,
    name: Vec<u8>,
    line: usize,
    fault: Option<BlockFaultKind>,
    /// The position at which its base64 text begins.
    from: usize,
    encrypted: bool,
    has_text: bool,
    first_bad_line: Option<usize>,
}

/// Reads all blocks of a text. Lines end with LF, CRLF or CR; white space around a line and a byte order mark before it
/// are ignored, and a block may begin directly after the dashes of the previous one.
pub(super) fn scan(bytes: &[u8]) -> Blocks {
    let mut scan = Scan { bytes, blocks: Blocks::default(), open: None, stray: StrayText::default() };
    let (mut at, mut number) = (0, 1);
    while at < bytes.len() {
        let length = bytes[at..].iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let end = length.map_or(bytes.len(), |length| at + length);
        scan.line(at, end, number);
        let crlf = bytes.get(end..end + 2) == Some(b"\r\n");
        at = end + if crlf { 2 } else { 1 };
        number += 1;
    }
    if let Some(open) = scan.open.take() {
        scan.fault(&open, BlockFaultKind::NoEnd);
    }
    scan.blocks
}

struct Scan<'a> {
    bytes: &'a [u8],
    blocks: Blocks,
    open: Option<Open>,
    /// The text before the next block.
    stray: StrayText,
}

impl Scan<'_> {
    /// Reads a line, from `at` to `end`. It may contain the end of one block and the beginning of the next.
    fn line(&mut self, mut at: usize, end: usize, number: usize) {
        loop {
            let rest = &self.bytes[at..end];
            match self.open.take() {
                None => {
                    let Some(next) = self.outside(rest, at, number) else { return };
                    at = next;
                }
                Some(open) => {
                    let Some(next) = self.inside(open, rest, at, number) else { return };
                    at = next;
                }
            }
        }
    }

    /// Reads outside of a block. Returns the position after a BEGIN in this line, if something follows it.
    fn outside(&mut self, rest: &[u8], at: usize, number: usize) -> Option<usize> {
        let Some((begin, fault)) = begin(self.bytes, at..at + rest.len()) else {
            self.between(rest, number);
            return None;
        };
        self.stray = StrayText::default();
        let name_at = begin + BEGIN.len();
        let is_mark = rest[begin..].starts_with(BEGIN);
        let name = name(rest.get(name_at..).filter(|_| is_mark).unwrap_or_default());
        let Some(name) = name.filter(|name| is_label(name)) else {
            self.open = Some(Open::at(number, fault.or(Some(BlockFaultKind::BeginDamaged))));
            return Some(at + begin + if is_mark { BEGIN.len() } else { PLAIN_BEGIN.len() });
        };
        let after = name_at + name.len() + DASHES.len();
        let name = name.trim_ascii();
        let mut open = Open { label: Label::of(name), name: name.to_vec(), ..Open::at(number, fault) };
        let after = next_block(rest, after).unwrap_or(after);
        let has_more = has_text(&rest[after..]);
        if has_more {
            open.fault = open.fault.or(Some(BlockFaultKind::NoLineBreaks));
        }
        open.from = at + rest.len();
        self.open = Some(open);
        has_more.then_some(at + after)
    }

    /// Reads a line between blocks.
    fn between(&mut self, line: &[u8], number: usize) {
        let stray = self.stray.line(line, number);
        if let Some((line, kind)) = stray {
            self.blocks.faults.push(BlockFault { line, label: Label::UNKNOWN, kind });
        }
        if !self.stray.is_reported && is_lone_end(line) {
            let fault = BlockFault { line: number, label: Label::UNKNOWN, kind: BlockFaultKind::NoBegin };
            self.blocks.faults.push(fault);
        }
    }

    /// Reads inside a block. Returns the position after its END in this line, if something follows it.
    fn inside(&mut self, mut open: Open, rest: &[u8], at: usize, number: usize) -> Option<usize> {
        // Only the text up to the next BEGIN is searched for END: a line may contain very many of either.
        let begin = find(rest, BEGIN);
        let end = find(&rest[..begin.unwrap_or(rest.len())], END);
        match (begin, end) {
            (None, None) => {
                open.text(rest, at + rest.len(), number);
                self.open = Some(open);
                None
            }
            (Some(begin), None) => {
                self.fault(&open, BlockFaultKind::NoEnd);
                Some(at + begin)
            }
            (_, Some(end)) => {
                if !rest[..end].trim_ascii().is_empty() {
                    open.fault = open.fault.or(Some(BlockFaultKind::NoLineBreaks));
                }
                self.close(&open, rest, at, end)
            }
        }
    }

    fn close(&mut self, open: &Open, rest: &[u8], at: usize, end: usize) -> Option<usize> {
        let name_at = end + END.len();
        let Some(name) = name(&rest[name_at..]).filter(|name| is_label(name)) else {
            self.fault(open, BlockFaultKind::EndDamaged);
            return find(&rest[name_at..], BEGIN).map(|begin| at + name_at + begin);
        };
        let after = name_at + name.len() + DASHES.len();
        let next = next_block(rest, after);
        let between = &rest[after..next.unwrap_or(rest.len()).max(after)];
        if open.fault.is_none() && name.trim_ascii() != open.name {
            self.fault(open, BlockFaultKind::OtherEnd);
        } else if has_text(between) {
            self.fault(open, BlockFaultKind::TextAfter);
        } else {
            self.read(open, at + end);
        }
        next.map(|next| at + next)
    }

    /// Decodes a block from BEGIN to END.
    fn read(&mut self, open: &Open, until: usize) {
        let kind = if let Some(fault) = open.fault {
            fault
        } else if let Some(line) = open.first_bad_line {
            BlockFaultKind::NotBase64 { line }
        } else {
            match decode(&self.bytes[open.from.min(until)..until]) {
                Some(der) if der.is_empty() => BlockFaultKind::Hollow,
                Some(_) if open.encrypted && !open.label.is_private_key() => BlockFaultKind::NotSupported,
                Some(der) => {
                    let kind = if open.encrypted { Kind::EncryptedKey } else { open.label.kind };
                    let label = open.label.with(kind);
                    self.blocks.read.push(Block { label, line: open.line, der, is_in_pkcs7: false });
                    return;
                }
                None => BlockFaultKind::Incomplete,
            }
        };
        self.fault(open, kind);
    }

    /// Reports a fault, or the first fault of the block if it already has one.
    fn fault(&mut self, open: &Open, kind: BlockFaultKind) {
        let kind = open.fault.unwrap_or(kind);
        self.blocks.faults.push(BlockFault { line: open.line, label: open.label, kind });
    }
}

impl Open {
    fn at(line: usize, fault: Option<BlockFaultKind>) -> Self {
        Self {
            label: Label::UNKNOWN,
            name: Vec::new(),
            line,
            fault,
            from: 0,
            encrypted: false,
            has_text: false,
            first_bad_line: None,
        }
    }

    /// Reads a line of its text. Headers (RFC 1421, 4.6) contain a colon, which base64 does not.
    fn text(&mut self, line: &[u8], end: usize, number: usize) {
        if line.contains(&b':') && !self.has_text {
            self.encrypted |= line.trim_ascii() == ENCRYPTED_HEADER;
            self.from = end;
            if StrayText::default().line(line, number).is_some() {
                self.first_bad_line.get_or_insert(number);
            }
            return;
        }
        self.has_text |= !line.trim_ascii().is_empty();
        let fits =
            |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte) || byte.is_ascii_whitespace();
        if !line.iter().all(fits) {
            self.first_bad_line.get_or_insert(number);
        }
    }
}

/// Decodes base64 with padding (RFC 4648, 4) and any white space, in memory that is wiped.
pub(super) fn decode(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    // Full capacity from the start: a vector that grows leaves a copy that is not wiped.
    let mut buffer = Zeroizing::new(Vec::with_capacity(text.len()));
    buffer.extend(text.iter().filter(|byte| !byte.is_ascii_whitespace()));
    let length = Base64::decode_in_place(&mut buffer).ok()?.len();
    buffer.truncate(length);
    Some(buffer)
}
