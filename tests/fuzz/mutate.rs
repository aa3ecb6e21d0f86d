//! Mutations of inputs, from a seed.

use super::targets::der::{elements, encode};

/// Numbers at which decoders fail.
const NUMBERS: [u64; 12] =
    [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_ffff, u64::MAX >> 1, u64::MAX];
/// Bytes with a meaning in one of the formats.
const BYTES: &[u8] = b"\0\x01\x02\x05\x06\x0c\x30\x31\x80\x81\x84\xa0\xff\n\r \"#%&',-./0=?[\\]{}+";
/// The longest input.
pub const INPUT_BYTES_MAX: usize = 64 << 10;

/// The SplitMix64 generator.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// A number below `end`; 0 if that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    pub fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    fn byte(&mut self) -> u8 {
        if self.below(2) == 0 { *self.one(BYTES) } else { self.next().to_le_bytes()[0] }
    }

    /// A range of a text of this length: short ones are more frequent.
    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let longest = 1 << self.below(10);
        start..(start + self.below(longest + 1)).min(length)
    }
}

/// An input of the corpus with a few mutations.
pub fn mutated(corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut data = random.one(corpus).clone();
    for _ in 0..1 << random.below(4) {
        data = if random.below(3) == 0 {
            within_der(&data, random, 8)
        } else {
            let other = random.one(corpus);
            bytes(data, other, random)
        };
    }
    data.truncate(INPUT_BYTES_MAX);
    data
}

/// A mutation that ignores the format.
fn bytes(mut data: Vec<u8>, other: &[u8], random: &mut Random) -> Vec<u8> {
    let at = random.below(data.len());
    let range = random.range(data.len());
    match random.below(9) {
        0 if !data.is_empty() => data[at] ^= 1 << random.below(8),
        1 if !data.is_empty() => data[at] = random.byte(),
        2 => drop(data.splice(range.start..range.start, [random.byte()])),
        3 => drop(data.drain(range)),
        4 => {
            let copy = data[range].to_vec();
            drop(data.splice(at..at, copy));
        }
        5 => {
            let piece = other[random.range(other.len())].to_vec();
            drop(data.splice(range, piece));
        }
        6 => {
            let number = random.one(&NUMBERS).wrapping_add(random.next() % 3);
            let width = 1 << random.below(4);
            let bytes = if random.below(2) == 0 {
                number.to_le_bytes()
            } else {
                number.rotate_right(8 * width).to_be_bytes()
            };
            let end = (at + usize::try_from(width).unwrap()).min(data.len());
            data[at..end].copy_from_slice(&bytes[..end - at]);
        }
        7 => {
            let digits = data.iter().skip(at).position(u8::is_ascii_digit).map_or(at, |skipped| at + skipped);
            let end = data
                .iter()
                .skip(digits)
                .position(|byte| !byte.is_ascii_digit())
                .map_or(data.len(), |it| digits + it);
            drop(data.splice(digits..end, random.one(&NUMBERS).to_string().into_bytes()));
        }
        _ => data.truncate(range.end),
    }
    data
}

/// A mutation of one element of DER. The lengths around it stay valid.
fn within_der(data: &[u8], random: &mut Random, depth: usize) -> Vec<u8> {
    let (elements, rest) = elements(data);
    if elements.is_empty() || depth == 0 {
        return bytes(data.to_vec(), data, random);
    }
    let chosen = random.below(elements.len());
    let mut encoded: Vec<_> = elements.iter().map(|(tag, content)| encode(*tag, content)).collect();
    let (tag, content) = elements[chosen];
    match random.below(12) {
        0 => drop(encoded.remove(chosen)),
        1 => encoded.insert(chosen, encode(tag, content)),
        2 => encoded[chosen] = encode(random.byte(), content),
        3 => {
            let other = random.below(elements.len());
            encoded.swap(chosen, other);
        }
        4 => encoded[chosen] = encode(tag, &bytes(content.to_vec(), data, random)),
        _ => encoded[chosen] = encode(tag, &within_der(content, random, depth - 1)),
    }
    [encoded.concat(), rest.to_vec()].concat()
}
