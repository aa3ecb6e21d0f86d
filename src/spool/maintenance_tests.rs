//! What maintenance moves, removes and counts, on a simulated disk.

use std::path::Path;

use super::*;
use crate::clock::Timestamp;
use crate::envelope::EntryId;
use crate::spool::draft::tests::draft;
use crate::spool::sim::{Contents, Sim};

const NOTHING: Retention = Retention { taken: None, done: None, failed: None };

/// A worker with one entry in each queue. The files of a simulated disk are as old as the epoch.
fn worker(retention: Retention, now: &str) -> (Worker<Sim>, EntryId) {
    let layout = Layout::new("/spool".into());
    let (draft, mut contents) = (draft("pix", b"payload"), Contents::default());
    for (inode, queue) in Queue::ALL.iter().copied().enumerate() {
        contents.names.insert(layout.entry(draft.endpoint(), queue, draft.id()), inode);
        contents.write(inode, 0, &draft.pieces().concat());
    }
    // The directory that makes `pix` an endpoint.
    contents.names.insert("/spool/pix".into(), 9);
    contents.write(9, 0, b"");
    let clock = Clock::fixed_at(now.parse::<Timestamp>().unwrap());
    (
        Worker {
            volume: Sim::with_contents(contents, true),
            layout,
            started: Instant::now(),
            retention: RetentionSetting::new(retention, BTreeSet::new()),
            space: SpaceUse::default(),
            clock,
            metrics: Arc::new(Metrics::new(["pix"])),
            entry_counts: EntryCounts::default(),
        },
        draft.id(),
    )
}

fn queues(places: Places<'_>) -> Vec<Queue> {
    places.filter_map(|place| place.unwrap()).map(|place| place.queue).collect()
}

#[test]
fn entries_expire_after_the_retention_of_their_queue() {
    let day = Duration::from_secs(86_400);
    let seven = Retention { done: Some(7 * day), ..NOTHING };
    assert!(queues(worker(seven, "1970-01-07T23:59:59Z").0.expired_entries()).is_empty());
    assert_eq!(queues(worker(seven, "1970-01-08T00:00:00Z").0.expired_entries()), [Queue::Done]);
    let both = Retention { failed: Some(day), ..seven };
    assert_eq!(queues(worker(both, "1970-01-02T00:00:00Z").0.expired_entries()), [Queue::Failed]);
    assert_eq!(
        queues(worker(both, "1970-02-01T00:00:00Z").0.expired_entries()),
        [Queue::Done, Queue::Failed]
    );
}

#[test]
fn note_is_removed_with_its_expired_entry_and_when_it_has_no_entry() {
    let (worker, id) = worker(Retention { failed: Some(Duration::ZERO), ..NOTHING }, "1970-01-08T00:00:00Z");
    let pix = "pix".parse().unwrap();
    let (noted, orphaned) =
        (worker.layout.failure_note(&pix, id), worker.layout.failure_note(&pix, EntryId::fresh()));
    for note in [&noted, &orphaned] {
        worker.volume.state().now.names.insert(note.clone(), 9);
    }
    let exists = |path: &Path| worker.volume.facts(path).is_ok();
    worker.remove_orphaned_notes(&mut Pass::new(worker.orphaned_notes()));
    assert!(exists(&noted) && !exists(&orphaned));
    assert_eq!(worker.remove_expired(&mut Pass::new(worker.expired_entries())), 1);
    assert!(!exists(&noted) && !exists(&worker.layout.entry(&pix, Queue::Failed, id)));
}

#[test]
fn damaged_entry_in_new_is_moved_to_corrupt() {
    let (worker, id) = worker(NOTHING, "1970-01-08T00:00:00Z");
    let places: Vec<_> = worker.new_entries().map(|place| place.unwrap().unwrap()).collect();
    assert_eq!(places.len(), 1);
    worker.check(&places[0]).unwrap();
    let exists = |path: &Path| worker.volume.facts(path).is_ok();
    assert!(exists(&places[0].path(&worker.layout)));
    worker.volume.state().now.write(2, 30, b"#");
    worker.check(&places[0]).unwrap();
    assert!(!exists(&places[0].path(&worker.layout)) && exists(&worker.layout.corrupted(id)));
}

#[test]
fn entries_are_counted_by_queue_with_the_age_of_the_oldest() {
    let (worker, id) = worker(NOTHING, "2100-01-01T00:00:00Z");
    for name in [format!("{id}.hook"), format!("{id}.1.hook"), "other.hook".to_owned()] {
        worker.volume.state().now.names.insert(worker.layout.corrupt().join(name), 2);
    }
    let mut queue_counts = worker.count().expect("the spool exists");
    assert!(worker.count_step(&mut queue_counts), "four entries fit in one step");
    let counted = |endpoint: &str, queue| worker.entry_counts.get(&endpoint.parse().unwrap(), queue);
    for queue in Queue::ALL {
        assert_eq!(counted("pix", *queue).entries, 1, "{queue:?}");
    }
    let age = worker.clock.now().duration_since(id.made_at()).as_secs();
    let oldest = counted("pix", Queue::New).oldest_seconds;
    assert!(oldest <= age && oldest > age - 60);
    // Claimed at the epoch.
    assert_eq!(counted("pix", Queue::Taken).oldest_seconds, worker.clock.now().as_second());
    assert_eq!(counted("other", Queue::New).entries, 0);
    assert_eq!(worker.entry_counts.corrupt(), 2);
    let text = worker.metrics.text();
    assert!(text.contains("hookspool_spool_entries{endpoint=\"pix\",queue=\"taken\"} 1\n"), "{text}");
    let oldest = format!("hookspool_spool_oldest_new_seconds{{endpoint=\"pix\"}} {oldest}\n");
    assert!(text.contains(&oldest), "{text}");
    let taken = "hookspool_spool_oldest_taken_seconds{endpoint=\"pix\"} 4102444800\n";
    assert!(text.contains(taken) && text.contains("hookspool_spool_corrupt_entries 2\n"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn entry_returns_to_new_if_unlocked_and_unchanged_for_the_timeout_but_not_soon_after_a_start() {
    let timeout = Duration::from_secs(3600);
    let after = |now| worker(Retention { taken: Some(timeout), ..NOTHING }, now);
    let ((early, _), (worker, id)) = (after("1970-01-01T00:59:59Z"), after("1970-01-01T01:00:00Z"));
    tokio::time::advance(timeout - Duration::from_millis(1)).await;
    assert!(queues(worker.abandoned_entries()).is_empty());
    tokio::time::advance(Duration::from_millis(1)).await;
    assert!(queues(early.abandoned_entries()).is_empty());
    assert_eq!(queues(worker.abandoned_entries()), [Queue::Taken]);

    let pix = "pix".parse().unwrap();
    let taken = worker.layout.entry(&pix, Queue::Taken, id);
    let inode = worker.volume.state().now.names[&taken];
    worker.volume.state().locked.insert(inode);
    worker.return_step(&mut Pass::new(worker.abandoned_entries()));
    assert!(worker.volume.facts(&taken).is_ok(), "its consumer is still running");
    worker.volume.state().locked.remove(&inode);
    worker.return_step(&mut Pass::new(worker.abandoned_entries()));
    let state = worker.volume.state();
    assert_eq!(state.now.names.get(&worker.layout.entry(&pix, Queue::New, id)), Some(&inode));
    assert!(!state.now.names.contains_key(&taken));
    let queue = |queue| ("sync_dir", worker.layout.queue(&pix, queue));
    assert!(state.calls.ends_with(&[queue(Queue::New), queue(Queue::Taken)]), "{:?}", state.calls);
    let returned = "hookspool_spool_returned_total{endpoint=\"pix\"} 1\n";
    assert!(worker.metrics.text().contains(returned));
}

#[tokio::test(start_paused = true)]
async fn entry_of_an_endpoint_with_a_consumer_stays_in_taken() {
    let hour = Duration::from_secs(3600);
    let retention = Retention { taken: Some(hour), ..NOTHING };
    let (worker, id) = worker(retention, "1970-01-02T00:00:00Z");
    tokio::time::advance(hour).await;
    let pix: Name = "pix".parse().unwrap();
    let mut abandoned = Pass::new(worker.abandoned_entries());
    worker.retention.set(retention, [pix.clone()].into());
    assert!(queues(worker.abandoned_entries()).is_empty());
    // A pass that began before the consumer was configured returns nothing, either.
    worker.return_step(&mut abandoned);
    let taken = worker.layout.entry(&pix, Queue::Taken, id);
    assert!(worker.volume.facts(&taken).is_ok());
    worker.retention.set(retention, ["other".parse().unwrap()].into());
    worker.return_step(&mut Pass::new(worker.abandoned_entries()));
    assert!(worker.volume.facts(&taken).is_err());
}

#[test]
fn entry_with_an_id_in_the_future_ages_from_its_arrival_in_the_queue() {
    let (worker, id) = worker(NOTHING, "1970-01-02T00:00:00Z");
    assert!(id.made_at() > worker.clock.now());
    let mut queue_counts = worker.count().expect("the spool exists");
    assert!(worker.count_step(&mut queue_counts), "four entries fit in one step");
    assert_eq!(worker.entry_counts.get(&"pix".parse().unwrap(), Queue::New).oldest_seconds, 86_400);
}
