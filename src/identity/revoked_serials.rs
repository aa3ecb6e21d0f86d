//! The serial numbers on a revocation list. A large list has a million, so they are stored in one block of memory.

use std::fmt;

use super::fingerprint::Serial;

/// A set of serial numbers.
#[derive(Clone, Default)]
pub(super) struct RevokedSerials {
    /// The numbers one after the other, in ascending order of their bytes.
    bytes: Box<[u8]>,
    /// The end of each number in `bytes`.
    ends: Box<[u32]>,
}

impl RevokedSerials {
    /// The set of these numbers, each as the content of an INTEGER in DER. `None` if one is empty, or they have more than
    /// 4 GiB.
    pub(super) fn of(mut integers: Vec<&[u8]>) -> Option<Self> {
        for integer in &mut integers {
            *integer = Serial::significant(integer)?;
        }
        integers.sort_unstable();
        integers.dedup();
        let mut bytes = Vec::with_capacity(integers.iter().map(|integer| integer.len()).sum());
        let ends = integers.iter().map(|integer| {
            bytes.extend_from_slice(integer);
            u32::try_from(bytes.len()).ok()
        });
        let ends = ends.collect::<Option<Box<[u32]>>>()?;
        Some(Self { bytes: bytes.into(), ends })
    }

    pub(super) fn contains(&self, serial: &Serial) -> bool {
        let (mut low, mut high) = (0, self.ends.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.get(middle).cmp(serial.bytes()) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return true,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        false
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The number at this place; empty after the last one.
    fn get(&self, index: usize) -> &[u8] {
        let end = |index: Option<usize>| index.and_then(|index| usize::try_from(*self.ends.get(index)?).ok());
        let start = end(index.checked_sub(1)).unwrap_or(0);
        end(Some(index)).and_then(|end| self.bytes.get(start..end)).unwrap_or_default()
    }
}

impl fmt::Debug for RevokedSerials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} serial numbers", self.len())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_contains_exactly_the_given_numbers(
            listed in prop::collection::vec(prop::collection::vec(0_u8..4, 1..4), 0..20),
            asked in prop::collection::vec(0_u8..4, 1..4),
        ) {
            let set = RevokedSerials::of(listed.iter().map(Vec::as_slice).collect()).expect("few bytes");
            let serials: BTreeSet<_> = listed.iter().filter_map(|integer| Serial::from_integer(integer)).collect();
            prop_assert_eq!(set.len(), serials.len());
            prop_assert!(serials.iter().all(|serial| set.contains(serial)));
            let asked = Serial::from_integer(&asked).expect("not empty");
            prop_assert_eq!(set.contains(&asked), serials.contains(&asked));
        }
    }
}
