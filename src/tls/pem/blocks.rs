//! PEM text into blocks (RFC 7468, 3), so that every `-----BEGIN` of a file is either a block that was read or a fault.
//!
//! Libraries skip what they do not understand; a CA or a revocation list that is skipped changes who is accepted. A fault
//! never contains bytes of the file: they may be a private key's.

use std::fmt;

use base64ct::{Base64, Encoding as _};
use zeroize::Zeroizing;

use super::label::{Kind, Label};

const BEGIN: &[u8] = b"-----BEGIN";
const END: &[u8] = b"-----END";
const DASHES: &[u8] = b"-----";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// How OpenSSL marks a key under a password inside of the block (RFC 1421, 4.6.1.1).
const ENCRYPTED_HEADER: &[u8] = b"Proc-Type: 4,ENCRYPTED";

/// A block that was read.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) label: Label,
    /// The line of its `-----BEGIN`, from 1.
    pub(super) line: usize,
    /// Its contents, wiped when they are dropped. For a key under a password, what is encrypted.
    pub(super) der: Zeroizing<Vec<u8>>,
}

/// A block that a person sees in the file and that cannot be read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BlockFault {
    /// The line where the block begins, from 1.
    pub line: usize,
    /// What the block would be.
    pub label: Label,
    /// What is wrong with it.
    pub kind: BlockFaultKind,
}

/// What is wrong with a block.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BlockFaultKind {
    /// The BEGIN line has no closing dashes.
    BeginDamaged,
    /// There is something else than five ASCII hyphens before BEGIN.
    DashesDamaged,
    /// Text precedes `-----BEGIN` on its line, as in a comment.
    TextBefore,
    /// Text follows the END line's dashes.
    TextAfter,
    /// Its contents share a line with BEGIN or END.
    NoLineBreaks,
    /// The file ends, or another block begins, before END.
    NoEnd,
    /// There is an END without a BEGIN.
    NoBegin,
    /// The END line has no closing dashes.
    EndDamaged,
    /// The END line has another label.
    OtherEnd,
    /// There is nothing between BEGIN and END.
    Hollow,
    /// A line between BEGIN and END contains a character that is not base64.
    NotBase64 {
        /// The line, from 1.
        line: usize,
    },
    /// The base64 text is not complete.
    Incomplete,
    /// It is whole, and of a form that is not read.
    NotSupported,
}

impl fmt::Display for BlockFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, label, kind } = self;
        write!(f, "line {line}: ")?;
        match kind {
            BlockFaultKind::BeginDamaged => f.write_str("a `-----BEGIN` line is damaged"),
            BlockFaultKind::DashesDamaged => {
                f.write_str("the dashes of a BEGIN line are not five ASCII hyphens")
            }
            BlockFaultKind::TextBefore => write!(f, "text precedes `-----BEGIN` of a {label}"),
            BlockFaultKind::TextAfter => write!(f, "text follows `-----END` of the {label}"),
            BlockFaultKind::NoLineBreaks => write!(f, "the {label} has lost its line breaks"),
            BlockFaultKind::NoEnd => write!(f, "the {label} that begins here has no `-----END` line"),
            BlockFaultKind::NoBegin => f.write_str("an `-----END` line has no `-----BEGIN` line"),
            BlockFaultKind::EndDamaged => write!(f, "the `-----END` line of the {label} is damaged"),
            BlockFaultKind::OtherEnd => write!(f, "the {label} ends with another label than it begins with"),
            BlockFaultKind::Hollow => write!(f, "the {label} is empty"),
            BlockFaultKind::NotBase64 { line } => {
                write!(f, "the {label} that begins here is not base64 in line {line}")
            }
            BlockFaultKind::Incomplete => write!(f, "characters are missing in the {label} that begins here"),
            BlockFaultKind::NotSupported => write!(f, "a {label} is not read"),
        }
    }
}

impl BlockFault {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self.kind {
            BlockFaultKind::NoLineBreaks => {
                "write each part on a line: `-----BEGIN …-----`, the base64 text in lines of 64 characters, `-----END …-----`; \
                 an unquoted shell variable or a one-line field of a secrets editor removes the line breaks"
            }
            BlockFaultKind::TextBefore => {
                "begin the line with `-----BEGIN`; PEM has no comments, so remove a block that should not count"
            }
            BlockFaultKind::TextAfter => "put a line break after the dashes of the `-----END` line",
            BlockFaultKind::DashesDamaged => {
                "write five ASCII hyphens on each side; a word processor replaces them"
            }
            BlockFaultKind::NotSupported => self.label.conversion().unwrap_or("remove it from the file"),
            BlockFaultKind::BeginDamaged
            | BlockFaultKind::NoEnd
            | BlockFaultKind::NoBegin
            | BlockFaultKind::EndDamaged
            | BlockFaultKind::OtherEnd
            | BlockFaultKind::Hollow
            | BlockFaultKind::NotBase64 { .. }
            | BlockFaultKind::Incomplete => {
                "copy the file again, from `-----BEGIN` to `-----END`, both lines included"
            }
        }
    }
}

/// Everything in a text that is or should be a block, in the order of the text.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    pub(super) read: Vec<Block>,
    pub(super) faults: Vec<BlockFault>,
}

/// A block whose END has not come yet.
struct Open {
    label: Label,
    name: Vec<u8>,
    line: usize,
    fault: Option<BlockFaultKind>,
    /// Where its base64 text begins.
    from: usize,
    encrypted: bool,
    has_text: bool,
    first_bad_line: Option<usize>,
}

/// Reads all blocks of a text. Lines end with LF, CRLF or CR; white space around a line and a byte order mark before it
/// do not matter, and a block may begin directly after the dashes of the one before.
pub(super) fn scan(bytes: &[u8]) -> Blocks {
    let mut scan = Scan { bytes, blocks: Blocks::default(), open: None };
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
}

impl Scan<'_> {
    /// One line, from `at` to `end`. There can be the end of one block and the beginning of the next in it.
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

    /// Outside of a block: the place after a BEGIN in this line, if something follows it there.
    fn outside(&mut self, rest: &[u8], at: usize, number: usize) -> Option<usize> {
        let Some(begin) = find(rest, BEGIN) else {
            if find(rest, END).is_some() {
                let fault = BlockFault { line: number, label: Label::UNKNOWN, kind: BlockFaultKind::NoBegin };
                self.blocks.faults.push(fault);
            } else if has_damaged_dashes(rest) {
                self.open = Some(Open::at(number, Some(BlockFaultKind::DashesDamaged)));
            }
            return None;
        };
        let fault = has_text(&rest[..begin]).then_some(BlockFaultKind::TextBefore);
        let name_at = begin + BEGIN.len();
        let Some(name) = name(&rest[name_at..]) else {
            self.open = Some(Open::at(number, fault.or(Some(BlockFaultKind::BeginDamaged))));
            return Some(at + name_at);
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

    /// Inside of a block: the place after its END in this line, if something follows it there.
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
        let Some(name) = name(&rest[name_at..]) else {
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

    /// A block from BEGIN to END.
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
                    self.blocks.read.push(Block { label, line: open.line, der });
                    return;
                }
                None => BlockFaultKind::Incomplete,
            }
        };
        self.fault(open, kind);
    }

    /// The first fault of a block is the one that counts.
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

    /// A line of its text. Headers (RFC 1421, 4.6) have a colon, which base64 has not.
    fn text(&mut self, line: &[u8], end: usize, number: usize) {
        if line.contains(&b':') && !self.has_text {
            self.encrypted |= line.trim_ascii() == ENCRYPTED_HEADER;
            self.from = end;
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

/// Whether there is more than white space, hyphens and a byte order mark.
fn has_text(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    text.iter().any(|byte| !byte.is_ascii_whitespace() && *byte != b'-')
}

/// The label up to the closing dashes; none if there are none, or they open the next block.
fn name(text: &[u8]) -> Option<&[u8]> {
    let end = find(text, DASHES)?;
    let opens_another = [BEGIN, END].iter().any(|mark| text[end..].starts_with(mark));
    (!opens_another).then(|| &text[..end])
}

/// Where the next block begins in a line, after the dashes that end at `after`. The two can share dashes.
fn next_block(line: &[u8], after: usize) -> Option<usize> {
    let from = after - DASHES.len() + 1;
    find(&line[from..], BEGIN).map(|begin| from + begin)
}

/// Whether a line looks like a BEGIN line whose dashes something has replaced.
fn has_damaged_dashes(line: &[u8]) -> bool {
    let Some(begin) = find(line, b"BEGIN ") else { return false };
    // U+2010 to U+2015 and U+2212 in UTF-8, and those of Windows-1252.
    let before = line[..begin].trim_ascii_end();
    let is_dash = before.ends_with(b"-")
        || matches!(before, [.., 0xe2, 0x80, 0x90..=0x95] | [.., 0xe2, 0x88, 0x92] | [.., 0x96 | 0x97]);
    let has_label = [b"CERTIFICATE".as_slice(), b"KEY", b"CRL", b"PKCS7"];
    is_dash && has_label.iter().any(|label| find(&line[begin..], label).is_some())
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

/// Base64 with padding (RFC 4648, 4), white space anywhere, in memory that is wiped.
fn decode(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    // All of it from the start: a vector that grows leaves its old place as it was.
    let mut buffer = Zeroizing::new(Vec::with_capacity(text.len()));
    buffer.extend(text.iter().filter(|byte| !byte.is_ascii_whitespace()));
    let length = Base64::decode_in_place(&mut buffer).ok()?.len();
    buffer.truncate(length);
    Some(buffer)
}
