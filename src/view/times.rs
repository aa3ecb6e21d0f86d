//! Times and sizes for people.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::language::Language;
use crate::clock::Timestamp;

/// Shows times in the time zone of the machine.
#[derive(Clone, Debug)]
pub struct Times {
    zone: TimeZone,
}

impl Times {
    /// Reads the time zone. The sandbox hides its files.
    pub fn local() -> Self {
        Self { zone: TimeZone::system() }
    }

    /// A time with its date and offset.
    pub(super) fn full(&self, at: Timestamp, language: Language) -> String {
        let format = match language {
            Language::English => "%Y-%m-%d %H:%M:%S %:z",
            Language::Portuguese => "%d/%m/%Y %H:%M:%S %:z",
        };
        at.to_zoned_datetime(self.zone.clone()).strftime(format).to_string()
    }

    /// The hour and minute.
    pub(super) fn minute(&self, at: Timestamp) -> String {
        at.to_zoned_datetime(self.zone.clone()).strftime("%H:%M").to_string()
    }

    /// The first moment of a day and that of the next one.
    pub(super) fn day(&self, day: Date) -> Option<(Timestamp, Timestamp)> {
        let begin = |day: Date| day.to_zoned_datetime(self.zone.clone()).ok().map(|zoned| zoned.timestamp());
        Some((begin(day)?, begin(day.tomorrow().ok()?)?))
    }
}

/// The time between two times, in the largest unit of which there are at least two.
pub(super) fn distance(now: Timestamp, then: Timestamp, language: Language) -> String {
    let seconds = then.as_second() - now.as_second();
    let (count, [english, portuguese]) = match seconds.unsigned_abs() {
        s if s >= 2 * 86_400 => (s / 86_400, ["days", "dias"]),
        s if s >= 2 * 3_600 => (s / 3_600, ["hours", "horas"]),
        s if s >= 2 * 60 => (s / 60, ["minutes", "minutos"]),
        s if s >= 2 => (s, ["seconds", "segundos"]),
        _ => return language.words().just_now.to_owned(),
    };
    match (language, seconds < 0) {
        (Language::English, true) => format!("{count} {english} ago"),
        (Language::English, false) => format!("in {count} {english}"),
        (Language::Portuguese, true) => format!("há {count} {portuguese}"),
        (Language::Portuguese, false) => format!("em {count} {portuguese}"),
    }
}

/// A number with groups of three digits.
pub(super) fn grouped(number: u64, language: Language) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(match language {
                Language::English => ',',
                Language::Portuguese => '.',
            });
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a timestamp")
    }

    #[test]
    fn times_have_their_offset() {
        let times = Times { zone: TimeZone::fixed(jiff::tz::offset(-3)) };
        let then = at("2026-11-23T01:02:03Z");
        assert_eq!(times.full(then, Language::English), "2026-11-22 22:02:03 -03:00");
        assert_eq!(times.full(then, Language::Portuguese), "22/11/2026 22:02:03 -03:00");
        let day = times.day("2026-11-22".parse().expect("a date"));
        assert_eq!(day, Some((at("2026-11-22T03:00:00Z"), at("2026-11-23T03:00:00Z"))));
    }

    #[test]
    fn distances_sizes_and_numbers_are_for_people() {
        let now = at("2026-11-23T00:00:00Z");
        let distance = |then, language| distance(now, at(then), language);
        assert_eq!(distance("2026-11-20T00:00:00Z", Language::English), "3 days ago");
        assert_eq!(distance("2026-11-23T05:30:00Z", Language::Portuguese), "em 5 horas");
        assert_eq!(distance("2026-11-22T23:57:00Z", Language::Portuguese), "há 3 minutos");
        assert_eq!(distance("2026-11-23T00:00:01Z", Language::English), "just now");
        assert_eq!([7, 1234, 1_000_000].map(|n| grouped(n, Language::English)), ["7", "1,234", "1,000,000"]);
        assert_eq!(grouped(1234, Language::Portuguese), "1.234");
    }
}
