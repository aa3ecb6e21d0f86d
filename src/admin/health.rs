//! Whether deliveries can be taken: a pure question.

use serde::Serialize;

use crate::live::Live;
use crate::spool::Health;

/// One reason why the daemon is not ready.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(super) struct NotReady {
    /// `spool_low_space`, `spool_failing` or `draining`.
    pub(super) code: &'static str,
    /// For people.
    pub(super) detail: String,
}

/// All reasons; none means ready.
pub(super) fn not_ready(live: &Live, spool: &Health) -> Vec<NotReady> {
    let faults = spool.faults().map(|fault| NotReady { code: fault.code(), detail: fault.to_string() });
    let draining = live
        .is_draining()
        .then(|| NotReady { code: "draining", detail: "the daemon is stopping".to_owned() });
    faults.chain(no_endpoint_left(live, spool)).chain(draining).collect()
}

/// The fault of one endpoint is its own; that of all of them leaves nothing to be ready for.
fn no_endpoint_left(live: &Live, spool: &Health) -> Option<NotReady> {
    let (snapshot, faults) = (live.current(), spool.endpoint_faults());
    let mut endpoints = snapshot.policy.endpoints().iter().peekable();
    let detail = endpoints.peek().and_then(|endpoint| faults.get(&endpoint.name))?.clone();
    endpoints
        .all(|endpoint| faults.contains_key(&endpoint.name))
        .then_some(NotReady { code: "spool_failing", detail })
}
