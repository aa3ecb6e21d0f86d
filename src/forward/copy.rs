//! Sends a copy of each entry that arrives, and claims none, so that a developer can watch real traffic.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::claim::ForwardSpool;
use super::delivery::Delivery;
use super::report::{AttemptReport, Observer};
use super::settings::Consumer;
use super::target::{Target, Verdict, deliver_within};
use crate::envelope::EntryId;
use crate::metrics::{AttemptOutcome, Queue};
use crate::policy::Name;
use crate::spool::{EntryLocation, Layout, Volume as _, read_file};
use crate::watch::{Arrival, Arrivals};

/// The entries that are remembered so that none is sent twice, the oldest first to be forgotten.
const SEEN_MAX: usize = 10_000;

/// Sends each entry that arrives to the target once, until this future is dropped.
///
/// # Errors
/// If the queues cannot be watched.
pub async fn copy(
    spool: &ForwardSpool,
    consumer: &Consumer,
    target: &dyn Target,
    observer: &Observer,
) -> io::Result<()> {
    let endpoints: Vec<_> = consumer.endpoints.iter().collect();
    let queues: Vec<_> = endpoints.iter().map(|endpoint| spool.layout.queue(endpoint, Queue::New)).collect();
    let mut seen = BTreeSet::new();
    let mut arrivals = Arrivals::watch(queues.iter().map(|queue| queue.as_path()))?;
    loop {
        for arrival in arrivals.next().await? {
            match arrival {
                Arrival::File(number, name) => {
                    let Some(id) = Layout::id_of(Path::new(&name)) else { continue };
                    // An entry that a consumer retries arrives again.
                    if !seen.insert(id) {
                        continue;
                    }
                    if seen.len() > SEEN_MAX {
                        seen.pop_first();
                    }
                    send(spool, endpoints[number], id, consumer, target, observer).await;
                }
                Arrival::Overflow => {
                    tracing::warn!("entries not copied; they arrived faster than the target accepted them")
                }
                Arrival::Gone(_) => {
                    return Err(io::Error::new(io::ErrorKind::NotFound, "the queue was removed"));
                }
            }
        }
    }
}

/// Sends one entry, unless it has been removed.
async fn send(
    spool: &ForwardSpool,
    endpoint: &Name,
    id: EntryId,
    consumer: &Consumer,
    target: &dyn Target,
    observer: &Observer,
) {
    let (reading, endpoint) = (spool.clone(), endpoint.clone());
    let read = spawn_blocking(move || read(&reading, &endpoint, id)).await;
    let Ok(Some(delivery)) = read else { return };
    let started = Instant::now();
    let batch = [delivery];
    let Some(verdict) = deliver_within(target, consumer.timeout, &batch).await.pop() else { return };
    let (outcome, detail) = match verdict {
        Verdict::Done { detail } => (AttemptOutcome::Done, detail),
        Verdict::Failed { reason } | Verdict::Retry { reason, .. } | Verdict::Unreachable { reason } => {
            (AttemptOutcome::Failed, reason.into())
        }
    };
    let [Delivery { facts, .. }] = &batch;
    let elapsed = started.elapsed();
    observer.report(&AttemptReport {
        consumer: &consumer.name,
        id,
        facts,
        attempt: 1,
        outcome,
        detail: &detail,
        elapsed,
    });
}

/// Reads an entry. A consumer may already have moved it.
fn read(spool: &ForwardSpool, endpoint: &Name, id: EntryId) -> Option<Delivery> {
    [Queue::New, Queue::Taken, Queue::Done, Queue::Failed].into_iter().find_map(|queue| {
        let path = EntryLocation { id, endpoint: endpoint.clone(), queue }.path(&spool.layout);
        let file = spool.disk.read(&path).ok()?;
        let entry = read_file(&file, &path).ok()?;
        Some(Delivery::of(entry, 1, path, Some(file)))
    })
}
