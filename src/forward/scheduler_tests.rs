//! Properties of the scheduler with a simulated target and simulated time.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use proptest::prelude::*;

use super::super::settings::{ExecSettings, TargetSettings};
use super::*;
use crate::envelope::EntryId;

fn consumer(endpoints: usize, concurrency: usize, order: Order) -> Consumer {
    Consumer {
        name: "ledger".parse().expect("a name"),
        endpoints: (0..endpoints).map(|number| format!("e{number}").parse().expect("a name")).collect(),
        concurrency: NonZeroUsize::new(concurrency).expect("not 0"),
        order,
        timeout: Duration::from_secs(30),
        retry: RetrySettings {
            min: Duration::from_secs(5),
            max: Duration::from_secs(60),
            give_up: Duration::from_secs(86_400),
        },
        target: TargetSettings::Exec(ExecSettings { command: vec!["true".to_owned()] }),
    }
}

/// What the target does with an entry: how often it asks for a retry, and then whether it accepts it.
#[derive(Clone, Copy, Debug)]
struct Fate {
    retries: u32,
    unreachable: u32,
    fails: bool,
}

fn fate() -> impl Strategy<Value = Fate> {
    (0_u32..4, 0_u32..2, any::<bool>()).prop_map(|(retries, unreachable, fails)| Fate {
        retries,
        unreachable,
        fails,
    })
}

fn result(fate: Fate, attempt: u32) -> AttemptResult {
    let reason = String::new();
    match attempt {
        n if n <= fate.unreachable => AttemptResult::Unreachable { reason },
        n if n <= fate.unreachable + fate.retries => AttemptResult::Retry { after: None, reason },
        _ if fate.fails => AttemptResult::Failed { reason },
        _ => AttemptResult::Done,
    }
}

proptest! {
    #[test]
    fn every_entry_ends_once_and_limits_hold(
        fates in proptest::collection::vec((0_usize..3, fate()), 1..60),
        concurrency in 1_usize..5,
        batch in 1_usize..6,
        arrival in any::<bool>(),
        picks in proptest::collection::vec(any::<usize>(), 400),
    ) {
        let order = if arrival { Order::Arrival } else { Order::None };
        let mut scheduler = Scheduler::new(&consumer(3, concurrency, order), batch, true);
        let mut now = Instant::now();
        for lane in scheduler.waiting.begin_listings(now, true) {
            scheduler.waiting.end_listing(lane, Ok(super::super::backlog::Listed::default()), now).expect("listed");
        }
        let mut all = BTreeMap::new();
        for (number, (lane, fate)) in fates.iter().enumerate() {
            let id = EntryId::from_bytes([u8::try_from(number).expect("few"); 16]);
            scheduler.waiting.arrived(*lane, id);
            all.insert(id, (*lane, *fate));
        }
        let (mut running, mut ended): (Vec<Vec<Candidate>>, _) = (Vec::new(), BTreeSet::new());
        let mut order_of_ends: BTreeMap<usize, Vec<EntryId>> = BTreeMap::new();
        let mut picks = picks.into_iter().cycle();
        for _ in 0..4000 {
            loop {
                let was_down = !scheduler.is_up();
                let next = scheduler.next_batch(now);
                if next.is_empty() {
                    break;
                }
                prop_assert!(!was_down || (running.is_empty() && next.len() == 1), "one attempt at a time while down");
                running.push(next);
            }
            prop_assert!(running.len() <= concurrency && running.iter().all(|batch_of| batch_of.len() <= batch));
            prop_assert_eq!(running.len(), scheduler.in_progress());
            let in_flight: Vec<_> = running.iter().flatten().collect();
            let distinct: BTreeSet<_> = in_flight.iter().map(|candidate| candidate.id).collect();
            prop_assert_eq!(distinct.len(), in_flight.len(), "no entry is attempted twice at the same time");
            if arrival {
                let lanes: BTreeSet<_> = in_flight.iter().map(|candidate| candidate.lane).collect();
                prop_assert_eq!(lanes.len(), in_flight.len(), "one entry for each endpoint");
            }
            if running.is_empty() {
                let Some(next) = scheduler.next_attempt(now) else { break };
                prop_assert!(next > now, "time passes");
                now = next;
                continue;
            }
            let picked = running.swap_remove(picks.next().expect("endless") % running.len());
            let outcomes: Vec<_> = picked.into_iter().map(|candidate| {
                let (_, fate) = all[&candidate.id];
                Outcome { candidate, result: result(fate, candidate.attempt) }
            }).collect();
            for Outcome { candidate, result } in &outcomes {
                if matches!(result, AttemptResult::Done | AttemptResult::Failed { .. }) {
                    prop_assert!(ended.insert(candidate.id), "it ends once");
                    order_of_ends.entry(candidate.lane).or_default().push(candidate.id);
                }
            }
            scheduler.ended(&outcomes, now, || 0.5);
        }
        prop_assert_eq!(ended.len(), all.len());
        prop_assert_eq!(scheduler.waiting.waiting() + scheduler.waiting.retrying() + scheduler.waiting.in_flight(), 0);
        prop_assert!(!arrival || order_of_ends.values().all(|ids| ids.is_sorted()));
    }
}

#[test]
fn nothing_new_is_claimed_while_the_memory_of_retries_is_full() {
    let mut scheduler = Scheduler::new(&consumer(1, 1, Order::None), 1, true);
    let now = Instant::now();
    scheduler.waiting.begin_listings(now, true);
    scheduler.waiting.end_listing(0, Ok(super::super::backlog::Listed::default()), now).expect("listed");
    for number in 0..20_010_u32 {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        scheduler.waiting.arrived(0, EntryId::from_bytes(bytes));
    }
    let mut accepted = false;
    while let Some(candidate) = scheduler.next_batch(now).pop() {
        // Every second entry is accepted, so the target does not count as down.
        accepted = !accepted;
        let result = match accepted {
            true => AttemptResult::Done,
            false => AttemptResult::Retry { after: None, reason: String::new() },
        };
        scheduler.ended(&[Outcome { candidate, result }], now, || 0.5);
    }
    assert_eq!(scheduler.waiting.retrying(), super::super::schedule::REMEMBERED_MAX);
    assert_eq!(scheduler.waiting.waiting(), 10);

    // The remembered entries are rejected until the target counts as down. A new entry shows that it is not.
    let (mut now, mut new, mut rounds) = (now, 0, 0);
    while new < 10 {
        rounds += 1;
        assert!(rounds < 10_000, "{new} new entries were attempted");
        now = scheduler.next_attempt(now).map_or(now, |next| next.max(now)) + Duration::from_secs(1);
        for candidate in scheduler.next_batch(now) {
            let result = match candidate.attempt {
                1 => AttemptResult::Done,
                _ => AttemptResult::Retry { after: None, reason: String::new() },
            };
            new += usize::from(candidate.attempt == 1);
            assert!(candidate.gives_up_at.is_some(), "the time counts while the memory is full");
            scheduler.ended(&[Outcome { candidate, result }], now, || 0.5);
        }
        assert!(scheduler.waiting.retrying() <= super::super::schedule::REMEMBERED_MAX);
    }
}

#[test]
fn batch_that_the_target_does_not_accept_is_halved_until_it_does() {
    let mut scheduler = Scheduler::new(&consumer(1, 1, Order::None), 500, true);
    let mut now = Instant::now();
    scheduler.waiting.begin_listings(now, true);
    scheduler.waiting.end_listing(0, Ok(super::super::backlog::Listed::default()), now).expect("listed");
    for number in 0..3000_u32 {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        scheduler.waiting.arrived(0, EntryId::from_bytes(bytes));
    }
    let (mut done, mut attempts) = (0, 0);
    while done < 3000 {
        now = scheduler.next_attempt(now).map_or(now, |next| next.max(now)) + Duration::from_secs(1);
        let batch = scheduler.next_batch(now);
        if batch.is_empty() {
            continue;
        }
        let is_fast = batch.len() <= 100;
        done += if is_fast { batch.len() } else { 0 };
        attempts += 1;
        let result = || match is_fast {
            true => AttemptResult::Done,
            false => AttemptResult::Retry { after: None, reason: String::new() },
        };
        let outcomes: Vec<_> =
            batch.into_iter().map(|candidate| Outcome { candidate, result: result() }).collect();
        scheduler.ended(&outcomes, now, || 0.5);
        assert!(attempts < 300, "{done} are done");
    }
}

#[test]
fn nothing_is_attempted_in_order_of_arrival_before_a_listing_has_ended() {
    let now = Instant::now();
    for (order, attempted) in [(Order::Arrival, 0), (Order::None, 1)] {
        let mut scheduler = Scheduler::new(&consumer(1, 1, order), 1, true);
        scheduler.waiting.begin_listings(now, true);
        scheduler.waiting.arrived(0, EntryId::fresh());
        assert_eq!(scheduler.next_batch(now).len(), attempted, "{order:?}");
        scheduler.waiting.end_listing(0, Ok(super::super::backlog::Listed::default()), now).expect("listed");
        assert_eq!(scheduler.next_batch(now).len(), 1 - attempted, "{order:?}");
    }
}
