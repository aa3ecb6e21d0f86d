//! `hookspool probe`: passes if the server is correct, and reports the reason otherwise.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Output;
use std::thread;

use serde_json::Value;

use crate::nginx::Nginx;
use crate::world::World;

fn probe(world: &World, url: &str, name: &str, more: &[&str]) -> Output {
    let (cert, key) = (format!("certs/{name}.pem"), format!("certs/{name}.key"));
    let args = ["probe", url, "--ca", "certs/root-ca.pem", "--cert", &cert, "--key", &key];
    world.run(&[&args[..], more].concat())
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn it_passes_against_the_daemon_and_sends_no_payment() {
    let world = World::new();
    let daemon = world.start();
    for (versions, http) in [(2, "--http1.1"), (4, "--http2")] {
        let output = probe(&world, &daemon.url("/webhooks/pix?hmac=s3cret"), "client", &[http]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let printed = stdout(&output);
        assert_eq!(printed.matches("ok ").count(), 6, "{printed}");
        assert!(!printed.contains("s3cret") && printed.contains("certificate_required"), "{printed}");
        let entries = world.entries("pix");
        assert_eq!(entries.len(), versions);
        assert!(entries.values().all(|entry| entry.payload == br#"{"evento":"teste_webhook"}"#));
    }
    assert_eq!(daemon.metric("hookspool_refusals_total{reason=\"no_certificate\"}"), 4.0);
    assert_eq!(daemon.metric("hookspool_refusals_total{reason=\"unknown_ca\"}"), 4.0);
}

#[test]
fn it_reports_what_is_wrong() {
    let world = World::new();
    let text = fs::read_to_string(world.path("webhooks.toml")).unwrap();
    fs::write(world.path("webhooks.toml"), text.replace("[tls]\n", "[tls]\nmin_version = \"1.3\"\n"))
        .unwrap();
    let daemon = world.start();
    let output = probe(&world, &daemon.url("/webhooks/pix"), "client", &["--json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let of = |tls: &str, field: &str| -> Vec<Value> {
        let visits = document["visits"].as_array().unwrap();
        visits.iter().filter(|visit| visit["tls"] == tls).map(|visit| visit[field].clone()).collect()
    };
    assert_eq!((of("1.2", "spoken"), of("1.3", "spoken")), (vec![false.into(); 3], vec![true.into(); 3]));
    assert_eq!(of("1.3", "visitor"), ["none", "stranger", "given"]);

    let unknown = probe(&world, &daemon.url("/webhooks/pix"), "nobody", &[]);
    assert_eq!(unknown.status.code(), Some(1), "{unknown:?}");
    assert!(stdout(&unknown).contains("access_denied"), "{unknown:?}");
    let nowhere = probe(&world, &daemon.url("/nowhere"), "client", &[]);
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(stdout(&nowhere).contains("404 Not Found: no endpoint has this URL"), "{nowhere:?}");
    assert_eq!(probe(&world, "https://127.0.0.1:1/", "client", &[]).status.code(), Some(69));
    assert_eq!(world.run(&["probe", &daemon.url("/"), "--ca", "certs/root-ca.pem"]).status.code(), Some(64));
}

#[test]
fn a_server_that_requests_but_does_not_verify_certificates_fails() {
    let world = World::new();
    let server = |ports: &[u16]| {
        let block = |port: u16, verify: &str| {
            format!(
                "server {{ listen 127.0.0.1:{port} ssl; ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate {}; ssl_certificate_key {}; \
                 ssl_client_certificate {}; ssl_verify_client {verify}; return 200; }}\n",
                world.cert("server").display(),
                world.key("server").display(),
                world.cert("root-ca").display()
            )
        };
        [block(ports[0], "optional"), block(ports[1], "optional_no_ca"), block(ports[2], "on")].concat()
    };
    let nginx = Nginx::start(&world.path(""), 3, server);
    let at = |place: usize| {
        let output = probe(&world, &format!("https://localhost:{}/", nginx.ports[place]), "client", &[]);
        (output.status.code(), stdout(&output))
    };
    let (code, printed) = at(0);
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("answered 200 OK: the server does not require a certificate"), "{printed}");
    assert!(printed.contains("refused, in HTTP: 400 Bad Request"), "{printed}");
    let (code, printed) = at(1);
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("answered 200 OK: the server accepts certificates of any CA"), "{printed}");
    let (code, printed) = at(2);
    assert_eq!(code, Some(0), "{printed}");
}

/// Starts a server that sends `answer` on every connection and closes it.
fn server_answering(answer: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer);
        }
    });
    port
}

#[test]
fn a_server_without_tls_or_an_alert_does_not_count_as_refusing() {
    let world = World::new();
    let at = |answer| {
        let output =
            probe(&world, &format!("https://localhost:{}/", server_answering(answer)), "client", &[]);
        (output.status.code(), stdout(&output), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, _, why) = at(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(code, Some(69), "{why}");
    let (code, printed, _) = at(b"");
    assert_eq!(code, Some(1));
    assert_eq!(printed.matches("so this is not a refusal").count(), 4, "{printed}");
    // The alert protocol_version in a record (RFC 8446, section 6.2).
    let (code, printed, _) = at(b"\x15\x03\x03\x00\x02\x02\x46");
    assert_eq!(code, Some(1));
    assert!(printed.contains("the server supports neither TLS 1.2 nor TLS 1.3"), "{printed}");
}

#[test]
fn errors_hide_the_query_of_a_url_and_name_the_bad_ca_file() {
    let world = World::new();
    for command in ["probe", "send"] {
        let output = world.run(&[command, "http://localhost/x?hmac=s3cret", "--insecure"]);
        let printed = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(64), "{printed}");
        assert!(
            !printed.contains("s3cret") && printed.contains("`http://localhost/x` is not https"),
            "{printed}"
        );
    }
    let file = world.path("certs/not-a-ca.pem");
    fs::write(&file, "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n").unwrap();
    let pair = ["--cert", "certs/client.pem", "--key", "certs/client.key"];
    for command in ["probe", "send"] {
        let args = [&[command, "https://localhost:1/", "--ca", "certs/not-a-ca.pem"], &pair[..]].concat();
        let output = world.run(&args);
        assert_eq!(output.status.code(), Some(65), "{command}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("not-a-ca.pem"), "{output:?}");
    }
}

#[test]
fn the_status_of_a_long_response_is_reported() {
    let world = World::new();
    fs::write(world.path("long"), vec![b'x'; 2 << 20]).unwrap();
    let nginx = Nginx::start(&world.path(""), 1, |ports| {
        format!(
            "server {{ listen 127.0.0.1:{} ssl; ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate {}; ssl_certificate_key {}; \
             ssl_client_certificate {}; ssl_verify_client on; error_page 405 =200 $uri; \
             location / {{ root {}; }} }}\n",
            ports[0],
            world.cert("server").display(),
            world.key("server").display(),
            world.cert("root-ca").display(),
            world.path("").display(),
        )
    });
    let output = probe(&world, &format!("https://localhost:{}/long", nginx.ports[0]), "client", &[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(stdout(&output).matches("answered 200 OK").count(), 2, "{output:?}");
}
