//! What is reported about each attempt.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::envelope::EntryId;
use crate::escape::Escaped;
use crate::metrics::AttemptOutcome;
use crate::policy::Name;
use crate::spool::EnvelopeFacts;

/// An attempt for one entry.
#[derive(Clone, Copy, Debug)]
pub struct AttemptReport<'a> {
    /// The consumer.
    pub consumer: &'a Name,
    /// The entry.
    pub id: EntryId,
    /// The keys of its envelope.
    pub facts: &'a EnvelopeFacts,
    /// The number of the attempt in this process, from 1.
    pub attempt: u32,
    /// What happens to the entry.
    pub outcome: AttemptOutcome,
    /// The target's answer, or why it was not delivered.
    pub detail: &'a str,
    /// The duration of the attempt, of a batch as a whole.
    pub elapsed: Duration,
}

/// Receives a report of each attempt. It must not block.
#[derive(Clone)]
pub struct Observer(Arc<dyn Fn(&AttemptReport<'_>) + Send + Sync>);

impl Observer {
    /// Calls this function for each attempt.
    pub fn new(report: impl Fn(&AttemptReport<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(report))
    }

    /// Logs each attempt.
    pub fn log() -> Self {
        Self::new(log)
    }

    pub(super) fn report(&self, report: &AttemptReport<'_>) {
        (self.0)(report);
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}

fn log(report: &AttemptReport<'_>) {
    let AttemptReport { consumer, id, facts, attempt, outcome, detail, elapsed } = *report;
    let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    let endpoint = &*facts.endpoint;
    let detail = Escaped(detail);
    match outcome {
        AttemptOutcome::Done => {
            tracing::info!(%id, %consumer, endpoint, attempt, milliseconds, %detail, "entry forwarded");
        }
        AttemptOutcome::Again => {
            tracing::warn!(%id, %consumer, endpoint, attempt, milliseconds, reason = %detail, "entry not accepted; retrying later");
        }
        AttemptOutcome::Failed => {
            tracing::error!(%id, %consumer, endpoint, attempt, milliseconds, reason = %detail, "entry failed");
        }
    }
}
