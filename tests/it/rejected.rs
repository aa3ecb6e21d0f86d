//! Requests that the HTTP library rejects by itself: each leaves a log line and a count, and no byte of itself.

use std::io::{Read, Write};
use std::process::Command;

use crate::http2::Http2;
use crate::wire::Wire;
use crate::world::{Daemon, World, eventually};

const LINE: &str = "request rejected by the HTTP library";

fn count(daemon: &Daemon, outcome: &str) -> f64 {
    daemon.metric(&format!("hookspool_deliveries_total{{endpoint=\"-\",outcome=\"{outcome}\"}} "))
}

/// What the daemon answers to these bytes; empty if it closes the connection.
fn answer(world: &World, daemon: &Daemon, request: &[u8]) -> String {
    let mut wire = Wire::connect(world, daemon, "client");
    wire.send(request).unwrap();
    let mut bytes = Vec::new();
    let _ = wire.0.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn each_rejected_http1_request_is_logged_and_counted() {
    let world = World::new();
    let daemon = world.start();
    let post = "POST /webhooks/pix HTTP/1.1\r\nHost: localhost\r\n";
    let target =
        |query: &[u8]| [b"POST /webhooks/pix?q=", query, b" HTTP/1.1\r\nHost: localhost\r\n\r\n"].concat();
    let header = |line: &str| format!("{post}{line}\r\n\r\n").into_bytes();
    let url = "the URL contains a character that must be percent-encoded";
    let cases: Vec<(Vec<u8>, u16, &str, &str)> = vec![
        (target(b"s3cret<Ana>"), 400, "bad_request", url),
        (target(b"s3cret\""), 400, "bad_request", url),
        (target(b"s3cret\x7f"), 400, "bad_request", url),
        (target(b"s3cret\xe3o"), 400, "bad_request", url),
        (target(b"s3cret o"), 400, "bad_request", "the HTTP version is neither 1.0 nor 1.1"),
        (
            b"POST /s3cret HTTP/1.2\r\nHost: x\r\n\r\n".to_vec(),
            400,
            "bad_request",
            "the HTTP version is neither 1.0 nor 1.1",
        ),
        (b"P@ST /s3cret HTTP/1.1\r\n\r\n".to_vec(), 400, "bad_request", "the method contains a character"),
        (header("x s3cret: 1"), 400, "bad_request", "a header field has a name, a value or a line ending"),
        (header("content-length: s3cret"), 400, "bad_request", "Content-Length is not a number"),
        (
            header("content-length: 1\r\ncontent-length: 2"),
            400,
            "bad_request",
            "Content-Length is not a number",
        ),
        (
            header("transfer-encoding: s3cret"),
            400,
            "bad_request",
            "Transfer-Encoding does not end with chunked",
        ),
        (
            b"POST /s3cret HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(),
            400,
            "bad_request",
            "Transfer-Encoding in an HTTP/1.0 request",
        ),
        (
            header(&format!("x: {}", "s3cret".repeat(40_000))),
            431,
            "headers_too_large",
            "the request line and the",
        ),
        (header(&"x: s3cret\r\n".repeat(101)), 431, "headers_too_large", "the request line and the"),
        // A URL of this length is answered with 414 or 431, as its end has arrived or not.
        (target(&[b'a'; 70_000]), 4, "headers_too_large", "the request line and the"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), 0, "bad_request", "the client sent HTTP/2"),
    ];
    let mut counted = [("bad_request", 0.0), ("headers_too_large", 0.0)];
    for (request, status, outcome, detail) in cases {
        let shown = String::from_utf8_lossy(&request[..request.len().min(80)]).into_owned();
        let text = answer(&world, &daemon, &request);
        let expected = if status == 0 { String::new() } else { format!("HTTP/1.1 {status}") };
        assert!(text.starts_with(&expected) && (status != 0 || text.is_empty()), "{shown}: {text}");
        let expected = counted.iter_mut().find(|(word, _)| *word == outcome).unwrap();
        expected.1 += 1.0;
        eventually(&format!("{outcome} is counted for {shown}"), || {
            (count(&daemon, outcome) == expected.1).then_some(())
        });
        let line = daemon.logged(LINE, |line| {
            line["reason"] == outcome && line["detail"].as_str().unwrap().starts_with(detail)
        });
        assert_eq!(line["level"], "WARN");
        assert_eq!((&line["senders"], &line["http_version"]), (&"bank".into(), &"HTTP/1".into()), "{line:#}");
        assert!(line["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{line:#}");
    }
    assert!(!daemon.log_text().contains("s3cret"), "{}", daemon.log_text());
}

#[test]
fn a_client_that_disconnects_is_neither_logged_nor_counted() {
    let world = World::new();
    let daemon = world.start();
    for begun in ["", "POST /webhooks/pix HT", "POST /webhooks/pix HTTP/1.1\r\nHost: localhost\r\ncontent-le"]
    {
        let mut wire = Wire::connect(&world, &daemon, "client");
        wire.send(begun).unwrap();
        drop(wire);
        let mut wire = Wire::connect(&world, &daemon, "client");
        wire.send(begun).unwrap();
        wire.0.conn.send_close_notify();
        wire.0.flush().unwrap();
        let _ = wire.0.read(&mut [0; 1]);
    }
    let mut h2 = Http2::connect(&world, &daemon);
    h2.0.write_all(&[0, 0, 40, 1]).unwrap();
    drop(h2);
    eventually("all connections end", || (daemon.metric("hookspool_connections ") == 0.0).then_some(()));
    assert_eq!((count(&daemon, "bad_request"), count(&daemon, "headers_too_large")), (0.0, 0.0));
    assert!(!daemon.log_text().contains(LINE), "{}", daemon.log_text());
}

#[test]
fn each_rejected_http2_request_is_logged_and_counted() {
    let world = World::new();
    let daemon = world.start();
    let mut h2 = Http2::connect(&world, &daemon);
    for (stream, query) in [(1, &b"s3cret<Ana>"[..]), (3, b"s3cret\x7f"), (5, b"s3cret\"")] {
        h2.request(stream, &[b"/webhooks/pix?q=", query].concat(), "a", "b");
        assert_eq!(h2.until(0x3, stream), [0, 0, 0, 1], "{query:?}");
    }
    h2.request(7, b"/webhooks/pix", "connection", "s3cret");
    assert_eq!(h2.until(0x3, 7), [0, 0, 0, 1]);
    eventually("four are counted", || (count(&daemon, "bad_request") == 4.0).then_some(()));
    let line = daemon.logged(LINE, |line| line["reason"] == "bad_request");
    assert_eq!((&line["senders"], &line["http_version"]), (&"bank".into(), &"HTTP/2".into()), "{line:#}");
    assert!(line["detail"].as_str().unwrap().starts_with("stream reset with PROTOCOL_ERROR"), "{line:#}");

    h2.request(9, b"/webhooks/pix", "x", &"s3cret".repeat(11_000));
    h2.until(0x1, 9);
    eventually("431 is counted", || (count(&daemon, "headers_too_large") == 1.0).then_some(()));
    daemon.logged(LINE, |line| line["detail"] == "the header list is larger than 24 KiB");

    // A good request on the same connection is stored, and one without a body in its answer is not taken
    // for a rejected one.
    for (stream, path) in [(11, "/webhooks/pix"), (13, "/quiet"), (15, "/nowhere")] {
        h2.request(stream, path.as_bytes(), "a", "b");
        h2.until(0x1, stream);
    }
    assert_eq!(world.entries("pix").len(), 1);

    // A frame that HTTP/2 does not allow ends the connection: DATA on stream 0.
    h2.send(0x0, 0, 0, b"s3cret");
    h2.until(0x7, 0);
    eventually("the connection is counted", || (count(&daemon, "bad_request") == 5.0).then_some(()));
    daemon.logged(LINE, |line| {
        line["detail"].as_str().unwrap().starts_with("connection closed with PROTOCOL_ERROR")
    });
    // So does a byte that is not UTF-8 in the URL, as the library decodes headers for the whole connection.
    let mut h2 = Http2::connect(&world, &daemon);
    h2.request(1, b"/webhooks/pix?q=s3cret\xe3o", "a", "b");
    h2.until(0x7, 0);
    eventually("the connection is counted", || (count(&daemon, "bad_request") == 6.0).then_some(()));
    // Far more headers than the limit end it with another code.
    let mut h2 = Http2::connect(&world, &daemon);
    h2.request(1, b"/webhooks/pix", "x", &"s3cret".repeat(60_000));
    h2.until(0x7, 0);
    daemon.logged(LINE, |line| {
        line["detail"].as_str().unwrap().starts_with("connection closed with ENHANCE_YOUR_CALM")
    });
    assert_eq!((count(&daemon, "bad_request"), count(&daemon, "headers_too_large")), (7.0, 1.0));
    assert!(!daemon.log_text().contains("s3cret"), "{}", daemon.log_text());
}

#[test]
fn no_log_level_shows_a_query_of_http2() {
    let world = World::new();
    let text = std::fs::read_to_string(world.path("webhooks.toml")).unwrap();
    let text = text.replace("format = \"json\"", "format = \"json\"\nlevel = \"trace\"");
    std::fs::write(world.path("webhooks.toml"), text).unwrap();
    let daemon = world.start();
    let mut h2 = Http2::connect(&world, &daemon);
    h2.request(1, b"/webhooks/pix?hmac=s3cret<", "a", "b");
    h2.until(0x3, 1);
    h2.request(3, b"/webhooks/pix?hmac=s3cret", "a", "b");
    h2.until(0x1, 3);
    daemon.logged("delivery stored", |_| true);
    assert!(!daemon.log_text().contains("s3cret"), "{}", daemon.log_text());
}

#[test]
fn many_rejected_requests_are_counted_and_not_all_logged() {
    let world = World::new();
    let daemon = world.start();
    let mut h2 = Http2::connect(&world, &daemon);
    for stream in (1..=121).step_by(2) {
        h2.request(stream, b"/webhooks/pix?<", "a", "b");
        h2.until(0x3, stream);
    }
    eventually("all are counted", || (count(&daemon, "bad_request") == 61.0).then_some(()));
    // Logged after the lines of the requests.
    daemon.logged("refusals not logged; rate limit exceeded", |line| line["reason"] == "bad_request");
    let logged = daemon.log_text().matches(LINE).count();
    assert!((50..55).contains(&logged), "{logged}");
}

#[test]
fn a_transfer_coding_other_than_chunked_is_not_implemented() {
    let world = World::new();
    let daemon = world.start();
    let body = "2\r\n{}\r\n0\r\n\r\n";
    for (coding, status, word) in [
        ("gzip, chunked", "501", "not_implemented"),
        ("chunked, chunked", "400", "bad_request"),
        ("Chunked", "200", ""),
    ] {
        let head = format!(
            "POST /webhooks/pix HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: {coding}\r\n\r\n"
        );
        let text = answer(&world, &daemon, format!("{head}{body}").as_bytes());
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{coding}: {text}");
        if !word.is_empty() {
            assert!(text.ends_with(&format!("{{\"error\":\"{word}\"}}\n")), "{coding}: {text}");
            daemon.logged("delivery refused", |line| line["reason"] == word);
        }
    }
    assert_eq!(world.entries("pix").len(), 1);
}

#[test]
fn curl_over_both_versions_leaves_a_line() {
    let world = World::new();
    let daemon = world.start();
    for (version, logged) in [("--http1.1", "HTTP/1"), ("--http2", "HTTP/2")] {
        let mut curl = Command::new("curl");
        curl.args(["-s", "--globoff", version, "-d", "{}", "--cacert"]).arg(world.cert("root-ca"));
        curl.arg("--cert").arg(world.cert("client")).arg("--key").arg(world.key("client"));
        curl.arg(daemon.url("/webhooks/pix?nome=<Ana>")).output().unwrap();
        daemon.logged(LINE, |line| line["http_version"] == logged);
    }
}

#[test]
fn a_body_that_is_reset_before_its_end_is_not_stored() {
    let world = World::new();
    let daemon = world.start();
    let aborted = "hookspool_deliveries_total{endpoint=\"pix\",outcome=\"aborted\"} ";
    let mut expected = 0.0;
    // NO_ERROR ends a response early, and is no end of a request (RFC 9113, section 8.1).
    for (name, value) in [("a", "b"), ("content-length", "20")] {
        for code in [0, 8] {
            let mut h2 = Http2::connect(&world, &daemon);
            h2.begin(0, 1, b"/webhooks/pix", name, value);
            h2.send(0x0, 0, 1, b"{\"valor\":1");
            h2.send(0x3, 0, 1, &[0, 0, 0, code]);
            expected += 1.0;
            eventually("it is aborted", || (daemon.metric(aborted) == expected).then_some(()));
        }
    }
    assert!(world.entries("pix").is_empty());
    // An end of the stream after data, and one with trailers, are ends.
    let mut h2 = Http2::connect(&world, &daemon);
    h2.begin(0, 1, b"/webhooks/pix", "a", "b");
    h2.send(0x0, 0, 1, b"{");
    h2.send(0x0, 0x1, 1, b"}");
    h2.until(0x1, 1);
    h2.begin(0, 3, b"/webhooks/pix", "a", "b");
    h2.send(0x0, 0, 3, b"{}");
    h2.send(0x1, 0x5, 3, &[0, 1, b'x', 1, b'y']);
    h2.until(0x1, 3);
    h2.request(5, b"/webhooks/pix", "a", "b");
    h2.until(0x1, 5);
    assert_eq!(world.entries("pix").len(), 3);
}

#[test]
fn http2_sends_no_100_and_a_client_that_waits_gets_408() {
    let world = World::new();
    world.configure("body_timeout = \"1s\"");
    let daemon = world.start();
    let mut h2 = Http2::connect(&world, &daemon);
    h2.begin(0, 1, b"/webhooks/pix", "expect", "100-continue");
    // The first answer is the only one; its body ends the stream.
    h2.until(0x1, 1);
    assert_eq!(h2.until(0x0, 1), b"{\"error\":\"timeout\"}\n");
    h2.begin(0, 3, b"/webhooks/pix", "expect", "100-continue");
    h2.send(0x0, 0x1, 3, b"{}");
    h2.until(0x1, 3);
    assert_eq!(world.entries("pix").len(), 1, "a client that goes on sending is served");
}
