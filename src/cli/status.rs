//! `hookspool status`: shows the status of the running daemon.

use std::fmt::Write as _;

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

use super::exit::{Exit, Failure};
use super::output::{escaped_lines, print, print_json};
use super::runtime::block_on;
use crate::admin::Address;
use crate::client::{ClientFault, get_tcp, get_unix};
use crate::clock::{Clock, Timestamp, distance};
use crate::escape::Escaped;

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
        print(&page(&document, Clock::System.now()))?
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

/// The document as text. Missing keys are omitted, because the daemon may be of another version.
fn page(document: &Value, now: Timestamp) -> String {
    let mut out =
        format!("hookspool {}, generation {}", text(&document["version"]), text(&document["generation"]));
    if let Some(loaded) = document["loaded_at"].as_str() {
        let _ = write!(out, ", loaded {}", dated(loaded, now));
    }
    out.push('\n');
    let reload = &document["last_reload"];
    if reload.is_object() {
        let at = reload["at"].as_str().map(|at| format!(" {}", dated(at, now))).unwrap_or_default();
        let _ = writeln!(out, "last reload   {}{at}", text(&reload["outcome"]));
        for it in list(&reload["findings"]) {
            let place = if it["file"].is_string() {
                format!("{}:{}:{}: ", text(&it["file"]), text(&it["line"]), text(&it["column"]))
            } else {
                String::new()
            };
            let _ = writeln!(out, "  {place}{}: {}", text(&it["severity"]), text(&it["message"]));
        }
    }
    for degraded in list(&document["degraded"]) {
        let _ = writeln!(out, "\x1b[1;33mdegraded\x1b[0m      {}", text(degraded));
    }
    if !document["connections"].is_null() {
        let _ = writeln!(out, "connections   {}", text(&document["connections"]));
    }
    if !document["spool"].is_null() {
        let _ = writeln!(out, "spool         {}", text(&document["spool"]));
    }
    certificates(&mut out, &document["certificates"], now);
    endpoints(&mut out, &document["endpoints"]);
    refusals(&mut out, &document["refusals"], now);
    out
}

fn certificates(out: &mut String, certificates: &Value, now: Timestamp) {
    if list(certificates).next().is_some() {
        out.push_str("\ncertificates\n");
    }
    for it in list(certificates) {
        let ends = it["not_after"].as_str().map(|at| dated(at, now)).unwrap_or_default();
        let _ = writeln!(
            out,
            "  {:<7} {:<16} {}  ends {ends}",
            text(&it["role"]),
            text(&it["name"]),
            text(&it["subject"])
        );
    }
}

fn endpoints(out: &mut String, endpoints: &Value) {
    if list(endpoints).next().is_some() {
        out.push_str("\nendpoints\n");
    }
    for it in list(endpoints) {
        let senders: Vec<_> = list(&it["senders"]).map(text).collect();
        let _ =
            writeln!(out, "  {:<16} {}  from {}", text(&it["name"]), text(&it["path"]), senders.join(", "));
        let Some(queues) = it["entries"].as_object() else { continue };
        let counts: Vec<_> =
            queues.iter().map(|(queue, count)| format!("{} {}", text(count), Escaped(queue))).collect();
        let oldest = it["oldest_new_seconds"].as_u64().filter(|seconds| *seconds > 0);
        let oldest = oldest.map(|seconds| format!("; the oldest is {seconds} s old")).unwrap_or_default();
        let _ = writeln!(out, "  {:<16} {}{oldest}", "", counts.join(", "));
    }
}

/// The latest refusals: a line to find each in the log, and lines with the reason and with what would admit it.
fn refusals(out: &mut String, refusals: &Value, now: Timestamp) {
    if list(refusals).next().is_some() {
        out.push_str("\nrefused and failed handshakes\n");
    }
    for it in list(refusals) {
        let at = it["at"].as_str().map(|at| dated(at, now)).unwrap_or_default();
        let _ = writeln!(out, "  {at}  {}  from {}", text(&it["reason"]), text(&it["address"]));
        let lines = [
            ("", &it["claimed"]["subject"]),
            ("", &it["detail"]),
            ("offered: ", &it["offered"]),
            ("to admit it: ", &it["admit"]),
        ];
        for (title, value) in lines.into_iter().filter(|(_, value)| value.is_string()) {
            let _ = writeln!(out, "    {title}{}", text(value));
        }
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn dated(at: &str, now: Timestamp) -> String {
    match at.parse::<Timestamp>() {
        Ok(then) => format!("{at} ({})", distance(now, then)),
        Err(_) => Escaped(at).to_string(),
    }
}

/// Formats any value on one line.
fn text(value: &Value) -> String {
    match value {
        Value::Null => "?".to_owned(),
        Value::String(text) => Escaped(text).to_string(),
        Value::Object(map) => {
            map.iter().map(|(key, value)| format!("{key}: {}", text(value))).collect::<Vec<_>>().join(", ")
        }
        Value::Array(all) => all.iter().map(text).collect::<Vec<_>>().join("; "),
        Value::Bool(_) | Value::Number(_) => escaped_lines(&value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_keys_are_omitted() {
        let now: Timestamp = "2026-11-23T00:00:00Z".parse().expect("a timestamp");
        assert_eq!(page(&Value::Null, now), "hookspool ?, generation ?\n");
        let document = serde_json::json!({
            "version": "0.1.0", "generation": 3, "loaded_at": "2026-11-22T00:00:00Z",
            "certificates": [{"role": "server", "name": "server", "subject": "CN=a\u{1b}", "not_after": "2026-11-26T00:00:00Z"}],
            "degraded": ["sender `efi` is refused"],
        });
        let page = page(&document, now);
        assert!(
            page.starts_with("hookspool 0.1.0, generation 3, loaded 2026-11-22T00:00:00Z (24 hours ago)\n"),
            "{page}"
        );
        assert!(page.contains(r"CN=a\u{1b}  ends 2026-11-26T00:00:00Z (in 3 days)"), "{page}");
        assert!(page.contains("sender `efi` is refused"), "{page}");
    }
}
