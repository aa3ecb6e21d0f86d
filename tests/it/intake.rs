//! What comes and what goes back: the table of HTTP, and the entries it leaves.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::wire::Wire;
use crate::world::{Daemon, World, eventually};

const MIB: usize = 1 << 20;

fn samples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let mut samples: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    samples.sort();
    samples
}

/// curl with a certificate: the status, the headers and the body of the answer.
fn curl(world: &World, daemon: &Daemon, identity: &str, path: &str, more: &[&str]) -> (u16, String, String) {
    let mut command = Command::new("curl");
    command
        .args(["-sS", "--max-time", "20", "-D", "-", "--path-as-is", "--cacert"])
        .arg(world.cert("root-ca"));
    command.arg("--cert").arg(world.cert(identity)).arg("--key").arg(world.key(identity));
    let output = command.args(more).arg(daemon.url(path)).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    // A `100 Continue` stands before the answer.
    let text = text.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n").unwrap_or(&text);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), body.to_owned())
}

fn id(answer: &str) -> String {
    let document: Value = serde_json::from_str(answer).unwrap();
    document["id"].as_str().unwrap().to_owned()
}

#[test]
fn every_sample_is_kept_byte_for_byte_under_every_form_of_the_path() {
    let world = World::new();
    let daemon = world.start();
    let mut wire = Wire::connect(&world, &daemon, "client");
    let samples = samples();
    assert_eq!(samples.len(), 12);
    for sample in &samples {
        let payload = fs::read(sample).unwrap();
        for (path, event) in [
            ("/webhooks/pix", Value::Null),
            ("/webhooks/pix/", Value::Null),
            ("/webhooks/pix/pix", json!("pix")),
            ("/webhooks/pix//pix", json!("pix")),
            ("/webhooks/pix?x=1&ignorar=/pix", json!("pix")),
        ] {
            let answer = wire.post(path, &payload).unwrap();
            assert_eq!(answer.status, 200, "{path}");
            let entries = world.entries("pix");
            let entry = &entries[&id(&answer.body)];
            assert_eq!(entry.payload, payload, "{} to {path}", sample.display());
            assert_eq!(entry.envelope["event"], event, "{path}");
            let (target, query) = path.split_once('?').map_or((path, None), |(p, q)| (p, Some(q)));
            assert_eq!(entry.envelope["request"]["path"], target);
            assert_eq!(entry.envelope["request"]["query"], json!(query));
        }
    }
    assert_eq!(world.spool_files().len(), 60);
    assert!(!daemon.log_text().contains("ignorar"), "query strings never reach the log");
}

#[test]
fn any_body_is_taken_as_it_is() {
    let world = World::new();
    let daemon = world.start();
    let mut wire = Wire::connect(&world, &daemon, "client");
    let gzip = Command::new("gzip").args(["-c"]).arg(&samples()[0]).output().unwrap().stdout;
    assert!(gzip.starts_with(&[0x1f, 0x8b]));
    let bodies: [&[u8]; 6] =
        [b"", b"not json", b"\xff\xfe\x00\n\n{", &gzip, b"{\"a\":1}\n", &vec![b'x'; MIB]];
    for body in bodies {
        let answer = wire.post("/webhooks/pix", body).unwrap();
        assert_eq!(answer.status, 200);
        assert_eq!(world.entries("pix")[&id(&answer.body)].payload, body);
    }
}

#[test]
fn one_byte_too_many_is_413_and_leaves_nothing() {
    let world = World::new();
    let daemon = world.start();
    let big = world.path("big");
    fs::write(&big, vec![b'x'; MIB + 1]).unwrap();
    let file = format!("@{}", big.display());
    for version in ["--http1.1", "--http2"] {
        for more in [&[][..], &["-H", "Transfer-Encoding: chunked"], &["-H", "Expect:"]] {
            let args = [&[version, "--data-binary", &file], more].concat();
            let (status, _, body) = curl(&world, &daemon, "client", "/webhooks/pix", &args);
            assert_eq!((status, body.as_str()), (413, "{\"error\":\"too_large\"}\n"), "{args:?}");
        }
    }
    // Much more, sent by a client that looks for its answer only afterwards.
    let mut wire = Wire::connect(&world, &daemon, "client");
    let head = format!("POST /webhooks/pix HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", MIB + 1);
    wire.send(head).unwrap();
    wire.send(vec![b'x'; MIB + 1]).unwrap();
    assert_eq!(wire.answer().unwrap().status, 413);
    assert_eq!(world.spool_files(), Vec::<PathBuf>::new());
}

#[test]
fn refusals_come_in_their_order() {
    let world = World::new();
    let daemon = world.start();
    let ask = |identity: &str, method: &str, path: &str, length: usize| {
        let mut wire = Wire::connect(&world, &daemon, identity);
        wire.send(format!("{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n"))
            .unwrap();
        wire.send(vec![b'x'; length.min(MIB)]).unwrap();
        wire.answer().unwrap()
    };
    let too_large = MIB + 1;
    assert_eq!(ask("second", "GET", "/nowhere", too_large).status, 404);
    assert_eq!(ask("second", "GET", "/webhooks/pix", too_large).status, 403);
    let wrong_method = ask("client", "PUT", "/webhooks/pix", too_large);
    assert_eq!(wrong_method.status, 405);
    assert!(wrong_method.head.contains("\r\nallow: post"), "{}", wrong_method.head);
    assert_eq!(ask("client", "POST", "/webhooks/pix", too_large).status, 413);
    for (identity, path, word) in
        [("client", "/nowhere", "not_found"), ("second", "/webhooks/pix", "forbidden")]
    {
        let answer = ask(identity, "POST", path, 2);
        assert_eq!(answer.body, format!("{{\"error\":\"{word}\"}}\n"));
    }
    for stranger in
        ["/webhooks/pix/other", "/webhooks//pix", "/webhooks/pi%78", "/webhooks/pix/pix/", "/WEBHOOKS/pix"]
    {
        assert_eq!(ask("client", "POST", stranger, 2).status, 404, "{stranger}");
    }
    assert_eq!(world.spool_files(), Vec::<PathBuf>::new());
    assert_eq!(daemon.metric("hookspool_deliveries_total{endpoint=\"pix\",outcome=\"forbidden\"}"), 2.0);
}

#[test]
fn low_space_is_503_before_anything_about_the_body() {
    let world = World::new();
    world.configure_all("", "min_free = \"1000000 GiB\"");
    let daemon = world.start();
    let mut wire = Wire::connect(&world, &daemon, "client");
    wire.send(format!("POST /webhooks/pix HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", MIB + 1))
        .unwrap();
    let answer = wire.answer().unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (503, "{\"error\":\"unavailable\"}\n"));
    assert!(answer.head.contains("\r\nretry-after: "), "{}", answer.head);
    let (status, body) = daemon.admin("/readyz");
    assert_eq!(status, 503);
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()[0]["code"], "spool_low_space");
}

#[test]
fn no_continue_is_sent_to_whom_nothing_is_taken_from() {
    let world = World::new();
    let daemon = world.start();
    let expecting = |identity: &str, path: &str| {
        let mut wire = Wire::connect(&world, &daemon, identity);
        wire.send(format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n"
        ))
        .unwrap();
        let first = wire.answer().unwrap();
        (wire, first)
    };
    assert_eq!(expecting("client", "/nowhere").1.status, 404);
    assert_eq!(expecting("second", "/webhooks/pix").1.status, 403);
    let (mut wire, first) = expecting("client", "/webhooks/pix");
    assert_eq!(first.status, 100);
    wire.send("{}").unwrap();
    assert_eq!(wire.answer().unwrap().status, 200);
}

#[test]
fn an_endpoint_answers_as_it_is_told() {
    let world = World::new();
    let daemon = world.start();
    let header = ["-d", "{}", "-H", "X-Webhook-Interaction-Id: abc-1", "-H", "X-Other: x"];
    let (status, head, body) = curl(&world, &daemon, "client", "/ofb", &header);
    assert_eq!(status, 202);
    assert!(head.contains("x-webhook-interaction-id: abc-1") && !head.contains("x-other"), "{head}");
    assert_eq!(world.entries("ofb").len(), 1);
    assert!(world.entries("ofb").contains_key(&id(&body)));
    let (status, head, body) = curl(&world, &daemon, "client", "/quiet", &header);
    assert_eq!((status, body.as_str()), (204, ""));
    assert!(!head.contains("content-type"), "{head}");
    assert_eq!(world.entries("quiet").len(), 1);
}

#[test]
fn the_envelope_holds_what_the_contract_says() {
    let world = World::new();
    let daemon = world.start();
    let mut wire = Wire::connect(&world, &daemon, "client");
    wire.send("POST /webhooks/pix/rec HTTP/1.1\r\nhost: x\r\nX-Bytes: a\u{e9}\r\nx-twice: 1\r\nX-Twice: 2\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nhi").unwrap();
    let id = id(&wire.answer().unwrap().body);
    let entries = world.entries("pix");
    let envelope = &entries[&id].envelope;
    let keys: Vec<_> = envelope.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "version",
            "id",
            "received_at",
            "endpoint",
            "sender",
            "event",
            "request",
            "peer",
            "generation",
            "payload"
        ]
    );
    let peer: Vec<_> = envelope["peer"].as_object().unwrap().keys().collect();
    assert_eq!(
        peer,
        [
            "address",
            "subject",
            "issuer",
            "common_name",
            "serial",
            "sha256",
            "spki_sha256",
            "not_before",
            "not_after",
            "tls_version",
            "cipher_suite"
        ]
    );
    assert_eq!(envelope["version"], 1);
    assert_eq!(envelope["id"], id.as_str());
    assert_eq!((id.len(), &id[14..15]), (36, "7"));
    assert_eq!(envelope["event"], "rec");
    assert_eq!(envelope["peer"]["common_name"], "client");
    assert_eq!(envelope["peer"]["subject"], "CN=client,O=hookspool development");
    assert_eq!(envelope["peer"]["tls_version"], "TLSv1.3");
    assert!(envelope["peer"]["cipher_suite"].as_str().unwrap().starts_with("TLS13_"));
    assert_eq!(envelope["request"]["http_version"], "HTTP/1.1");
    assert_eq!(envelope["payload"]["content_type"], "text/plain");
    assert_eq!(envelope["generation"], 1);
    let received = envelope["received_at"].as_str().unwrap();
    assert!(received.ends_with('Z') && received.len() == "2026-11-23T14:01:00.123456Z".len(), "{received}");
    let headers = envelope["request"]["headers"].as_array().unwrap();
    // U+00E9 went out as the two bytes of its UTF-8, and each byte has its code point.
    assert!(headers.contains(&json!(["x-bytes", "a\u{c3}\u{a9}"])), "{headers:?}");
    assert!(headers.contains(&json!(["x-twice", "1"])) && headers.contains(&json!(["x-twice", "2"])));
    daemon.logged("delivery stored", |line| line["id"] == id.as_str() && line["bytes"] == 2);
}

#[test]
fn a_sender_that_hangs_up_in_the_middle_leaves_nothing() {
    let world = World::new();
    let daemon = world.start();
    let mut wire = Wire::connect(&world, &daemon, "client");
    wire.send("POST /webhooks/pix HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf").unwrap();
    assert!(wire.is_silent_for(Duration::from_millis(50)));
    drop(wire);
    daemon.logged("delivery refused", |line| line["reason"] == "aborted");
    let aborted = "hookspool_deliveries_total{endpoint=\"pix\",outcome=\"aborted\"}";
    eventually("the hang-up is counted", || (daemon.metric(aborted) == 1.0).then_some(()));
    assert_eq!(world.spool_files(), Vec::<PathBuf>::new());
}

#[test]
fn a_client_that_closes_its_side_after_its_request_still_gets_its_answer() {
    let world = World::new();
    let daemon = world.start();
    for _ in 0..10 {
        let mut wire = Wire::connect(&world, &daemon, "client");
        wire.0.conn.complete_io(&mut wire.0.sock).unwrap();
        let request = "POST /webhooks/pix HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}";
        std::io::Write::write_all(&mut wire.0.conn.writer(), request.as_bytes()).unwrap();
        wire.0.conn.send_close_notify();
        while wire.0.conn.wants_write() {
            wire.0.conn.write_tls(&mut wire.0.sock).unwrap();
        }
        wire.0.sock.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(wire.answer().unwrap().status, 200);
    }
    assert_eq!(world.entries("pix").len(), 10);
}

#[test]
fn a_repetition_is_kept_and_says_of_what_it_is_one() {
    let world = World::new();
    let daemon = world.start();
    let mut wire = Wire::connect(&world, &daemon, "client");
    let mut deliver = |path: &str, payload: &[u8]| -> String {
        let answer = wire.post(path, payload).unwrap();
        answer.body.split('"').nth(3).unwrap().to_owned()
    };
    let first = deliver("/webhooks/pix", b"a");
    let (second, third) = (deliver("/webhooks/pix/rec", b"a"), deliver("/webhooks/pix", b"a"));
    let (other_payload, other_endpoint) = (deliver("/webhooks/pix", b"b"), deliver("/ofb", b"a"));
    let entries =
        [world.entries("pix"), world.entries("ofb")].into_iter().flatten().collect::<BTreeMap<_, _>>();
    let duplicate_of = |id: &String| entries[id].envelope.get("duplicate_of").cloned();
    for id in [&second, &third] {
        assert_eq!(duplicate_of(id), Some(first.clone().into()));
    }
    for id in [&first, &other_payload, &other_endpoint] {
        assert_eq!(duplicate_of(id), None);
    }
}
