//! Bytes as lowercase hex without colons, the format of all digests and serial numbers.

use std::fmt;

/// Displays bytes as lowercase hex.
#[derive(Clone, Copy, Debug)]
pub struct Hex<'a>(pub &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not `write!` for each byte: that was measured at a twentieth of the time of a delivery.
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        for chunk in self.0.chunks(32) {
            let mut text = [0; 64];
            for (pair, byte) in text.chunks_exact_mut(2).zip(chunk) {
                pair[0] = DIGITS[usize::from(byte >> 4)];
                pair[1] = DIGITS[usize::from(byte & 15)];
            }
            let text = std::str::from_utf8(&text[..chunk.len() * 2]).map_err(|_| fmt::Error)?;
            f.write_str(text)?;
        }
        Ok(())
    }
}

/// Decodes an even number of hex digits of either case; `None` for any other text.
pub fn bytes_of_hex(digits: &str) -> Option<Vec<u8>> {
    let digits = digits.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    digits.chunks(2).map(|pair| Some(value(pair[0])? << 4 | value(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_round_trip_through_hex() {
        for length in [0, 1, 20, 31, 32, 33, 100] {
            let bytes: Vec<u8> = (0..length).map(|n: u8| n.wrapping_mul(89)).collect();
            let text = Hex(&bytes).to_string();
            assert_eq!(text, bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
            assert_eq!(bytes_of_hex(&text.to_uppercase()), Some(bytes));
        }
        assert_eq!((bytes_of_hex("abc"), bytes_of_hex("0g")), (None, None));
    }
}
