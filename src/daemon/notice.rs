//! What the daemon notices by itself and says once: files that changed, log lines that were lost.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::live::Changed;
use crate::logging::Logging;
use crate::metrics::Metrics;
use crate::refusals::Refusals;
use crate::watch::{FileWatch, WatchError};

/// How often lost log lines are counted and said.
const COUNT_LOST_EVERY: Duration = Duration::from_secs(5);

/// Says when a file in use is no longer what was read: this version takes it in at a restart.
pub(super) fn changed_files(
    files: Vec<PathBuf>,
    changed: Arc<Changed>,
    metrics: &Metrics,
) -> Result<FileWatch, WatchError> {
    let watch = FileWatch::start(files, move |path| {
        if changed.note(path.to_owned()) {
            tracing::warn!(
                file = %path.display(),
                "a file in use has changed on disk; `hookspool check` tells whether it is good, a restart takes it in"
            );
        }
    })?;
    metrics.watcher_alive.set(i64::from(watch.is_instant));
    Ok(watch)
}

/// Counts the lines that a slow reader of the log has cost, and those that were held back so that
/// nobody can fill it, for ever.
pub(super) async fn unlogged(logging: Arc<Logging>, metrics: Arc<Metrics>, refusals: Arc<Refusals>) {
    let mut tick = interval(COUNT_LOST_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tick.tick().await;
        let lost = logging.lines_lost().saturating_sub(metrics.log_lines_dropped.get());
        if lost > 0 {
            metrics.log_lines_dropped.inc_by(lost);
            tracing::warn!(lost, "log lines were lost: whoever reads the log is too slow");
        }
        for (reason, count) in refusals.take_unlogged() {
            tracing::warn!(
                reason,
                count,
                "further senders were refused; they are counted, not logged one by one"
            );
        }
    }
}
