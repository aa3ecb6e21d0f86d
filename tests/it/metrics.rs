//! Every metric exists, is documented and changes when it should. Unknown peers cannot add series.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use hookspool::clock::Timestamp;
use hookspool::devpki::{KeyKind, Root};

use crate::wire::{Wire, client_config};
use crate::world::{Daemon, World, eventually, rounds};

/// All metrics, each with a series that exists from the start and its initial value.
const METRICS: [(&str, &str, f64); 26] = [
    ("hookspool_deliveries_total", "{endpoint=\"pix\",outcome=\"stored\"}", 0.0),
    ("hookspool_delivery_seconds", "_count{endpoint=\"pix\"}", 0.0),
    ("hookspool_handshakes_total", "{outcome=\"accepted\"}", 0.0),
    ("hookspool_handshake_failures_total", "{reason=\"other\"}", 0.0),
    ("hookspool_refusals_total", "{reason=\"unknown_ca\"}", 0.0),
    ("hookspool_connections", "", 0.0),
    ("hookspool_connections_refused_total", "{reason=\"proxy\"}", 0.0),
    ("hookspool_stalls_total", "{kind=\"header\"}", 0.0),
    ("hookspool_http2_goaways_total", "{reason=\"rate\"}", 0.0),
    ("hookspool_accept_errors_total", "", 0.0),
    ("hookspool_commit_seconds", "_count", 0.0),
    ("hookspool_commit_batch_entries", "_count", 0.0),
    ("hookspool_endpoint_faulty", "{endpoint=\"pix\"}", 0.0),
    ("hookspool_reloads_total", "{outcome=\"rejected\"}", 0.0),
    ("hookspool_generation", "", 1.0),
    ("hookspool_reload_last_success_timestamp_seconds", "", f64::NAN),
    ("hookspool_certificate_not_after_timestamp_seconds", "{name=\"server\",role=\"server\"}", f64::NAN),
    ("hookspool_certificate_not_before_timestamp_seconds", "{name=\"server\",role=\"server\"}", f64::NAN),
    ("hookspool_spool_entries", "{endpoint=\"pix\",queue=\"failed\"}", 0.0),
    ("hookspool_spool_oldest_new_seconds", "{endpoint=\"pix\"}", 0.0),
    ("hookspool_spool_oldest_taken_seconds", "{endpoint=\"pix\"}", 0.0),
    ("hookspool_spool_returned_total", "{endpoint=\"pix\"}", 0.0),
    ("hookspool_spool_corrupt_entries", "", 0.0),
    ("hookspool_spool_free_bytes", "", f64::NAN),
    ("hookspool_watcher_alive", "", 1.0),
    ("hookspool_log_lines_dropped_total", "", 0.0),
];

/// The metrics of `hookspool forward`, which the daemon does not serve.
const FORWARD: [&str; 6] = [
    "hookspool_forward_attempts_total",
    "hookspool_forward_seconds",
    "hookspool_forward_in_flight",
    "hookspool_forward_retrying",
    "hookspool_forward_target_up",
    "hookspool_forward_oldest_seconds",
];

fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)
}

/// The names of metrics in a text, without the suffixes of histograms.
fn names(text: &str) -> BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let words = text.split(|c| !is_name(c)).filter(|word| word.starts_with("hookspool_"));
    words
        .map(|word| {
            let ends = ["_bucket", "_sum", "_count"];
            ends.iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word).to_owned()
        })
        .collect()
}

fn served() -> BTreeSet<String> {
    METRICS.iter().map(|(name, _, _)| (*name).to_owned()).collect()
}

fn all() -> BTreeSet<String> {
    served().into_iter().chain(FORWARD.map(str::to_owned)).collect()
}

fn series(daemon: &Daemon) -> BTreeSet<String> {
    let (_, text) = daemon.admin("/metrics");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())).collect()
}

fn closed_sets() -> impl Iterator<Item = &'static str> {
    use hookspool::metrics::{
        DeliveryOutcome, GoAwayReason, HandshakeFailureReason, RefusalReason, StallKind,
    };
    let stalls = StallKind::ALL.iter().map(|kind| kind.word());
    let peers = GoAwayReason::ALL.iter().map(|reason| reason.word()).chain(stalls);
    let failures = HandshakeFailureReason::ALL.iter().map(|reason| reason.word());
    let refusals = RefusalReason::ALL.iter().map(|reason| reason.word());
    DeliveryOutcome::ALL.iter().map(|outcome| outcome.word()).chain(refusals).chain(failures).chain(peers)
}

#[test]
fn every_metric_exists_from_the_start_and_is_documented() {
    let world = World::new();
    let daemon = world.start();
    for (name, labels, value) in METRICS {
        let is = daemon.metric(&format!("{name}{labels} "));
        assert!(value.is_nan() && is > 0.0 || is == value, "{name}{labels} is {is}");
    }
    let (_, text) = daemon.admin("/metrics");
    assert_eq!(names(&text), served(), "the metrics that are served");
    assert_eq!(
        names(&fs::read_to_string(docs("monitoring.md")).unwrap()),
        all(),
        "the metrics that are documented"
    );
    for outcome in closed_sets() {
        assert!(text.contains(&format!("=\"{outcome}\"}} 0\n")), "{outcome}");
        assert!(fs::read_to_string(docs("monitoring.md")).unwrap().contains(outcome), "{outcome}");
    }
}

#[test]
fn each_metric_changes_when_it_should() {
    let world = World::new();
    let daemon = world.start();
    let mut wire = Wire::connect(&world, &daemon, "client");
    for (path, status) in [("/webhooks/pix", 200), ("/none", 404), ("/second", 403)] {
        assert_eq!(wire.post(path, b"{}").unwrap().status, status, "{path}");
    }
    for (endpoint, outcome) in [("pix", "stored"), ("-", "not_found"), ("second", "forbidden")] {
        let labels = format!("{{endpoint=\"{endpoint}\",outcome=\"{outcome}\"}} ");
        assert_eq!(daemon.metric(&format!("hookspool_deliveries_total{labels}")), 1.0, "{labels}");
    }
    assert_eq!(daemon.metric("hookspool_delivery_seconds_count{endpoint=\"pix\"} "), 1.0);
    assert_eq!(daemon.metric("hookspool_connections "), 1.0);
    assert_eq!(daemon.metric("hookspool_commit_seconds_count "), 1.0);
    assert_eq!(daemon.metric("hookspool_commit_batch_entries_sum "), 1.0);
    let client = |which: &str| {
        let name = format!("hookspool_certificate_{which}_timestamp_seconds");
        daemon.metric(&format!("{name}{{name=\"bank\",role=\"client\"}} "))
    };
    assert!(client("not_before") > 0.0 && client("not_after") > client("not_before"));
    drop(wire);
    eventually("the connection has ended", || (daemon.metric("hookspool_connections ") == 0.0).then_some(()));

    for (name, reason) in [("nobody", "rule"), ("stranger", "unknown_ca")] {
        assert!(Wire::connect(&world, &daemon, name).post("/webhooks/pix", b"{}").is_err());
        eventually(reason, || {
            (daemon.metric(&format!("hookspool_refusals_total{{reason=\"{reason}\"}} ")) == 1.0).then_some(())
        });
    }
    assert_eq!(daemon.metric("hookspool_handshakes_total{outcome=\"refused\"} "), 2.0);
    assert_eq!(daemon.metric("hookspool_handshakes_total{outcome=\"accepted\"} "), 1.0);

    eventually("the entry is counted", || {
        (daemon.metric("hookspool_spool_entries{endpoint=\"pix\",queue=\"new\"} ") == 1.0
            && daemon.metric("hookspool_spool_oldest_new_seconds{endpoint=\"pix\"} ") > 0.0)
            .then_some(())
    });
    let id = world.entries("pix").into_keys().next().unwrap();
    let at = |folder: &str| world.path(&format!("spool/{folder}/{id}.hook"));
    fs::copy(at("pix/new"), at("corrupt")).unwrap();
    fs::rename(at("pix/new"), at("pix/taken")).unwrap();
    eventually("the claimed and the corrupt entry are counted", || {
        (daemon.metric("hookspool_spool_oldest_taken_seconds{endpoint=\"pix\"} ") > 0.0
            && daemon.metric("hookspool_spool_corrupt_entries ") == 1.0)
            .then_some(())
    });
    let (_, status) = daemon.admin("/status");
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["spool"]["corrupt_entries"], 1);
    let of_pix = status["endpoints"].as_array().unwrap().iter().find(|it| it["name"] == "pix").unwrap();
    assert!(of_pix["oldest_taken_seconds"].as_i64() > Some(0), "{of_pix}");
    let page = String::from_utf8(world.run(&["status"]).stdout).unwrap();
    assert!(page.contains(", 1 corrupt\n") && page.contains("; the oldest in taken was claimed "), "{page}");

    let reloads =
        |outcome: &str| daemon.metric(&format!("hookspool_reloads_total{{outcome=\"{outcome}\"}} "));
    world.run(&["reload"]);
    assert_eq!(reloads("unchanged"), 1.0);
    let text = fs::read_to_string(world.path("webhooks.toml")).unwrap();
    fs::write(world.path("webhooks.toml"), text.replace("suffixes = [", "suffixes = [\"/new\", ")).unwrap();
    world.run(&["reload"]);
    eventually("the reload", || (reloads("applied") == 1.0).then_some(()));
    assert_eq!(daemon.metric("hookspool_generation "), 2.0);
    fs::write(world.path("webhooks.toml"), "nonsense").unwrap();
    world.run(&["reload"]);
    eventually("the rejection", || (reloads("rejected") >= 1.0).then_some(()));
}

#[test]
fn both_dates_are_of_the_certificate_that_expires_first() {
    let world = World::new();
    let daemon = world.start();
    let dates = |role: &str, name: &str| {
        ["not_before", "not_after"].map(|which| {
            let metric = format!("hookspool_certificate_{which}_timestamp_seconds");
            daemon.metric(&format!("{metric}{{name=\"{name}\",role=\"{role}\"}} ")) as i64
        })
    };
    let shown = |role: &str| {
        let (_, status) = daemon.admin("/status");
        let status: serde_json::Value = serde_json::from_str(&status).unwrap();
        let all = status["certificates"].as_array().unwrap().clone();
        let of_role = all.into_iter().filter(|it| it["role"] == role && it["name"] == "bank");
        let seconds = |it: &serde_json::Value, which: &str| {
            it[which].as_str().unwrap().parse::<Timestamp>().unwrap().as_second()
        };
        of_role.map(|it| [seconds(&it, "not_before"), seconds(&it, "not_after")]).collect::<Vec<_>>()
    };
    let [first] = shown("anchor")[..] else { panic!("one anchor") };
    assert_eq!(dates("anchor", "bank"), first);

    // Together with one that begins and ends earlier, in both orders.
    let own = fs::read_to_string(world.cert("root-ca")).unwrap();
    let earlier = Timestamp::now() - Duration::from_secs(100 * 86_400);
    let earlier = Root::new(KeyKind::EcdsaP256, earlier).unwrap().issued.certificate_pem;
    for bundle in [format!("{earlier}{own}"), format!("{own}{earlier}")] {
        fs::write(world.cert("root-ca"), bundle).unwrap();
        assert!(world.run(&["reload"]).status.success());
        let both = shown("anchor");
        let expected = both.iter().min_by_key(|[_, not_after]| *not_after).unwrap();
        assert!(both.len() == 2 && *expected != first, "{both:?}");
        assert_eq!(dates("anchor", "bank"), *expected);
    }
}

#[test]
fn unknown_peers_add_no_series() {
    let world = World::new();
    let daemon = world.start();
    // One of each kind, so that the series that they are allowed to add exist.
    assert_eq!(Wire::connect(&world, &daemon, "client").post("/webhooks/pix", b"{}").unwrap().status, 200);
    let before = series(&daemon);
    let root = Root::new(KeyKind::EcdsaP256, Timestamp::now()).unwrap();
    let mut known = Wire::connect(&world, &daemon, "client");
    let count = 1000 * rounds(1);
    for number in 0..count {
        let name = format!("stranger-{number}");
        let issued = root.client(&name).unwrap();
        fs::write(world.cert("other"), &issued.certificate_pem).unwrap();
        fs::write(world.key("other"), &issued.key_pem).unwrap();
        let mut wire = Wire::with_config(client_config(&world, "other"), daemon.port).unwrap();
        assert!(wire.post(&format!("/{name}"), b"{}").is_err());
        assert_eq!(known.post(&format!("/{name}"), b"{}").unwrap().status, 404);
    }
    eventually("all are counted", || {
        let refused: f64 = daemon.metric("hookspool_refusals_total{reason=\"unknown_ca\"} ");
        (refused as usize == count).then_some(())
    });
    assert_eq!(series(&daemon), before);
}

#[test]
fn alert_rules_and_dashboard_use_existing_metrics() {
    for file in ["monitoring/alerts.yml", "monitoring/dashboard.json"] {
        let text = fs::read_to_string(docs(file)).unwrap();
        let named = names(&text);
        assert!(named.len() > 5 && named.is_subset(&all()), "{file}: {named:?}");
    }
    let dashboard = fs::read_to_string(docs("monitoring/dashboard.json")).unwrap();
    assert_eq!(names(&dashboard), all());
    serde_json::from_str::<serde_json::Value>(&dashboard).unwrap();
    let checked = Command::new("promtool")
        .args(["check", "rules"])
        .arg(docs("monitoring/alerts.yml"))
        .output()
        .unwrap();
    assert!(checked.status.success(), "{checked:?}");
}
