//! The PROXY protocol: HAProxy in front of the daemon, and bytes that it never sends.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::haproxy::Haproxy;
use crate::tools::{curl, edit};
use crate::wire::{Wire, client_config};
use crate::world::{Daemon, World, eventually};

const REFUSED: &str = "hookspool_connections_refused_total{reason=\"proxy\"}";
const CLIENT: [&str; 6] =
    ["--cacert", "certs/root-ca.pem", "--cert", "certs/client.pem", "--key", "certs/client.key"];
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A world that trusts the address that HAProxy connects from.
fn trusting() -> World {
    let world = World::new();
    world.configure("trusted_proxies = [\"127.0.0.1\", \"2001:db8::/32\"]\nhandshake_timeout = \"5s\"");
    world
}

/// A header of version 2 with the command PROXY.
fn v2(family: u8, rest: &[u8]) -> Vec<u8> {
    [V2, &[0x21, family], &u16::try_from(rest.len()).unwrap().to_be_bytes(), rest].concat()
}

/// 192.0.2.1:258 in version 2, and TLVs.
fn v4(tlvs: &[u8]) -> Vec<u8> {
    v2(0x11, &[b"\xc0\x00\x02\x01\xc6\x33\x64\x01\x01\x02\x20\xfb", tlvs].concat())
}

/// Sends a header and then a delivery; its status.
fn deliver_after(world: &World, daemon: &Daemon, header: &[u8]) -> std::io::Result<u16> {
    let mut tcp = TcpStream::connect(("127.0.0.1", daemon.port))?;
    tcp.write_all(header)?;
    let mut wire = Wire::over(client_config(world, "client"), tcp)?;
    Ok(wire.post("/webhooks/pix", header)?.status)
}

/// The peer in the envelope of the only entry, which is removed.
fn take_peer(world: &World) -> Value {
    let mut entries = world.entries("pix").into_iter();
    let (id, entry) = entries.next().unwrap();
    assert!(entries.next().is_none());
    fs::remove_file(world.path(&format!("spool/pix/new/{id}.hook"))).unwrap();
    entry.envelope["peer"].clone()
}

fn address<'a>(peer: &'a Value, key: &str) -> &'a str {
    peer[key].as_str().unwrap().rsplit_once(':').unwrap().0
}

fn haproxy_names_the_client(options: &str, check_passes: &str) {
    let world = trusting();
    edit(&world, "path = \"/webhooks/pix\"", "path = \"/webhooks/pix\"\nfrom = [\"127.0.0.2\"]");
    let mut daemon = world.start();
    let pair = [world.cert("client"), world.key("client")].map(|path| fs::read_to_string(path).unwrap());
    fs::write(world.path("pair.pem"), pair.concat()).unwrap();
    let options = options.replace("pair.pem", world.path("pair.pem").to_str().unwrap());
    let haproxy = Haproxy::start(&world.path(""), daemon.port, &options);
    daemon.port = haproxy.port;
    for (from, status) in [("127.0.0.2", "200"), ("127.0.0.3", "403")] {
        let answered = curl(&world, &daemon, &[&CLIENT[..], &["--interface", from]].concat());
        assert_eq!(answered, status, "{options}: {}\n{}", haproxy.statistics(), daemon.log_text());
    }
    let peer = take_peer(&world);
    assert_eq!((address(&peer, "address"), address(&peer, "proxy")), ("127.0.0.2", "127.0.0.1"), "{peer}");
    daemon.logged("delivery stored", |line| line["peer"] == peer["address"]);
    let stranger = ["-k", "--interface", "127.0.0.4"];
    assert_eq!(curl(&world, &daemon, &stranger), "000");
    let is_from = |line: &Value| line["peer"].as_str().is_some_and(|peer| peer.starts_with("127.0.0.4:"));
    daemon.logged("peer refused", is_from);
    eventually("the health check passes", || haproxy.statistics().contains(check_passes).then_some(()));
    assert_eq!(daemon.metric(REFUSED), 0.0, "{}", daemon.log_text());
}

#[test]
fn haproxy_names_the_client_in_version_1() {
    haproxy_names_the_client("send-proxy check check-send-proxy inter 1s", ",L4OK,");
}

#[test]
fn haproxy_names_the_client_in_version_2() {
    haproxy_names_the_client(
        "send-proxy-v2 proxy-v2-options crc32c,unique-id check check-send-proxy inter 1s",
        ",L4OK,",
    );
}

#[test]
fn handshake_of_a_health_check_has_the_address_of_the_proxy() {
    for version in ["send-proxy", "send-proxy-v2"] {
        let options = "check check-send-proxy inter 1s check-ssl verify none crt pair.pem";
        haproxy_names_the_client(&format!("{version} {options}"), ",L6OK,");
    }
}

#[test]
fn connection_whose_header_names_no_address_has_its_own() {
    let world = trusting();
    let daemon = world.start();
    for header in [
        b"PROXY UNKNOWN\r\n".to_vec(),
        b"PROXY UNKNOWN 192.0.2.1 198.51.100.1 258 8443\r\n".to_vec(),
        v2(0x31, &[b'/'; 216]),
        v2(0x00, b"\x04\x00\x01x"),
        [V2, b"\x20\x00\x00\x00"].concat(),
        [V2, b"\x20\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x01\x01\x02\x20\xfb"].concat(),
    ] {
        assert_eq!(deliver_after(&world, &daemon, &header).unwrap(), 200, "{}", header.escape_ascii());
        let peer = take_peer(&world);
        assert_eq!((address(&peer, "address"), &peer["proxy"]), ("127.0.0.1", &Value::Null), "{peer}");
    }
    assert_eq!(daemon.metric(REFUSED), 0.0);
}

#[test]
fn header_with_unknown_tlvs_names_the_address() {
    let world = trusting();
    let daemon = world.start();
    for header in [v4(b"\xee\x00\x01x\x04\x00\x00"), v4(&[&b"\x05\x08\x00"[..], &[7; 2048]].concat())] {
        assert_eq!(deliver_after(&world, &daemon, &header).unwrap(), 200);
        assert_eq!(take_peer(&world)["address"], "192.0.2.1:258");
    }
    let mapped = b"PROXY TCP6 ::ffff:192.0.2.1 ::1 258 8443\r\n";
    assert_eq!(deliver_after(&world, &daemon, mapped).unwrap(), 200);
    assert_eq!(take_peer(&world)["address"], "192.0.2.1:258");
}

#[test]
fn faulty_header_closes_the_connection_is_logged_and_counted() {
    let world = trusting();
    let daemon = world.start();
    let cases: [(Vec<u8>, &str); 8] = [
        (b"".to_vec(), "does not begin with a PROXY protocol header"),
        (b"PROXY TCP4 192.0.2.1 198.51.100.1 258\r\n".to_vec(), "(version 1) is malformed"),
        ([&b"PROXY UNKNOWN "[..], &[b'x'; 100]].concat(), "no CRLF within 107 bytes"),
        (v2(0x41, b""), "(version 2) is malformed"),
        (v2(0x12, &v4(b"")[16..]), "UDP"),
        (v4(b"\x04\x00\x09x"), "TLVs"),
        (v4(b"\x03\x00\x04\x01\x02\x03\x04"), "CRC32c"),
        (v2(0x00, &[0; 8192]), "8208 bytes long"),
    ];
    for (count, (header, detail)) in (1_u8..).zip(&cases) {
        assert!(deliver_after(&world, &daemon, header).is_err(), "{}", header.escape_ascii());
        let has_detail = |line: &Value| line["detail"].as_str().is_some_and(|text| text.contains(detail));
        let line = daemon.logged("connection refused", has_detail);
        assert_eq!((&line["level"], &line["reason"]), (&"WARN".into(), &"proxy".into()), "{line}");
        eventually("it is counted", || (daemon.metric(REFUSED) == f64::from(count)).then_some(()));
    }
    let mut truncated = TcpStream::connect(("127.0.0.1", daemon.port)).unwrap();
    truncated.write_all(b"PROXY TCP4 192.0.2.1").unwrap();
    drop(truncated);
    daemon.logged("connection refused", |line| line["detail"].as_str().unwrap().contains("ended within"));
    // A load balancer that checks the port is no fault.
    let before = daemon.metric(REFUSED);
    drop(TcpStream::connect(("127.0.0.1", daemon.port)).unwrap());
    let closed = "hookspool_handshake_failures_total{reason=\"closed\"}";
    eventually("the closed connection is counted", || (daemon.metric(closed) == 1.0).then_some(()));
    assert_eq!(daemon.metric(REFUSED), before);
    assert_eq!(world.entries("pix").len(), 0);
    let (_, status) = daemon.admin("/status");
    assert!(status.contains("CRC32c"), "{status}");
}

#[test]
fn header_from_another_network_is_a_tls_error() {
    let world = World::new();
    world.configure("trusted_proxies = [\"192.0.2.0/24\"]");
    let daemon = world.start();
    let not_tls = "hookspool_handshake_failures_total{reason=\"not_tls\"}";
    for (count, header) in [(1.0, b"PROXY TCP4 192.0.2.1 198.51.100.1 258 8443\r\n".to_vec()), (2.0, v4(b""))]
    {
        assert!(deliver_after(&world, &daemon, &header).is_err());
        eventually("it is counted", || (daemon.metric(not_tls) == count).then_some(()));
    }
    assert_eq!(daemon.metric(REFUSED), 0.0);
    assert_eq!(deliver_after(&world, &daemon, b"").unwrap(), 200);
}

#[test]
fn slow_header_ends_at_the_handshake_timeout() {
    let world = World::new();
    world.configure("trusted_proxies = [\"127.0.0.1\"]\nhandshake_timeout = \"1s\"");
    let daemon = world.start();
    let started = Instant::now();
    let mut tcp = TcpStream::connect(("127.0.0.1", daemon.port)).unwrap();
    tcp.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let header = [&b"PROXY UNKNOWN "[..], &[b'x'; 80]].concat();
    let sent = header.iter().take_while(|byte| {
        let sent = tcp.write_all(&[**byte]);
        sent.is_ok() && matches!(tcp.read(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock)
    });
    assert!(sent.count() < header.len(), "the connection was not closed");
    let waited = started.elapsed();
    assert!((Duration::from_secs(1)..Duration::from_secs(5)).contains(&waited), "{waited:?}");
    let timeouts = "hookspool_handshakes_total{outcome=\"timeout\"}";
    eventually("the timeout is counted", || (daemon.metric(timeouts) == 1.0).then_some(()));
}

#[test]
fn reload_changes_the_trusted_proxies_of_new_connections() {
    let world = World::new();
    world.configure("trusted_proxies = []");
    let daemon = world.start();
    assert!(deliver_after(&world, &daemon, &v4(b"")).is_err());
    world.configure("trusted_proxies = \"127.0.0.0/8\"");
    assert!(world.run(&["reload"]).status.success());
    assert_eq!(deliver_after(&world, &daemon, &v4(b"")).unwrap(), 200);
    assert!(deliver_after(&world, &daemon, b"").is_err());
}
