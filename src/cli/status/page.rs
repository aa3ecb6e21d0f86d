//! The status of the daemon, for people.

use std::fmt::Write as _;

use super::counts::{Counted, QUEUES};
use crate::admin::{EndpointStatus, SpoolStatus, Status};
use crate::clock::{Timestamp, distance, length};
use crate::columns::{width, wrap};
use crate::escape::{Escaped, Quoted};
use crate::live::Reload;
use crate::quantity::ByteSize;
use crate::refusals::HandshakeRecord;
use crate::tls::expiry::ShownCertificate;

/// Precedes the line that admits a certificate.
const ADMIT: &str = "to admit it: ";
/// The fewest columns of a row, on narrow terminals.
const ROW_COLUMNS: usize = 20;

/// The status as text, with the queues whose numbers are current.
pub(super) fn page(status: &Status, counted: &Counted, now: Timestamp) -> String {
    let loaded = dated(&status.loaded_at, now);
    let mut out = format!(
        "hookspool {}, generation {}, loaded {loaded}\n",
        Escaped(&status.version),
        status.generation
    );
    condition(&mut out, status.last_reload.as_ref(), &status.degraded, now);
    let _ = writeln!(out, "connections   {}", status.connections);
    let SpoolStatus { directory, free_bytes, corrupt_entries } = &status.spool;
    let corrupt = match corrupt_entries {
        1.. => format!(", {corrupt_entries} corrupt"),
        _ => String::new(),
    };
    let free = ByteSize(*free_bytes).rounded();
    let _ = writeln!(out, "spool         {}, free {free}{corrupt}", Escaped(directory));
    certificates(&mut out, &status.certificates, now);
    endpoints(&mut out, &status.endpoints, counted, now);
    refusals(&mut out, &status.refusals, now);
    out
}

/// The text on a terminal with this many columns: lines that do not fit are continued on indented rows. Those with
/// advice, which people copy, are not divided.
pub(super) fn fitted(text: &str, columns: usize) -> String {
    let rows = |line: &str| {
        if line.contains(ADMIT) || width(line) <= columns {
            return format!("{line}\n");
        }
        let indent = line.len() - line.trim_start_matches(' ').len();
        let rows = wrap(&line[indent..], columns.saturating_sub(indent + 2).max(ROW_COLUMNS));
        format!("{}{}\n", &line[..indent], rows.join(&format!("\n{:1$}", "", indent + 2)))
    };
    text.lines().map(rows).collect()
}

/// The last reload, and what is degraded.
pub(super) fn condition(out: &mut String, reload: Option<&Reload>, degraded: &[String], now: Timestamp) {
    if let Some(reload) = reload {
        let _ = writeln!(out, "last reload   {} {}", reload.outcome.word(), dated(&reload.at, now));
        for finding in &reload.findings {
            let place = finding.place().map(|place| format!("{}: ", Escaped(&place))).unwrap_or_default();
            let _ = writeln!(out, "  {place}{}: {}", finding.severity.word(), Escaped(&finding.message));
        }
    }
    for degraded in degraded {
        let _ = writeln!(out, "\x1b[1;33mdegraded\x1b[0m      {}", Escaped(degraded));
    }
}

fn certificates(out: &mut String, certificates: &[ShownCertificate], now: Timestamp) {
    if !certificates.is_empty() {
        out.push_str("\ncertificates\n");
    }
    for ShownCertificate { role, name, subject, not_after, .. } in certificates {
        let ends = dated(not_after, now);
        let (role, name) = (Escaped(role).to_string(), Escaped(name).to_string());
        let _ = writeln!(out, "  {role:<7} {name:<16} ends {ends}  {}", Escaped(subject));
    }
}

fn endpoints(out: &mut String, endpoints: &[EndpointStatus], counted: &Counted, now: Timestamp) {
    if !endpoints.is_empty() {
        out.push_str("\nendpoints\n");
    }
    for endpoint in endpoints {
        let EndpointStatus { name, path, senders, oldest_new_seconds, oldest_taken_seconds, .. } = endpoint;
        let name = Escaped(name).to_string();
        let senders: Vec<_> = senders.iter().map(|sender| Escaped(sender).to_string()).collect();
        let _ = writeln!(out, "  {name:<16} {}  from {}", Escaped(path), senders.join(", "));
        let mut rest = String::new();
        if let Ok(seconds @ 1..) = u64::try_from(*oldest_new_seconds) {
            let _ = write!(rest, "; the oldest has waited for {}", length(seconds));
        }
        if let Ok(seconds @ 1..) = u64::try_from(*oldest_taken_seconds) {
            let _ = write!(rest, "; the oldest in taken was claimed {} ago", length(seconds));
        }
        rest.push_str(&age_of_counts(endpoint, counted, now));
        let mut counts: Vec<_> = endpoint.entries.iter().collect();
        let place = |queue: &str| QUEUES.iter().position(|known| known.word() == queue);
        counts.sort_by_key(|(queue, _)| place(queue).unwrap_or(QUEUES.len()));
        let counts: Vec<_> =
            counts.iter().map(|(queue, count)| format!("{count} {}", Escaped(queue))).collect();
        let _ = writeln!(out, "  {:<16} {}{rest}", "", counts.join(", "));
    }
}

/// When the queues were counted whose numbers are not current.
fn age_of_counts(endpoint: &EndpointStatus, counted: &Counted, now: Timestamp) -> String {
    let is_current = |queue: &str| counted.contains(&(endpoint.name.clone(), queue.to_owned()));
    let old: Vec<_> = QUEUES.iter().map(|queue| queue.word()).filter(|queue| !is_current(queue)).collect();
    let at = endpoint.counted_at.as_ref().and_then(|at| at.parse().ok());
    let when = at.map_or("some time ago".to_owned(), |at| distance(now, at));
    match old.len() {
        0 => String::new(),
        some if some < QUEUES.len() => format!("; {} counted {when}", old.join(" and ")),
        _ => format!("; counted {when}"),
    }
}

/// The latest refusals, the newest first: a line to find each in the log, and lines with the cause and the lines that would accept it.
fn refusals(out: &mut String, refusals: &[HandshakeRecord], now: Timestamp) {
    if !refusals.is_empty() {
        out.push_str("\nrefused and failed handshakes\n");
    }
    for refusal in refusals.iter().rev() {
        let at = dated(&refusal.at, now);
        let again = match refusal.count {
            0 | 1 => String::new(),
            count => format!(", {count} times, last {}", dated(&refusal.last_at, now)),
        };
        let _ =
            writeln!(out, "  {at}  {}  from {}{again}", Escaped(&refusal.reason), Escaped(&refusal.address));
        let subject = refusal.claimed.as_ref().map(|claimed| claimed.subject.as_str());
        let lines = [
            ("", subject.filter(|subject| !subject.is_empty())),
            ("", Some(refusal.detail.as_str())),
            ("offered: ", refusal.offered.as_deref()),
            (ADMIT, refusal.admit.as_deref()),
        ];
        for (title, text) in lines.into_iter().filter_map(|(title, text)| Some((title, text?))) {
            // Not truncated: a part of a line could not be pasted. The daemon limits the length.
            let _ = writeln!(out, "    {title}{}", Quoted::inside(text));
        }
        if let Some(pem) = &refusal.pem {
            let senders = refusal.vouched_names().unwrap_or_default();
            let _ = writeln!(
                out,
                "    to admit it: ask the bank, then add this certificate to `ca` of {}:",
                Escaped(&senders)
            );
            pem.lines().for_each(|line| out.push_str(&format!("    {}\n", Escaped(line))));
        }
    }
}

/// A time of a status document, in whole seconds, with its distance from now.
pub(super) fn dated(at: &str, now: Timestamp) -> String {
    match at.parse::<Timestamp>() {
        Ok(then) => format!("{then:.0} ({})", distance(now, then)),
        Err(_) => Escaped(at).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize as _;

    use super::*;

    fn endpoint(entries: [(&str, i64); 4]) -> EndpointStatus {
        let entries = entries.map(|(queue, count)| (queue.to_owned(), count)).into();
        EndpointStatus { name: "pix".to_owned(), path: "/pix".to_owned(), entries, ..Default::default() }
    }

    /// The line with the counts, if these queues are current.
    fn counts(endpoint: EndpointStatus, current: &[&str]) -> String {
        let now: Timestamp = "2026-11-23T00:05:00Z".parse().expect("a timestamp");
        let current = current.iter().map(|queue| ("pix".to_owned(), (*queue).to_owned())).collect();
        let mut out = String::new();
        endpoints(&mut out, &[endpoint], &current, now);
        out.lines().last().expect("a line").trim().to_owned()
    }

    #[test]
    fn counts_that_are_not_current_have_their_age() {
        let all = ["new", "taken", "failed", "done"];
        let of = |at: Option<&str>| EndpointStatus {
            counted_at: at.map(str::to_owned),
            ..endpoint([("done", 4), ("failed", 0), ("new", 3), ("taken", 0)])
        };
        let at = Some("2026-11-23T00:04:20Z");
        assert_eq!(counts(of(at), &all), "3 new, 0 taken, 0 failed, 4 done");
        assert_eq!(
            counts(of(at), &all[..3]),
            "3 new, 0 taken, 0 failed, 4 done; done counted 40 seconds ago"
        );
        assert_eq!(counts(of(at), &[]), "3 new, 0 taken, 0 failed, 4 done; counted 40 seconds ago");
        assert_eq!(counts(of(None), &[]), "3 new, 0 taken, 0 failed, 4 done; counted some time ago");
        let waiting = EndpointStatus { oldest_new_seconds: 300, oldest_taken_seconds: 1, ..of(at) };
        assert_eq!(
            counts(waiting, &all),
            "3 new, 0 taken, 0 failed, 4 done; the oldest has waited for 5 minutes; the oldest in taken was claimed 1 second ago"
        );
    }

    #[test]
    fn lines_that_do_not_fit_are_continued_on_indented_rows() {
        let text = "degraded      one two three four\n  short\n    five six seven eight nine\n    to admit it: sender `a`: cn = ['b']\n";
        let expected = "degraded      one two\n  three four\n  short\n    five six seven eight\n      nine\n    to admit it: sender `a`: cn = ['b']\n";
        assert_eq!(fitted(text, 26), expected);
        assert_eq!(fitted(text, 100), text);
    }

    #[test]
    fn the_newest_refusal_is_shown_first_and_sizes_are_for_people() {
        let now: Timestamp = "2026-11-23T00:05:00Z".parse().expect("a timestamp");
        let refusal = |at: &str, detail: &str| serde_json::json!({"at": at, "last_at": at, "count": 1, "reason": "rule", "address": "127.0.0.1:1", "detail": detail});
        let document = serde_json::json!({
            "spool": {"directory": "spool", "free_bytes": 63_999_999_999_u64, "corrupt_entries": 2},
            "refusals": [refusal("2026-11-23T00:01:59.999999Z", "older"), refusal("2026-11-23T00:04:59.000001Z", "newer")],
        });
        let page = page(&Status::deserialize(document).expect("a status"), &Counted::new(), now);
        assert!(page.contains("spool         spool, free 59 GiB, 2 corrupt\n"), "{page}");
        let refusals = "refused and failed handshakes
  2026-11-23T00:04:59Z (1 second ago)  rule  from 127.0.0.1:1
    newer
  2026-11-23T00:01:59Z (3 minutes ago)  rule  from 127.0.0.1:1
    older\n";
        assert!(page.ends_with(refusals), "{page}");
    }

    #[test]
    fn missing_keys_have_their_defaults() {
        let now: Timestamp = "2026-11-23T00:00:00Z".parse().expect("a timestamp");
        let document = serde_json::json!({
            "version": "0.1.0", "generation": 3, "loaded_at": "2026-11-22T00:00:00Z",
            "certificates": [{"role": "server", "name": "server", "subject": "CN=a\u{1b}", "not_after": "2026-11-26T00:00:00Z"}],
            "degraded": ["sender `efi` is refused"],
        });
        let status = Status::deserialize(document).expect("a status");
        let page = page(&status, &Counted::new(), now);
        assert!(
            page.starts_with("hookspool 0.1.0, generation 3, loaded 2026-11-22T00:00:00Z (24 hours ago)\n"),
            "{page}"
        );
        assert!(page.contains("ends 2026-11-26T00:00:00Z (in 3 days)  CN=a\\u{1b}\n"), "{page}");
        assert!(page.contains("sender `efi` is refused"), "{page}");
    }
}
