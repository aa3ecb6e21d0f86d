//! The status of the daemon, for people.

use std::fmt::Write as _;

use crate::admin::{EndpointStatus, SpoolStatus, Status};
use crate::clock::{Timestamp, distance};
use crate::escape::{Escaped, Quoted};
use crate::live::Reload;
use crate::refusals::HandshakeRecord;
use crate::tls::expiry::ShownCertificate;

/// The status as text.
pub(super) fn page(status: &Status, now: Timestamp) -> String {
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
        1.. => format!(", corrupt: {corrupt_entries}"),
        _ => String::new(),
    };
    let _ =
        writeln!(out, "spool         directory: {}, free_bytes: {free_bytes}{corrupt}", Escaped(directory));
    certificates(&mut out, &status.certificates, now);
    endpoints(&mut out, &status.endpoints);
    refusals(&mut out, &status.refusals, now);
    out
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
        let _ = writeln!(out, "  {role:<7} {name:<16} {}  ends {ends}", Escaped(subject));
    }
}

fn endpoints(out: &mut String, endpoints: &[EndpointStatus]) {
    if !endpoints.is_empty() {
        out.push_str("\nendpoints\n");
    }
    for EndpointStatus { name, path, senders, entries, oldest_new_seconds, oldest_taken_seconds, .. } in
        endpoints
    {
        let name = Escaped(name).to_string();
        let senders: Vec<_> = senders.iter().map(|sender| Escaped(sender).to_string()).collect();
        let _ = writeln!(out, "  {name:<16} {}  from {}", Escaped(path), senders.join(", "));
        let counts: Vec<_> =
            entries.iter().map(|(queue, count)| format!("{count} {}", Escaped(queue))).collect();
        let mut oldest = String::new();
        if *oldest_new_seconds > 0 {
            let _ = write!(oldest, "; the oldest waits for {oldest_new_seconds} s");
        }
        if *oldest_taken_seconds > 0 {
            let _ = write!(oldest, "; the oldest in taken was claimed {oldest_taken_seconds} s ago");
        }
        let _ = writeln!(out, "  {:<16} {}{oldest}", "", counts.join(", "));
    }
}

/// The latest refusals: a line to find each in the log, and lines with the cause and the lines that would accept it.
fn refusals(out: &mut String, refusals: &[HandshakeRecord], now: Timestamp) {
    if !refusals.is_empty() {
        out.push_str("\nrefused and failed handshakes\n");
    }
    for refusal in refusals {
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
            ("to admit it: ", refusal.admit.as_deref()),
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

/// A time of a status document, with its distance from now.
pub(super) fn dated(at: &str, now: Timestamp) -> String {
    match at.parse::<Timestamp>() {
        Ok(then) => format!("{at} ({})", distance(now, then)),
        Err(_) => Escaped(at).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize as _;

    use super::*;

    #[test]
    fn missing_keys_have_their_defaults() {
        let now: Timestamp = "2026-11-23T00:00:00Z".parse().expect("a timestamp");
        let document = serde_json::json!({
            "version": "0.1.0", "generation": 3, "loaded_at": "2026-11-22T00:00:00Z",
            "certificates": [{"role": "server", "name": "server", "subject": "CN=a\u{1b}", "not_after": "2026-11-26T00:00:00Z"}],
            "degraded": ["sender `efi` is refused"],
        });
        let status = Status::deserialize(document).expect("a status");
        let page = page(&status, now);
        assert!(
            page.starts_with("hookspool 0.1.0, generation 3, loaded 2026-11-22T00:00:00Z (24 hours ago)\n"),
            "{page}"
        );
        assert!(page.contains(r"CN=a\u{1b}  ends 2026-11-26T00:00:00Z (in 3 days)"), "{page}");
        assert!(page.contains("sender `efi` is refused"), "{page}");
    }
}
