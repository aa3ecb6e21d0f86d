//! Notifications to the service manager (sd_notify(3)). Without one, nothing is sent.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::timeout;

use super::environment::number;

/// How long the manager may take to accept a message. Its socket has room for many.
const TELL_MAX: Duration = Duration::from_secs(2);
/// The shortest watchdog interval that is met. Notifications that are sent more often would load the processor for
/// nothing: systemd counts in seconds.
const WATCHDOG_MIN: Duration = Duration::from_millis(100);
/// The longest status that is sent, in bytes: `systemctl status` shows one line.
const STATUS_BYTES_MAX: usize = 1024;

/// The one who started us, if it wants to hear.
#[derive(Clone, Copy, Debug)]
pub struct Manager {
    listens: bool,
    watchdog: Option<Duration>,
}

impl Manager {
    /// What the environment says: `$NOTIFY_SOCKET`, `$WATCHDOG_USEC`, `$WATCHDOG_PID`.
    pub fn from_environment() -> Self {
        let listens = std::env::var_os("NOTIFY_SOCKET").is_some_and(|path| !path.is_empty());
        let watchdog = listens
            .then(|| watchdog(number("WATCHDOG_USEC")?, number("WATCHDOG_PID"), std::process::id()))
            .flatten();
        Self { listens, watchdog: watchdog.map(at_least_the_minimum) }
    }

    /// Whether anybody listens.
    pub fn listens(self) -> bool {
        self.listens
    }

    /// How long it waits for a sign of life before it ends us, if it does.
    pub fn watchdog(self) -> Option<Duration> {
        self.watchdog
    }

    /// Senders are served, as `status` says.
    pub async fn ready(self, status: &str) {
        let status = in_one_line(status);
        self.tell(move || sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(&status)])).await;
    }

    /// The configuration is being read again; [`Manager::ready`] ends it. With the time, as
    /// `Type=notify-reload` wants it.
    pub async fn reloading(self) {
        self.tell(|| sd_notify::notify(&[NotifyState::Reloading, NotifyState::monotonic_usec_now()?])).await;
    }

    /// No more is taken. Begins a drain that may last for `patience` without another word.
    pub async fn stopping(self, patience: Duration) {
        self.tell(move || {
            sd_notify::notify(&[
                NotifyState::Stopping,
                NotifyState::Status("draining: what is in flight is finished, everything else gets 503"),
                extend(patience),
            ])
        })
        .await;
    }

    /// The drain goes on, for at least `patience`.
    pub async fn still_stopping(self, patience: Duration) {
        self.tell(move || sd_notify::notify(&[extend(patience), NotifyState::Watchdog])).await;
    }

    /// How we are, for `systemctl status`.
    pub async fn status(self, status: &str) {
        let status = in_one_line(status);
        self.tell(move || sd_notify::notify(&[NotifyState::Status(&status)])).await;
    }

    /// A sign of life.
    pub async fn alive(self) {
        self.tell(|| sd_notify::notify(&[NotifyState::Watchdog])).await;
    }

    /// On a thread that may block, since the manager's socket may be full.
    async fn tell(self, say: impl FnOnce() -> std::io::Result<()> + Send + 'static) {
        if !self.listens {
            return;
        }
        match timeout(TELL_MAX, tokio::task::spawn_blocking(say)).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::warn!(%error, "cannot notify the service manager"),
            Ok(Err(error)) => tracing::warn!(%error, "cannot notify the service manager"),
            Err(_) => tracing::warn!(waited = ?TELL_MAX, "service manager socket unavailable"),
        }
    }
}

/// The interval of sd_watchdog_enabled(3): 0 and the greatest number disable the watchdog, and so does the ID of
/// another process.
fn watchdog(micros: u64, pid: Option<u64>, own: u32) -> Option<Duration> {
    let is_set = micros > 0 && micros < u64::MAX;
    let is_ours = pid.is_none_or(|pid| pid == u64::from(own));
    (is_set && is_ours).then(|| Duration::from_micros(micros))
}

fn at_least_the_minimum(interval: Duration) -> Duration {
    if interval < WATCHDOG_MIN {
        tracing::warn!(?interval, minimum = ?WATCHDOG_MIN, "watchdog interval raised to the minimum");
    }
    interval.max(WATCHDOG_MIN)
}

fn extend(patience: Duration) -> NotifyState<'static> {
    NotifyState::ExtendTimeoutUsec(u32::try_from(patience.as_micros()).unwrap_or(u32::MAX))
}

/// A message has one line for each thing it says: a line's end in a status would begin another.
fn in_one_line(status: &str) -> String {
    let mut line: String = status.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.truncate(line.floor_char_boundary(STATUS_BYTES_MAX));
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watchdog_is_disabled_as_sd_watchdog_enabled_defines_it() {
        let micros = |micros| Some(Duration::from_micros(micros));
        assert_eq!(watchdog(3_000_000, None, 7), micros(3_000_000));
        assert_eq!(watchdog(3_000_000, Some(7), 7), micros(3_000_000));
        assert_eq!(watchdog(3_000_000, Some(8), 7), None);
        assert_eq!(watchdog(3_000_000, Some(u64::MAX), 7), None);
        assert_eq!(watchdog(0, None, 7), None);
        assert_eq!(watchdog(u64::MAX, None, 7), None);
        assert_eq!(watchdog(1, None, 7), micros(1));
    }

    #[test]
    fn a_shorter_watchdog_interval_is_raised_to_the_minimum() {
        assert_eq!(at_least_the_minimum(Duration::from_micros(1)), WATCHDOG_MIN);
        assert_eq!(at_least_the_minimum(Duration::from_secs(60)), Duration::from_secs(60));
    }

    #[test]
    fn a_status_says_one_thing_and_not_for_ever() {
        assert_eq!(in_one_line("a\nREADY=1\u{7}b"), "a READY=1 b");
        let long = in_one_line(&"ü".repeat(STATUS_BYTES_MAX));
        assert_eq!(long.len(), STATUS_BYTES_MAX);
        assert!(long.chars().all(|c| c == 'ü'));
    }
}
