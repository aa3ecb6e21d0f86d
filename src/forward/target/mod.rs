//! The targets. A kind of target is one module that implements [`Target`]; it never moves files.

mod cloud_events;
mod trust;
mod http;
mod exec;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "nats")]
mod nats;
mod open;

use std::borrow::Cow;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::timeout;

pub use open::open_target;
#[cfg(feature = "postgres")]
pub use postgres::print_schema;

use super::delivery::Delivery;
use crate::tls::client::ServerFault;

/// The result of an attempt for one entry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// The target has the entry.
    Done {
        /// What it answered, for people: `200 OK`, `committed`.
        detail: Cow<'static, str>,
    },
    /// The target did not accept it; a later attempt may succeed.
    Retry {
        /// How long the target asked to wait.
        after: Option<Duration>,
        /// Why, in one line.
        reason: String,
    },
    /// The target will never accept it.
    Failed {
        /// Why, in one line.
        reason: String,
    },
    /// The target cannot be reached, so no entry can be delivered now.
    Unreachable {
        /// Why, in one line.
        reason: String,
    },
}

/// Attempts one entry after another, for a kind that has no batches.
pub(super) fn one_by_one<'a, F>(
    batch: &'a [Delivery],
    attempt: impl Fn(&'a Delivery) -> F + Send + 'a,
) -> BoxFuture<'a, Vec<Verdict>>
where
    F: Future<Output = Verdict> + Send + 'a,
{
    Box::pin(async move {
        let mut verdicts = Vec::with_capacity(batch.len());
        for delivery in batch {
            verdicts.push(attempt(delivery).await);
        }
        verdicts
    })
}

/// Delivers a batch within a time limit, and returns a verdict for each entry.
pub(super) async fn deliver_within(target: &dyn Target, limit: Duration, batch: &[Delivery]) -> Vec<Verdict> {
    let retry = |reason: String| Verdict::Retry { after: None, reason };
    let delivered = timeout(limit, target.deliver(batch)).await;
    let mut verdicts =
        delivered.unwrap_or_else(|_| vec![retry(format!("no result within {limit:?}")); batch.len()]);
    verdicts.resize_with(batch.len(), || retry("no verdict".to_owned()));
    verdicts
}

/// Why a target cannot be set up.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TargetFault {
    /// The credentials cannot be used.
    #[error("{0}")]
    Credentials(&'static str),
    /// No certificate can be valid for the host.
    #[error("`{0}` is neither a DNS name nor an IP address, so no certificate can be valid for it")]
    Host(String),
    /// Neither the consumer nor the system has a CA certificate.
    #[error("there is no CA certificate on this system; name the file of the server's CA in `ca`")]
    NoAnchors,
    /// This build does not contain the kind.
    #[error("this hookspool was built without `{0}`")]
    NotInThisBuild(&'static str),
    /// A certificate of the settings cannot be used.
    #[error(transparent)]
    Tls(#[from] ServerFault),
    /// The URL cannot be used.
    #[error("`url` cannot be used: {0}")]
    Url(String),
}

/// The limits of one attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BatchLimits {
    /// The most entries.
    pub entries: usize,
    /// The most bytes of payloads. One entry may be larger.
    pub bytes: usize,
}

impl BatchLimits {
    /// One entry for each attempt.
    pub const ONE: Self = Self { entries: 1, bytes: 0 };
}

/// Where entries are delivered to. Attempts run concurrently. An attempt that exceeds its timeout is dropped: whatever
/// it has started must end with it.
pub trait Target: std::fmt::Debug + Send + Sync {
    /// The limits of one attempt.
    fn limits(&self) -> BatchLimits {
        BatchLimits::ONE
    }

    /// Whether deliveries contain the entry's file.
    fn needs_file(&self) -> bool {
        false
    }

    /// Attempts to deliver, and returns a verdict for each entry, in the same order.
    fn deliver<'a>(&'a self, batch: &'a [Delivery]) -> BoxFuture<'a, Vec<Verdict>>;
}
