//! Checks that no acknowledged entry is lost after a crash at any operation or an error of any call.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::draft::tests::draft;
use super::health::Health;
use super::layout::Layout;
use super::open::sweep;
use super::power::{Fate, Model, Platter};
use super::schedule::{Schedule, Scheduled};
use super::sim::{Contents, Fault, Op, Sim};
use super::volume::Volume as _;
use super::wal::Checkpoints;
use super::writer::{Pending, Writer};
use crate::envelope::EntryId;
use crate::metrics::Queue;

const ENDPOINTS: [&str; 3] = ["pix", "boleto", "cobr"];
/// The deliveries of a workload; ten times as many in `tests/long`.
const DELIVERIES: usize = 100;
const EIO: i32 = 5;
const ENOSPC: i32 = 28;
/// The choices that the number of a schedule decides. The others come from a generator.
const DEPTH: usize = 16;

pub(super) fn layout() -> Layout {
    Layout::new("/spool".into())
}

fn deliveries() -> usize {
    let factor = std::env::var("HOOKSPOOL_TEST_ROUNDS_FACTOR").ok().and_then(|factor| factor.parse().ok());
    DELIVERIES * factor.unwrap_or(1)
}

fn start(sim: &Sim, order: u64) -> (Writer<Sim, Scheduled>, Arc<Health>) {
    let health = Arc::new(Health::new(0));
    let checkpoints = Scheduled::on(sim, Schedule::new(order, DEPTH));
    (Writer::start(sim.clone(), layout(), Arc::clone(&health), checkpoints).expect("a spool"), health)
}

/// The entries that were delivered, and what consumers did with them.
#[derive(Default)]
struct History {
    entries: BTreeMap<EntryId, Vec<u8>>,
    /// The length of the log before an entry was deleted.
    deleted: BTreeMap<EntryId, usize>,
    /// The length of the log after the deletion was synced.
    deletion_synced: BTreeMap<EntryId, usize>,
    /// The length of the log after the move to `done` or `failed` was synced.
    finished: BTreeMap<EntryId, usize>,
}

/// Writes batches of one to eight deliveries, from one byte to larger than the log accepts, and simulates consumers
/// that take, finish, give up, requeue and delete.
fn work(sim: &Sim, writer: &mut Writer<Sim, Scheduled>, deliveries: usize) -> History {
    let mut history = History::default();
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
        history.entries.extend(batch.iter().map(|draft| (draft.id(), draft.pieces().concat())));
        deliver(sim, writer, batch);
        for (index, (id, endpoint)) in ids.iter().enumerate() {
            consume(sim, (round + index) % 6, *id, endpoint, &mut history);
        }
        if round % 6 == 5 {
            writer.check();
        }
        if made >= deliveries {
            break;
        }
    }
    history
}

/// Simulates a consumer. If a call fails, the entry was either moved or not.
fn consume(sim: &Sim, choice: usize, id: EntryId, endpoint: &crate::policy::Name, history: &mut History) {
    let move_entry = |from, to| {
        sim.rename(&layout().entry(endpoint, from, id), &layout().entry(endpoint, to, id))?;
        sim.sync_dir(&layout().queue(endpoint, to))?;
        sim.sync_dir(&layout().queue(endpoint, from))
    };
    match choice {
        0 => drop(move_entry(Queue::New, Queue::Taken)),
        1 | 2 => {
            let last = if choice == 1 { Queue::Done } else { Queue::Failed };
            if move_entry(Queue::New, Queue::Taken).and_then(|()| move_entry(Queue::Taken, last)).is_ok() {
                history.finished.insert(id, sim.state().log.len());
            }
        }
        3 => {
            history.deleted.insert(id, sim.state().log.len());
            let removed = sim.remove(&layout().entry(endpoint, Queue::New, id));
            if removed.and_then(|()| sim.sync_dir(&layout().queue(endpoint, Queue::New))).is_ok() {
                history.deletion_synced.insert(id, sim.state().log.len());
            }
        }
        4 => drop(move_entry(Queue::New, Queue::Taken).and_then(|()| move_entry(Queue::Taken, Queue::New))),
        _ => {}
    }
}

pub(super) fn deliver<C: Checkpoints<Sim>>(sim: &Sim, writer: &mut Writer<Sim, C>, batch: Vec<super::Draft>) {
    let steps = batch.into_iter().map(|draft| {
        let (reply, receiver) = oneshot::channel();
        sim.expect(draft.id(), receiver);
        Pending { item: draft, reply }
    });
    writer.write_batch(steps.collect());
    sim.record_replies();
}

/// Starts a writer on the contents after a crash. Returns the file system and the operations of the start.
pub(super) fn recover(contents: Contents, reports_losses: bool) -> (Sim, Vec<Op>) {
    let sim = Sim::with_contents(contents, reports_losses);
    sweep(&sim, layout().tmp()).expect("a swept tmp");
    let (writer, health) = start(&sim, 1);
    assert!(!health.is_failing());
    writer.close();
    let log = sim.state().log.clone();
    (sim, log)
}

/// Returns the queue of each entry. Fails unless each is intact and in one queue only.
fn places(contents: &Contents, written: &BTreeMap<EntryId, Vec<u8>>) -> BTreeMap<EntryId, Queue> {
    let is_entry = |path: &Path| path.components().count() == 5;
    let mut places = BTreeMap::new();
    for path in contents.names.keys().filter(|path| is_entry(path)) {
        let id = Layout::id_of(path).expect("an entry's name");
        assert!(contents.get(path) == Some(&written[&id]), "{path:?} is not intact");
        let queue = path.parent().and_then(Path::file_name).and_then(|name| Queue::named(name.to_str()?));
        let before = places.insert(id, queue.expect("a queue"));
        assert_eq!(before, None, "{path:?} is in two places");
    }
    places
}

pub(super) fn found_in(contents: &Contents, written: &BTreeMap<EntryId, Vec<u8>>) -> BTreeSet<EntryId> {
    places(contents, written).into_keys().collect()
}

/// Checks the contents after a crash at `stop`.
fn check(contents: &Contents, history: &History, promised: &BTreeSet<EntryId>, stop: usize, how: &str) {
    let places = places(contents, &history.entries);
    let is_deleted = |id: &&EntryId| history.deleted.get(id).is_some_and(|at| *at < stop);
    let lost: Vec<_> = promised.iter().filter(|id| !places.contains_key(id) && !is_deleted(id)).collect();
    assert!(lost.is_empty(), "{how} after {stop}: lost {lost:?}");
    for (id, queue) in &places {
        let is_finished = history.finished.get(id).is_some_and(|at| *at <= stop);
        assert!(
            !is_finished || matches!(queue, Queue::Done | Queue::Failed),
            "{how} after {stop}: {id} was finished and is in {queue:?}"
        );
    }
}

/// Simulates a crash after every operation of a workload, and for some also after every operation of the recovery.
fn enumerate(model: Model) -> usize {
    let reports_losses = model.has_journal();
    let sim = Sim::with_contents(Contents::default(), reports_losses);
    let (mut writer, _) = start(&sim, 0x5A5A);
    let history = work(&sim, &mut writer, deliveries());
    writer.close();
    let state = sim.state();
    assert!(state.refused == 0 && state.receipts.len() >= deliveries(), "{} receipts", state.receipts.len());

    let mut platter = Platter::with_contents(model, Contents::default());
    // The number of `syncfs` calls since an entry was acknowledged. After the third one its log is void; the first may
    // have been the checkpoint of the other log.
    let mut syncs: BTreeMap<EntryId, usize> = BTreeMap::new();
    let (mut crashes, mut must_stay_deleted) = (0, 0);
    for stop in 0..=state.log.len() {
        let promised: BTreeSet<_> =
            state.receipts.iter().filter(|(_, at)| *at <= stop).map(|(id, _)| *id).collect();
        let seed = u64::try_from(stop).unwrap() * 0x9E37_79B9 + 1;
        for fate in [Fate::Lost, Fate::Kept, Fate::Torn(seed), Fate::Torn(seed << 20)] {
            let how = format!("{model:?}, {fate:?}");
            let left = platter.after_power_failure(fate);
            let (recovered, log) = recover(left.clone(), reports_losses);
            check(&recovered.state().now, &history, &promised, stop, &how);
            let found = places(&recovered.state().now, &history.entries);
            for (id, _) in history.deletion_synced.iter().filter(|(_, at)| **at <= stop) {
                if !reports_losses || syncs.get(id).is_some_and(|syncs| *syncs >= 3) {
                    assert!(!found.contains_key(id), "{how} after {stop}: {id} was deleted and reappeared");
                    must_stay_deleted += 1;
                }
            }
            crashes += 1;
            if stop % 97 == 0 {
                crashes += crash_the_recovery(model, &left, &log, |contents, how| {
                    check(contents, &history, &promised, stop, how);
                });
            }
        }
        if matches!(state.log.get(stop), Some(Op::SyncEverything)) {
            promised.iter().for_each(|id| *syncs.entry(*id).or_default() += 1);
        }
        if let Some(op) = state.log.get(stop) {
            platter.apply(op);
        }
    }
    assert!(must_stay_deleted > 100, "{must_stay_deleted}");
    crashes
}

fn crash_the_recovery(model: Model, left: &Contents, log: &[Op], check: impl Fn(&Contents, &str)) -> usize {
    let mut platter = Platter::with_contents(model, left.clone());
    for (stop, op) in log.iter().enumerate() {
        platter.apply(op);
        let seed = u64::try_from(stop).unwrap() * 0x51_7CC1 + 1;
        let (recovered, _) = recover(platter.after_power_failure(Fate::Torn(seed)), model.has_journal());
        check(&recovered.state().now, &format!("{model:?}, then in the recovery after {stop}"));
    }
    log.len()
}

#[test]
fn no_acknowledged_entry_is_lost_by_a_power_failure_on_ext4() {
    let crashes = enumerate(Model::Ext4);
    assert!(crashes > 1500, "{crashes}");
}

#[test]
fn no_acknowledged_entry_is_lost_by_a_power_failure_on_xfs() {
    let crashes = enumerate(Model::Xfs);
    assert!(crashes > 1500, "{crashes}");
}

#[test]
fn no_acknowledged_entry_is_lost_by_a_power_failure_without_a_journal() {
    let crashes = enumerate(Model::Unjournaled);
    assert!(crashes > 1500, "{crashes}");
}

/// Runs the workload with a fault, then simulates a power failure and checks the result. Returns the calls.
fn with_fault(reports_losses: bool, fault: Fault, errno: i32) -> Vec<&'static str> {
    let sim = Sim::with_contents(Contents::default(), reports_losses);
    let (mut writer, health) = start(&sim, 0x3C3C);
    {
        let mut state = sim.state();
        state.calls.clear();
        state.faults = vec![(fault, errno)];
    }
    let mut history = work(&sim, &mut writer, 80);
    sim.state().faults.clear();
    // Completes the checkpoint and then the repair.
    for _ in 0..20 {
        writer.check();
    }
    assert!(!health.is_failing(), "{fault:?}: it does not recover by itself");
    let last = draft("pix", b"after");
    let id = last.id();
    history.entries.insert(id, last.pieces().concat());
    deliver(&sim, &mut writer, vec![last]);
    let (receipts, log, calls) = {
        let state = sim.state();
        (state.receipts.clone(), state.log.clone(), state.calls.iter().map(|(name, _)| *name).collect())
    };
    assert!(receipts.iter().any(|(receipt, _)| *receipt == id), "{fault:?}: it does not serve again");
    let mut platter = Platter::default();
    log.iter().for_each(|op| platter.apply(op));
    let promised: BTreeSet<_> = receipts.iter().map(|(id, _)| *id).collect();
    for fate in [Fate::Lost, Fate::Kept, Fate::Torn(7)] {
        let how = format!("{fault:?}, {fate:?}");
        let (recovered, _) = recover(platter.after_power_failure(fate), reports_losses);
        check(&recovered.state().now, &history, &promised, log.len(), &how);
    }
    writer.close();
    calls
}

#[test]
fn error_of_any_call_loses_no_acknowledged_entry_and_the_spool_recovers() {
    for reports_losses in [true, false] {
        // Ends when the number is greater than that of the last call.
        for (errno, count) in [(EIO, 1), (ENOSPC, 9)] {
            let mut number = 0;
            while with_fault(reports_losses, Fault::Numbered(number, count), errno).len() > number {
                number += if count == 1 { 3 } else { 11 };
            }
        }
    }
}

#[test]
fn lost_write_reported_by_a_later_syncfs_is_repaired_from_the_log() {
    for after in 0..2 {
        let calls = with_fault(true, Fault::Named("sync_everything", after), EIO);
        assert!(calls.contains(&"exchange"), "after {after}: nothing was rewritten");
    }
}
