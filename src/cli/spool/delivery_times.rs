//! The times at which deliveries arrived, in bounded memory and in any order: deliveries per hour, and the longest gap.
//!
//! Of each slot of time, only the first and the last arrival are kept. If there are too many slots, each pair of
//! neighbors is merged into one of twice the width. A gap that is at least as long as a slot is between two slots, so it
//! is found exactly; a longest gap that is shorter than a slot may be underestimated.

use std::collections::BTreeMap;

/// The most slots: a million arrivals in a week are kept in slots of 16 s.
const SLOTS_MAX: usize = 1 << 16;
/// The most hours whose deliveries are counted, more than a year. Only forged IDs are spread over more.
const HOURS_MAX: usize = 10_000;
const HOUR_MILLIS: i64 = 3_600_000;

/// Times in milliseconds since the epoch.
#[derive(Debug)]
pub(super) struct DeliveryTimes {
    slots_max: usize,
    /// The width of a slot is two to this power, in milliseconds.
    width_log2: u32,
    /// The first and the last arrival in each slot that has one.
    slots: BTreeMap<i64, (i64, i64)>,
    /// The number of arrivals in each hour since the epoch that has one.
    hours: BTreeMap<i64, u64>,
}

impl DeliveryTimes {
    pub(super) fn new() -> Self {
        Self::with_slots(SLOTS_MAX)
    }

    fn with_slots(slots_max: usize) -> Self {
        Self { slots_max, width_log2: 0, slots: BTreeMap::new(), hours: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, at: i64) {
        insert(&mut self.slots, at >> self.width_log2, (at, at));
        while self.slots.len() > self.slots_max {
            self.width_log2 += 1;
            for (slot, times) in std::mem::take(&mut self.slots) {
                insert(&mut self.slots, slot >> 1, times);
            }
        }
        *self.hours.entry(at.div_euclid(HOUR_MILLIS)).or_default() += 1;
        if self.hours.len() > HOURS_MAX {
            self.hours.pop_first();
        }
    }

    pub(super) fn first(&self) -> Option<i64> {
        self.slots.first_key_value().map(|(_, (first, _))| *first)
    }

    pub(super) fn last(&self) -> Option<i64> {
        self.slots.last_key_value().map(|(_, (_, last))| *last)
    }

    /// The longest time without an arrival between two arrivals: its start and end. Of several, the first.
    pub(super) fn longest_gap(&self) -> Option<(i64, i64)> {
        let times = self.slots.values();
        let between = times.clone().zip(times.skip(1)).map(|((_, last), (first, _))| (*last, *first));
        between.min_by_key(|(begin, end)| (begin - end, *begin))
    }

    /// The start of each hour that has arrivals, and their number.
    pub(super) fn hours(&self) -> impl Iterator<Item = (i64, u64)> {
        self.hours.iter().map(|(hour, count)| (hour * HOUR_MILLIS, *count))
    }
}

fn insert(slots: &mut BTreeMap<i64, (i64, i64)>, slot: i64, (first, last): (i64, i64)) {
    let known = slots.entry(slot).or_insert((first, last));
    *known = (known.0.min(first), known.1.max(last));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn arrivals(times: &[i64], slots_max: usize) -> DeliveryTimes {
        let mut arrivals = DeliveryTimes::with_slots(slots_max);
        times.iter().for_each(|at| arrivals.add(*at));
        arrivals
    }

    /// The longest gap between sorted times.
    fn longest(times: &[i64]) -> Option<(i64, i64)> {
        let mut sorted = times.to_vec();
        sorted.sort_unstable();
        let gaps = sorted.windows(2).map(|pair| (pair[0], pair[1])).filter(|(begin, end)| begin < end);
        gaps.min_by_key(|(begin, end)| (begin - end, *begin))
    }

    proptest! {
        #[test]
        fn longest_gap_is_exact_with_enough_slots_or_if_it_is_as_long_as_a_slot(
            times in proptest::collection::vec(prop_oneof![0_i64..300, 0_i64..(1 << 48)], 0..200),
            slots_max in 1_usize..50
        ) {
            prop_assert_eq!(arrivals(&times, 200).longest_gap(), longest(&times));
            let bounded = arrivals(&times, slots_max);
            prop_assert!(bounded.slots.len() <= slots_max);
            let length = |gap: Option<(i64, i64)>| gap.map_or(0, |(begin, end)| end - begin);
            let (found, exact) = (bounded.longest_gap(), longest(&times));
            if length(exact) >= 1 << bounded.width_log2 {
                prop_assert_eq!(found, exact);
            } else {
                prop_assert!(length(found) <= length(exact));
            }
        }

        #[test]
        fn every_arrival_is_counted_in_its_hour_in_any_order(
            times in proptest::collection::vec(0..100 * HOUR_MILLIS, 0..200)
        ) {
            let arrivals = arrivals(&times, 3);
            for (begin, count) in arrivals.hours() {
                let inside = times.iter().filter(|at| (begin..begin + HOUR_MILLIS).contains(*at)).count();
                prop_assert!(begin % HOUR_MILLIS == 0 && u64::try_from(inside) == Ok(count));
            }
            let counted: u64 = arrivals.hours().map(|(_, count)| count).sum();
            prop_assert_eq!(u64::try_from(times.len()), Ok(counted));
            prop_assert_eq!(arrivals.first(), times.iter().min().copied());
            prop_assert_eq!(arrivals.last(), times.iter().max().copied());
        }
    }

    #[test]
    fn hours_are_bounded_and_the_latest_are_kept() {
        let count = i64::try_from(HOURS_MAX).unwrap() + 5;
        let times: Vec<_> = (0..count).map(|hour| hour * HOUR_MILLIS).collect();
        let arrivals = arrivals(&times, SLOTS_MAX);
        assert_eq!(arrivals.hours().count(), HOURS_MAX);
        assert_eq!(arrivals.hours().next(), Some((5 * HOUR_MILLIS, 1)));
    }
}
