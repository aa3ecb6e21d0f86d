//! Divides a limited resource among its holders, so that a greedy one cannot starve the others.
//!
//! A holder may use everything except a reserve. The reserve serves holders that have less than an equal part. If it is
//! used up too, the holder that has most gives way. Nobody waits: each request is decided at once.
//!
//! If there are many holders, an equal part is small. So a holder with more than that is still admitted if another one has
//! even more and gives way.

use std::collections::BTreeMap;

/// The part of the limit that only holders below an equal part may use: one over this number.
const RESERVE_DIVISOR: usize = 4;

/// How much of one resource each holder has. The units are those of the limit.
#[derive(Clone, Debug)]
pub struct Shares<K> {
    limit: usize,
    /// The number of holders that share the limit, whether they hold anything or not.
    holders: usize,
    used: usize,
    held: BTreeMap<K, usize>,
}

/// The holder has its share, and the resource is used up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ShareUsedUp;

impl<K: Ord + Clone> Shares<K> {
    /// Divides `limit` among `holders`.
    pub fn new(limit: usize, holders: usize) -> Self {
        Self { limit, holders, used: 0, held: BTreeMap::new() }
    }

    /// Changes the limit and the number of holders. What is held stays held.
    pub fn resize(&mut self, limit: usize, holders: usize) {
        (self.limit, self.holders) = (limit, holders);
    }

    /// Takes an amount for a holder. Where another one has to give way, `give_way` is called with it, releases something
    /// that this holder has, and returns how much. It is called with the requesting holder itself if that has its share,
    /// and none with more gives way.
    ///
    /// A holder below an equal part, or without anything, always succeeds. If nobody gives way, the limit is exceeded:
    /// by an equal part for each holder at most, or by the amount if the holder has nothing.
    ///
    /// # Errors
    /// If the holder has an equal part, everything except the reserve is used, and neither a holder with more nor itself
    /// gives way.
    pub fn take(
        &mut self,
        holder: &K,
        amount: usize,
        give_way: impl FnMut(&K) -> Option<usize>,
    ) -> Result<(), ShareUsedUp> {
        self.take_more(holder, 0, amount, give_way)
    }

    /// As [`Shares::take`], for a request that has taken `had` before. What it had does not count as something that its
    /// holder has: a request that was admitted because its holder had nothing can grow.
    ///
    /// # Errors
    /// As [`Shares::take`].
    pub fn take_more(
        &mut self,
        holder: &K,
        had: usize,
        amount: usize,
        mut give_way: impl FnMut(&K) -> Option<usize>,
    ) -> Result<(), ShareUsedUp> {
        let used_before = self.used.min(self.limit);
        loop {
            let mine = self.held_by(holder);
            let is_within_part = mine <= had || mine.saturating_add(amount) <= self.part();
            // One that has its share replaces what gives way, but does not restore the reserve at once: that could end
            // thousands of its connections.
            let unreserved = used_before.max(self.limit - self.reserve());
            let available = if is_within_part { self.limit } else { unreserved };
            if self.used.saturating_add(amount) <= available {
                break;
            }
            let (least, own) = if is_within_part {
                (self.part(), None)
            } else {
                (mine.saturating_add(amount), Some(holder.clone()))
            };
            let mut candidates = self.largest(least).into_iter().chain(own);
            match candidates.find_map(|holder| Some((give_way(&holder)?, holder))) {
                Some((released, holder)) => self.release(&holder, released),
                None if is_within_part => break,
                None => return Err(ShareUsedUp),
            }
        }
        self.used = self.used.saturating_add(amount);
        *self.held.entry(holder.clone()).or_default() += amount;
        Ok(())
    }

    /// Returns an amount that a holder had taken.
    pub fn release(&mut self, holder: &K, amount: usize) {
        if let Some(held) = self.held.get_mut(holder) {
            let released = amount.min(*held);
            *held -= released;
            self.used -= released;
            if *held == 0 {
                self.held.remove(holder);
            }
        }
    }

    /// What all holders may have together.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// The amount that a holder has.
    pub fn held_by(&self, holder: &K) -> usize {
        self.held.get(holder).copied().unwrap_or_default()
    }

    /// What all holders have together.
    pub fn used(&self) -> usize {
        self.used
    }

    /// Whether more than the limit is held.
    pub fn is_exceeded(&self) -> bool {
        self.used > self.limit
    }

    /// An equal part of the limit.
    pub fn part(&self) -> usize {
        (self.limit / self.holders.max(1)).max(1)
    }

    /// What only holders below an equal part may use; nothing if there is one holder.
    fn reserve(&self) -> usize {
        if self.holders > 1 { self.limit / RESERVE_DIVISOR } else { 0 }
    }

    /// The holder that has most, if it has more than `least`.
    fn largest(&self, least: usize) -> Option<K> {
        let (holder, held) = self.held.iter().max_by_key(|(_, held)| **held)?;
        (*held > least).then(|| holder.clone())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nobody(_: &u8) -> Option<usize> {
        None
    }

    #[test]
    fn a_single_holder_may_use_everything() {
        let mut shares = Shares::new(100, 1);
        assert_eq!(shares.take(&0, 60, nobody), Ok(()));
        assert_eq!(shares.take(&0, 40, nobody), Ok(()));
        assert_eq!(shares.take(&0, 1, nobody), Err(ShareUsedUp));
        shares.release(&0, 1);
        assert_eq!(shares.take(&0, 1, nobody), Ok(()));
    }

    #[test]
    fn the_reserve_serves_only_holders_below_an_equal_part() {
        let mut shares = Shares::new(100, 4);
        assert!((0..75).all(|_| shares.take(&0, 1, nobody).is_ok()));
        assert_eq!(shares.take(&0, 1, nobody), Err(ShareUsedUp));
        assert!((0..25).all(|_| shares.take(&1, 1, nobody).is_ok()));
        assert_eq!(shares.take(&1, 1, nobody), Err(ShareUsedUp));
        assert_eq!((shares.used, shares.held_by(&1)), (100, 25));
    }

    #[test]
    fn the_holder_that_has_most_gives_way() {
        let mut shares = Shares::new(100, 2);
        for (holder, amount) in [(0, 74), (1, 26)] {
            assert_eq!(shares.take(&holder, amount, nobody), Ok(()));
        }
        let mut asked = Vec::new();
        let taken = shares.take(&1, 10, |holder| {
            asked.push(*holder);
            Some(4)
        });
        assert_eq!((taken, asked), (Ok(()), vec![0, 0, 0]));
        assert_eq!((shares.held_by(&0), shares.held_by(&1)), (62, 36));
        // It gives way to its own requests, too.
        assert_eq!(shares.take(&0, 1, |holder| (*holder == 0).then_some(62)), Ok(()));
        assert_eq!(shares.held_by(&0), 1);
    }

    #[test]
    fn a_request_beyond_an_equal_part_frees_only_what_it_takes() {
        let mut shares = Shares::new(100, 4);
        for (holder, amount) in [(0, 70), (1, 25), (2, 5)] {
            assert_eq!(shares.take(&holder, amount, nobody), Ok(()));
        }
        assert_eq!(shares.take(&0, 2, |holder| (*holder == 0).then_some(1)), Ok(()));
        assert_eq!((shares.held_by(&0), shares.used), (70, 100));
    }

    #[test]
    fn a_larger_holder_gives_way_to_one_beyond_an_equal_part() {
        let mut shares = Shares::new(1000, 1000);
        assert_eq!(shares.take(&0, 750, nobody), Ok(()));
        for _ in 0..375 {
            assert_eq!(shares.take(&1, 1, |holder| (*holder == 0).then_some(1)), Ok(()));
        }
        assert_eq!(shares.take(&1, 1, |holder| (*holder == 0).then_some(1)), Err(ShareUsedUp));
        assert_eq!((shares.held_by(&0), shares.held_by(&1)), (376, 375));
    }

    /// What a test does: a holder takes an amount, or returns its oldest.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        Take(u8, usize),
        Release(u8),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            3 => (0..5_u8, 1..30_usize).prop_map(|(holder, amount)| Step::Take(holder, amount)),
            1 => (0..5_u8).prop_map(Step::Release),
        ];
        prop::collection::vec(step, 0..300)
    }

    proptest! {
        /// Holder 0 is greedy, in any pattern; the others keep to their part.
        #[test]
        fn everyone_within_an_equal_part_is_always_admitted(
            steps in steps(),
            limit in 1..200_usize,
            holders in 2..6_usize,
            gives in any::<bool>(),
        ) {
            let mut shares = Shares::new(limit, holders);
            let mut held: BTreeMap<u8, Vec<usize>> = BTreeMap::new();
            for step in steps {
                match step {
                    Step::Take(holder, amount) => {
                        let mine = shares.held_by(&holder);
                        let (used, part) = (shares.used, shares.part());
                        let mut given: BTreeMap<u8, Vec<usize>> = held.clone();
                        let taken = shares.take(&holder, amount, |other| {
                            let amounts = given.get_mut(other).filter(|amounts| gives && !amounts.is_empty());
                            amounts.map(|amounts| amounts.remove(0))
                        });
                        held = given;
                        if mine == 0 || mine + amount <= part {
                            prop_assert!(taken.is_ok());
                        } else if taken.is_ok() && !gives {
                            prop_assert!(used + amount <= limit - shares.reserve());
                        }
                        if taken.is_ok() {
                            held.entry(holder).or_default().push(amount);
                        }
                        if gives {
                            // More than the limit is held only if nobody has more than an equal part to give.
                            prop_assert!(shares.used <= limit || shares.largest(part).is_none_or(|it| it == holder));
                        }
                    }
                    Step::Release(holder) => {
                        let oldest = held.get_mut(&holder).filter(|it| !it.is_empty()).map(|it| it.remove(0));
                        shares.release(&holder, oldest.unwrap_or_default());
                    }
                }
                for holder in 0..5 {
                    prop_assert_eq!(shares.held_by(&holder), held.get(&holder).map_or(0, |it| it.iter().sum()));
                }
                prop_assert_eq!(shares.used, held.values().flatten().sum::<usize>());
            }
        }
    }
}
