//! `hookspool probe`: passes where it should, and says why where it should not.

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

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn it_passes_against_the_daemon_and_sends_no_payment() {
    let world = World::new();
    let daemon = world.start();
    for (versions, http) in [(2, "--http1.1"), (4, "--http2")] {
        let output = probe(&world, &daemon.url("/webhooks/pix?hmac=s3cret"), "client", &[http]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let said = said(&output);
        assert_eq!(said.matches("ok ").count(), 6, "{said}");
        assert!(!said.contains("s3cret") && said.contains("certificate_required"), "{said}");
        let entries = world.entries("pix");
        assert_eq!(entries.len(), versions);
        assert!(entries.values().all(|entry| entry.payload == br#"{"evento":"teste_webhook"}"#));
    }
    assert_eq!(daemon.metric("hookspool_refusals_total{reason=\"no_certificate\"}"), 4.0);
    assert_eq!(daemon.metric("hookspool_refusals_total{reason=\"unknown_ca\"}"), 4.0);
}

#[test]
fn it_says_what_does_not_hold() {
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
    assert!(said(&unknown).contains("access_denied"), "{unknown:?}");
    let nowhere = probe(&world, &daemon.url("/nowhere"), "client", &[]);
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(said(&nowhere).contains("404 Not Found: no endpoint has this URL"), "{nowhere:?}");
    assert_eq!(probe(&world, "https://127.0.0.1:1/", "client", &[]).status.code(), Some(69));
    assert_eq!(world.run(&["probe", &daemon.url("/"), "--ca", "certs/root-ca.pem"]).status.code(), Some(64));
}

#[test]
fn a_server_that_asks_and_does_not_check_fails() {
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
        (output.status.code(), said(&output))
    };
    let (code, said) = at(0);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("answered 200 OK: the server does not require a certificate"), "{said}");
    assert!(said.contains("refused, in HTTP: 400 Bad Request"), "{said}");
    let (code, said) = at(1);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("answered 200 OK: the server accepts certificates of any CA"), "{said}");
    let (code, said) = at(2);
    assert_eq!(code, Some(0), "{said}");
}

/// A server that reads a little, says `answer` to whoever comes, and hangs up.
fn saying(answer: &'static [u8]) -> u16 {
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
fn what_is_not_tls_or_says_nothing_is_no_refusal() {
    let world = World::new();
    let at = |answer| {
        let output = probe(&world, &format!("https://localhost:{}/", saying(answer)), "client", &[]);
        (output.status.code(), said(&output), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, _, why) = at(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(code, Some(69), "{why}");
    let (code, said, _) = at(b"");
    assert_eq!(code, Some(1));
    assert_eq!(said.matches("so this is not a refusal").count(), 4, "{said}");
    // protocol_version, as an alert of its own record (RFC 8446, 6.2).
    let (code, said, _) = at(b"\x15\x03\x03\x00\x02\x02\x46");
    assert_eq!(code, Some(1));
    assert!(said.contains("the server supports neither TLS 1.2 nor TLS 1.3"), "{said}");
}

#[test]
fn a_url_that_is_none_keeps_its_secret_and_a_ca_that_is_none_is_named() {
    let world = World::new();
    for command in ["probe", "send"] {
        let output = world.run(&[command, "http://localhost/x?hmac=s3cret", "--insecure"]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(64), "{told}");
        assert!(!told.contains("s3cret") && told.contains("`http://localhost/x` is not https"), "{told}");
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
fn a_long_answer_has_a_status_all_the_same() {
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
    assert_eq!(said(&output).matches("answered 200 OK").count(), 2, "{output:?}");
}
