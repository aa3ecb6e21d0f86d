//! Tests with logs of other releases and with damaged state blocks.

use std::path::PathBuf;

use super::previous::tests::batch;
use super::segment::LogError;
use super::{BLOCK, CheckpointThread, SEGMENT_BYTES, Wal};
use crate::metrics::Queue;
use crate::spool::draft::tests::draft;
use crate::spool::layout::Layout;
use crate::spool::sim::{Contents, Sim};

fn layout() -> Layout {
    Layout::new("/spool".into())
}

/// Returns a spool whose first log contains these bytes.
fn spool(mut log: Vec<u8>) -> Sim {
    log.resize(SEGMENT_BYTES, 0);
    let mut contents = Contents::default();
    contents.names.insert(layout().wal(0), 0);
    contents.write(0, 0, &log);
    Sim::with_contents(contents, true)
}

fn log(sim: &Sim) -> Vec<u8> {
    sim.state().now.get(&layout().wal(0)).expect("a log").to_vec()
}

fn names(sim: &Sim) -> Vec<PathBuf> {
    let is_entry = |path: &&PathBuf| path.starts_with("/spool/pix");
    sim.state().now.names.keys().filter(is_entry).cloned().collect()
}

#[test]
fn entries_in_a_log_of_the_previous_release_are_restored_and_it_reads_the_log_as_void() {
    let drafts: Vec<_> = (0..3_u8).map(|number| draft("pix", &[number; 900])).collect();
    let sim = spool(batch([1; 16], &drafts));
    let mut wal = Wal::start(&sim, &layout(), CheckpointThread::start).expect("a log").expect("a log");
    assert_eq!(wal.repair().expect("restored"), drafts.len());
    let mut expected: Vec<_> =
        drafts.iter().map(|draft| layout().entry(draft.endpoint(), Queue::New, draft.id())).collect();
    expected.sort();
    assert_eq!(names(&sim), expected);
    wal.close();
    // To the previous release, a log that does not begin with this is void.
    assert!(!log(&sim).starts_with(b"hookspl1"));
    assert_eq!(log(&sim).len(), SEGMENT_BYTES);
}

#[test]
fn void_log_of_the_previous_release_restores_nothing() {
    let old = batch([1; 16], &[draft("pix", b"{}")]);
    let sim = spool([vec![0; BLOCK], old].concat());
    let mut wal = Wal::start(&sim, &layout(), CheckpointThread::start).expect("a log").expect("a log");
    assert_eq!(wal.repair().expect("restored"), 0);
    assert!(names(&sim).is_empty());
}

#[test]
fn log_with_an_unknown_version_is_left_unchanged() {
    let mut later = vec![b'3'; BLOCK];
    later.extend(batch([1; 16], &[draft("pix", b"{}")]));
    let sim = spool(later);
    let before = log(&sim);
    let refused = Wal::start(&sim, &layout(), CheckpointThread::start);
    assert!(matches!(refused, Err(LogError::Unknown(path)) if path == layout().wal(0)));
    assert_eq!(log(&sim), before);
}

#[test]
fn log_state_survives_damage_to_either_copy() {
    for place in [0, SEGMENT_BYTES - BLOCK] {
        for is_void in [false, true] {
            let sim = Sim::with_contents(Contents::default(), true);
            let mut wal =
                Wal::start(&sim, &layout(), CheckpointThread::start).expect("a log").expect("a log");
            wal.repair().expect("new logs");
            let entry = draft("pix", b"{}");
            wal.append(std::iter::once(&entry)).expect("durable");
            let number =
                (0..2).find(|number| log_of(&sim, *number).windows(8).any(|bytes| bytes == b"hookrec2"));
            let number = number.expect("a log with a record");
            if is_void {
                wal.close();
            }
            let mut contents = Contents::default();
            let mut bytes = log_of(&sim, number);
            bytes[place + 17] ^= 4;
            contents.names.insert(layout().wal(number), 0);
            contents.write(0, 0, &bytes);
            let sim = Sim::with_contents(contents, true);
            let mut wal =
                Wal::start(&sim, &layout(), CheckpointThread::start).expect("a log").expect("a log");
            assert_eq!(wal.repair().expect("restored"), usize::from(!is_void), "{place} {is_void}");
        }
    }
}

fn log_of(sim: &Sim, number: usize) -> Vec<u8> {
    sim.state().now.get(&layout().wal(number)).expect("a log").to_vec()
}
