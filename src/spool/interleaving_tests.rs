//! Checks that no acknowledged entry is lost, in any order of the two threads, with disk errors and a crash at any
//! step.
//!
//! The logs are small here, so that both are full after a few entries. Each state of the disk is checked once.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};

use super::crash::{deliver, found_in, layout, recover};
use super::draft::tests::draft;
use super::health::Health;
use super::power::{Fate, Model, Platter};
use super::schedule::{Schedule, Scheduled};
use super::sim::{Contents, Fault, Sim};
use super::writer::Writer;
use crate::envelope::EntryId;

const EIO: i32 = 5;
/// The number of choices for which `tests/run` tries all orders. The other choices come from a generator.
const DEPTH: usize = 5;
/// The orders that are tried for each pair of errors.
const ORDERS_PER_PAIR: u64 = 2;

/// How the workload ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// A crash.
    Crash,
    /// A clean stop, followed by a crash.
    Close,
}

/// What the tests have covered.
#[derive(Debug, Default)]
struct Coverage {
    schedules: usize,
    crashes: usize,
    seen: HashSet<Vec<u8>>,
}

impl Coverage {
    fn is_new(&mut self, contents: &Contents, promised: &BTreeSet<EntryId>) -> bool {
        self.crashes += 1;
        let mut state = Context::new(&SHA256);
        for (path, inode) in &contents.names {
            state.update(path.as_os_str().as_encoded_bytes());
            state.update(&contents.data[inode]);
        }
        promised.iter().for_each(|id| state.update(id.as_bytes()));
        self.seen.insert(state.finish().as_ref().to_vec())
    }
}

/// The entries of the workload. Two of them fill a log.
fn entries() -> Vec<(super::Draft, Vec<u8>)> {
    let sizes = [20_000, 24_000, 22_000, 25_000, 15_000, 500, 23_000];
    sizes
        .into_iter()
        .map(|size| {
            let draft = draft("pix", &vec![b'p'; size]);
            let bytes = draft.pieces().concat();
            (draft, bytes)
        })
        .collect()
}

/// Runs the workload in this order with these faults, then simulates a crash after every operation. Returns the number
/// of calls.
fn run(schedule: Schedule, faults: &[(Fault, i32)], end: End, coverage: &mut Coverage) -> usize {
    let sim = Sim::with_contents(Contents::default(), true);
    let health = Arc::new(Health::new(0));
    let started = Scheduled::on(&sim, schedule.clone());
    let mut writer = Writer::start(sim.clone(), layout(), Arc::clone(&health), started).unwrap();
    let from = {
        let mut state = sim.state();
        state.calls.clear();
        state.faults = faults.to_vec();
        state.log.len()
    };
    let mut written = BTreeMap::new();
    for (index, (draft, bytes)) in entries().into_iter().enumerate() {
        written.insert(draft.id(), bytes);
        deliver(&sim, &mut writer, vec![draft]);
        if index % 2 == 1 {
            writer.check();
        }
    }
    let calls = sim.state().calls.len();
    match end {
        End::Crash => (0..3).for_each(|_| writer.check()),
        End::Close => writer.close(),
    }
    sim.record_replies();
    coverage.schedules += 1;

    let state = sim.state();
    let mut platter = Platter::with_contents(Model::Ext4, Contents::default());
    for stop in 0..=state.log.len() {
        let promised: BTreeSet<_> =
            state.receipts.iter().filter(|(_, at)| *at <= stop).map(|(id, _)| *id).collect();
        for fate in [Fate::Lost, Fate::Torn(u64::try_from(stop).unwrap() + 1)] {
            if stop < from {
                continue;
            }
            let left = platter.after_power_failure(fate.clone());
            if !coverage.is_new(&left, &promised) {
                continue;
            }
            let (recovered, _) = recover(left, true);
            let found = found_in(&recovered.state().now, &written);
            let lost: Vec<_> = promised.difference(&found).collect();
            assert!(
                lost.is_empty(),
                "{schedule:?}, {faults:?}, {end:?}, {fate:?}: after {stop} of {}: lost {lost:?}",
                state.log.len()
            );
        }
        if let Some(op) = state.log.get(stop) {
            platter.apply(op);
        }
    }
    calls
}

fn factor() -> usize {
    std::env::var("HOOKSPOOL_TEST_ROUNDS_FACTOR").ok().and_then(|factor| factor.parse().ok()).unwrap_or(1)
}

/// The number of choices for which all orders are tried; greater in `tests/long`.
fn depth() -> usize {
    if factor() > 1 { DEPTH + 3 } else { DEPTH }
}

#[test]
fn failed_syncfs_loses_nothing_in_any_order() {
    let mut coverage = Coverage::default();
    for end in [End::Crash, End::Close] {
        for failing in [vec![0], vec![1], vec![0, 1], vec![0, 2]] {
            let faults: Vec<_> =
                failing.into_iter().map(|after| (Fault::Named("sync_everything", after), EIO)).collect();
            for order in 0..1 << depth() {
                run(Schedule::new(order, depth()), &faults, end, &mut coverage);
            }
        }
    }
    report("failed syncfs", &coverage);
}

#[test]
fn one_or_two_errors_at_any_call_lose_nothing_in_any_order() {
    let mut coverage = Coverage::default();
    let mut order = 0;
    let mut number = 0;
    let calls = run(Schedule::new(0, DEPTH), &[], End::Crash, &mut coverage);
    while number < calls {
        for fault in [Fault::Numbered(number, 1), Fault::WriteBack(number)] {
            order += 1;
            run(Schedule::new(order, DEPTH), &[(fault, EIO)], End::Crash, &mut coverage);
            for _ in 0..ORDERS_PER_PAIR * u64::try_from(factor()).unwrap() {
                order += 1;
                let second = usize::try_from(order.wrapping_mul(0x9E37_79B9) >> 7).unwrap() % 40;
                let faults = [(fault, EIO), (Fault::Numbered(number + 1 + second, 1), EIO)];
                let end = if order % 2 == 0 { End::Crash } else { End::Close };
                run(Schedule::new(order, DEPTH), &faults, end, &mut coverage);
            }
        }
        number += 1;
    }
    report("one and two errors", &coverage);
}

#[expect(clippy::print_stderr, reason = "reports what the run has covered")]
fn report(what: &str, coverage: &Coverage) {
    eprintln!(
        "{what}: {} schedules, {} crashes, {} states of the disk",
        coverage.schedules,
        coverage.crashes,
        coverage.seen.len()
    );
    assert!(coverage.seen.len() > 100, "{coverage:?}");
}
