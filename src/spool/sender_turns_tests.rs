//! Properties of the order in which senders are served.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// An item: its sender, and its number among all items.
type Item = (usize, usize);

fn name(sender: usize) -> Name {
    format!("sender-{sender}").parse().unwrap()
}

/// Pushes an item that must find room.
fn push(turns: &mut SenderTurns<Item>, bytes: usize, item: Item) {
    assert_eq!(turns.push(&name(item.0), bytes, item), None);
}

/// A push of a sender with this number of bytes, or a batch.
fn steps() -> impl Strategy<Value = Vec<Option<(usize, usize)>>> {
    let bytes = prop_oneof![4 => 1..2000_usize, 1 => 1..4 * BATCH_BYTES_MAX];
    vec(prop_oneof![9 => (0..5_usize, bytes).prop_map(Some), 1 => Just(None)], 0..600)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_item_is_taken_once_in_the_order_of_its_sender_and_batches_are_bounded(steps in steps()) {
        let (mut turns, mut sizes) = (SenderTurns::default(), Vec::new());
        let mut expected: [VecDeque<usize>; 5] = Default::default();
        // As many batches as there are items at most empty the queues, because a batch has at least one item.
        for step in steps.into_iter().chain([None; 600]) {
            if let Some((sender, bytes)) = step {
                push(&mut turns, bytes, (sender, sizes.len()));
                expected[sender].push_back(sizes.len());
                sizes.push(bytes);
                continue;
            }
            let batch = turns.take_batch();
            prop_assert!(batch.len() <= BATCH_ENTRIES_MAX);
            let bytes: usize = batch.iter().rev().skip(1).map(|(_, item)| sizes[*item]).sum();
            prop_assert!(bytes < BATCH_BYTES_MAX, "{} bytes before the last item", bytes);
            for (sender, item) in batch {
                prop_assert_eq!(expected[sender].pop_front(), Some(item));
            }
        }
        prop_assert!(turns.is_empty() && expected.iter().all(VecDeque::is_empty));
    }

    #[test]
    fn a_sender_that_begins_to_wait_is_preceded_by_one_item_of_each_other_or_the_bytes_of_its_previous_one(
        steps in steps(),
    ) {
        let (mut turns, mut waiting, mut sizes) = (SenderTurns::default(), [0_usize; 5], Vec::new());
        // For each sender whose first item waits, the bytes of each sender that were taken since it was pushed, without
        // those of its last item, and those of that item.
        let mut preceding: [Option<[(u64, u64); 5]>; 5] = [None; 5];
        let mut previous = [0_u64; 5];
        for step in steps {
            if let Some((sender, bytes)) = step {
                push(&mut turns, bytes, (sender, sizes.len()));
                if waiting[sender] == 0 {
                    preceding[sender] = Some([(0, 0); 5]);
                }
                waiting[sender] += 1;
                sizes.push(bytes);
                continue;
            }
            for (sender, item) in turns.take_batch() {
                waiting[sender] -= 1;
                if let Some(others) = preceding[sender].take() {
                    let is_fair = others.iter().all(|(before_last, _)| *before_last <= previous[sender]);
                    prop_assert!(is_fair, "{:?} before {}", others, sender);
                }
                previous[sender] = charge(sizes[item]);
                for others in preceding.iter_mut().flatten() {
                    let (before_last, last) = others[sender];
                    others[sender] = (before_last + last, previous[sender]);
                }
            }
        }
    }

    #[test]
    fn a_flood_of_one_sender_delays_the_item_of_another_by_at_most_one_batch(
        rounds in vec((vec(prop_oneof![1..2000_usize, 1..3 * BATCH_BYTES_MAX], 0..400), vec(any::<bool>(), 6)), 1..20),
    ) {
        let (mut turns, mut pushed_at) = (SenderTurns::default(), [None; 7]);
        for (round, (flood, others)) in rounds.into_iter().enumerate() {
            // 0 is the sender that floods. The items of the others together fit in a batch.
            for bytes in flood {
                let _ = turns.push(&name(0), bytes, (0, round));
            }
            for (index, sends) in others.into_iter().enumerate() {
                let sender = index + 1;
                if sends && pushed_at[sender].is_none() {
                    let displaced = turns.push(&name(sender), BATCH_BYTES_MAX / 6, (sender, round));
                    prop_assert!(displaced.is_none_or(|(of, _)| of == 0));
                    pushed_at[sender] = Some(round);
                }
            }
            for (sender, _) in turns.take_batch() {
                pushed_at[sender] = None;
            }
            for at in pushed_at.iter().flatten() {
                prop_assert_eq!(*at, round, "waits for a third batch");
            }
        }
    }
}

#[test]
fn senders_with_many_items_share_the_bytes_equally() {
    let mut turns = SenderTurns::default();
    for item in 0..200 {
        push(&mut turns, 60_000, (0, item));
    }
    for item in 0..2000 {
        push(&mut turns, 6000, (1, item));
    }
    let taken: Vec<_> = (0..5).flat_map(|_| turns.take_batch()).collect();
    let bytes = |of: usize| taken.iter().filter(|(sender, _)| *sender == of).count() * [60_000, 6000][of];
    assert!(bytes(0).abs_diff(bytes(1)) <= 60_000, "{} and {}", bytes(0), bytes(1));
}

#[test]
fn senders_that_wait_with_one_item_at_a_time_do_not_starve_one_with_several() {
    let mut turns = SenderTurns::default();
    for item in 0..10 {
        push(&mut turns, 1000, (0, item));
    }
    // Each item of the others fills a batch, and is followed by the next one while it is committed.
    let others = [1, 2];
    others.iter().for_each(|sender| push(&mut turns, BATCH_BYTES_MAX, (*sender, 0)));
    let mut taken = 0;
    for _ in 0..20 {
        for (sender, _) in turns.take_batch() {
            if sender == 0 {
                taken += 1;
            } else {
                push(&mut turns, BATCH_BYTES_MAX, (sender, 0));
            }
        }
    }
    assert_eq!(taken, 10);
}

#[test]
fn without_room_the_last_item_of_the_sender_with_the_most_gives_way() {
    let mut turns = SenderTurns::default();
    for item in 0..WAITING_ENTRIES_MAX {
        push(&mut turns, 1, (0, item));
    }
    assert_eq!(turns.push(&name(0), 1, (0, WAITING_ENTRIES_MAX)), Some((0, WAITING_ENTRIES_MAX)));
    // Two senders push until each has half.
    for item in 0..WAITING_ENTRIES_MAX / 2 {
        assert_eq!(turns.push(&name(1), 1, (1, item)), Some((0, WAITING_ENTRIES_MAX - 1 - item)));
    }
    assert_eq!(turns.push(&name(1), 1, (1, WAITING_ENTRIES_MAX)), Some((1, WAITING_ENTRIES_MAX)));
    // A third sender takes from the larger half.
    let displaced = turns.push(&name(2), 1, (2, 0)).unwrap();
    assert!(displaced.0 < 2);
    let left = std::iter::from_fn(|| turns.take()).count();
    assert_eq!((left, turns.is_empty()), (WAITING_ENTRIES_MAX, true));
}
