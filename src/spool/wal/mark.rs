//! The state of a log, in two places of its file. No I/O.
//!
//! ```text
//!  0   8  "hookwal2"
//!  8   8  "active" or "void", padded with zeros
//! 16  16  the epoch
//! 32  32  SHA-256 of the above
//! ```
//!
//! A log becomes active with its first batch, and each time it does it gets a new [`Epoch`]. It
//! becomes void once everything it holds is durable without it. The first and the last block of the file
//! both say so: one of them may be damaged.

use aws_lc_rs::digest::{SHA256, digest};

use super::{BLOCK, ZEROS};
use crate::envelope::EntryId;

const MAGIC: &[u8; 8] = b"hookwal2";
const ACTIVE: &[u8; 8] = b"active\0\0";
const VOID: &[u8; 8] = b"void\0\0\0\0";
const FACTS: usize = 32;
const MARK: usize = 64;

/// One use of a log, from its first batch until it is void. Random, so that nobody can write
/// records into a payload that would be taken for those of the log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Epoch(pub(super) [u8; 16]);

impl Epoch {
    pub(super) fn fresh() -> Self {
        Self(*EntryId::fresh().as_bytes())
    }
}

/// What one of the two places says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mark {
    /// The records of this epoch may be needed.
    Active(Epoch),
    /// No record of this epoch is needed.
    Void(Epoch),
    /// Zeros, as in a new file.
    Blank,
    /// Damaged, or not of this version.
    Unreadable,
}

impl Mark {
    /// The block that says this.
    pub(super) fn block(self) -> Vec<u8> {
        let mut block = Vec::with_capacity(BLOCK);
        if let Self::Active(epoch) | Self::Void(epoch) = self {
            block.extend_from_slice(MAGIC);
            block.extend_from_slice(if matches!(self, Self::Active(_)) { ACTIVE } else { VOID });
            block.extend_from_slice(&epoch.0);
            let sum = digest(&SHA256, &block);
            block.extend_from_slice(sum.as_ref());
        }
        block.resize(BLOCK, 0);
        block
    }

    /// What a block says.
    pub(super) fn parse(block: &[u8]) -> Self {
        if block == &ZEROS[..block.len().min(BLOCK)] {
            return Self::Blank;
        }
        let Some((facts, sum)) = block.get(..MARK).map(|mark| mark.split_at(FACTS)) else {
            return Self::Unreadable;
        };
        if facts[..8] != *MAGIC || sum != digest(&SHA256, facts).as_ref() {
            return Self::Unreadable;
        }
        let mut epoch = Epoch([0; 16]);
        epoch.0.copy_from_slice(&facts[16..]);
        match <&[u8; 8]>::try_from(&facts[8..16]) {
            Ok(ACTIVE) => Self::Active(epoch),
            Ok(VOID) => Self::Void(epoch),
            Ok(_) | Err(_) => Self::Unreadable,
        }
    }
}

/// What both places say together.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum State {
    /// The records of these epochs may be needed: one, or two where a disk lost a write.
    Active(Vec<Epoch>),
    /// Nothing is needed.
    Void,
    /// Neither place can be read, so nothing may be overwritten.
    Unknown,
}

impl State {
    /// An epoch that either place declares void is void: that is written only once its entries are durable.
    pub(super) fn of(first: Mark, second: Mark) -> Self {
        let marks = [first, second];
        let mut active = Vec::new();
        for mark in marks {
            if let Mark::Active(epoch) = mark
                && !marks.contains(&Mark::Void(epoch))
                && !active.contains(&epoch)
            {
                active.push(epoch);
            }
        }
        let says_void = |mark: &Mark| matches!(mark, Mark::Active(_) | Mark::Void(_));
        match first {
            _ if !active.is_empty() => Self::Active(active),
            _ if marks.iter().any(says_void) => Self::Void,
            // A log of the previous release that is void, whatever its last block holds, or a new one.
            Mark::Blank => Self::Void,
            Mark::Active(_) | Mark::Void(_) | Mark::Unreadable => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mark() -> impl Strategy<Value = Mark> {
        // Few epochs, so that both places often name the same one.
        let epoch = (0_u8..3).prop_map(|byte| Epoch([byte; 16]));
        prop_oneof![
            epoch.clone().prop_map(Mark::Active),
            epoch.prop_map(Mark::Void),
            Just(Mark::Blank),
            Just(Mark::Unreadable),
        ]
    }

    proptest! {
        #[test]
        fn a_block_says_what_was_written_and_a_damaged_one_says_nothing(
            mark in mark(), at in 0..MARK, bit in 0..8
        ) {
            prop_assume!(mark != Mark::Unreadable);
            let mut block = mark.block();
            prop_assert_eq!(block.len(), BLOCK);
            prop_assert_eq!(Mark::parse(&block), mark);
            block[at] ^= 1_u8 << bit;
            prop_assert_eq!(Mark::parse(&block), Mark::Unreadable);
        }

        #[test]
        fn an_active_log_stays_active_whichever_place_is_damaged(
            damaged in prop_oneof![Just(Mark::Blank), Just(Mark::Unreadable)]
        ) {
            let epoch = Epoch([7; 16]);
            let (whole, active) = (Mark::Active(epoch), State::Active(vec![epoch]));
            prop_assert_eq!(State::of(whole, whole), active.clone());
            prop_assert_eq!(State::of(damaged, whole), active.clone());
            prop_assert_eq!(State::of(whole, damaged), active);
        }

        #[test]
        fn a_void_log_stays_void_whichever_place_is_damaged_or_still_old(other in mark()) {
            let epoch = Epoch([7; 16]);
            prop_assume!(!matches!(other, Mark::Active(_)));
            prop_assert_eq!(State::of(Mark::Void(epoch), other), State::Void);
            prop_assert_eq!(State::of(other, Mark::Void(epoch)), State::Void);
            prop_assert_eq!(State::of(Mark::Active(epoch), Mark::Void(epoch)), State::Void);
            prop_assert_eq!(State::of(Mark::Void(epoch), Mark::Active(epoch)), State::Void);
        }
    }

    #[test]
    fn a_log_that_neither_place_explains_is_unknown_and_an_old_void_one_is_void() {
        assert_eq!(State::of(Mark::Unreadable, Mark::Unreadable), State::Unknown);
        assert_eq!(State::of(Mark::Unreadable, Mark::Blank), State::Unknown);
        assert_eq!(State::of(Mark::Blank, Mark::Unreadable), State::Void);
        assert_eq!(State::of(Mark::Blank, Mark::Blank), State::Void);
    }

    #[test]
    fn two_epochs_are_both_needed_where_a_write_was_lost() {
        let (one, other) = (Epoch([1; 16]), Epoch([2; 16]));
        assert_eq!(State::of(Mark::Active(one), Mark::Active(other)), State::Active(vec![one, other]));
        assert_eq!(State::of(Mark::Active(one), Mark::Void(other)), State::Active(vec![one]));
    }
}
