//! The certificates and revocation lists in use, and when their replacement is due.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::metrics::CertificateRole;

const DAY: Duration = Duration::from_secs(86_400);

/// How much of a lifetime is left when a replacement is due. The rules in `docs/monitoring/alerts.yml` are the same.
struct Thresholds {
    /// [`Urgency::Due`] if less than the lifetime divided by this number is left.
    due: i64,
    /// [`Urgency::Overdue`] likewise, if there is such a level.
    overdue: Option<i64>,
    /// A longer lifetime counts as this one, so that the notice is not given years ahead.
    longest: Duration,
}

fn thresholds(role: CertificateRole) -> Thresholds {
    match role {
        // ACME clients renew when a third is left. 398 days is the longest lifetime that browsers have accepted
        // since 2020; only private CAs issue for longer.
        CertificateRole::Client | CertificateRole::Server => {
            Thresholds { due: 3, overdue: Some(6), longest: 398 * DAY }
        }
        // A month and half a month ahead at most: only the sender can provide a new CA.
        CertificateRole::Anchor => Thresholds { due: 3, overdue: Some(6), longest: 90 * DAY },
        // A CA replaces a list shortly before its next update; Microsoft's when a tenth is left.
        CertificateRole::Crl => Thresholds { due: 12, overdue: None, longest: 398 * DAY },
    }
}

/// How urgently a certificate or list must be replaced.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Urgency {
    /// A regular renewal would have replaced it already.
    Due,
    /// Half of the remaining time has passed as well.
    Overdue,
}

/// A valid certificate or list whose replacement is due.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Expiring {
    /// How urgent it is.
    pub urgency: Urgency,
    /// Less than this share of the lifetime is left.
    pub share: &'static str,
}

/// Whether a certificate or list that is valid from `begin` to `end` must be replaced at `now`. `None` if not, and
/// after the end.
pub fn expiring(role: CertificateRole, begin: Timestamp, end: Timestamp, now: Timestamp) -> Option<Expiring> {
    let Thresholds { due, overdue, longest } = thresholds(role);
    let left = end.as_second().saturating_sub(now.as_second());
    let lifetime = end.as_second().saturating_sub(begin.as_second());
    let lifetime = lifetime.min(i64::try_from(longest.as_secs()).unwrap_or(i64::MAX));
    let is_less_than = |parts: i64| left.saturating_mul(parts) < lifetime;
    let (urgency, parts) = match overdue {
        _ if left < 0 => return None,
        Some(overdue) if is_less_than(overdue) => (Urgency::Overdue, overdue),
        Some(_) | None if is_less_than(due) => (Urgency::Due, due),
        Some(_) | None => return None,
    };
    let share = match parts {
        3 => "a third",
        6 => "a sixth",
        _ => "a twelfth",
    };
    Some(Expiring { urgency, share })
}

/// A certificate or revocation list in use.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CertificateFact {
    /// What it is used for.
    pub role: CertificateRole,
    /// The sender's name, or `server`.
    pub name: String,
    /// The file that contains it.
    pub file: PathBuf,
    /// The subject, as RFC 4514 text.
    pub subject: String,
    /// The SHA-256 in hex, which identifies it.
    pub digest: String,
    /// The first moment at which it is valid.
    pub not_before: Timestamp,
    /// The last moment at which it is valid.
    pub not_after: Timestamp,
}

impl CertificateFact {
    /// Whether it must be replaced at `now`.
    pub fn expiring(&self, now: Timestamp) -> Option<Expiring> {
        expiring(self.role, self.not_before, self.not_after, now)
    }
}

/// A certificate in use, in the JSON of `/status` and `check --json`.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct ShownCertificate {
    /// `server`, `anchor`, `crl` or `client`.
    pub role: String,
    /// The name of the sender, or of the server's certificate.
    pub name: String,
    /// The path of the file.
    pub file: String,
    /// The subject, or the issuer of a list (RFC 4514).
    pub subject: String,
    /// The first moment at which it is valid, RFC 3339.
    pub not_before: String,
    /// The last moment at which it is valid, RFC 3339.
    pub not_after: String,
}

impl From<&CertificateFact> for ShownCertificate {
    fn from(fact: &CertificateFact) -> Self {
        Self {
            role: fact.role.word().to_owned(),
            name: fact.name.clone(),
            file: fact.file.display().to_string(),
            subject: fact.subject.clone(),
            not_before: fact.not_before.to_string(),
            not_after: fact.not_after.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn begin() -> Timestamp {
        "2026-11-23T12:00:00Z".parse().expect("a timestamp")
    }

    /// The hours in which something with a lifetime of this many days is due, and overdue, if it is never replaced.
    fn hours(role: CertificateRole, days: u32) -> (Vec<u32>, Vec<u32>) {
        let end = begin() + DAY * days;
        let at = |hour: u32| expiring(role, begin(), end, begin() + HOUR * hour).map(|it| it.urgency);
        let of = |urgency| (0..=24 * days).filter(|hour| at(*hour) == Some(urgency)).collect();
        (of(Urgency::Due), of(Urgency::Overdue))
    }

    #[test]
    fn a_certificate_is_due_with_a_third_of_its_lifetime_left_and_overdue_with_a_sixth() {
        for role in [CertificateRole::Server, CertificateRole::Anchor] {
            for days in [1, 6, 45, 90] {
                let (due, overdue) = hours(role, days);
                assert_eq!(due, (16 * days + 1..=20 * days).collect::<Vec<_>>(), "{role:?} of {days} days");
                assert_eq!(
                    overdue,
                    (20 * days + 1..=24 * days).collect::<Vec<_>>(),
                    "{role:?} of {days} days"
                );
            }
        }
        let (due, overdue) = hours(CertificateRole::Server, 398);
        assert_eq!((due.first(), overdue.first()), (Some(&(16 * 398 + 1)), Some(&(20 * 398 + 1))));
    }

    #[test]
    fn certificates_renewed_with_a_third_of_their_lifetime_left_are_never_due() {
        for days in [6, 45, 90, 398] {
            let mut issued = begin();
            // Two years, day by day, with a renewal on the last day on which a third is left.
            for day in 0..730 {
                let now = begin() + DAY * day;
                let end = issued + DAY * days;
                assert_eq!(
                    expiring(CertificateRole::Server, issued, end, now),
                    None,
                    "{days} days, on day {day}"
                );
                let is_in_time =
                    |now: Timestamp| end.duration_since(now).as_secs() * 3 >= i64::from(days) * 86_400;
                if !is_in_time(now + DAY) {
                    issued = now;
                }
            }
        }
    }

    #[test]
    fn the_lead_time_for_long_lifetimes_is_bounded() {
        let ahead = |role, days: u32| {
            let (due, overdue) = hours(role, days);
            let left = |hours: Vec<u32>| hours.first().map(|first| (24 * days - first + 1) / 24);
            (left(due), left(overdue))
        };
        assert_eq!(ahead(CertificateRole::Anchor, 3650), (Some(30), Some(15)));
        assert_eq!(ahead(CertificateRole::Server, 3650), (Some(132), Some(66)));
    }

    #[test]
    fn a_list_is_due_with_a_twelfth_of_its_lifetime_left_and_never_overdue() {
        // A weekly list of Microsoft's CA, which overlaps the next one by a tenth, and a daily one.
        for (hours, overlap) in [(185, 17), (26, 3)] {
            let end = begin() + HOUR * hours;
            for hour in 0..=hours - overlap {
                assert_eq!(
                    expiring(CertificateRole::Crl, begin(), end, begin() + HOUR * hour),
                    None,
                    "{hours}: {hour}"
                );
            }
            let last = expiring(CertificateRole::Crl, begin(), end, end);
            assert_eq!(last, Some(Expiring { urgency: Urgency::Due, share: "a twelfth" }));
        }
    }

    #[test]
    fn impossible_dates_are_not_due() {
        let (first, last) = (Timestamp::MIN, Timestamp::MAX);
        assert_eq!(expiring(CertificateRole::Server, last, first, begin()), None);
        assert_eq!(expiring(CertificateRole::Server, begin(), begin(), begin()), None);
        assert_eq!(expiring(CertificateRole::Server, first, last, begin()), None);
    }
}
