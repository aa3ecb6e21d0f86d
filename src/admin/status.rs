//! The document of `GET /status`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::context::AdminContext;
use super::health::{NotReady, not_ready};
use crate::live::Reload;
use crate::metrics::{Metrics, QUEUES};
use crate::policy::Policy;
use crate::refusals::RefusedHandshake;
use crate::tls::expiry::ShownCertificate;

/// The status of the daemon. Keys may be added, but not renamed or removed.
#[derive(Debug, Serialize)]
pub(super) struct Status {
    version: &'static str,
    generation: u64,
    loaded_at: String,
    listen: Vec<String>,
    ready: bool,
    not_ready: Vec<NotReady>,
    certificates: Vec<ShownCertificate>,
    endpoints: Vec<EndpointStatus>,
    spool: SpoolStatus,
    connections: i64,
    last_reload: Option<Reload>,
    degraded: Vec<String>,
    refusals: Vec<RefusedHandshake>,
}

#[derive(Debug, Serialize)]
struct EndpointStatus {
    name: String,
    path: String,
    suffixes: Vec<String>,
    senders: Vec<String>,
    max_body: u64,
    /// The entries in each queue, as of the last count.
    entries: BTreeMap<&'static str, i64>,
    oldest_new_seconds: i64,
}

#[derive(Debug, Serialize)]
struct SpoolStatus {
    directory: String,
    free_bytes: u64,
}

impl Status {
    pub(super) fn of(context: &AdminContext) -> Self {
        let snapshot = context.live.current();
        let not_ready = not_ready(&context.live, context.spool.health());
        Self {
            version: env!("CARGO_PKG_VERSION"),
            generation: snapshot.generation,
            loaded_at: snapshot.loaded_at.to_string(),
            listen: context.listen.iter().map(ToString::to_string).collect(),
            ready: not_ready.is_empty(),
            not_ready,
            certificates: snapshot.certificates.iter().map(ShownCertificate::from).collect(),
            endpoints: endpoints(&snapshot.policy, &context.metrics),
            spool: SpoolStatus {
                directory: context.spool_directory.display().to_string(),
                free_bytes: context.spool.health().free(),
            },
            connections: context.metrics.connections.get(),
            last_reload: context.live.last_reload(),
            degraded: degraded(context),
            refusals: context.refusals.all(),
        }
    }
}

/// The spool's faults come first, because deliveries fail.
fn degraded(context: &AdminContext) -> Vec<String> {
    let of_endpoints = context.spool.health().endpoint_faults();
    let of_endpoints = of_endpoints.iter().map(|(name, fault)| format!("endpoint `{name}`: {fault}"));
    let directory = context.spool_directory.display();
    let risk = context.file_system.risk().map(|risk| format!("[spool] directory `{directory}` is on {risk}"));
    of_endpoints.chain(risk).chain(context.live.degraded()).collect()
}

fn endpoints(policy: &Policy, metrics: &Metrics) -> Vec<EndpointStatus> {
    policy
        .endpoints()
        .iter()
        .map(|endpoint| EndpointStatus {
            name: endpoint.name.to_string(),
            path: endpoint.path.clone(),
            suffixes: endpoint.suffixes.clone(),
            senders: endpoint.senders.iter().map(ToString::to_string).collect(),
            max_body: endpoint.max_body,
            entries: QUEUES
                .iter()
                .map(|queue| (*queue, metrics.counted(endpoint.name.as_str(), queue)))
                .collect(),
            oldest_new_seconds: metrics.oldest_new(endpoint.name.as_str()),
        })
        .collect()
}
