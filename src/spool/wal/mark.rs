//! The state of a log, which is stored twice in its file. No I/O.
//!
//! ```text
//!  0   8  "hookwal2"
//!  8   8  "active" or "void", padded with zeros
//! 16  16  the epoch
//! 32  32  SHA-256 of the above
//! ```
//!
//! A log becomes active with its first batch, each time with a new [`Epoch`]. It becomes void when the files of all its
//! entries are durable. The first and the last block of the file both contain the state, because one of them may be
//! damaged.

use aws_lc_rs::digest::{SHA256, digest};

use super::{BLOCK, ZEROS};
use crate::envelope::EntryId;

const MAGIC: &[u8; 8] = b"hookwal2";
const ACTIVE: &[u8; 8] = b"active\0\0";
const VOID: &[u8; 8] = b"void\0\0\0\0";
const FIELDS_BYTES: usize = 32;
const MARK_BYTES: usize = 64;

/// Identifies one use of a log, from its first batch until it is void. It is random, so that a sender cannot forge
/// records of the log inside a payload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Epoch(pub(super) [u8; 16]);

impl Epoch {
    pub(super) fn fresh() -> Self {
        Self(*EntryId::fresh().as_bytes())
    }
}

/// The content of one of the two blocks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mark {
    /// The records of this epoch may be needed.
    Active(Epoch),
    /// No record of this epoch is needed.
    Void(Epoch),
    /// The block is zeros, as in a new file.
    Blank,
    /// The block is damaged or has another version.
    Unreadable,
}

impl Mark {
    /// Encodes the block.
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

    /// Decodes a block.
    pub(super) fn parse(block: &[u8]) -> Self {
        if block == &ZEROS[..block.len().min(BLOCK)] {
            return Self::Blank;
        }
        let Some((fields, sum)) = block.get(..MARK_BYTES).map(|mark| mark.split_at(FIELDS_BYTES)) else {
            return Self::Unreadable;
        };
        if fields[..8] != *MAGIC || sum != digest(&SHA256, fields).as_ref() {
            return Self::Unreadable;
        }
        let mut epoch = Epoch([0; 16]);
        epoch.0.copy_from_slice(&fields[16..]);
        match <&[u8; 8]>::try_from(&fields[8..16]) {
            Ok(ACTIVE) => Self::Active(epoch),
            Ok(VOID) => Self::Void(epoch),
            Ok(_) | Err(_) => Self::Unreadable,
        }
    }
}

/// The state of a log according to both blocks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum State {
    /// The records of these epochs may be needed. There are two if a disk lost a write.
    Active(Vec<Epoch>),
    /// No record is needed.
    Void,
    /// Neither block can be read, so the log must not be overwritten.
    Unknown,
}

impl State {
    /// An epoch is void if either block marks it as void, because that mark is written only after its entries are
    /// durable.
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
        let is_readable = |mark: &Mark| matches!(mark, Mark::Active(_) | Mark::Void(_));
        match first {
            _ if !active.is_empty() => Self::Active(active),
            _ if marks.iter().any(is_readable) => Self::Void,
            // A void log of the previous release, with any content in its last block, or a new log.
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
        // Few epochs, so that both blocks often have the same one.
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
        fn blocks_round_trip_and_damaged_ones_are_unreadable(
            mark in mark(), at in 0..MARK_BYTES, bit in 0..8
        ) {
            prop_assume!(mark != Mark::Unreadable);
            let mut block = mark.block();
            prop_assert_eq!(block.len(), BLOCK);
            prop_assert_eq!(Mark::parse(&block), mark);
            block[at] ^= 1_u8 << bit;
            prop_assert_eq!(Mark::parse(&block), Mark::Unreadable);
        }

        #[test]
        fn active_log_stays_active_if_either_block_is_damaged(
            damaged in prop_oneof![Just(Mark::Blank), Just(Mark::Unreadable)]
        ) {
            let epoch = Epoch([7; 16]);
            let (intact, active) = (Mark::Active(epoch), State::Active(vec![epoch]));
            prop_assert_eq!(State::of(intact, intact), active.clone());
            prop_assert_eq!(State::of(damaged, intact), active.clone());
            prop_assert_eq!(State::of(intact, damaged), active);
        }

        #[test]
        fn void_log_stays_void_if_either_block_is_damaged_or_old(other in mark()) {
            let epoch = Epoch([7; 16]);
            prop_assume!(!matches!(other, Mark::Active(_)));
            prop_assert_eq!(State::of(Mark::Void(epoch), other), State::Void);
            prop_assert_eq!(State::of(other, Mark::Void(epoch)), State::Void);
            prop_assert_eq!(State::of(Mark::Active(epoch), Mark::Void(epoch)), State::Void);
            prop_assert_eq!(State::of(Mark::Void(epoch), Mark::Active(epoch)), State::Void);
        }
    }

    #[test]
    fn log_without_a_readable_block_is_unknown_and_a_blank_one_is_void() {
        assert_eq!(State::of(Mark::Unreadable, Mark::Unreadable), State::Unknown);
        assert_eq!(State::of(Mark::Unreadable, Mark::Blank), State::Unknown);
        assert_eq!(State::of(Mark::Blank, Mark::Unreadable), State::Void);
        assert_eq!(State::of(Mark::Blank, Mark::Blank), State::Void);
    }

    #[test]
    fn two_active_epochs_are_both_needed() {
        let (one, other) = (Epoch([1; 16]), Epoch([2; 16]));
        assert_eq!(State::of(Mark::Active(one), Mark::Active(other)), State::Active(vec![one, other]));
        assert_eq!(State::of(Mark::Active(one), Mark::Void(other)), State::Active(vec![one]));
    }
}
