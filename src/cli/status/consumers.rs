//! The status of `hookspool forward` and its consumers.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::page::{condition, dated};
use crate::admin::EndpointStatus;
use crate::clock::{Timestamp, length};
use crate::escape::Escaped;
use crate::forward::ConsumerStatus;
use crate::forwarder::ForwardStatus;

/// The document of `hookspool forward`, with the number of entries in `failed/` for each consumer.
pub(super) fn document(mut document: Value, status: &ForwardStatus, endpoints: &[EndpointStatus]) -> Value {
    document["running"] = true.into();
    for (number, consumer) in status.consumers.iter().enumerate() {
        document["consumers"][number]["in_failed"] = json!(in_failed(consumer, endpoints));
    }
    document
}

/// The text if `hookspool forward` does not answer, although there is a `[[consumer]]`.
pub(super) fn not_running(why: &str) -> String {
    format!("\n\x1b[1;33mforward is not running\x1b[0m: {}\n", Escaped(why))
}

/// The status as text.
pub(super) fn page(status: &ForwardStatus, endpoints: &[EndpointStatus], now: Timestamp) -> String {
    let mut out = format!("\nforward {}, generation {}\n", Escaped(&status.version), status.generation);
    condition(&mut out, status.last_reload.as_ref(), &status.degraded, now);
    for consumer in &status.consumers {
        let target = if consumer.target_up { "target up" } else { "\x1b[1;31mtarget down\x1b[0m" };
        let (name, of) = (Escaped(&consumer.name).to_string(), consumer.endpoints.join(", "));
        let _ =
            writeln!(out, "  {name:<16} {}, entries of {}, {target}", Escaped(&consumer.kind), Escaped(&of));
        let ConsumerStatus { waiting, in_flight, retrying, .. } = consumer;
        let failed = match in_failed(consumer, endpoints) {
            Some(entries) => format!("{entries} failed"),
            None => format!("{} failed since its start", consumer.failed),
        };
        let oldest =
            consumer.oldest_seconds.map(|seconds| format!("; the oldest has waited for {}", length(seconds)));
        let oldest = oldest.unwrap_or_default();
        let _ = writeln!(
            out,
            "  {:<16} {waiting} waiting, {in_flight} in flight, {retrying} retrying, {failed}{oldest}",
            ""
        );
        if let Some(error) = &consumer.last_error {
            let (at, id) = (dated(&error.at, now), Escaped(&error.id));
            let _ = writeln!(out, "  {:<16} last error {at}, entry {id}: {}", "", Escaped(&error.reason));
        }
    }
    out
}

/// The entries in `failed/` of the endpoints of a consumer; none if the daemon does not know all of them. A consumer itself counts only the entries of its process.
fn in_failed(consumer: &ConsumerStatus, endpoints: &[EndpointStatus]) -> Option<i64> {
    let of = |name: &String| endpoints.iter().find(|endpoint| endpoint.name == *name)?.entries.get("failed");
    consumer.endpoints.iter().map(of).sum()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize as _;

    use super::*;

    fn endpoint(name: &str, failed: i64) -> EndpointStatus {
        let entries = [("failed".to_owned(), failed)].into();
        EndpointStatus { name: name.to_owned(), entries, ..Default::default() }
    }

    #[test]
    fn consumers_are_shown_with_the_failed_entries_of_all_their_endpoints() {
        let now: Timestamp = "2026-11-23T00:05:00Z".parse().expect("a timestamp");
        let received = json!({
            "version": "0.1.0", "generation": 2, "degraded": ["a fault"], "later": 1,
            "consumers": [
                {"name": "ledger", "kind": "http", "endpoints": ["pix", "cob"], "waiting": 12, "oldest_seconds": 40,
                 "in_flight": 3, "retrying": 1, "failed": 1, "target_up": false, "last_error":
                 {"at": "2026-11-23T00:00:00Z", "id": "0192", "reason": "503\u{1b}"}},
                {"name": "other", "kind": "exec", "endpoints": ["boleto"], "failed": 5, "target_up": true},
            ],
        });
        let status = ForwardStatus::deserialize(&received).expect("a status");
        let endpoints = [endpoint("pix", 4), endpoint("cob", 3)];
        let text = anstream::adapter::strip_str(&page(&status, &endpoints, now)).to_string();
        let expected = "\nforward 0.1.0, generation 2\n\
            degraded      a fault\n  \
            ledger           http, entries of pix, cob, target down\n                   \
            12 waiting, 3 in flight, 1 retrying, 7 failed; the oldest has waited for 40 seconds\n                   \
            last error 2026-11-23T00:00:00Z (5 minutes ago), entry 0192: 503\\u{1b}\n  \
            other            exec, entries of boleto, target up\n                   \
            0 waiting, 0 in flight, 0 retrying, 5 failed since its start\n";
        assert_eq!(text, expected);
        let document = document(received.clone(), &status, &endpoints);
        assert_eq!((&document["running"], &document["later"]), (&json!(true), &json!(1)));
        let in_failed = [0, 1].map(|number| &document["consumers"][number]["in_failed"]);
        assert_eq!(in_failed, [&json!(7), &Value::Null]);
        assert_eq!(document["consumers"][0]["failed"], received["consumers"][0]["failed"]);
    }
}
