//! Sends a copy of each entry that arrives, and claims none, so that a developer can watch real traffic.

use std::io;

use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::claim::ForwardSpool;
use super::delivery::Delivery;
use super::report::{AttemptReport, Observer};
use super::settings::Consumer;
use super::target::{Target, Verdict, deliver_within};
use crate::arrivals::{EntryArrival, EntryArrivals};
use crate::envelope::EntryId;
use crate::metrics::AttemptOutcome;
use crate::policy::Name;
use crate::spool::{open_in_any_queue, read_file};

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
    let mut arrivals = EntryArrivals::watch(&spool.layout, consumer.endpoints.iter().cloned().collect())?;
    loop {
        for arrival in arrivals.next().await? {
            match arrival {
                EntryArrival::Entry(endpoint, id) => {
                    send(spool, endpoint, id, consumer, target, observer).await;
                }
                EntryArrival::Overflow => {
                    tracing::warn!("entries not copied; they arrived faster than the target accepted them");
                }
            }
        }
    }
}

/// Sends one entry, unless it has been removed.
async fn send(
    spool: &ForwardSpool,
    endpoint: Name,
    id: EntryId,
    consumer: &Consumer,
    target: &dyn Target,
    observer: &Observer,
) {
    let reading = spool.clone();
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
    let (place, file) = open_in_any_queue(&spool.disk, &spool.layout, endpoint, id).ok()?;
    let path = place.path(&spool.layout);
    let entry = read_file(&file, &path).ok()?;
    Some(Delivery::of(entry, 1, path, Some(file)))
}
