//! Decides whether the daemon is ready for deliveries. A pure function.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::live::Live;
use crate::spool::Health;

/// One reason why the daemon is not ready.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct NotReady {
    /// `spool_low_space`, `spool_failing` or `draining`.
    pub code: Cow<'static, str>,
    /// The reason as text.
    pub detail: String,
}

/// All reasons why the daemon is not ready; empty if it is ready.
pub(super) fn not_ready(live: &Live, spool: &Health) -> Vec<NotReady> {
    let faults =
        spool.faults().map(|fault| NotReady { code: fault.code().into(), detail: fault.to_string() });
    let draining = live
        .is_draining()
        .then(|| NotReady { code: "draining".into(), detail: "the daemon is stopping".to_owned() });
    faults.chain(all_endpoints_faulty(live, spool)).chain(draining).collect()
}

/// A fault of one endpoint does not affect the others. If all endpoints have a fault, the daemon is not ready.
fn all_endpoints_faulty(live: &Live, spool: &Health) -> Option<NotReady> {
    let (snapshot, faults) = (live.current(), spool.endpoint_faults());
    let mut endpoints = snapshot.policy.endpoints().iter().peekable();
    let detail = endpoints.peek().and_then(|endpoint| faults.get(&endpoint.name))?.clone();
    endpoints
        .all(|endpoint| faults.contains_key(&endpoint.name))
        .then_some(NotReady { code: "spool_failing".into(), detail })
}
