//! Senders whose TLS has nothing in common with the server, and senders that wait for 100 over HTTP/2.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;

use crate::wire::{Wire, client_config};
use crate::world::{Daemon, World, eventually};

fn failed(daemon: &Daemon) -> f64 {
    daemon.metric("hookspool_handshake_failures_total{reason=\"no_common_cipher\"} ")
}

fn s_client(daemon: &Daemon, arguments: &[&str]) {
    let mut openssl = Command::new("openssl");
    openssl.args(["s_client", "-connect", &format!("localhost:{}", daemon.port)]).args(arguments);
    let output = openssl.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("alert handshake failure"), "{arguments:?}: {said}");
}

#[test]
fn a_sender_that_supports_only_p_521_or_cbc_suites_is_named_in_log_and_status() {
    let world = World::new();
    let daemon = world.start();
    let cases: [&[&str]; 4] = [
        &["-tls1_2", "-groups", "P-521"],
        &["-tls1_3", "-groups", "P-521"],
        // As Windows Server 2012 and old Java.
        &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA384:ECDHE-ECDSA-AES128-SHA256:AES256-SHA:AES128-SHA"],
        &["-tls1_2", "-cipher", "ECDHE-RSA-AES256-SHA:DHE-RSA-AES256-GCM-SHA384"],
    ];
    for (number, arguments) in (1_u8..).zip(cases) {
        s_client(&daemon, arguments);
        eventually("it is counted", || (failed(&daemon) == f64::from(number)).then_some(()));
    }
    let lines = || daemon.log_text().matches("\"handshake failed\"").count();
    eventually("each is logged", || (lines() == cases.len()).then_some(()));
    let line = daemon.logged("handshake failed", |line| line["level"] == "WARN");
    assert!(line["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{line:#}");
    let page = String::from_utf8(world.run(&["status"]).stdout).unwrap();
    assert_eq!(page.matches("  no_common_cipher  from 127.0.0.1:").count(), cases.len(), "{page}");
}

#[test]
fn a_flood_of_handshakes_without_a_common_cipher_suite_is_counted_and_not_all_logged() {
    let world = World::new();
    let daemon = world.start();
    // A ClientHello of TLS 1.2 that offers one cipher suite, TLS_RSA_WITH_RC4_128_MD5.
    let hello = [&[0x16, 3, 1, 0, 0x2d, 1, 0, 0, 0x29, 3, 3][..], &[7; 32], &[0, 0, 2, 0, 4, 1, 0]];
    for _ in 0..200 {
        let mut tcp = std::net::TcpStream::connect(("127.0.0.1", daemon.port)).unwrap();
        tcp.write_all(&hello.concat()).unwrap();
        let _ = tcp.read_to_end(&mut Vec::new());
    }
    eventually("all are counted", || {
        (daemon.metric("hookspool_handshakes_total{outcome=\"failed\"}") == 200.0).then_some(())
    });
    daemon.logged("refusals not logged; rate limit exceeded", |line| line["count"].as_u64() > Some(100));
    let logged = daemon.log_text().matches("\"handshake failed\"").count();
    assert!((1..100).contains(&logged), "{logged}");
}

#[test]
fn over_http2_a_refusal_does_not_wait_for_the_body_that_a_client_holds_back() {
    let world = World::new();
    world.configure("body_timeout = \"1h\"");
    let daemon = world.start();
    let mut config = client_config(&world, "client");
    Arc::get_mut(&mut config).unwrap().alpn_protocols = vec![b"h2".to_vec()];
    let mut wire = Wire::with_config(config, daemon.port).unwrap();
    // Literals without indexing (RFC 7541, section 6.2.2) in a HEADERS frame that does not end its stream.
    let mut block = Vec::new();
    for (name, value) in [
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", "localhost"),
        (":path", "/nowhere"),
        ("expect", "100-continue"),
    ] {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend_from_slice(text.as_bytes());
        }
    }
    let length = u8::try_from(block.len()).unwrap();
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let head = [0, 0, length, 1, 0x4, 0, 0, 0, 1];
    wire.send([&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &settings, &head, &block].concat()).unwrap();
    // The DATA frame of the response, with its word.
    let mut bytes = Vec::new();
    eventually("404", || {
        let mut buffer = [0; 4096];
        let length = wire.0.read(&mut buffer).unwrap();
        assert!(length > 0, "{}", String::from_utf8_lossy(&bytes));
        bytes.extend_from_slice(&buffer[..length]);
        String::from_utf8_lossy(&bytes).contains("{\"error\":\"not_found\"}").then_some(())
    });
}
