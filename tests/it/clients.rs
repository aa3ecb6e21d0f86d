//! Widely used clients: those with a known certificate can deliver, all others are refused in the handshake.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::world::{Daemon, World};

const SAMPLE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/samples/03-pix-componentesValor-pagador.json");

/// Delivers the sample with the certificate of this name, or without one.
type Deliver = fn(&World, &Daemon, Option<&str>) -> Output;

fn curl(version: &str, world: &World, daemon: &Daemon, identity: Option<&str>) -> Output {
    let mut command = Command::new("curl");
    command.args(["-sS", "--max-time", "20", "-o", "/dev/null", "-w", "%{http_code}", version]);
    command.arg("--cacert").arg(world.cert("root-ca"));
    if let Some(name) = identity {
        command.arg("--cert").arg(world.cert(name)).arg("--key").arg(world.key(name));
    }
    command.args(["-H", "content-type: application/json", "--data-binary"]).arg(format!("@{SAMPLE}"));
    command.arg(daemon.url("/webhooks/pix")).output().unwrap()
}

fn script(program: &str, name: &str, world: &World, daemon: &Daemon, identity: Option<&str>) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/clients").join(name);
    let mut command = Command::new(program);
    command.arg(script).arg(daemon.url("/webhooks/pix")).arg(SAMPLE).arg(world.cert("root-ca"));
    if let Some(name) = identity {
        command.arg(world.cert(name)).arg(world.key(name));
    }
    command.output().unwrap()
}

fn s_client(version: &str, world: &World, daemon: &Daemon, identity: Option<&str>) -> Output {
    let mut command = Command::new("timeout");
    command.args([
        "20",
        "openssl",
        "s_client",
        "-quiet",
        "-verify_return_error",
        version,
        "-servername",
        "localhost",
    ]);
    command.args(["-connect", &format!("127.0.0.1:{}", daemon.port), "-CAfile"]).arg(world.cert("root-ca"));
    if let Some(name) = identity {
        command.arg("-cert").arg(world.cert(name)).arg("-key").arg(world.key(name));
    }
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let body = fs::read(SAMPLE).unwrap();
    let head = format!(
        "POST /webhooks/pix HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut stdin = child.stdin.take().unwrap();
    // The pipe of a refused client may be closed.
    let _ = stdin.write_all(head.as_bytes()).and_then(|()| stdin.write_all(&body));
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    output
}

fn is_success(output: &Output) -> bool {
    let printed = String::from_utf8_lossy(&output.stdout);
    printed.trim() == "200" || printed.starts_with("HTTP/1.1 200")
}

/// Asserts that the certificate gets 200 and an entry, and that no certificate, another CA's and another name do not.
fn assert_only_the_sender_can_deliver(deliver: Deliver) {
    let world = World::new();
    let daemon = world.start();
    let payload = fs::read(SAMPLE).unwrap();

    let output = deliver(&world, &daemon, Some("client"));
    assert!(is_success(&output), "{output:?}");
    let entries = world.entries("pix");
    assert_eq!(entries.len(), 1);
    let entry = entries.values().next().unwrap();
    assert_eq!(entry.payload, payload);
    assert_eq!(entry.envelope["sender"], "bank");
    assert_eq!(entry.envelope["payload"]["content_type"], "application/json");

    for (identity, reason) in
        [(None, "no_certificate"), (Some("stranger"), "unknown_ca"), (Some("nobody"), "rule")]
    {
        let refused = deliver(&world, &daemon, identity);
        assert!(!is_success(&refused), "{identity:?}: {refused:?}");
        let line = daemon.logged("peer refused", |line| line["reason"] == reason);
        assert_eq!(line["stage"], "handshake");
        assert_eq!(daemon.metric(&format!("hookspool_refusals_total{{reason=\"{reason}\"}}")), 1.0);
    }
    let nobody = daemon.logged("peer refused", |line| line["reason"] == "rule");
    assert_eq!(nobody["claimed_subject"], "CN=nobody,O=hookspool development");
    assert_eq!(nobody["claimed_sha256"].as_str().unwrap().len(), 64);
    assert!(nobody["admit"].as_str().unwrap().contains("cn = ['client', 'nobody']"), "{nobody}");
    assert_eq!(world.spool_files().len(), 1, "only the first delivery");
    assert_eq!(daemon.metric("hookspool_handshakes_total{outcome=\"refused\"}"), 3.0);
}

#[test]
fn curl_over_http1() {
    assert_only_the_sender_can_deliver(|world, daemon, identity| curl("--http1.1", world, daemon, identity));
}

#[test]
fn curl_over_http2() {
    assert_only_the_sender_can_deliver(|world, daemon, identity| curl("--http2", world, daemon, identity));
}

#[test]
fn node_with_an_agent() {
    assert_only_the_sender_can_deliver(|world, daemon, identity| {
        script("node", "post.js", world, daemon, identity)
    });
}

#[test]
fn python_ssl() {
    assert_only_the_sender_can_deliver(|world, daemon, identity| {
        script("python3", "post.py", world, daemon, identity)
    });
}

#[test]
fn openssl_s_client_over_tls12() {
    assert_only_the_sender_can_deliver(|world, daemon, identity| {
        s_client("-tls1_2", world, daemon, identity)
    });
}

#[test]
fn openssl_s_client_over_tls13() {
    assert_only_the_sender_can_deliver(|world, daemon, identity| {
        s_client("-tls1_3", world, daemon, identity)
    });
}
