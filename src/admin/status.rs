//! The document of `GET /status`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::{Deserialize, Serialize};

use super::context::AdminContext;
use super::health::{NotReady, not_ready};
use crate::clock::rfc3339_micros;
use crate::live::Reload;
use crate::metrics::Queue;
use crate::policy::{Endpoint, Policy};
use crate::refusals::HandshakeRecord;
use crate::spool::EntryCounts;
use crate::tls::expiry::ShownCertificate;

/// The status of the daemon. Keys may be added, but not renamed or removed. A key that is missing, because the daemon is
/// of another version, has its default.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Status {
    /// The version of the daemon.
    pub version: String,
    /// The number of the configuration in force.
    pub generation: u64,
    /// When it was loaded, RFC 3339.
    pub loaded_at: String,
    /// The addresses for senders.
    pub listen: Vec<String>,
    /// Whether the daemon is ready for deliveries.
    pub ready: bool,
    /// Why it is not.
    pub not_ready: Vec<NotReady>,
    /// The certificates and lists in use.
    pub certificates: Vec<ShownCertificate>,
    /// The endpoints, in the order of the configuration.
    pub endpoints: Vec<EndpointStatus>,
    /// The spool.
    pub spool: SpoolStatus,
    /// The number of open connections.
    pub connections: i64,
    /// The last reload, if there was one.
    pub last_reload: Option<Reload>,
    /// Messages about functions that are degraded.
    pub degraded: Vec<String>,
    /// The latest refused and failed handshakes.
    pub refusals: Vec<HandshakeRecord>,
}

/// An endpoint, and the entries in its queues.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct EndpointStatus {
    /// The name.
    pub name: String,
    /// The path.
    pub path: String,
    /// The suffixes.
    pub suffixes: Vec<String>,
    /// The senders that may deliver.
    pub senders: Vec<String>,
    /// The size limit of a body, in bytes.
    pub max_body: u64,
    /// The entries in each queue, as of the last count.
    pub entries: BTreeMap<String, i64>,
    /// When the queue whose count is oldest was counted, RFC 3339; none before the first count.
    pub counted_at: Option<String>,
    /// How long the oldest entry in `new/` has waited, in seconds, as of the last count.
    pub oldest_new_seconds: i64,
    /// How long ago the oldest entry in `taken/` was claimed, in seconds, as of the last count.
    pub oldest_taken_seconds: i64,
}

/// The spool's directory.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct SpoolStatus {
    /// The path.
    pub directory: String,
    /// The free space of its file system, in bytes.
    pub free_bytes: u64,
    /// The entries in `corrupt/`, as of the last count.
    pub corrupt_entries: u64,
}

impl Status {
    pub(super) fn of(context: &AdminContext) -> Self {
        let shared = &context.shared;
        let snapshot = shared.live.current();
        let not_ready = not_ready(&shared.live, shared.spool.health());
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            generation: snapshot.generation,
            loaded_at: snapshot.loaded_at.to_string(),
            listen: context.listen.iter().map(ToString::to_string).collect(),
            ready: not_ready.is_empty(),
            not_ready,
            certificates: snapshot.certificates.iter().map(ShownCertificate::from).collect(),
            endpoints: endpoints(&snapshot.policy, &context.entry_counts),
            spool: SpoolStatus {
                directory: context.spool_directory.display().to_string(),
                free_bytes: shared.spool.health().free(),
                corrupt_entries: context.entry_counts.corrupt(),
            },
            connections: shared.connections.load(Ordering::Relaxed),
            last_reload: shared.live.last_reload(),
            degraded: degraded(context),
            refusals: shared.refusals.all(),
        }
    }
}

/// The spool's faults come first, because deliveries fail.
fn degraded(context: &AdminContext) -> Vec<String> {
    let directory = context.spool_directory.display();
    let risk = context.file_system.risk().map(|risk| format!("[spool] directory `{directory}` is on {risk}"));
    context.shared.endpoint_faults().into_iter().chain(risk).chain(context.shared.live.degraded()).collect()
}

fn endpoints(policy: &Policy, counts: &EntryCounts) -> Vec<EndpointStatus> {
    let status = |endpoint: &Arc<Endpoint>| {
        let count = |queue| counts.get(&endpoint.name, queue);
        EndpointStatus {
            name: endpoint.name.to_string(),
            path: endpoint.path.clone(),
            suffixes: endpoint.suffixes.clone(),
            senders: endpoint.senders.iter().map(ToString::to_string).collect(),
            max_body: endpoint.max_body,
            entries: Queue::ALL
                .iter()
                .map(|queue| (queue.word().to_owned(), count(*queue).entries))
                .collect(),
            counted_at: Queue::ALL
                .iter()
                .map(|queue| count(*queue).counted_at)
                .min()
                .flatten()
                .map(rfc3339_micros),
            oldest_new_seconds: count(Queue::New).oldest_seconds,
            oldest_taken_seconds: count(Queue::Taken).oldest_seconds,
        }
    };
    policy.endpoints().iter().map(status).collect()
}
