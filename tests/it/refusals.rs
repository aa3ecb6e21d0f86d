//! The reasons of refusals: the operator sees all details, the peer only an alert.

use std::fs;
use std::io::{Read, Write};

use rustls::{AlertDescription, Error};
use serde_json::Value;

use crate::wire::{Wire, client_config};
use crate::world::{Daemon, World};

fn alert(world: &World, daemon: &Daemon, name: &str) -> Option<AlertDescription> {
    let mut wire = Wire::with_config(client_config(world, name), daemon.port).unwrap();
    let refused =
        wire.0.write_all(b"POST / HTTP/1.1\r\n\r\n").and_then(|()| wire.0.read(&mut [0; 64])).unwrap_err();
    match refused.get_ref()?.downcast_ref::<Error>()? {
        Error::AlertReceived(alert) => Some(*alert),
        other => panic!("{other}"),
    }
}

#[test]
fn a_refusal_contains_sender_expected_and_presented_values_and_advice() {
    let world = World::new();
    let daemon = world.start();
    assert_eq!(alert(&world, &daemon, "nobody"), Some(AlertDescription::AccessDenied));
    let line = daemon.logged("peer refused", |line| line["reason"] == "rule");
    for (field, expected) in [
        ("stage", "handshake"),
        ("sni", "localhost"),
        ("vouched", "bank,second"),
        ("expected", "bank: cn `client`; second: cn `second`"),
        ("presented", "bank: cn `nobody`; second: cn `nobody`"),
        (
            "admit",
            "sender `bank`: cn = ['client', 'nobody']; sender `second`: cn = ['second', 'nobody']  # this CA also issues for others: ask the bank",
        ),
        ("claimed_subject", "CN=nobody,O=hookspool development"),
        ("claimed_issuer", "CN=hookspool development root,O=hookspool development"),
    ] {
        assert_eq!(line[field], expected, "{field}: {line:#}");
    }
    for field in ["peer", "claimed_serial", "claimed_not_before", "claimed_not_after"] {
        assert!(line[field].is_string(), "{field}: {line:#}");
    }
    assert_eq!(line["claimed_sha256"].as_str().unwrap().len(), 64);
    assert_eq!(line["claimed_spki_sha256"].as_str().unwrap().len(), 64);
}

#[test]
fn there_is_no_advice_for_an_unknown_ca() {
    let world = World::new();
    let daemon = world.start();
    assert_eq!(alert(&world, &daemon, "stranger"), Some(AlertDescription::UnknownCA));
    let line = daemon.logged("peer refused", |line| line["reason"] == "unknown_ca");
    let detail = line["detail"].as_str().unwrap();
    assert!(
        detail.starts_with(
            "not issued by any configured CA; compare this fingerprint with the bank before trusting it"
        ),
        "{detail}"
    );
    for field in ["vouched", "expected", "presented", "admit"] {
        assert!(line[field].is_null(), "{line:#}");
    }
    assert!(!line.to_string().contains("cn = "), "{line:#}");
}

#[test]
fn a_flood_of_refusals_is_counted_but_not_all_logged() {
    let world = World::new();
    let daemon = world.start();
    for _ in 0..130 {
        alert(&world, &daemon, "stranger");
    }
    assert_eq!(alert(&world, &daemon, "nobody"), Some(AlertDescription::AccessDenied));
    daemon.logged("peer refused", |line| line["reason"] == "rule");
    assert_eq!(daemon.metric("hookspool_refusals_total{reason=\"unknown_ca\"}"), 130.0);
    let status: Value = serde_json::from_str(&daemon.admin("/status").1).unwrap();
    let kept = status["refusals"].as_array().unwrap();
    let kept: Vec<_> = kept.iter().map(|it| (it["reason"].as_str().unwrap(), it["count"].as_u64())).collect();
    assert_eq!(kept, [("unknown_ca", Some(130)), ("rule", Some(1))]);
    let held_back = daemon.logged("refusals not logged; rate limit exceeded", |_| true);
    let logged = daemon
        .log_text()
        .lines()
        .filter(|line| line.contains("\"unknown_ca\"") && line.contains("peer refused"))
        .count();
    assert_eq!(held_back["reason"], "unknown_ca");
    // One in 10 s.
    assert!((1..20).contains(&logged), "{logged}");
}

#[test]
fn refused_requests_of_one_sender_neither_fill_the_log_nor_suppress_those_of_another() {
    let world = World::new();
    let daemon = world.start();
    let mut wire = Wire::connect(&world, &daemon, "client");
    for _ in 0..1_000 {
        assert_eq!(wire.post("/nowhere", b"{}").unwrap().status, 404);
    }
    let other = Wire::connect(&world, &daemon, "second").post("/nowhere", b"{}").unwrap();
    assert_eq!((other.status, wire.post("/second", b"{}").unwrap().status), (404, 403));
    daemon.logged("delivery refused", |line| line["senders"] == "second");
    daemon.logged("delivery refused", |line| line["reason"] == "forbidden");
    daemon.logged("refusals not logged; rate limit exceeded", |line| line["reason"] == "not_found");
    let logged = daemon.lines("delivery refused").len();
    assert!((52..200).contains(&logged), "{logged}");
    let counted = "hookspool_deliveries_total{endpoint=\"-\",outcome=\"not_found\"}";
    assert_eq!(daemon.metric(counted), 1_001.0);
    assert_eq!(wire.post("/webhooks/pix", b"{}").unwrap().status, 200);
}

#[test]
fn the_exit_code_of_explain_is_the_decision() {
    let world = World::new();
    let code = |args: &[&str]| world.run(&[&["explain"], args].concat()).status.code().unwrap();
    assert_eq!(code(&["--cert", "certs/client.pem"]), 0);
    assert_eq!(code(&["--cert", "certs/client.pem", "--endpoint", "pix"]), 0);
    assert_eq!(code(&["--cert", "certs/client.pem", "--endpoint", "second"]), 1, "403");
    assert_eq!(code(&["--cert", "certs/client.pem", "--endpoint", "nowhere"]), 64);
    assert_eq!(code(&["--cert", "certs/nobody.pem"]), 1);
    assert_eq!(code(&["--cert", "certs/missing.pem"]), 66);
    assert_eq!(code(&["--cert", "webhooks.toml"]), 65);
    let printed = world.run(&["explain", "--cert", "certs/nobody.pem"]);
    let printed = String::from_utf8_lossy(&printed.stdout);
    for words in [
        "refused: rule: ",
        "to admit it: sender `bank`: cn = ['client', 'nobody']",
        "cn must be `client`: the certificate has `nobody`",
    ] {
        assert!(printed.contains(words), "{words}: {printed}");
    }
    let stranger = world.run(&["explain", "--cert", "certs/stranger.pem", "--json"]);
    let document: Value = serde_json::from_slice(&stranger.stdout).unwrap();
    assert_eq!((&document["reason"], &document["admit"]), (&Value::from("unknown_ca"), &Value::Null));
    fs::write(world.path("broken.toml"), "[server]\nlisten = 1\n").unwrap();
    assert_eq!(code(&["--cert", "certs/client.pem", "--config", "broken.toml"]), 78);
}

#[test]
fn certs_show_prints_lines_that_can_be_pasted() {
    let world = World::new();
    let shown = world.run(&["certs", "show", "certs/server.pem"]);
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    for words in [
        "san_dns       localhost",
        "san_ip        127.0.0.1",
        "# san_dns = ['localhost']",
        "# spki_sha256 = ['",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    // Every line that it suggests for a client admits that client.
    let json = world.run(&["certs", "show", "--json", "certs/client.pem"]);
    let document: Value = serde_json::from_slice(&json.stdout).unwrap();
    let matchers = document["files"][0]["certificates"][0]["sender"]["matchers"].as_object().unwrap().clone();
    assert!(matchers.len() >= 4, "{matchers:?}");
    let lines: String = matchers.iter().map(|(key, values)| format!("{key} = {values}\n")).collect();
    let text =
        fs::read_to_string(world.path("webhooks.toml")).unwrap().replacen("cn = [\"client\"]\n", &lines, 1);
    fs::write(world.path("webhooks.toml"), text).unwrap();
    let explained = world.run(&["explain", "--cert", "certs/client.pem"]);
    assert!(explained.status.success(), "{explained:?}");
    assert!(!world.run(&["explain", "--cert", "certs/nobody.pem"]).status.success());
}
