//! One HTTP/2 request has one outcome, whether the service, the library or both of them ended it.

use std::io::Write;

use crate::http2::Http2;
use crate::world::{Daemon, TIMEOUT, World, eventually};

const LINE: &str = "request rejected by the HTTP library";

/// All outcomes that are not 0, as `endpoint outcome count`.
fn outcomes(daemon: &Daemon) -> Vec<String> {
    let (_, text) = daemon.admin("/metrics");
    let lines = text.lines().filter_map(|line| line.strip_prefix("hookspool_deliveries_total{endpoint=\""));
    let shown = lines.map(|line| line.replace("\",outcome=\"", " ").replace("\"}", ""));
    shown.filter(|line| !line.ends_with(" 0")).collect()
}

fn wait_for(daemon: &Daemon, expected: &[&str]) {
    let deadline = std::time::Instant::now() + TIMEOUT;
    while outcomes(daemon) != expected {
        assert!(std::time::Instant::now() < deadline, "{expected:?}, not {:?}", outcomes(daemon));
    }
}

/// Frames that are sent with one write, so that the library reads all of them before it serves a request.
struct Batch(Vec<u8>);

impl Batch {
    fn frame(&mut self, kind: u8, flags: u8, stream: u8, payload: &[u8]) {
        let [_, a, b, c] = u32::try_from(payload.len()).unwrap().to_be_bytes();
        self.0.extend([a, b, c, kind, flags, 0, 0, 0, stream]);
        self.0.extend(payload);
    }

    /// A request whose headers do not end the stream.
    fn begin(&mut self, stream: u8, path: &str, length: &str) {
        let mut block = b"\x83\x87\x01\x09localhost\x04".to_vec();
        for text in [path, "\0content-length", length] {
            let (indexed, text) = text.strip_prefix('\0').map_or((false, text), |text| (true, text));
            block.extend(indexed.then_some(0));
            block.push(text.len() as u8);
            block.extend(text.as_bytes());
        }
        self.frame(0x1, 0x4, stream, &block);
    }

    fn send(self, h2: &mut Http2) {
        h2.0.write_all(&self.0).unwrap();
        h2.0.flush().unwrap();
    }
}

#[test]
fn a_body_of_the_wrong_length_is_one_bad_request() {
    let world = World::new();
    let daemon = world.start();
    let mut h2 = Http2::connect(&world, &daemon);
    h2.begin(0, 1, b"/webhooks/pix", "content-length", "5");
    h2.send(0x0, 0x1, 1, b"{}");
    assert_eq!(h2.until(0x3, 1), [0, 0, 0, 1]);
    wait_for(&daemon, &["pix bad_request 1"]);
    let line = daemon.logged("delivery refused", |line| line["reason"] == "bad_request");
    assert!(
        line["detail"].as_str().unwrap().contains("the body is not as long as Content-Length"),
        "{line:#}"
    );
    // The same in one write, too long, and too short with trailers.
    let mut batch = Batch(Vec::new());
    batch.begin(3, "/webhooks/pix", "5");
    batch.frame(0x0, 0x1, 3, b"{}");
    batch.begin(5, "/webhooks/pix", "1");
    batch.frame(0x0, 0x1, 5, b"{}");
    batch.begin(7, "/webhooks/pix", "5");
    batch.frame(0x0, 0x0, 7, b"{}");
    batch.frame(0x1, 0x5, 7, &[0, 1, b'x', 1, b'y']);
    batch.send(&mut h2);
    wait_for(&daemon, &["pix bad_request 4"]);
    h2.request(9, b"/webhooks/pix", "a", "b");
    h2.until(0x1, 9);
    wait_for(&daemon, &["pix bad_request 4", "pix stored 1"]);
    assert!(!daemon.log_text().contains(LINE), "{}", daemon.log_text());
}

#[test]
fn a_refused_request_whose_body_is_then_invalid_is_counted_once() {
    let world = World::new();
    let daemon = world.start();
    let mut h2 = Http2::connect(&world, &daemon);
    h2.begin(0, 1, b"/nowhere", "content-length", "5");
    h2.until(0x1, 1);
    h2.send(0x0, 0x1, 1, b"{}");
    wait_for(&daemon, &["- not_found 1"]);
    let mut batch = Batch(Vec::new());
    for stream in (3..23).step_by(2) {
        batch.begin(stream, "/nowhere", "5");
        batch.frame(0x0, 0x1, stream, b"{}");
    }
    batch.send(&mut h2);
    wait_for(&daemon, &["- not_found 11"]);
    // Invalid headers between them are still counted, each with its line.
    let mut batch = Batch(Vec::new());
    batch.begin(23, "/nowhere?<", "5");
    batch.frame(0x0, 0x1, 23, b"{}");
    batch.begin(25, "/nowhere", "5");
    batch.frame(0x0, 0x1, 25, b"{}");
    batch.begin(27, "/nowhere?<", "5");
    batch.send(&mut h2);
    wait_for(&daemon, &["- bad_request 2", "- not_found 12"]);
    eventually("each has a line", || (daemon.lines(LINE).len() == 2).then_some(()));
}

#[test]
fn a_431_after_a_change_of_the_table_size_is_counted() {
    let world = World::new();
    let daemon = world.start();
    let mut h2 = Http2::connect(&world, &daemon);
    // SETTINGS_HEADER_TABLE_SIZE: 0, and up again.
    for (stream, size) in [(1, [0, 0, 0, 0]), (3, [0, 0, 0x10, 0]), (5, [0, 0, 1, 0])] {
        h2.send(0x4, 0, 0, &[&[0, 1], &size[..]].concat());
        h2.request(stream, b"/webhooks/pix", "x", &"y".repeat(66_000));
        h2.until(0x1, stream);
        wait_for(&daemon, &[&format!("- headers_too_large {}", stream.div_ceil(2))]);
    }
    eventually("each has a line", || (daemon.lines(LINE).len() == 3).then_some(()));
}

#[test]
fn a_violation_that_ends_the_connection_is_counted_once() {
    let world = World::new();
    let daemon = world.start();
    // While a body is being received: the request has the outcome.
    let mut h2 = Http2::connect(&world, &daemon);
    h2.begin(0, 1, b"/webhooks/pix", "a", "b");
    h2.send(0x6, 0, 0, &[0; 8]);
    h2.until(0x6, 0);
    h2.send(0x0, 0, 0, b"x");
    h2.until(0x7, 0);
    wait_for(&daemon, &["pix bad_request 1"]);
    daemon.logged(LINE, |line| line["detail"].as_str().unwrap().starts_with("connection closed with"));
    // Before the request is served, and without any.
    let mut h2 = Http2::connect(&world, &daemon);
    let mut batch = Batch(Vec::new());
    batch.begin(1, "/webhooks/pix", "5");
    batch.frame(0x0, 0, 0, b"x");
    batch.send(&mut h2);
    wait_for(&daemon, &["- bad_request 1", "pix bad_request 1"]);
    let mut h2 = Http2::connect(&world, &daemon);
    h2.send(0x0, 0, 0, b"x");
    wait_for(&daemon, &["- bad_request 2", "pix bad_request 1"]);
}

#[test]
fn refused_streams_are_not_rejected_requests() {
    let world = World::new();
    let daemon = world.start();
    let mut h2 = Http2::connect(&world, &daemon);
    // More than the server allows at once, before it could say so.
    let mut streams = 0;
    for _ in 0..2 {
        let mut batch = Batch(Vec::new());
        for _ in 0..60 {
            batch.begin(2 * streams + 1, "/webhooks/pix", "2");
            streams += 1;
        }
        batch.send(&mut h2);
    }
    // 120 are open; the stream's number has one byte here.
    let mut batch = Batch(Vec::new());
    for stream in (241..=255).step_by(2) {
        batch.begin(stream, "/webhooks/pix", "2");
    }
    batch.send(&mut h2);
    // 257 and above.
    for stream in 0..4_u8 {
        let mut batch = Batch(Vec::new());
        batch.begin(2 * stream + 1, "/webhooks/pix", "2");
        batch.0[7] = 1;
        batch.send(&mut h2);
    }
    let mut batch = Batch(Vec::new());
    for stream in (1..=255).step_by(2) {
        batch.frame(0x0, 0x1, stream, b"{}");
    }
    batch.send(&mut h2);
    wait_for(&daemon, &["pix stored 128"]);
    assert!(!daemon.log_text().contains(LINE), "{}", daemon.log_text());
}

#[test]
fn trailers_with_a_pseudo_header_are_a_bad_request() {
    let world = World::new();
    let daemon = world.start();
    let valid: [&[u8]; 3] = [b"\x00\x01x\x01y", b"\x20\x3f\xe1\x1f\x00\x01x\x01y", b"\x0f\x01\x01y"];
    for (index, block) in valid.into_iter().enumerate() {
        let mut h2 = Http2::connect(&world, &daemon);
        h2.begin(0, 1, b"/webhooks/pix", "a", "b");
        h2.send(0x0, 0, 1, b"{}");
        h2.send(0x1, 0x5, 1, block);
        h2.until(0x1, 1);
        wait_for(&daemon, &[&format!("pix stored {}", index + 1)]);
    }
    // Indexed, with an indexed name, with its own name (also compressed), padded, with a priority, and after a field.
    let invalid: [(u8, &[u8]); 9] = [
        (0, b"\x83"),
        (0, b"\x04\x02/x"),
        (0, b"\x44\x02/x"),
        (0, b"\x00\x05:path\x02/x"),
        (0, b"\x00\x84\xb9\x58\xd3\x3f\x02/x"),
        (0, b"\x20\x3f\xe1\x1f\x83\x00\x01x\x01y"),
        (0x8, b"\x01\x83\x00"),
        (0x20, b"\x00\x00\x00\x00\x10\x83"),
        (0, b"\x00\x01x\x01y\x83"),
    ];
    for (index, (flags, block)) in invalid.into_iter().enumerate() {
        let mut h2 = Http2::connect(&world, &daemon);
        h2.begin(0, 1, b"/webhooks/pix", "a", "b");
        h2.send(0x0, 0, 1, b"{}");
        h2.send(0x1, 0x5 | flags, 1, block);
        if index < 8 {
            h2.until(0x1, 1);
            assert_eq!(h2.until(0x0, 1), b"{\"error\":\"bad_request\"}\n", "{block:?}");
        }
        wait_for(&daemon, &[&format!("pix bad_request {}", index + 1), "pix stored 3"]);
    }
    daemon.logged("delivery refused", |line| line["detail"] == "the trailers contain a pseudo-header");
}
