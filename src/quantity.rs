//! Sizes and durations in the form that people write: `"1 MiB"`, `"30s"`.
//!
//! Errors contain the accepted form.

use std::fmt;
use std::iter;
use std::str::FromStr;
use std::time::Duration;

/// A number of bytes, written as in `"512 KiB"`.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ByteSize(pub u64);

/// A duration, written as in `"30s"`.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct HumanDuration(pub Duration);

/// Why a text is not a quantity of the expected kind.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum QuantityError {
    /// The text does not start with a number.
    #[error("`{0}` does not start with a whole number")]
    NoNumber(String),
    /// The value does not fit in 64 bits.
    #[error("`{0}` is too large")]
    TooLarge(String),
    /// The unit is missing or unknown.
    #[error("{}; {accepted}", unit_fault(.unit))]
    Unit {
        /// The text after the number.
        unit: String,
        /// The accepted form.
        accepted: &'static str,
    },
}

const SIZES: &[(&str, u64)] = &[
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];
/// Only displayed: no setting needs it.
const TEBIBYTE: (&str, u64) = ("TiB", 1 << 40);
const SIZES_ACCEPTED: &str = "write `B`, `KiB`, `MiB` or `GiB` (or `kB`, `MB`, `GB`), as in \"1 MiB\"";

const TIMES: &[(&str, u64)] = &[("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
const TIMES_ACCEPTED: &str = "write `ms`, `s`, `m`, `h` or `d`, as in \"30s\"";

impl FromStr for ByteSize {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text, SIZES, SIZES_ACCEPTED).map(Self)
    }
}

impl FromStr for HumanDuration {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text, TIMES, TIMES_ACCEPTED).map(|millis| Self(Duration::from_millis(millis)))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) = SIZES[..3]
            .iter()
            .find(|(_, factor)| self.0 >= *factor && self.0.is_multiple_of(*factor))
            .unwrap_or(&("B", 1));
        write!(f, "{} {unit}", self.0 / factor)
    }
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let (unit, factor) = TIMES
            .iter()
            .find(|(_, factor)| millis >= u128::from(*factor) && millis.is_multiple_of(u128::from(*factor)))
            .unwrap_or(&("ms", 1));
        write!(f, "{}{unit}", millis / u128::from(*factor))
    }
}

impl ByteSize {
    /// The size for people, rounded down: `218 B`, `1.5 KiB`, `59 GiB`.
    pub fn rounded(self) -> String {
        let units = iter::once(&TEBIBYTE).chain(&SIZES[..3]);
        let (unit, factor) = units.copied().find(|(_, factor)| self.0 >= *factor).unwrap_or(("B", 1));
        rounded(self.0.into(), factor.into(), unit)
    }
}

impl HumanDuration {
    /// The duration for people, rounded down: `1.7 ms`, `35 ms`, `4.2 s`.
    pub fn rounded(self) -> String {
        let micros = self.0.as_micros();
        let (unit, factor) = if micros < 1_000_000 { ("ms", 1_000) } else { ("s", 1_000_000) };
        rounded(micros, factor, unit)
    }
}

/// A multiple of a factor, with one decimal if it is below 10.
fn rounded(value: u128, factor: u128, unit: &str) -> String {
    match (value / factor, value % factor * 10 / factor) {
        (whole @ 0..10, tenths @ 1..) => format!("{whole}.{tenths} {unit}"),
        (whole, _) => format!("{whole} {unit}"),
    }
}

fn unit_fault(unit: &str) -> String {
    if unit.is_empty() { "the unit is missing".to_owned() } else { format!("`{unit}` is not a unit") }
}

fn parse(text: &str, units: &[(&str, u64)], accepted: &'static str) -> Result<u64, QuantityError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(QuantityError::NoNumber(text.to_owned()));
    }
    let unit = unit.strip_prefix(' ').unwrap_or(unit);
    let Some((_, factor)) = units.iter().find(|(name, _)| *name == unit) else {
        return Err(QuantityError::Unit { unit: unit.to_owned(), accepted });
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(*factor))
        .ok_or_else(|| QuantityError::TooLarge(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_and_durations_are_parsed() {
        let size = |s: &str| s.parse::<ByteSize>().map(|b| b.0);
        assert_eq!(size("1 MiB"), Ok(1 << 20));
        assert_eq!(size("256MiB"), Ok(256 << 20));
        assert_eq!(size("0 B"), Ok(0));
        assert!(matches!(size("1"), Err(QuantityError::Unit { .. })));
        assert!(matches!(size("1 mib"), Err(QuantityError::Unit { .. })));
        assert!(matches!(size("-1 MiB"), Err(QuantityError::NoNumber(_))));
        assert!(matches!(size("99999999999999 GiB"), Err(QuantityError::TooLarge(_))));

        let time = |s: &str| s.parse::<HumanDuration>().map(|s| s.0.as_millis());
        assert_eq!(time("30s"), Ok(30_000));
        assert_eq!(time("5m"), Ok(300_000));
        assert_eq!(time("200ms"), Ok(200));
        assert!(matches!(time("30"), Err(QuantityError::Unit { .. })));
        assert!(matches!(time("1.5s"), Err(QuantityError::Unit { .. })));
        assert!(matches!(time("30  s"), Err(QuantityError::Unit { .. })));
    }

    #[test]
    fn quantities_are_rounded_down_for_people() {
        let size = |bytes| ByteSize(bytes).rounded();
        assert_eq!([size(0), size(218), size(1023)], ["0 B", "218 B", "1023 B"]);
        assert_eq!([size(1024), size(1536), size((10 << 10) - 1)], ["1 KiB", "1.5 KiB", "9.9 KiB"]);
        assert_eq!(
            [size((1 << 20) - 1), size(59 << 30), size(u64::MAX)],
            ["1023 KiB", "59 GiB", "16777215 TiB"]
        );
        let time = |micros| HumanDuration(Duration::from_micros(micros)).rounded();
        assert_eq!([time(0), time(1_789), time(7_000), time(35_900)], ["0 ms", "1.7 ms", "7 ms", "35 ms"]);
        assert_eq!([time(999_999), time(1_000_000), time(75_400_000)], ["999 ms", "1 s", "75 s"]);
        assert_eq!(HumanDuration(Duration::MAX).rounded(), "18446744073709551615 s");
    }

    proptest! {
        #[test]
        fn displayed_quantities_round_trip(bytes in 0..u64::MAX / 2, millis in 0..u64::MAX / 2) {
            let (size, duration) = (ByteSize(bytes), HumanDuration(Duration::from_millis(millis)));
            prop_assert_eq!(size.to_string().parse(), Ok(size));
            prop_assert_eq!(duration.to_string().parse(), Ok(duration));
        }

        #[test]
        fn any_text_is_accepted_without_a_panic(text in ".{0,40}") {
            let _ = (text.parse::<ByteSize>(), text.parse::<HumanDuration>());
        }
    }
}
