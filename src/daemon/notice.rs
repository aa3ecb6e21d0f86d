//! What the daemon notices by itself and says: certificates that end, log lines that were lost.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::clock::{Clock, Timestamp};
use crate::diagnostic::{Diagnostic, Report, Severity};
use crate::escape::Escaped;
use crate::live::Live;
use crate::logging::Logging;
use crate::metrics::Metrics;
use crate::refusals::Refusals;
use crate::spool::FileSystem;
use crate::tls::expiry::{CertificateFact, Role};

/// How often lost log lines are counted and said.
const COUNT_LOST_EVERY: Duration = Duration::from_secs(5);

/// How often the dates of what is in use are looked at.
const DATES_EVERY: Duration = Duration::from_secs(3600);
/// A certificate that ends within this is spoken of once a day.
const SPEAK_WITHIN: Duration = Duration::from_secs(30 * 86_400);
const DAY: Duration = Duration::from_secs(86_400);

/// Findings as log lines.
pub fn log_findings(report: &Report) {
    for finding in report.findings().iter().map(Diagnostic::to_finding) {
        let (place, hint) = (finding.place(), &finding.hint);
        match finding.severity {
            Severity::Error => {
                tracing::error!(place, finding = finding.message, hint, "configuration finding")
            }
            Severity::Warning | Severity::Note => {
                tracing::warn!(place, finding = finding.message, hint, "configuration finding");
            }
        }
    }
}

/// Warns of a file system that can lose what was acknowledged.
pub(super) fn risky_file_system(file_system: FileSystem, directory: &Path) {
    if let Some(risk) = file_system.risk() {
        let directory = directory.display();
        tracing::warn!(%directory, file_system = risk, "the spool's file system can lose acknowledged entries");
    }
}

/// Speaks, once a day, of each certificate and list that ends within 30 days; for ever. Before the
/// last 7 days, and the last one, it speaks louder.
pub(super) async fn expiries(live: Arc<Live>, clock: Clock) {
    let mut spoken: BTreeMap<String, Timestamp> = BTreeMap::new();
    let mut tick = interval(DATES_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut changes = live.subscribe();
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            changed = changes.changed() => if changed.is_err() { return },
        }
        let (snapshot, now) = (live.current(), clock.now());
        for fact in due(&snapshot.certificates, &mut spoken, now) {
            speak(fact, fact.not_after.duration_since(now).as_secs() / 86_400);
        }
    }
}

/// What is to be spoken of now; notes that it has been.
fn due<'f>(
    facts: &'f [CertificateFact],
    spoken: &mut BTreeMap<String, Timestamp>,
    now: Timestamp,
) -> Vec<&'f CertificateFact> {
    spoken.retain(|digest, _| facts.iter().any(|fact| fact.digest == *digest));
    let mut due = Vec::new();
    for fact in facts {
        let left = fact.not_after.duration_since(now);
        // A list is made anew every few days: its end is news only when it has come.
        let silent = fact.role == Role::Crl || left.is_negative() || left.unsigned_abs() > SPEAK_WITHIN;
        let lately = |at: &Timestamp| now.duration_since(*at).unsigned_abs() < DAY;
        if !silent && !spoken.get(&fact.digest).is_some_and(lately) {
            spoken.insert(fact.digest.clone(), now);
            due.push(fact);
        }
    }
    due
}

fn speak(fact: &CertificateFact, days_left: i64) {
    let (role, name, file) = (fact.role.word(), &fact.name, fact.file.display());
    let (subject, not_after) = (Escaped(&fact.subject), fact.not_after);
    match days_left {
        ..7 => {
            tracing::error!(role, name, %file, %subject, %not_after, days_left, "a certificate in use ends soon")
        }
        _ => {
            tracing::warn!(role, name, %file, %subject, %not_after, days_left, "a certificate in use ends soon")
        }
    }
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
            tracing::warn!(reason, count, "further refusals were counted but not logged");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_within_a_month_is_spoken_of_once_a_day() {
        let begin: Timestamp = "2026-11-23T12:00:00Z".parse().expect("a timestamp");
        let fact = |digest: &str, role, days: u64| CertificateFact {
            role,
            name: "server".to_owned(),
            file: "server.pem".into(),
            subject: "CN=x".to_owned(),
            digest: digest.to_owned(),
            not_before: begin,
            not_after: begin + Duration::from_hours(24 * days),
        };
        let facts =
            [fact("soon", Role::Server, 10), fact("later", Role::Anchor, 40), fact("list", Role::Crl, 2)];
        let mut spoken = BTreeMap::new();
        let mut count = |hours: u64| due(&facts, &mut spoken, begin + Duration::from_hours(hours)).len();
        assert_eq!((count(0), count(1), count(23), count(24)), (1, 0, 0, 1));
        // On its last day, and not after it; by then the other one is due.
        assert_eq!(count(24 * 10 - 1), 1);
        assert_eq!(count(24 * 11), 1);
    }
}
