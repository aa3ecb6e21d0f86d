//! Whole numbers in environment variables. Any other value is logged and ignored.

use std::ffi::OsStr;

/// The number in an environment variable. `None` if the variable is unset or empty, or is not a whole number that fits
/// in 64 bits; the latter is logged.
pub fn number(variable: &'static str) -> Option<u64> {
    let value = std::env::var_os(variable).filter(|value| !value.is_empty())?;
    let number = parse(&value);
    if number.is_none() {
        // The value is not logged, because it may be a secret that was assigned to the wrong variable.
        tracing::warn!(variable, "environment variable ignored: not a whole number");
    }
    number
}

fn parse(value: &OsStr) -> Option<u64> {
    let digits = value.to_str().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_digits_that_fit_in_64_bits_are_a_number() {
        let max = u64::MAX.to_string();
        for (text, number) in [("0", 0), ("007", 7), (max.as_str(), u64::MAX)] {
            assert_eq!(parse(OsStr::new(text)), Some(number));
        }
        for text in ["-1", "+1", " 1", "1s", "0x10", "1e3", "18446744073709551616", "ü"] {
            assert_eq!(parse(OsStr::new(text)), None, "{text}");
        }
    }
}
