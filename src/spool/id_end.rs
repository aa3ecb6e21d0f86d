//! Finds an entry by the last digits of its ID. The first digits are the time, so that people tell IDs apart by their
//! ends.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::str::FromStr;

use super::corrupt::corrupt_entries;
use super::entries::{EntryLocation, endpoints, entries};
use super::layout::Layout;
use super::volume::Volume;
use crate::envelope::EntryId;
use crate::metrics::Queue;

/// The hex digits of an ID.
const DIGITS: usize = 32;
/// The fewest digits that select an entry.
const DIGITS_MIN: usize = 4;
/// The most entries that [`ending_in`] returns.
const FOUND_MAX: usize = 6;

/// The last hex digits of an ID, displayed as in `…9320a41957822a68`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct IdEnd {
    value: u128,
    digits: usize,
}

/// Why a text is not the end of an ID.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum IdEndError {
    /// It does not consist of hex digits, or has more than an ID.
    #[error("not the last hex digits of an ID")]
    NotHex,
    /// It has too few digits.
    #[error("write at least the last {DIGITS_MIN} digits of an ID")]
    TooShort,
}

impl IdEnd {
    /// The last `digits` digits of an ID.
    pub fn of(id: EntryId, digits: usize) -> Self {
        Self { value: u128::from_be_bytes(*id.as_bytes()), digits: DIGITS }.last(digits)
    }

    /// At most this number of the last digits.
    #[must_use]
    pub fn last(self, digits: usize) -> Self {
        let digits = digits.clamp(1, self.digits);
        Self { value: self.value & (u128::MAX >> (4 * (DIGITS - digits))), digits }
    }
}

impl fmt::Display for IdEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "…{:0width$x}", self.value, width = self.digits)
    }
}

impl FromStr for IdEnd {
    type Err = IdEndError;

    /// Accepts the digits with or without a leading `…`, and with or without hyphens.
    fn from_str(text: &str) -> Result<Self, IdEndError> {
        let digits = text.strip_prefix('…').unwrap_or(text).replace('-', "");
        if digits.len() > DIGITS || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(IdEndError::NotHex);
        }
        let value = u128::from_str_radix(&digits, 16).map_err(|_| IdEndError::NotHex)?;
        if digits.len() < DIGITS_MIN {
            return Err(IdEndError::TooShort);
        }
        Ok(Self { value, digits: digits.len() })
    }
}

/// Finds the entries in these queues of all endpoints, and in `corrupt`, whose IDs have this end. Returns the newest
/// ones, at most `FOUND_MAX` of any number, with their places; none for those in `corrupt`.
///
/// # Errors
/// If the spool cannot be listed.
pub fn ending_in<V: Volume>(
    volume: &V,
    layout: &Layout,
    end: IdEnd,
    queues: &[Queue],
    is_in_corrupt: bool,
) -> io::Result<BTreeMap<EntryId, Option<EntryLocation>>> {
    let mut found = BTreeMap::new();
    let mut add = |id, place| {
        if IdEnd::of(id, end.digits) == end {
            found.insert(id, place);
            if found.len() > FOUND_MAX {
                found.pop_first();
            }
        }
    };
    for endpoint in endpoints(volume, layout)? {
        for queue in queues {
            for place in entries(volume, layout, &endpoint, *queue)? {
                let place = place?;
                add(place.id, Some(place));
            }
        }
    }
    if is_in_corrupt {
        for entry in corrupt_entries(volume, layout)? {
            add(entry?.id, None);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Name;
    use crate::spool::layout::Access;
    use crate::spool::sim::Sim;

    fn end(text: &str) -> Result<IdEnd, IdEndError> {
        text.parse()
    }

    #[test]
    fn end_is_parsed_with_or_without_its_mark_and_hyphens() {
        let id: EntryId = "01a209e5-0f6a-7499-9320-0a1957822a68".parse().expect("an ID");
        let shown = IdEnd::of(id, 12);
        assert_eq!(shown.to_string(), "…0a1957822a68");
        for text in ["0a1957822a68", "…0a1957822a68", "-0a1957822a68", "…0A195782-2a68"] {
            assert_eq!(end(text), Ok(shown), "{text}");
        }
        assert_eq!(end("9320-0a1957822a68"), Ok(IdEnd::of(id, 16)));
        assert_eq!(end(&format!("…{id}")), Ok(IdEnd::of(id, 32)));
        assert_eq!(end("9320-0a1957822a68").map(|end| end.last(12)), Ok(shown));
        // A leading zero is a digit, too.
        assert_ne!(end("0a1957822a68"), end("a1957822a68"));
        for (text, error) in [
            ("a68", IdEndError::TooShort),
            ("…-a-6-8", IdEndError::TooShort),
            ("", IdEndError::NotHex),
            ("…", IdEndError::NotHex),
            ("+a1957822", IdEndError::NotHex),
            ("……2a68", IdEndError::NotHex),
            ("2a68.hook", IdEndError::NotHex),
            ("001a209e50f6a749993200a1957822a68", IdEndError::NotHex),
        ] {
            assert_eq!(end(text), Err(error), "{text}");
        }
    }

    #[test]
    fn newest_matches_are_found_in_the_given_queues_and_their_number_is_bounded() {
        let (sim, layout) = (Sim::default(), Layout::new("/spool".into()));
        let [pix, cob]: [Name; 2] = ["pix", "cob"].map(|name| name.parse().expect("a name"));
        let id = |first: u8, last: u8| {
            EntryId::from_bytes([first, 0, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0xAB, last])
        };
        let put = |path: std::path::PathBuf| drop(sim.create(&path, Access::Shared).expect("created"));
        // An endpoint without a directory is not found.
        for endpoint in [&pix, &cob] {
            put(layout.endpoint(endpoint));
        }
        (0..100).for_each(|first| put(layout.entry(&pix, Queue::New, id(first, 1))));
        put(layout.entry(&cob, Queue::Done, id(7, 2)));
        put(layout.entry(&cob, Queue::Failed, id(8, 2)));
        put(layout.corrupted(id(9, 3)));
        let found = |text: &str, queues: &[Queue], is_in_corrupt| {
            let end = end(text).expect("an end");
            let found = ending_in(&sim, &layout, end, queues, is_in_corrupt).expect("listed");
            found.into_iter().map(|(id, place)| (id, place.map(|place| place.queue))).collect::<Vec<_>>()
        };
        let newest: Vec<_> = (94..100).map(|first| (id(first, 1), Some(Queue::New))).collect();
        assert_eq!(found("ab01", Queue::ALL, true), newest);
        let both = [(id(7, 2), Some(Queue::Done)), (id(8, 2), Some(Queue::Failed))];
        assert_eq!(found("ab02", Queue::ALL, true), both);
        assert_eq!(found("ab02", &[Queue::Done], true), both[..1]);
        assert_eq!(found("ab03", Queue::ALL, true), [(id(9, 3), None)]);
        assert!(found("ab03", Queue::ALL, false).is_empty());
    }
}
