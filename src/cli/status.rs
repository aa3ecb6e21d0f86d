//! `hookspool status`: shows the status of the running daemon.

use std::fmt::Write as _;

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize as _;
use serde_json::Value;

use super::exit::{Exit, Failure};
use super::output::{print, print_json};
use super::runtime::block_on;
use crate::admin::{Address, EndpointStatus, SpoolStatus, Status};
use crate::client::{ClientFault, get_tcp, get_unix};
use crate::clock::{Clock, Timestamp, distance};
use crate::escape::Escaped;
use crate::refusals::HandshakeRecord;
use crate::tls::expiry::ShownCertificate;

/// Requests the status from each address until one answers. Unix sockets come first, because another program may have
/// bound a port.
///
/// # Errors
/// If the daemon does not answer, or the response is not a status document.
pub fn status(addresses: &[Address], json: bool) -> Result<Exit, Failure> {
    let (sockets, ports): (Vec<_>, Vec<_>) =
        addresses.iter().partition(|address| matches!(address, Address::Unix(_)));
    let answer = block_on(async {
        let mut faults = Vec::new();
        for address in sockets.into_iter().chain(ports) {
            match ask(address).await {
                Ok(body) => return Ok(body),
                Err(fault) => faults.push(fault),
            }
        }
        Err(faults)
    })?;
    let body = answer.map_err(|faults| Failure::Unreachable {
        what: "the daemon does not answer".to_owned(),
        why: if faults.is_empty() { "`[admin] listen` is empty".into() } else { faults.join("; ").into() },
    })?;
    let document: Value = serde_json::from_slice(&body).map_err(|why| Failure::Unreachable {
        what: "the response is not JSON, so it is not from the daemon".to_owned(),
        why: why.into(),
    })?;
    if json {
        print_json(&document)?
    } else {
        let status = Status::deserialize(&document).map_err(|why| Failure::Unreachable {
            what: "the response is not a status, so it is not from the daemon".to_owned(),
            why: why.into(),
        })?;
        print(&page(&status, Clock::System.now()))?
    }
    Ok(Exit::Success)
}

async fn ask(address: &Address) -> Result<Bytes, String> {
    let (place, answer) = match address {
        Address::Tcp(address) => (address.to_string(), get_tcp(*address, "/status").await),
        Address::Unix(path) => (format!("unix:{}", path.display()), get_unix(path, "/status").await),
        Address::Inherited(which) => {
            return Err(format!(
                "the address of `{which}` is known only to its socket unit: add a `unix:` socket"
            ));
        }
    };
    match answer {
        Ok((StatusCode::OK, body)) => Ok(body),
        Ok((status, _)) => Err(format!("`{place}` answered {status}")),
        Err(fault) => Err(with_cause(&fault)),
    }
}

fn with_cause(fault: &ClientFault) -> String {
    match std::error::Error::source(fault) {
        Some(why) => format!("{fault}: {why}"),
        None => fault.to_string(),
    }
}

/// The status for people.
fn page(status: &Status, now: Timestamp) -> String {
    let loaded = dated(&status.loaded_at, now);
    let mut out = format!(
        "hookspool {}, generation {}, loaded {loaded}\n",
        Escaped(&status.version),
        status.generation
    );
    if let Some(reload) = &status.last_reload {
        let _ = writeln!(out, "last reload   {} {}", reload.outcome.word(), dated(&reload.at, now));
        for finding in &reload.findings {
            let place = finding.place().map(|place| format!("{}: ", Escaped(&place))).unwrap_or_default();
            let _ = writeln!(out, "  {place}{}: {}", finding.severity.word(), Escaped(&finding.message));
        }
    }
    for degraded in &status.degraded {
        let _ = writeln!(out, "\x1b[1;33mdegraded\x1b[0m      {}", Escaped(degraded));
    }
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
        let _ = writeln!(out, "  {at}  {}  from {}", Escaped(&refusal.reason), Escaped(&refusal.address));
        let lines = [
            ("", refusal.claimed.as_ref().map(|claimed| claimed.subject.as_str())),
            ("", Some(refusal.detail.as_str())),
            ("offered: ", refusal.offered.as_deref()),
            ("to admit it: ", refusal.admit.as_deref()),
        ];
        for (title, text) in lines.into_iter().filter_map(|(title, text)| Some((title, text?))) {
            let _ = writeln!(out, "    {title}{}", Escaped(text));
        }
    }
}

fn dated(at: &str, now: Timestamp) -> String {
    match at.parse::<Timestamp>() {
        Ok(then) => format!("{at} ({})", distance(now, then)),
        Err(_) => Escaped(at).to_string(),
    }
}

#[cfg(test)]
mod tests {
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
