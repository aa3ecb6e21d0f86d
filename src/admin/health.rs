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
    let ailments =
        spool.ailments().map(|ailment| NotReady { code: ailment.code(), detail: ailment.to_string() });
    let draining = live
        .is_draining()
        .then(|| NotReady { code: "draining", detail: "the daemon is stopping".to_owned() });
    ailments.chain(draining).collect()
}
