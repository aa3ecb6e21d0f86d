//! Timeouts and limits against slow, stalled and excessive clients.

use std::io::Read;
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use crate::wire::Wire;
use crate::world::{TIMEOUT, World, eventually};

/// Short timeouts that differ enough to tell which one expired.
const SHORT: &str = "handshake_timeout = \"400ms\"\nheader_timeout = \"500ms\"\nbody_timeout = \"600ms\"\nidle_timeout = \"1500ms\"";

#[test]
fn a_stalled_body_gets_408_and_leaves_no_file() {
    let world = World::new();
    world.configure(SHORT);
    let daemon = world.start();
    for body in ["content-length: 10\r\n\r\nhalf", "transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"] {
        let mut wire = Wire::connect(&world, &daemon, "client");
        wire.send(format!("POST /webhooks/pix HTTP/1.1\r\nhost: x\r\n{body}")).unwrap();
        let answer = wire.answer().unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (408, "{\"error\":\"timeout\"}\n"));
        assert!(wire.closed_cleanly());
    }
    assert_eq!(world.spool_files(), Vec::<PathBuf>::new());
}

#[test]
fn an_idle_connection_is_closed_with_close_notify() {
    let world = World::new();
    world.configure(SHORT);
    let daemon = world.start();
    let mut used = Wire::connect(&world, &daemon, "client");
    assert_eq!(used.post("/webhooks/pix", b"{}").unwrap().status, 200);
    assert!(used.closed_cleanly());
}

#[test]
fn a_connection_of_the_largest_age_finishes_its_request_and_closes() {
    let world = World::new();
    world.configure("max_connection_age = \"500ms\"\nidle_timeout = \"1h\"\nbody_timeout = \"1h\"");
    let daemon = world.start();
    let mut idle = Wire::connect(&world, &daemon, "client");
    assert_eq!(idle.post("/webhooks/pix", b"{}").unwrap().status, 200);
    let mut busy = Wire::connect(&world, &daemon, "client");
    busy.send("POST /webhooks/pix HTTP/1.1\r\nhost: x\r\ncontent-length: 8\r\n\r\nhalf").unwrap();
    assert!(idle.closed_cleanly());
    assert!(busy.is_silent_for(Duration::from_secs(1)));
    busy.send("rest").unwrap();
    let answer = busy.answer().unwrap();
    assert!(answer.status == 200 && answer.head.to_lowercase().contains("connection: close"), "{answer:?}");
    assert!(busy.closed_cleanly());
    assert_eq!(world.entries("pix").len(), 2);
}

#[test]
fn incomplete_headers_close_the_connection_after_the_header_timeout() {
    let world = World::new();
    world.configure(&SHORT.replace("1500ms", "1h"));
    let daemon = world.start();
    let mut wire = Wire::connect(&world, &daemon, "client");
    assert_eq!(wire.post("/webhooks/pix", b"{}").unwrap().status, 200);
    wire.send("POST /webhooks/pix HTTP/1.1\r\nhost: x\r\nx-slow: ").unwrap();
    wire.closed_cleanly();
}

#[test]
fn a_stalled_handshake_times_out() {
    let world = World::new();
    world.configure(SHORT);
    let daemon = world.start();
    let mut silent = TcpStream::connect(("127.0.0.1", daemon.port)).unwrap();
    silent.set_read_timeout(Some(TIMEOUT)).unwrap();
    assert_eq!(silent.read(&mut [0; 1]).unwrap(), 0);
    let timeouts = "hookspool_handshakes_total{outcome=\"timeout\"}";
    eventually("the timeout is counted", || (daemon.metric(timeouts) == 1.0).then_some(()));
}

#[test]
fn a_handshake_that_stalls_after_its_hello_is_logged_counted_and_in_status() {
    let world = World::new();
    world.configure(SHORT);
    let daemon = world.start();
    let mut tls = rustls::ClientConnection::new(
        crate::wire::client_config(&world, "client"),
        "hooks.example".try_into().unwrap(),
    )
    .unwrap();
    let mut stalled = TcpStream::connect(("127.0.0.1", daemon.port)).unwrap();
    while tls.wants_write() {
        tls.write_tls(&mut stalled).unwrap();
    }
    let line = daemon.logged("handshake failed", |line| line["reason"] == "other");
    assert_eq!((&line["level"], &line["sni"]), (&"WARN".into(), &"hooks.example".into()), "{line:#}");
    assert!(line["detail"].as_str().unwrap().starts_with("timeout"), "{line:#}");
    assert_eq!(daemon.metric("hookspool_handshake_failures_total{reason=\"other\"}"), 1.0);
    assert_eq!(daemon.metric("hookspool_handshakes_total{outcome=\"timeout\"}"), 1.0);
    let status: serde_json::Value = serde_json::from_str(&daemon.admin("/status").1).unwrap();
    assert_eq!(status["refusals"][0]["detail"], line["detail"], "{status:#}");
}

#[test]
fn a_client_without_tls_is_counted_as_a_failed_handshake() {
    let world = World::new();
    let daemon = world.start();
    let mut plain = TcpStream::connect(("127.0.0.1", daemon.port)).unwrap();
    plain.set_read_timeout(Some(TIMEOUT)).unwrap();
    std::io::Write::write_all(
        &mut plain,
        b"POST /webhooks/pix HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n",
    )
    .unwrap();
    let mut printed = Vec::new();
    let _ = plain.read_to_end(&mut printed);
    assert!(!printed.starts_with(b"HTTP"), "{printed:?}");
    let failed = "hookspool_handshakes_total{outcome=\"failed\"}";
    eventually("the failure is counted", || (daemon.metric(failed) == 1.0).then_some(()));
}

#[test]
fn the_rest_of_a_refused_body_is_not_parsed_as_a_request() {
    let world = World::new();
    world.configure("header_timeout = \"400ms\"\nidle_timeout = \"1h\"");
    let daemon = world.start();
    let mut wire = Wire::connect(&world, &daemon, "client");
    wire.send("POST /nowhere HTTP/1.1\r\nhost: x\r\ncontent-length: 8\r\n\r\nhalf").unwrap();
    assert_eq!(wire.answer().unwrap().status, 404);
    wire.send("more").unwrap();
    assert!(wire.is_silent_for(Duration::from_millis(800)), "twice the time that headers may take");
    assert_eq!(wire.post("/webhooks/pix", b"{}").unwrap().status, 200);
}
