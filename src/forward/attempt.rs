//! One attempt: claim entries, deliver them, and move each to the queue that its verdict requires.
//!
//! Entries are claimed and moved by the thread that calls: a consumer has its own, and a change of threads takes longer
//! than a move.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::coop::consume_budget;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::claim::{Claim, ClaimFault, ForwardSpool};
use super::delivery::Delivery;
use super::report::{AttemptReport, Observer};
use super::settings::Consumer;
use super::target::{Target, Verdict, deliver_within};
use crate::clock::Clock;
use crate::envelope::EntryId;
use crate::metrics::{AttemptOutcome, ConsumerMetrics, Queue};
use crate::policy::Name;
use crate::spool::{EntryLocation, FailureNote, transfer};

/// The length of the largest entry that the consumer's thread reads itself, which is faster than a change of threads.
const READ_HERE_MAX: u64 = 64 << 10;

/// The settings and resources that all attempts of a consumer use.
#[derive(Debug)]
pub(super) struct AttemptContext {
    pub(super) consumer: Arc<Consumer>,
    /// The endpoints, by position.
    pub(super) lanes: Vec<Name>,
    pub(super) target: Arc<dyn Target>,
    pub(super) spool: ForwardSpool,
    pub(super) observer: Observer,
    pub(super) metrics: ConsumerMetrics,
    pub(super) clock: Clock,
}

/// An entry to attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) id: EntryId,
    /// The position of its endpoint.
    pub(super) lane: usize,
    /// The number of this attempt, from 1.
    pub(super) attempt: u32,
    /// When it was attempted first.
    pub(super) first: Instant,
    /// How long the target had been down at that time.
    pub(super) down_before: Duration,
    /// If the target asks for a retry after this time, the entry is given up.
    pub(super) gives_up_at: Option<Instant>,
}

impl Candidate {
    /// Whether it has failed if it is not delivered now.
    fn is_over(&self) -> bool {
        self.gives_up_at.is_some_and(|at| Instant::now() >= at)
    }
}

/// The result for one entry.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) candidate: Candidate,
    pub(super) result: AttemptResult,
}

#[derive(Debug)]
pub(super) enum AttemptResult {
    /// It is in `done`.
    Done,
    /// It is in `failed`, because the target rejected it.
    Failed { reason: String },
    /// It is in `failed`, because the target has asked for retries for too long.
    GivenUp { reason: String },
    /// It is in `new` again.
    Retry { after: Option<Duration>, reason: String },
    /// It is in `new` again; no entry can be delivered now.
    Unreachable { reason: String },
    /// Another process has claimed it, or it is in `corrupt`.
    Gone,
    /// It was not attempted, because another process has locked it.
    Held,
    /// It was not attempted, because the batch was full.
    Unused,
    /// The file system returned an error, so it was not claimed, or not moved after the attempt. It is in `new`.
    FileError { reason: String },
}

impl AttemptResult {
    /// Why the entry was not delivered, if it was attempted.
    pub(super) fn reason(&self) -> Option<&str> {
        match self {
            Self::Failed { reason }
            | Self::GivenUp { reason }
            | Self::Retry { reason, .. }
            | Self::Unreachable { reason }
            | Self::FileError { reason } => Some(reason),
            Self::Done | Self::Gone | Self::Held | Self::Unused => None,
        }
    }
}

/// A claimed entry of the batch.
struct Claimed {
    candidate: Candidate,
    claim: Claim,
}

/// Attempts a batch. If this future is dropped, the entries return to `new`.
pub(super) async fn attempt(context: Arc<AttemptContext>, batch: Vec<Candidate>) -> Vec<Outcome> {
    let (claimed, deliveries, mut outcomes) = claim(&context, batch).await;
    if claimed.is_empty() {
        return outcomes;
    }
    let started = Instant::now();
    let verdicts = deliver_within(&*context.target, context.consumer.timeout, &deliveries).await;
    let elapsed = started.elapsed();
    context.metrics.observe(elapsed.as_secs_f64());
    let settled = claimed.into_iter().zip(deliveries).zip(verdicts);
    outcomes.extend(
        settled.map(|((claimed, delivery), verdict)| settle(&context, claimed, delivery, verdict, elapsed)),
    );
    outcomes
}

/// Claims entries until the batch is full.
async fn claim(
    context: &AttemptContext,
    batch: Vec<Candidate>,
) -> (Vec<Claimed>, Vec<Delivery>, Vec<Outcome>) {
    let limit = context.target.limits().bytes;
    let (mut claimed, mut deliveries, mut outcomes) = (Vec::new(), Vec::new(), Vec::new());
    let (mut bytes, mut is_full) = (0, false);
    for candidate in batch {
        if is_full {
            outcomes.push(Outcome { candidate, result: AttemptResult::Unused });
            continue;
        }
        let endpoint = context.lanes[candidate.lane].clone();
        let place = EntryLocation { id: candidate.id, endpoint, queue: Queue::New };
        match read(context, &candidate, &place).await {
            // The claim is dropped, so the entry returns to `new`.
            Ok((_, delivery)) if !deliveries.is_empty() && bytes + delivery.payload.len() > limit => {
                is_full = true;
                outcomes.push(Outcome { candidate, result: AttemptResult::Unused });
            }
            Ok((claim, delivery)) => {
                bytes += delivery.payload.len();
                claimed.push(Claimed { candidate, claim });
                deliveries.push(delivery);
            }
            Err(fault) => {
                let result = unclaimed(context, &candidate, &place, &fault);
                outcomes.push(Outcome { candidate, result });
            }
        }
    }
    (claimed, deliveries, outcomes)
}

/// Claims an entry and reads it. A large one is read by another thread.
async fn read(
    context: &AttemptContext,
    candidate: &Candidate,
    place: &EntryLocation,
) -> Result<(Claim, Delivery), ClaimFault> {
    // Lets other attempts of the consumer continue between the entries of a batch.
    consume_budget().await;
    let claim = Claim::take(&context.spool, place)?;
    let is_large = claim.length()? > READ_HERE_MAX;
    let (attempt, keeps_file) = (candidate.attempt, context.target.needs_file());
    let read = move || claim.into_delivery(attempt, keeps_file);
    if is_large {
        spawn_blocking(read).await.unwrap_or_else(|error| Err(io::Error::other(error).into()))
    } else {
        read()
    }
}

fn unclaimed(
    context: &AttemptContext,
    candidate: &Candidate,
    place: &EntryLocation,
    fault: &ClaimFault,
) -> AttemptResult {
    let (id, endpoint) = (place.id, &place.endpoint);
    match fault {
        ClaimFault::Gone => AttemptResult::Gone,
        ClaimFault::Held => AttemptResult::Held,
        ClaimFault::NotIntact { .. } => {
            tracing::error!(%id, %endpoint, error = %fault, "entry not intact");
            AttemptResult::Gone
        }
        ClaimFault::Io(error) => {
            let reason = format!("cannot read the entry: {error}");
            let ForwardSpool { disk, layout } = &context.spool;
            // A move needs no access to the content.
            if candidate.is_over() && transfer(disk, layout, place, Queue::Failed).is_ok() {
                tracing::error!(%id, %endpoint, %error, "unreadable entry given up");
                return AttemptResult::GivenUp { reason };
            }
            tracing::error!(%id, %endpoint, %error, "entry not read; retrying");
            AttemptResult::FileError { reason }
        }
    }
}

/// Moves an entry to the queue that its verdict requires, and reports the attempt.
fn settle(
    context: &AttemptContext,
    Claimed { candidate, claim }: Claimed,
    delivery: Delivery,
    verdict: Verdict,
    elapsed: Duration,
) -> Outcome {
    let mut accepted = Cow::Borrowed("");
    let (queue, mut outcome, mut result) = match verdict {
        Verdict::Done { detail } => {
            accepted = detail;
            (Queue::Done, AttemptOutcome::Done, AttemptResult::Done)
        }
        Verdict::Failed { reason } => {
            (Queue::Failed, AttemptOutcome::Failed, AttemptResult::Failed { reason })
        }
        Verdict::Retry { reason, .. } if candidate.is_over() => {
            let reason = format!("given up after {:?}: {reason}", context.consumer.retry.give_up);
            (Queue::Failed, AttemptOutcome::Failed, AttemptResult::GivenUp { reason })
        }
        Verdict::Retry { after, reason } => {
            (Queue::New, AttemptOutcome::Again, AttemptResult::Retry { after, reason })
        }
        Verdict::Unreachable { reason } => {
            (Queue::New, AttemptOutcome::Again, AttemptResult::Unreachable { reason })
        }
    };
    let detail = result.reason().unwrap_or(&accepted);
    // The descriptor of the delivery keeps the lease, too.
    let Delivery { facts, .. } = delivery;
    let moved = if queue == Queue::Failed {
        let attempts = candidate.attempt.into();
        let note = FailureNote::new(context.clock.now(), &context.consumer.name, attempts, detail);
        claim.give_up(&note)
    } else {
        claim.finish(queue)
    };
    // If another process has moved it, the next attempt finds out. If the queue is missing, it is in `new` again.
    if let Err(error) = &moved {
        tracing::error!(id = %candidate.id, to = queue.word(), %error, "entry not moved; it will be attempted again");
        outcome = AttemptOutcome::Again;
    }
    context.metrics.attempt(outcome);
    context.observer.report(&AttemptReport {
        consumer: &context.consumer.name,
        id: candidate.id,
        facts: &facts,
        attempt: candidate.attempt,
        outcome,
        detail,
        elapsed,
    });
    if let Err(error) = moved {
        let reason = format!("cannot move the entry to {}: {error}", queue.word());
        result = AttemptResult::FileError { reason };
    }
    Outcome { candidate, result }
}
