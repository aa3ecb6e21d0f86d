//! Requests that are not valid HTTP although the HTTP library accepts them: 400, a log line that names the cause, a count.

use crate::http2::Http2;
use crate::wire::Wire;
use crate::world::{Daemon, World, eventually};

const LINE: &str = "delivery refused";
const BODY: &str = "{\"error\":\"bad_request\"}\n";

fn bad_requests(daemon: &Daemon) -> f64 {
    ["pix", "-"]
        .iter()
        .map(|endpoint| {
            let labels = format!("{{endpoint=\"{endpoint}\",outcome=\"bad_request\"}} ");
            daemon.metric(&format!("hookspool_deliveries_total{labels}"))
        })
        .sum()
}

fn status_of(world: &World, daemon: &Daemon, request: &str) -> (u16, String) {
    let mut wire = Wire::connect(world, daemon, "client");
    wire.send(request).unwrap();
    let answer = wire.answer().unwrap();
    (answer.status, answer.body)
}

#[test]
fn an_invalid_http1_head_gets_400_and_names_the_cause() {
    let world = World::new();
    let daemon = world.start();
    let one = "there is not exactly one Host header field";
    let byte = "Host is empty or contains a byte that is not allowed";
    let cases = [
        ("POST /webhooks/pix HTTP/1.1\r\n", one),
        ("POST /webhooks/pix HTTP/1.1\r\nHost: a\r\nHost: a\r\n", one),
        ("POST /webhooks/pix HTTP/1.1\r\nHost: a\r\nHost: b\r\n", one),
        ("POST /webhooks/pix HTTP/1.0\r\nHost: a\r\nhost: a\r\n", one),
        ("POST /webhooks/pix HTTP/1.1\r\nHost:\r\n", byte),
        ("POST /webhooks/pix HTTP/1.1\r\nHost: a b\r\n", byte),
        ("POST /webhooks/pix HTTP/1.1\r\nHost: a/b\r\n", byte),
        ("POST /webhooks/pix HTTP/1.1\r\nHost: a\\b\r\n", byte),
        ("POST /webhooks/pix HTTP/1.1\r\nHost: a?b\r\n", byte),
        ("POST /webhooks/pix HTTP/1.1\r\nHost: a#b\r\n", byte),
        ("POST /webhooks/pix HTTP/1.1\r\nHost: <a>\r\n", byte),
        ("POST /webhooks/pix HTTP/1.1\r\nHost: b\u{fc}cher\r\n", byte),
        ("POST /webhooks/pix HTTP/1.0\r\nHost: a\"\r\n", byte),
        (
            "POST http://localhost/webhooks/pix HTTP/1.1\r\nHost: localhost\r\n",
            "the scheme of the URL is not https",
        ),
        (
            "POST ftp://localhost/webhooks/pix HTTP/1.1\r\nHost: localhost\r\n",
            "the scheme of the URL is not https",
        ),
        ("POST /webhooks/pix#s3cret HTTP/1.1\r\nHost: a\r\n", "the URL contains a fragment"),
        ("POST /webhooks/pix?a=b#s3cret HTTP/1.1\r\nHost: a\r\n", "the URL contains a fragment"),
        ("\r\nPOST /webhooks/pix# HTTP/1.1\r\nHost: a\r\n", "the URL contains a fragment"),
        ("POST https://localhost/webhooks/pix#s3cret HTTP/1.1\r\nHost: a\r\n", "the URL contains a fragment"),
        (
            "POST /webhooks/pix HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "the transfer coding chunked is applied twice",
        ),
    ];
    for (index, (head, detail)) in cases.iter().enumerate() {
        let end = if head.contains("chunked") { "\r\n0\r\n\r\n" } else { "content-length: 0\r\n\r\n" };
        let answer = status_of(&world, &daemon, &format!("{head}{end}"));
        assert_eq!(answer, (400, BODY.to_owned()), "{head}");
        let line = eventually(head, || {
            let lines = daemon.lines(LINE);
            lines.get(index).cloned()
        });
        assert_eq!((&line["reason"], &line["senders"]), (&"bad_request".into(), &"bank".into()), "{line:#}");
        assert!(line["detail"].as_str().unwrap().starts_with(detail), "{head}: {line:#}");
        assert_eq!(bad_requests(&daemon), (index + 1) as f64, "{head}");
    }
    assert!(world.spool_files().is_empty());
    assert!(!daemon.log_text().contains("s3cret"), "{}", daemon.log_text());
}

#[test]
fn unusual_heads_that_are_valid_are_served() {
    let world = World::new();
    let daemon = world.start();
    let heads = [
        "POST /webhooks/pix HTTP/1.0\r\n",
        "POST /webhooks/pix HTTP/1.1\r\nHost: [::1]:8443\r\n",
        "POST /webhooks/pix HTTP/1.1\r\nHost: shop_1.example\r\n",
        "POST /webhooks/pix HTTP/1.1\r\nHost: aZ09-._~%41!$&'()*+,;=:443\r\n",
        "POST https://localhost/webhooks/pix HTTP/1.1\r\nHost: localhost\r\n",
        "POST HTTPS://localhost/webhooks/pix HTTP/1.1\r\nHost: localhost\r\n",
        "POST /webhooks/pix?a=%23b HTTP/1.1\r\nHost: localhost\r\nReferer: /webhooks/pix#a\r\n",
    ];
    for head in heads {
        let (status, body) = status_of(&world, &daemon, &format!("{head}content-length: 2\r\n\r\n#a"));
        assert_eq!(status, 200, "{head}: {body}");
    }
}

#[test]
fn a_fragment_is_found_however_the_request_arrives() {
    let world = World::new();
    let daemon = world.start();
    let mut wire = Wire::connect(&world, &daemon, "client");
    for _ in 0..2 {
        assert_eq!(wire.post("/webhooks/pix", b"POST /webhooks/pix# HTTP/1.1\n").unwrap().status, 200);
    }
    for piece in ["PO", "ST /webhooks/pix", "#", "frag HTTP/1.1\r\nHost: a\r\ncontent-", "length: 0\r\n\r\n"]
    {
        wire.send(piece).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let answer = wire.answer().unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (400, BODY));
}

#[test]
fn an_invalid_head_is_400_before_everything_else() {
    let world = World::new();
    let daemon = world.start();
    let ask = |identity: &str, request: &str| {
        let mut wire = Wire::connect(&world, &daemon, identity);
        wire.send(request).unwrap();
        wire.answer().unwrap().status
    };
    let coding = "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(ask("second", &format!("GET /nowhere HTTP/1.1\r\n{coding}")), 400);
    assert_eq!(
        ask(
            "client",
            "POST /webhooks/pix HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked, chunked\r\n\r\n0\r\n\r\n"
        ),
        400
    );
    assert_eq!(ask("second", &format!("GET /nowhere HTTP/1.1\r\nHost: a\r\n{coding}")), 501);
    let body = "content-length: 2097152\r\n\r\n";
    assert_eq!(ask("client", &format!("POST /nowhere HTTP/1.1\r\n{body}")), 400);
    assert_eq!(ask("second", &format!("POST /webhooks/pix HTTP/1.1\r\n{body}")), 400);
    assert_eq!(ask("client", &format!("PUT /webhooks/pix HTTP/1.1\r\n{body}")), 400);
    assert_eq!(ask("client", &format!("POST /webhooks/pix HTTP/1.1\r\n{body}")), 400);
}

#[test]
fn an_invalid_http2_head_gets_400_and_names_the_cause() {
    let world = World::new();
    let daemon = world.start();
    let mut h2 = Http2::connect(&world, &daemon);
    let (post, https, path) =
        ((&b":method"[..], &b"POST"[..]), (&b":scheme"[..], &b"https"[..]), &b":path"[..]);
    let authority = |name: &'static [u8]| (&b":authority"[..], name);
    let host = |name: &'static [u8]| (&b"host"[..], name);
    let path = (path, &b"/webhooks/pix"[..]);
    let cases: [(&[_], _); 4] = [
        (&[post, https, path, host(b"a"), host(b"a")], "there is not exactly one Host header field"),
        (&[post, https, authority(b"a"), path, host(b"b")], "Host differs from :authority"),
        (&[post, https, path, host(b"a b")], "Host is empty or contains a byte that is not allowed"),
        (&[post, (b":scheme", b"http"), authority(b"a"), path], "the scheme of the URL is not https"),
    ];
    for (index, (fields, detail)) in cases.into_iter().enumerate() {
        let stream = (2 * index + 1) as u8;
        h2.fields(0x1, stream, fields);
        h2.until(0x1, stream);
        assert_eq!(h2.until(0x0, stream), BODY.as_bytes());
        daemon.logged(LINE, |line| {
            line["reason"] == "bad_request" && line["detail"].as_str().unwrap().starts_with(detail)
        });
        assert_eq!(bad_requests(&daemon), (index + 1) as f64, "{detail}");
    }
    assert!(world.spool_files().is_empty());
    for (index, fields) in [
        &[post, https, path][..],
        &[post, https, path, host(b"a")],
        &[post, https, path, host(b"shop_1.example")],
        &[post, https, authority(b"A:443"), path, host(b"a")],
        &[post, https, authority(b"a"), path, host(b"a:443")],
    ]
    .into_iter()
    .enumerate()
    {
        h2.fields(0x1, (2 * index + 21) as u8, fields);
        h2.until(0x1, (2 * index + 21) as u8);
    }
    assert_eq!(world.entries("pix").len(), 5);
}

#[test]
fn a_body_that_is_not_valid_http1_is_400_and_not_aborted() {
    let world = World::new();
    let daemon = world.start();
    let bodies = [
        "x\r\n{}\r\n0\r\n\r\n",
        "2\r\n{}x\r\n0\r\n\r\n",
        "fffffffffffffffff\r\n{}\r\n",
        "2\r\n{}\r\n0\r\n:path: /s3cret\r\n\r\n",
        "2\r\n{}\r\n0\r\ns3cret\r\n\r\n",
    ];
    for (index, body) in bodies.iter().enumerate() {
        let head = "POST /webhooks/pix HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(status_of(&world, &daemon, &format!("{head}{body}")), (400, BODY.to_owned()), "{body}");
        let line = eventually(body, || daemon.lines(LINE).get(index).cloned());
        let detail = "a chunk or the trailers of the body are not valid HTTP/1.1";
        assert_eq!((&line["reason"], &line["detail"]), (&"bad_request".into(), &detail.into()));
        assert_eq!(bad_requests(&daemon), (index + 1) as f64, "{body}");
    }
    assert!(world.spool_files().is_empty());
    assert!(!daemon.log_text().contains("s3cret"), "{}", daemon.log_text());
}
