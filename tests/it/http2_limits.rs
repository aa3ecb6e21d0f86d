//! HTTP/2 clients that stall, flood, or need much memory for few bytes.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use crate::http2::Http2;
use crate::wire::{Wire, client_config};
use crate::world::{Daemon, TIMEOUT, World, eventually, within};

const HEADERS: u8 = 0x1;
const PING: u8 = 0x6;
const GOAWAY: u8 = 0x7;
const CONTINUATION: u8 = 0x9;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const ENHANCE_YOUR_CALM: [u8; 4] = [0, 0, 0, 11];
/// `POST https://localhost/webhooks/pix`, compressed.
const REQUEST: &[u8] = b"\x83\x87\x01\x09localhost\x04\x0d/webhooks/pix";

/// `idle_timeout` is so long that another limit must end the connection.
fn limited(more: &str) -> (World, Daemon) {
    let world = World::new();
    world.configure(&format!(
        "header_timeout = \"500ms\"\nidle_timeout = \"1h\"\nbody_timeout = \"30s\"\n{more}"
    ));
    let daemon = world.start();
    (world, daemon)
}

fn stalls(daemon: &Daemon, kind: &str) -> f64 {
    daemon.metric(&format!("hookspool_stalls_total{{kind=\"{kind}\"}}"))
}

fn goaways(daemon: &Daemon, reason: &str) -> f64 {
    daemon.metric(&format!("hookspool_http2_goaways_total{{reason=\"{reason}\"}}"))
}

/// Sends with `drip`, every 100 ms, until the server ends the connection.
fn drip_until_end(h2: &mut Http2, mut drip: impl FnMut(&mut Http2) -> std::io::Result<()>) -> Duration {
    let began = Instant::now();
    h2.0.sock.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    while began.elapsed() < TIMEOUT {
        match h2.0.read(&mut [0; 4096]) {
            Ok(0) => return began.elapsed(),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if drip(h2).is_err() {
                    return began.elapsed();
                }
            }
            Err(_) => return began.elapsed(),
        }
    }
    panic!("the connection is still open after {TIMEOUT:?}");
}

fn assert_ended_in_time(took: Duration) {
    assert!((400..1500).contains(&took.as_millis()), "{took:?}");
}

fn raw(h2: &mut Http2, bytes: &[u8]) -> std::io::Result<()> {
    h2.0.write_all(bytes)?;
    h2.0.flush()
}

#[test]
fn headers_that_do_not_end_have_the_header_timeout_during_other_requests() {
    let (world, daemon) = limited("");
    let continuation = [0, 0, 1, CONTINUATION, 0, 0, 0, 0, 3, 0];
    for (index, drip) in [&b""[..], b"\0", &continuation].into_iter().enumerate() {
        let mut h2 = Http2::connect(&world, &daemon);
        // Its body never comes.
        h2.send(HEADERS, END_HEADERS, 1, REQUEST);
        h2.send(PING, 0, 0, &[0; 8]);
        h2.until(PING, 0);
        if drip.len() == 1 {
            // A frame that does not end.
            raw(&mut h2, &[0, 1, 0, HEADERS, END_HEADERS, 0, 0, 0, 3]).unwrap();
        } else {
            h2.send(HEADERS, 0, 3, REQUEST);
        }
        let took = drip_until_end(&mut h2, |h2| raw(h2, drip));
        assert_ended_in_time(took);
        eventually("it is counted", || (stalls(&daemon, "header") == index as f64 + 1.0).then_some(()));
    }
    // Requests whose headers end in time keep the connection open.
    let mut h2 = Http2::connect(&world, &daemon);
    let until = Instant::now() + Duration::from_millis(1200);
    let mut stream = 1;
    while Instant::now() < until {
        h2.send(HEADERS, END_STREAM, stream, REQUEST);
        std::thread::sleep(Duration::from_millis(50));
        h2.send(CONTINUATION, END_HEADERS, stream, b"");
        h2.until(HEADERS, stream);
        stream += 2;
    }
}

#[test]
fn a_preface_that_does_not_end_has_the_header_timeout() {
    let (world, daemon) = limited("");
    for (index, part) in [&b""[..], b"PRI * HTTP/2.0\r\n"].into_iter().enumerate() {
        let mut config = client_config(&world, "client");
        std::sync::Arc::get_mut(&mut config).unwrap().alpn_protocols = vec![b"h2".to_vec()];
        let mut wire = Wire::with_config(config, daemon.port).unwrap();
        wire.send(part).unwrap();
        let began = Instant::now();
        wire.closed_cleanly();
        assert_ended_in_time(began.elapsed());
        eventually("it is counted", || (stalls(&daemon, "preface") == index as f64 + 1.0).then_some(()));
    }
}

#[test]
fn a_connection_that_only_sends_pings_ends_with_its_largest_age() {
    let (world, daemon) = limited("max_connection_age = \"300ms\"");
    let mut h2 = Http2::connect(&world, &daemon);
    let took = drip_until_end(&mut h2, |h2| raw(h2, &[0, 0, 8, PING, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]));
    assert!((700..1800).contains(&took.as_millis()), "{took:?}");
    eventually("it is counted", || (stalls(&daemon, "age") == 1.0).then_some(()));
    assert_eq!(goaways(&daemon, "drain"), 1.0);
}

#[test]
fn frames_that_do_no_work_end_the_connection_above_a_rate() {
    let world = World::new();
    let daemon = world.start();
    let settings = [0, 3, 0, 0, 0, 100];
    let floods: [(u8, u8, u8, &[u8]); 8] = [
        (PING, 0, 0, &[0; 8]),
        (0x4, 0, 0, &settings),
        (0x4, 0, 0, b""),
        (0x2, 0, 1, &[0, 0, 0, 0, 16]),
        (0x8, 0, 0, &[0, 0, 0, 1]),
        (0x3, 0, 1, &[0, 0, 0, 8]),
        (0xbe, 0, 0, b""),
        (0x0, 0x8, 1, &[9, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    ];
    for (index, (kind, flags, stream, payload)) in floods.into_iter().enumerate() {
        let mut h2 = Http2::connect(&world, &daemon);
        h2.send(HEADERS, END_HEADERS, 1, REQUEST);
        let length = u8::try_from(payload.len()).unwrap();
        let frame = [&[0, 0, length, kind, flags, 0, 0, 0, stream], payload].concat();
        for _ in 0..11 {
            // It may already have been ended.
            let _ = raw(&mut h2, &frame.repeat(100));
        }
        let goaway = h2.until(GOAWAY, 0);
        assert_eq!(goaway[4..8], ENHANCE_YOUR_CALM, "{kind:#x} {goaway:?}");
        let counted = || goaways(&daemon, "rate") + goaways(&daemon, "library") == index as f64 + 1.0;
        eventually("it is counted", || counted().then_some(()));
    }
    assert!(goaways(&daemon, "rate") >= 7.0, "the library bounds small DATA frames itself");
    daemon.logged("request rejected by the HTTP library", |line| {
        line["detail"].as_str().unwrap().contains("too many frames that do no work")
    });
}

#[test]
fn frames_that_accompany_requests_are_never_too_many() {
    let world = World::new();
    let daemon = world.start();
    let mut h2 = Http2::connect(&world, &daemon);
    let (mut stream, mut stored) = (1_u32, 0);
    for _ in 0..30 {
        let mut batch = Vec::new();
        for _ in 0..64 {
            let mut frame = |kind, flags, stream: u32, payload: &[u8]| {
                batch.extend([0, 0, payload.len() as u8, kind, flags]);
                batch.extend(stream.to_be_bytes());
                batch.extend(payload);
            };
            // Most are not stored, so that the disk does not bound the rate.
            let is_stored = stream % 64 == 1;
            stored += usize::from(is_stored);
            frame(HEADERS, END_HEADERS, stream, if is_stored { REQUEST } else { b"\x83\x87\x84" });
            frame(0x0, 0, stream, b"{");
            frame(0x0, END_STREAM, stream, b"}");
            for _ in 0..4 {
                frame(0x8, 0, 0, &[0, 0, 0, 1]);
                frame(PING, 0, 0, &[7; 8]);
            }
            stream += 2;
        }
        raw(&mut h2, &batch).unwrap();
        let mut answers = 0;
        while answers < 64 {
            let mut head = [0; 9];
            h2.0.read_exact(&mut head).unwrap();
            let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
            h2.0.read_exact(&mut payload).unwrap();
            assert_ne!(head[3], GOAWAY, "{payload:?}");
            answers += usize::from(head[3] == HEADERS);
        }
    }
    assert_eq!((world.entries("pix").len(), goaways(&daemon, "rate")), (stored, 0.0));
}

#[test]
fn more_than_100_fields_get_431_on_both_versions() {
    let world = World::new();
    let daemon = world.start();
    let mut h2 = Http2::connect(&world, &daemon);
    // A field of the dynamic table, and references to it.
    let fields = |count: usize| [REQUEST, b"\x40\x01x\x01y", &vec![0xbe; count - 1]].concat();
    let indexed = |count: usize| [REQUEST, &vec![0xbe; count]].concat();
    h2.send(HEADERS, END_HEADERS | END_STREAM, 1, &fields(100));
    assert!(h2.until(0x0, 1).starts_with(b"{\"id\""));
    for (stream, count) in [(3, 101), (5, 700)] {
        h2.send(HEADERS, END_HEADERS | END_STREAM, stream, &indexed(count));
        assert_eq!(h2.until(0x0, stream), b"{\"error\":\"headers_too_large\"}\n");
    }
    let outcomes = |endpoint: &str| {
        daemon.metric(&format!(
            "hookspool_deliveries_total{{endpoint=\"{endpoint}\",outcome=\"headers_too_large\"}}"
        ))
    };
    assert_eq!((outcomes("pix"), outcomes("-")), (2.0, 0.0));
    // More than the library keeps.
    h2.send(HEADERS, END_HEADERS | END_STREAM, 7, &indexed(1800));
    h2.until(HEADERS, 7);
    eventually("it is counted", || (outcomes("-") == 1.0).then_some(()));
    // 400 comes first.
    h2.send(HEADERS, END_HEADERS | END_STREAM, 9, &[&indexed(101)[..], b"\0\x04host\x05other"].concat());
    assert_eq!(h2.until(0x0, 9), b"{\"error\":\"bad_request\"}\n");
    let mut wire = Wire::connect(&world, &daemon, "client");
    let head =
        |count: usize| format!("POST /webhooks/pix HTTP/1.1\r\nhost: x\r\n{}\r\n", "x: y\r\n".repeat(count));
    wire.send(head(99)).unwrap();
    assert_eq!(wire.answer().unwrap().status, 200);
    wire.send(head(100)).unwrap();
    assert_eq!(wire.answer().unwrap().status, 431);
}

#[test]
fn references_to_the_dynamic_table_take_little_memory() {
    let world = World::new();
    let daemon = world.start();
    let peak = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() >> 10
    };
    let before = peak();
    let mut attackers = Vec::new();
    for (attacker, count) in [700, 1800].into_iter().cycle().take(30).enumerate() {
        let mut h2 = Http2::connect(&world, &daemon);
        let mut batch = Vec::new();
        // The bodies never come.
        for stream in (1..=255_u8).step_by(2) {
            let first: &[u8] = if stream == 1 { b"\x40\x01x\x01y" } else { b"\xbe" };
            let block = [REQUEST, first, &vec![0xbe; count - 1]].concat();
            let [_, a, b, c] = u32::try_from(block.len()).unwrap().to_be_bytes();
            batch.extend([a, b, c, HEADERS, END_HEADERS, 0, 0, 0, stream]);
            batch.extend(block);
        }
        raw(&mut h2, &batch).unwrap();
        let last = h2.until(HEADERS, 255);
        assert!(!last.is_empty(), "{attacker}");
        attackers.push(h2);
    }
    // Header sections that do not end are decoded as they arrive.
    for h2 in &mut attackers {
        let references = vec![0xbe; 16 << 10];
        let mut section = [&[0, 0x40, 0, HEADERS, 0, 0, 0, 1, 1], &references[..]].concat();
        section.extend([&[0, 0x40, 0, CONTINUATION, 0, 0, 0, 1, 1], &references[..]].concat());
        // The connection may end before it is complete.
        let _ = raw(h2, &section);
    }
    let ended = "hookspool_http2_goaways_total{reason=\"headers\"}";
    eventually("they are ended", || (daemon.metric(ended) == 30.0).then_some(()));
    let after = peak();
    eprintln!("{} connections, {} requests: peak memory {before} -> {after} MiB", attackers.len(), 128 * 30);
    assert!(after - before < 80, "{before} -> {after} MiB");
    within(TIMEOUT, "others are served", || {
        (Wire::connect(&world, &daemon, "client").post("/webhooks/pix", b"{}").unwrap().status == 200)
            .then_some(())
    });
}
