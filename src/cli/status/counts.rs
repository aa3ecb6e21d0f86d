//! Counts the entries of the queues, so that the numbers are current: the daemon counts them in the background, and
//! does not list directories to answer a request.

use std::collections::BTreeSet;
use std::fs::canonicalize;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::admin::Status;
use crate::clock::{Timestamp, rfc3339_micros};
use crate::metrics::Queue;
use crate::policy::Name;
use crate::spool::{Disk, EntryCount, Layout, Settings, count_queue};

/// How long to count: a probe of Kubernetes may take 1 s. The queues that remain are shown with the daemon's last count.
const COUNT_MAX: Duration = Duration::from_millis(500);

/// The queues, in the order in which they are counted and shown.
pub(super) const QUEUES: [Queue; 4] = [Queue::New, Queue::Taken, Queue::Failed, Queue::Done];

/// The endpoints and queues whose numbers are current.
pub(super) type Counted = BTreeSet<(String, String)>;

/// Replaces the daemon's counts, of the queues that this user may list. Returns those.
pub(super) fn update(status: &mut Status, spool: Settings, now: Timestamp) -> Counted {
    let received = count(status, spool, now);
    let deadline = Instant::now() + COUNT_MAX;
    let mut counted = Counted::new();
    while let Ok((number, queue, count)) =
        received.recv_timeout(deadline.saturating_duration_since(Instant::now()))
    {
        let Some(endpoint) = status.endpoints.get_mut(number) else { continue };
        endpoint.entries.insert(queue.word().to_owned(), count.entries);
        match queue {
            Queue::New => endpoint.oldest_new_seconds = count.oldest_seconds,
            Queue::Taken => endpoint.oldest_taken_seconds = count.oldest_seconds,
            Queue::Done | Queue::Failed => {}
        }
        counted.insert((endpoint.name.clone(), queue.word().to_owned()));
    }
    for endpoint in &mut status.endpoints {
        if QUEUES.iter().all(|queue| counted.contains(&(endpoint.name.clone(), queue.word().to_owned()))) {
            endpoint.counted_at = Some(rfc3339_micros(now));
        }
    }
    counted
}

/// The daemon's document with the numbers of this status, which was made from it.
pub(super) fn document(mut document: Value, status: &Status) -> Value {
    for (number, endpoint) in status.endpoints.iter().enumerate() {
        let shown = &mut document["endpoints"][number];
        shown["entries"] = json!(endpoint.entries);
        shown["counted_at"] = json!(endpoint.counted_at);
        shown["oldest_new_seconds"] = json!(endpoint.oldest_new_seconds);
        shown["oldest_taken_seconds"] = json!(endpoint.oldest_taken_seconds);
    }
    document
}

/// Counts the queues on another thread, because the disk may not respond: the process exits without it.
fn count(status: &Status, spool: Settings, now: Timestamp) -> Receiver<(usize, Queue, EntryCount)> {
    let (sender, received) = channel();
    let names: Vec<_> = status.endpoints.iter().map(|endpoint| endpoint.name.parse::<Name>().ok()).collect();
    let of_daemon = status.spool.directory.clone();
    let work = move || {
        let Some(disk) = disk_of(&of_daemon, &spool) else { return };
        let layout = Layout::new(spool.directory);
        for queue in QUEUES {
            let names = names.iter().enumerate().filter_map(|(number, name)| Some((number, name.as_ref()?)));
            for (number, name) in names {
                if let Ok(count) = count_queue(&disk, &layout, (name, queue), now) {
                    // This fails after the deadline, when the process is about to exit.
                    let _ = sender.send((number, queue, count));
                }
            }
        }
    };
    // Without the thread, nothing is received.
    let _ = thread::Builder::new().name("count".to_owned()).spawn(work);
    received
}

/// The configured spool, if it is that of the daemon: its configuration may have changed since it was started.
fn disk_of(of_daemon: &str, spool: &Settings) -> Option<Disk> {
    let is_same = canonicalize(Path::new(of_daemon)).ok()? == canonicalize(&spool.directory).ok()?;
    is_same.then(|| Disk::open(&spool.directory, spool.group).ok()).flatten()
}
