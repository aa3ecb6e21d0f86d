//! Every receipt is honoured, wherever the machine stops and whatever fails.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::draft::tests::draft;
use super::health::Health;
use super::layout::{Layout, Queue};
use super::open::sweep;
use super::power::{Fate, Platter};
use super::sim::{Contents, Fault, Op, Sim};
use super::volume::Volume as _;
use super::wal::CheckpointThread;
use super::writer::{Step, Writer};
use crate::envelope::EntryId;

const ENDPOINTS: [&str; 3] = ["pix", "boleto", "cobr"];
const DELIVERIES: usize = 240;
const EIO: i32 = 5;
const ENOSPC: i32 = 28;

fn layout() -> Layout {
    Layout::new("/spool".into())
}

fn start(sim: &Sim) -> (Writer<Sim>, Arc<Health>) {
    let health = Arc::new(Health::new(0));
    (
        Writer::start(sim.clone(), layout(), Arc::clone(&health), CheckpointThread::start).expect("a thread"),
        health,
    )
}

/// What was delivered, and what was removed by a consumer and when.
#[derive(Default)]
struct Worked {
    entries: BTreeMap<EntryId, Vec<u8>>,
    removed: BTreeMap<EntryId, usize>,
}

/// Batches of one to eight deliveries, of one byte to more than the journal takes, and a consumer
/// that takes, finishes and removes some.
fn work(sim: &Sim, writer: &mut Writer<Sim>) -> Worked {
    let Worked { mut entries, mut removed } = Worked::default();
    let mut made = 0;
    for round in 0.. {
        let size = 1 + round * 5 % 8;
        let batch: Vec<_> = (made..made + size)
            .map(|number| {
                let length = if number % 23 == 0 { 70_000 } else { 1 + number * 97 % 2500 };
                draft(ENDPOINTS[number % 3], &vec![b'a'; length])
            })
            .collect();
        made += size;
        let ids: Vec<_> = batch.iter().map(|draft| (draft.id(), draft.endpoint().clone())).collect();
        entries.extend(batch.iter().map(|draft| (draft.id(), draft.pieces().concat())));
        deliver(sim, writer, batch);
        for (index, (id, endpoint)) in ids.iter().enumerate() {
            let at = |queue| layout().entry(endpoint, queue, *id);
            // Whatever fails, a consumer would find it moved or not moved.
            match (round + index) % 5 {
                0 => drop(sim.rename(&at(Queue::New), &at(Queue::Taken))),
                1 => {
                    let taken = sim.rename(&at(Queue::New), &at(Queue::Taken));
                    drop(taken.and_then(|()| sim.rename(&at(Queue::Taken), &at(Queue::Done))));
                }
                2 => {
                    removed.insert(*id, sim.state().log.len());
                    drop(sim.remove(&at(Queue::New)));
                }
                _ => {}
            }
        }
        if round % 6 == 5 {
            writer.tidy();
        }
        if made >= DELIVERIES {
            break;
        }
    }
    Worked { entries, removed }
}

fn deliver(sim: &Sim, writer: &mut Writer<Sim>, batch: Vec<super::Draft>) {
    let steps = batch.into_iter().map(|draft| {
        let (answer, answered) = oneshot::channel();
        sim.expect(draft.id(), answered);
        Step { item: draft, answer }
    });
    writer.write_batch(steps.collect());
    sim.note_answers();
}

/// Starts on what a crash left, and returns the log of that start.
fn recover(contents: Contents, tells: bool) -> (Sim, Vec<Op>) {
    let sim = Sim::holding(contents, tells);
    sweep(&sim, layout().tmp()).expect("a swept tmp");
    let (writer, health) = start(&sim);
    assert!(!health.is_failing());
    writer.close();
    let log = sim.state().log.clone();
    (sim, log)
}

/// The ids of all entries in any queue, each of which is whole.
fn found(contents: &Contents, worked: &Worked) -> BTreeSet<EntryId> {
    let is_entry = |path: &Path| path.components().count() == 5;
    let entries = contents.names.keys().filter(|path| is_entry(path));
    entries
        .map(|path| {
            let id = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
            assert!(contents.get(path) == Some(&worked.entries[&id]), "{path:?} is not whole");
            id
        })
        .collect()
}

/// Stops a workload after every operation, and the recovery of some after every operation of it.
fn enumerate(tells: bool) -> usize {
    let sim = Sim::holding(Contents::default(), tells);
    let (mut writer, _) = start(&sim);
    let worked = work(&sim, &mut writer);
    writer.close();
    let state = sim.state();
    assert!(state.refused == 0 && state.receipts.len() >= 200, "{} receipts", state.receipts.len());

    let mut platter = Platter::default();
    let mut crashes = 0;
    for stop in 0..=state.log.len() {
        let promised = state.receipts.iter().filter(|(_, at)| *at <= stop).map(|(id, _)| *id);
        let promised: BTreeSet<_> =
            promised.filter(|id| worked.removed.get(id).is_none_or(|at| *at >= stop)).collect();
        let check = |contents: &Contents, how: &str| {
            let found = found(contents, &worked);
            let lost: Vec<_> = promised.difference(&found).collect();
            assert!(lost.is_empty(), "{how} after {stop} of {}: lost {lost:?}", state.log.len());
        };
        let seed = u64::try_from(stop).unwrap() * 0x9E37_79B9 + 1;
        for fate in [Fate::Lost, Fate::Kept, Fate::Torn(seed), Fate::Torn(seed << 20)] {
            let how = format!("{fate:?}");
            let left = platter.after_a_cut(fate);
            let (recovered, log) = recover(left.clone(), tells);
            check(&recovered.state().now, &how);
            crashes += 1;
            if stop % 97 == 0 {
                crashes += crash_the_recovery(&left, &log, tells, &how, &check);
            }
        }
        if let Some(op) = state.log.get(stop) {
            platter.apply(op);
        }
    }
    crashes
}

fn crash_the_recovery(
    left: &Contents,
    log: &[Op],
    tells: bool,
    how: &str,
    check: &impl Fn(&Contents, &str),
) -> usize {
    let mut platter = Platter::holding(left.clone());
    for (stop, op) in log.iter().enumerate() {
        platter.apply(op);
        let seed = u64::try_from(stop).unwrap() * 0x51_7CC1 + 1;
        let (recovered, _) = recover(platter.after_a_cut(Fate::Torn(seed)), tells);
        check(&recovered.state().now, &format!("{how}, then in the recovery after {stop}"));
    }
    log.len()
}

#[test]
fn every_receipt_is_honoured_wherever_the_power_goes() {
    let crashes = enumerate(true);
    assert!(crashes > 4000, "{crashes}");
}

#[test]
fn every_receipt_is_honoured_where_each_entry_is_synced_by_itself() {
    let crashes = enumerate(false);
    assert!(crashes > 4000, "{crashes}");
}

/// Runs the workload with faults, then cuts the power and checks. Returns the calls that were made.
fn with_fault(tells: bool, fault: Fault, errno: i32) -> Vec<&'static str> {
    let sim = Sim::holding(Contents::default(), tells);
    let (mut writer, health) = start(&sim);
    sim.state().calls.clear();
    sim.state().fault = Some((fault, errno));
    let mut worked = work(&sim, &mut writer);
    // The background thread has its own pace.
    while matches!(fault, Fault::Named(..)) && !sim.state().calls.iter().any(|(call, _)| *call == "truncate")
    {
        writer.tidy();
        std::thread::yield_now();
    }
    sim.state().fault = None;
    writer.tidy();
    writer.tidy();
    assert!(!health.is_failing(), "{fault:?}: it does not become well by itself");
    let last = draft("pix", b"after");
    let id = last.id();
    worked.entries.insert(id, last.pieces().concat());
    deliver(&sim, &mut writer, vec![last]);
    let (receipts, log, calls) = {
        let state = sim.state();
        (state.receipts.clone(), state.log.clone(), state.calls.iter().map(|(name, _)| *name).collect())
    };
    assert!(receipts.iter().any(|(receipt, _)| *receipt == id), "{fault:?}: it does not serve again");
    let mut platter = Platter::default();
    log.iter().for_each(|op| platter.apply(op));
    let promised: BTreeSet<_> =
        receipts.iter().map(|(id, _)| *id).filter(|id| !worked.removed.contains_key(id)).collect();
    for fate in [Fate::Lost, Fate::Kept, Fate::Torn(7)] {
        let how = format!("{fault:?}, {fate:?}");
        let (recovered, _) = recover(platter.after_a_cut(fate), tells);
        let found = found(&recovered.state().now, &worked);
        let lost: Vec<_> = promised.difference(&found).collect();
        assert!(lost.is_empty(), "{how}: lost {lost:?}");
    }
    writer.close();
    calls
}

#[test]
fn whatever_call_fails_no_receipt_is_broken_and_the_spool_becomes_well_by_itself() {
    for tells in [true, false] {
        // More calls than the workload makes: the last ones find nothing to fail.
        for (errno, count) in [(EIO, 1), (ENOSPC, 9)] {
            let mut number = 0;
            while with_fault(tells, Fault::Numbered(number, count), errno).len() > number {
                number += if count == 1 { 3 } else { 11 };
            }
        }
    }
}

#[test]
fn a_loss_is_of_everything_that_was_not_durable_and_not_of_the_full_journal_alone() {
    let sim = Sim::holding(Contents::default(), true);
    let (mut writer, health) = start(&sim);
    sim.state().calls.clear();
    sim.state().fault = Some((Fault::Named("sync_everything", 0), EIO));
    sim.state().is_stalled = true;
    // More than one journal holds and less than two.
    let mut worked = Worked::default();
    for number in 0..40 {
        let draft = draft("pix", &[b'a' + number % 26; 3000]);
        worked.entries.insert(draft.id(), draft.pieces().concat());
        deliver(&sim, &mut writer, vec![draft]);
    }
    assert_eq!(sim.state().receipts.len(), 40);
    sim.state().is_stalled = false;
    while !health.is_failing() {
        writer.tidy();
    }
    writer.tidy();
    assert!(!health.is_failing());
    // The next sync of everything tells nothing of what was lost before.
    writer.close();
    let mut platter = Platter::default();
    sim.state().log.iter().for_each(|op| platter.apply(op));
    let (recovered, _) = recover(platter.after_a_cut(Fate::Lost), true);
    assert_eq!(found(&recovered.state().now, &worked).len(), 40);
}

#[test]
fn a_loss_that_comes_to_light_later_is_made_good_from_the_journal() {
    for after in 0..2 {
        let calls = with_fault(true, Fault::Named("sync_everything", after), EIO);
        assert!(calls.contains(&"truncate"), "after {after}: nothing was written anew");
    }
}
