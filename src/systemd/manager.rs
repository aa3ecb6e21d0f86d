//! Sends notifications to the service manager (sd_notify(3)), if there is one.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::timeout;

use super::environment::number;

/// How long the manager may take to accept a message. Its socket buffers many messages.
const NOTIFY_TIMEOUT: Duration = Duration::from_secs(2);
/// The shortest watchdog interval that is met. More frequent notifications would only load the processor: systemd
/// counts in seconds.
const WATCHDOG_MIN: Duration = Duration::from_millis(100);
/// The longest status that is sent, in bytes, because `systemctl status` shows one line.
const STATUS_BYTES_MAX: usize = 1024;

/// The service manager that started the process, if it accepts notifications.
#[derive(Clone, Copy, Debug)]
pub struct Manager {
    is_present: bool,
    watchdog: Option<Duration>,
}

impl Manager {
    /// Reads `$NOTIFY_SOCKET`, `$WATCHDOG_USEC` and `$WATCHDOG_PID`.
    pub fn from_environment() -> Self {
        let is_present = std::env::var_os("NOTIFY_SOCKET").is_some_and(|path| !path.is_empty());
        let watchdog = is_present
            .then(|| watchdog(number("WATCHDOG_USEC")?, number("WATCHDOG_PID"), std::process::id()))
            .flatten();
        Self { is_present, watchdog: watchdog.map(at_least_the_minimum) }
    }

    /// Whether the manager accepts notifications.
    pub fn is_present(self) -> bool {
        self.is_present
    }

    /// The watchdog interval: the manager ends the process if it receives no ping for this long.
    pub fn watchdog(self) -> Option<Duration> {
        self.watchdog
    }

    /// Reports that the daemon accepts deliveries.
    pub async fn ready(self, status: &str) {
        let status = in_one_line(status);
        self.notify(move || sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(&status)])).await;
    }

    /// Reports the beginning of a reload; [`Manager::ready`] reports its end. The message contains the time, which
    /// `Type=notify-reload` requires.
    pub async fn reloading(self) {
        self.notify(|| sd_notify::notify(&[NotifyState::Reloading, NotifyState::monotonic_usec_now()?]))
            .await;
    }

    /// Reports the beginning of a drain. The next notification must follow within `timeout_extension`.
    pub async fn stopping(self, timeout_extension: Duration) {
        self.notify(move || {
            sd_notify::notify(&[
                NotifyState::Stopping,
                NotifyState::Status("draining: deliveries in flight are completed, new ones get 503"),
                extend(timeout_extension),
            ])
        })
        .await;
    }

    /// Reports that the drain continues. The next notification must follow within `timeout_extension`.
    pub async fn extend_stopping(self, timeout_extension: Duration) {
        self.notify(move || sd_notify::notify(&[extend(timeout_extension), NotifyState::Watchdog])).await;
    }

    /// Reports the status that `systemctl status` shows.
    pub async fn status(self, status: &str) {
        let status = in_one_line(status);
        self.notify(move || sd_notify::notify(&[NotifyState::Status(&status)])).await;
    }

    /// Sends a watchdog ping.
    pub async fn ping_watchdog(self) {
        self.notify(|| sd_notify::notify(&[NotifyState::Watchdog])).await;
    }

    /// Sends a message on a thread that may block, because the manager's socket may be full.
    async fn notify(self, send: impl FnOnce() -> std::io::Result<()> + Send + 'static) {
        if !self.is_present {
            return;
        }
        match timeout(NOTIFY_TIMEOUT, tokio::task::spawn_blocking(send)).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::warn!(%error, "cannot notify the service manager"),
            Ok(Err(error)) => tracing::warn!(%error, "cannot notify the service manager"),
            Err(_) => tracing::warn!(waited = ?NOTIFY_TIMEOUT, "service manager socket unavailable"),
        }
    }
}

/// The interval according to sd_watchdog_enabled(3): 0, the greatest number, or the ID of another process disable the
/// watchdog.
fn watchdog(micros: u64, pid: Option<u64>, own: u32) -> Option<Duration> {
    let is_set = micros > 0 && micros < u64::MAX;
    let is_own = pid.is_none_or(|pid| pid == u64::from(own));
    (is_set && is_own).then(|| Duration::from_micros(micros))
}

fn at_least_the_minimum(interval: Duration) -> Duration {
    if interval < WATCHDOG_MIN {
        tracing::warn!(?interval, minimum = ?WATCHDOG_MIN, "watchdog interval raised to the minimum");
    }
    interval.max(WATCHDOG_MIN)
}

fn extend(timeout_extension: Duration) -> NotifyState<'static> {
    NotifyState::ExtendTimeoutUsec(u32::try_from(timeout_extension.as_micros()).unwrap_or(u32::MAX))
}

/// Replaces control characters, because a line feed would begin another variable of the message, and truncates.
fn in_one_line(status: &str) -> String {
    let mut line: String = status.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.truncate(line.floor_char_boundary(STATUS_BYTES_MAX));
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watchdog_is_disabled_as_in_sd_watchdog_enabled() {
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
    fn short_watchdog_interval_is_raised_to_the_minimum() {
        assert_eq!(at_least_the_minimum(Duration::from_micros(1)), WATCHDOG_MIN);
        assert_eq!(at_least_the_minimum(Duration::from_secs(60)), Duration::from_secs(60));
    }

    #[test]
    fn status_is_one_line_of_limited_length() {
        assert_eq!(in_one_line("a\nREADY=1\u{7}b"), "a READY=1 b");
        let long = in_one_line(&"ü".repeat(STATUS_BYTES_MAX));
        assert_eq!(long.len(), STATUS_BYTES_MAX);
        assert!(long.chars().all(|c| c == 'ü'));
    }
}
