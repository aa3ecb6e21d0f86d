//! Periodic log messages: certificates that expire soon, and dropped log lines.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::clock::{Timestamp, distance};
use crate::diagnostic::with_causes;
use crate::escape::Escaped;
use crate::logging::Logging;
use crate::shared::Shared;
use crate::spool::{FileSystem, FolderError};
use crate::tls::expiry::{CertificateFact, Expiring, Urgency};

/// The interval at which dropped log lines are counted and reported.
const DROPPED_INTERVAL: Duration = Duration::from_secs(5);

/// The interval at which the dates of certificates are checked.
const DATES_INTERVAL: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// Warns if the file system can lose acknowledged entries.
pub(super) fn risky_file_system(file_system: FileSystem, directory: &Path) {
    if let Some(risk) = file_system.risk() {
        let directory = directory.display();
        tracing::warn!(%directory, file_system = risk, "the spool's file system can lose acknowledged entries");
    }
}

/// Logs that revocation lists could not be stored. Returns a sentence for `degraded`.
pub(super) fn unkept_lists(kept: &Result<(), FolderError>) -> Option<String> {
    let error = with_causes(kept.as_ref().err()?);
    tracing::error!(error, "revocation lists not stored");
    Some(format!("a revocation list is not stored, so an older one may be accepted after a restart: {error}"))
}

/// Logs each certificate and list that must be replaced: once a day, and immediately when it becomes more urgent.
/// Runs until it is canceled.
pub(super) async fn expiries(shared: Arc<Shared>) {
    let mut logged = BTreeMap::new();
    let mut tick = interval(DATES_INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut changes = shared.live.subscribe();
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            changed = changes.changed() => if changed.is_err() { return },
        }
        let (snapshot, now) = (shared.live.current(), shared.clock.now());
        for (fact, expiring) in due(&snapshot.certificates, &mut logged, now) {
            log_expiring(fact, expiring, now);
        }
    }
}

/// The urgency and time with which each certificate was last logged, by its digest.
type Logged = BTreeMap<String, (Urgency, Timestamp)>;

/// Returns the certificates to log now, and records them as logged.
fn due<'f>(
    facts: &'f [CertificateFact],
    logged: &mut Logged,
    now: Timestamp,
) -> Vec<(&'f CertificateFact, Expiring)> {
    logged.retain(|digest, _| facts.iter().any(|fact| fact.digest == *digest));
    let mut due = Vec::new();
    for fact in facts {
        let Some(expiring) = fact.expiring(now) else { continue };
        let is_recent = |(urgency, at): &(Urgency, Timestamp)| {
            *urgency >= expiring.urgency && now.duration_since(*at).unsigned_abs() < DAY
        };
        if !logged.get(&fact.digest).is_some_and(is_recent) {
            logged.insert(fact.digest.clone(), (expiring.urgency, now));
            due.push((fact, expiring));
        }
    }
    due
}

fn log_expiring(fact: &CertificateFact, expiring: Expiring, now: Timestamp) {
    let (role, name, file) = (fact.role.word(), &fact.name, fact.file.display());
    let (subject, not_after) = (Escaped(&fact.subject), fact.not_after);
    let (expires, left_less_than) = (distance(now, not_after), expiring.share);
    match expiring.urgency {
        Urgency::Overdue => {
            tracing::error!(role, name, %file, %subject, %not_after, expires, left_less_than, "certificate expires soon")
        }
        Urgency::Due => {
            tracing::warn!(role, name, %file, %subject, %not_after, expires, left_less_than, "certificate expires soon")
        }
    }
}

/// Logs the number of dropped log lines, and of refusals that the rate limit suppressed. Runs until it is canceled.
pub(super) async fn unlogged(logging: Arc<Logging>, shared: Arc<Shared>) {
    let mut reported = 0;
    let mut tick = interval(DROPPED_INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tick.tick().await;
        let lost = logging.lines_lost().saturating_sub(reported);
        if lost > 0 {
            reported += lost;
            shared.metrics.log_lines_dropped.inc_by(lost);
            tracing::warn!(count = lost, "log lines dropped; the log reader is too slow");
        }
        for (reason, count) in shared.refusals.take_unlogged() {
            tracing::warn!(reason, count, "refusals not logged; rate limit exceeded");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::CertificateRole;

    fn fact(digest: &str, role: CertificateRole, days: u32) -> CertificateFact {
        CertificateFact {
            role,
            name: "server".to_owned(),
            file: "server.pem".into(),
            subject: "CN=x".to_owned(),
            digest: digest.to_owned(),
            not_before: begin(),
            not_after: begin() + DAY * days,
        }
    }

    fn begin() -> Timestamp {
        "2026-11-23T12:00:00Z".parse().expect("a timestamp")
    }

    /// The hours in which a message is logged, with its urgency.
    fn log(facts: &[CertificateFact], hours: std::ops::Range<u32>) -> Vec<(u32, Urgency)> {
        let mut logged = Logged::new();
        hours
            .flat_map(|hour| {
                let due = due(facts, &mut logged, begin() + Duration::from_secs(3600) * hour);
                due.into_iter().map(|(_, expiring)| (hour, expiring.urgency)).collect::<Vec<_>>()
            })
            .collect()
    }

    #[test]
    fn a_certificate_is_logged_daily_when_a_third_of_its_lifetime_is_left() {
        use Urgency::{Due, Overdue};
        let six_days = log(&[fact("a", CertificateRole::Server, 6)], 0..24 * 8);
        assert_eq!(six_days, [(97, Due), (121, Overdue)]);
        // It becomes more urgent within a day and is logged again.
        assert_eq!(log(&[fact("a", CertificateRole::Server, 1)], 0..48), [(17, Due), (21, Overdue)]);
        let ninety_days = log(
            &[fact("a", CertificateRole::Anchor, 90), fact("b", CertificateRole::Server, 1000)],
            0..24 * 100,
        );
        let days = |urgency| ninety_days.iter().filter(|(_, logged)| *logged == urgency).count();
        assert_eq!((ninety_days.first(), days(Due), days(Overdue)), (Some(&(24 * 60 + 1, Due)), 15, 15));
    }

    #[test]
    fn a_list_is_logged_when_a_twelfth_of_its_lifetime_is_left_and_not_after_its_end() {
        assert_eq!(log(&[fact("list", CertificateRole::Crl, 2)], 0..96), [(45, Urgency::Due)]);
    }
}
