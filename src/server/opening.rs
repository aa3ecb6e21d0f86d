//! The deadline of a connection that has not sent its ClientHello yet.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

/// How long a connection that was accepted before the drain may take for what it has not sent by then: its ClientHello
/// after the drain begins, and its first request after its handshake. Both take one round trip; a longer time would
/// only let silent peers delay the shutdown.
pub(super) const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// The deadline of a handshake, which is shorter during a drain until the ClientHello is complete.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) begun: Instant,
    pub(super) deadline: Instant,
    drain: CancellationToken,
}

impl Opening {
    /// The opening of a connection that was just accepted.
    pub(super) fn new(handshake_timeout: Duration, drain: CancellationToken) -> Self {
        let begun = Instant::now();
        Self { begun, deadline: begun + handshake_timeout, drain }
    }

    /// The result of a step before the ClientHello is complete; `None` if it takes too long.
    pub(super) async fn limit<T>(&self, step: impl Future<Output = T>) -> Option<T> {
        let drain_timeout = async {
            self.drain.cancelled().await;
            sleep(DRAIN_TIMEOUT).await;
        };
        tokio::select! {
            biased;
            result = step => Some(result),
            () = sleep_until(self.deadline) => None,
            () = drain_timeout => None,
        }
    }
}
