//! Finds text outside of blocks, which OpenSSL skips, that may be a certificate, a list or a key in another form.
//!
//! Comments, names, hexadecimal numbers and paths are not data; base64 that decodes to the beginning of DER or PEM is, as
//! is a large amount of any base64.

use base64ct::{Base64, Encoding as _};
use zeroize::Zeroizing;

use super::fault::BlockFaultKind;

/// `-----BEGIN` in base64 at each of three offsets, without the characters that depend on the surrounding text.
const ENCODED_BEGIN: [&[u8]; 3] = [b"LS0tLS1CRUdJT", b"0tLS0tQkVHSU", b"tLS0tLUJFR0lO"];
/// Base64 of this length is not expected to begin like DER by chance.
const DER_CHARS: usize = 64;
/// The number of base64 characters that identify the beginning of DER.
const DER_HEAD_CHARS: usize = 12;
/// A word of this length is a line of base64 if it looks like one.
const DENSE_CHARS: usize = 48;
/// A single word of this length is data if it looks like base64.
const LONG_CHARS: usize = 128;
/// A word of this length at the start of the line after a BEGIN is data.
const DATA_CHARS: usize = 32;
/// The number of bytes after a BEGIN that are searched for data: more than its label and an encrypted key's header.
const DATA_WITHIN: usize = 512;

/// The text between two blocks so far. At most one fault is reported in it.
#[derive(Debug, Default)]
pub(super) struct StrayText {
    /// The beginning of what may be DER in base64.
    head: Zeroizing<Vec<u8>>,
    head_line: usize,
    /// The last line that was a line of base64.
    dense_line: Option<usize>,
    pub(super) is_reported: bool,
}

impl StrayText {
    /// Adds a line. Returns the line and kind of a fault that it completes.
    pub(super) fn line(&mut self, line: &[u8], number: usize) -> Option<(usize, BlockFaultKind)> {
        if self.is_reported {
            return None;
        }
        let found = self.find(line, number);
        self.is_reported = found.is_some();
        found
    }

    fn find(&mut self, line: &[u8], number: usize) -> Option<(usize, BlockFaultKind)> {
        if line.iter().copied().any(is_control) {
            return Some((number, BlockFaultKind::Binary));
        }
        for word in words(line) {
            if ENCODED_BEGIN.iter().any(|mark| word.windows(mark.len()).any(|window| window == *mark)) {
                return Some((number, BlockFaultKind::EncodedTwice));
            }
            if word.len() >= LONG_CHARS && looks_like_base64(word) {
                return Some((number, BlockFaultKind::Unmarked));
            }
            if let Some(line) = self.join(word, number) {
                return Some((line, BlockFaultKind::Unmarked));
            }
        }
        let is_dense =
            only_word(line).is_some_and(|word| word.len() >= DENSE_CHARS && looks_like_base64(word));
        let before = std::mem::replace(&mut self.dense_line, is_dense.then_some(number));
        let before = before.filter(|before| is_dense && before + 1 == number)?;
        Some((before, BlockFaultKind::Unmarked))
    }

    /// Joins words that may be DER in base64, in short lines or groups. Returns its first line once it is long enough.
    fn join(&mut self, word: &[u8], number: usize) -> Option<usize> {
        if begins_like_der(word) {
            self.head.clear();
        }
        if self.head.is_empty() {
            // DER in base64: a SEQUENCE with a length of several bytes.
            if !word.starts_with(b"MI") {
                return None;
            }
            self.head_line = number;
            self.head.reserve_exact(DER_CHARS);
        }
        let room = DER_CHARS - self.head.len();
        self.head.extend_from_slice(&word[..room.min(word.len())]);
        if self.head.len() >= DER_HEAD_CHARS && !begins_like_der(&self.head) {
            self.head.clear();
        }
        (self.head.len() == DER_CHARS).then_some(self.head_line)
    }
}

/// Whether data follows a BEGIN: later in its line, or in the next line that is neither empty nor a header.
pub(super) fn data_follows(text: &[u8], begin: &[u8]) -> bool {
    let text = &text[..text.len().min(DATA_WITHIN)];
    let mut lines = text.split(|byte| matches!(byte, b'\n' | b'\r'));
    let same = lines.next().unwrap_or_default();
    let until = same.windows(begin.len()).position(|window| window == begin);
    if words(&same[..until.unwrap_or(same.len())]).any(|word| word.len() >= DENSE_CHARS && is_data(word)) {
        return true;
    }
    let next = lines.find(|line| !line.trim_ascii().is_empty() && !line.contains(&b':'));
    let first = next.and_then(|line| words(line).next());
    // Names of certificates contain underscores.
    let is_name = |word: &[u8]| word.contains(&b'_') && !looks_like_base64(word);
    first.is_some_and(|word| word.len() >= DATA_CHARS && is_data(word) && !is_name(word))
}

/// Sequences of base64 characters, including the URL alphabet, without escaped line breaks.
fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = line;
    std::iter::from_fn(move || {
        let start = rest.iter().position(|byte| is_base64(*byte) && *byte != b'-')?;
        let escaped = match (start.checked_sub(1).map(|before| rest[before]), rest[start]) {
            (Some(b'\\'), b'n' | b'r' | b't') => 1,
            (Some(b'%'), _) => 2,
            (_, _) => 0,
        };
        let ends = |at: usize| !is_base64(rest[at]) || rest[at..].starts_with(b"--");
        let end = (start..rest.len()).find(|at| ends(*at)).unwrap_or(rest.len());
        let word = &rest[(start + escaped).min(end)..end];
        rest = &rest[end..];
        Some(word)
    })
    .filter(|word| !word.is_empty())
}

/// The word of a line that contains only one.
fn only_word(line: &[u8]) -> Option<&[u8]> {
    let mut words = words(line);
    words.next().filter(|_| words.next().is_none())
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte)
}

/// Whether a byte is a control character that text does not contain; DER contains many.
fn is_control(byte: u8) -> bool {
    const END_OF_FILE: u8 = 0x1a;
    const VERTICAL_TAB: u8 = 0x0b;
    byte.is_ascii_control()
        && !byte.is_ascii_whitespace()
        && ![END_OF_FILE, VERTICAL_TAB, 0x7f].contains(&byte)
}

/// Whether a word is more than a hexadecimal number or a path.
fn is_data(word: &[u8]) -> bool {
    let slashes = word.iter().filter(|byte| **byte == b'/').count();
    word.iter().any(|byte| !byte.is_ascii_hexdigit()) && slashes * 8 <= word.len()
}

/// Whether uppercase letters, lowercase letters and digits alternate randomly, unlike in words and numbers.
fn looks_like_base64(word: &[u8]) -> bool {
    let class = |byte: u8| match byte {
        b'A'..=b'Z' => 0,
        b'a'..=b'z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    };
    let has = |wanted: i32| word.iter().any(|byte| class(*byte) == wanted);
    let changes = word.windows(2).filter(|pair| class(pair[0]) != class(pair[1])).count();
    has(0) && has(1) && is_data(word) && changes * 5 >= word.len() * 2
}

/// Whether base64 begins like a certificate, a list, a key or a message in DER: a SEQUENCE of at least 128 bytes, in which
/// the first element is another SEQUENCE, a small INTEGER or an object identifier.
fn begins_like_der(text: &[u8]) -> bool {
    let Some(head) = text.first_chunk::<DER_HEAD_CHARS>() else { return false };
    let standard = head.map(|byte| match byte {
        b'-' => b'+',
        b'_' => b'/',
        _ => byte,
    });
    let mut der = Zeroizing::new([0; DER_HEAD_CHARS / 4 * 3]);
    if Base64::decode(standard, der.as_mut_slice()).is_err() {
        return false;
    }
    let inner = match der.as_slice() {
        [0x30, 0x81, 0x80..=0xff, inner @ ..]
        | [0x30, 0x82, 1..=0xff, _, inner @ ..]
        | [0x30, 0x83, 1..=0xff, _, _, inner @ ..] => inner,
        _ => return false,
    };
    matches!(
        inner,
        [0x30, 0x81..=0x84, ..]
            | [0x30, _, 0x02 | 0x06 | 0x30 | 0xa0, ..]
            | [0x02, 1, 0..=3, ..]
            | [0x06, 9, ..]
    )
}
