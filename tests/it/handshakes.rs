//! A handshake that fails after its ClientHello leaves a line and an entry in status; everything is counted by reason.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;

use hookspool::metrics::HandshakeFailureReason;
use serde_json::Value;

use crate::wire::{Wire, client_config};
use crate::world::{Daemon, World, eventually};

/// Who fails.
enum Client {
    OpenSsl(&'static str),
    Curl(&'static str),
    Python(&'static str),
    Raw(&'static [u8]),
    /// A ClientHello with these cipher suites and extensions.
    Hello(&'static [u8], &'static [u8]),
}

use Client::{Curl, Hello, OpenSsl, Python, Raw};

const SUITE: &[u8] = b"\xc0\x2b";

/// Clients with the reason that each fails for. The server has an ECDSA certificate.
const FAILURES: &[(&str, Client)] = &[
    ("no_common_protocol", OpenSsl("-tls1_1 -cipher DEFAULT@SECLEVEL=0")),
    ("no_common_protocol", OpenSsl("-tls1 -cipher DEFAULT@SECLEVEL=0")),
    ("no_common_protocol", Curl("--tlsv1.0 --tls-max 1.1 --ciphers DEFAULT@SECLEVEL=0")),
    (
        "no_common_protocol",
        Python(
            "c.minimum_version = c.maximum_version = ssl.TLSVersion.TLSv1_1; c.set_ciphers('DEFAULT@SECLEVEL=0')",
        ),
    ),
    ("no_common_cipher", OpenSsl("-tls1_2 -cipher ECDHE-ECDSA-AES256-SHA384")),
    ("no_common_cipher", OpenSsl("-tls1_2 -cipher ECDHE-ECDSA-AES128-CCM")),
    ("no_common_cipher", OpenSsl("-tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256")),
    ("no_common_cipher", OpenSsl("-tls1_2 -cipher DHE-RSA-AES128-GCM-SHA256")),
    ("no_common_cipher", OpenSsl("-tls1_2 -cipher AES128-GCM-SHA256")),
    ("no_common_cipher", OpenSsl("-tls1_2 -cipher eNULL@SECLEVEL=0")),
    ("no_common_cipher", OpenSsl("-tls1_2 -groups brainpoolP256r1")),
    ("no_common_cipher", OpenSsl("-tls1_2 -sigalgs ECDSA+SHA1 -cipher DEFAULT@SECLEVEL=0")),
    ("no_common_cipher", OpenSsl("-tls1_2 -sigalgs RSA+SHA256")),
    ("no_common_cipher", OpenSsl("-tls1_3 -groups X448")),
    ("no_common_cipher", OpenSsl("-tls1_3 -groups ffdhe2048")),
    ("no_common_cipher", OpenSsl("-tls1_3 -sigalgs rsa_pss_rsae_sha256")),
    ("no_common_cipher", OpenSsl("-tls1_3 -sigalgs ed448")),
    ("no_common_cipher", OpenSsl("-tls1_3 -ciphersuites TLS_AES_128_CCM_SHA256")),
    ("no_common_cipher", OpenSsl("-tls1_3 -ciphersuites TLS_AES_128_CCM_8_SHA256")),
    ("no_common_cipher", Curl("--tlsv1.2 --tls-max 1.2 --ciphers ECDHE-ECDSA-AES128-SHA256")),
    ("no_common_cipher", Curl("--tlsv1.3 --tls13-ciphers TLS_AES_128_CCM_SHA256")),
    ("no_common_cipher", Curl("--curves X448")),
    (
        "no_common_cipher",
        Python("c.maximum_version = ssl.TLSVersion.TLSv1_2; c.set_ciphers('ECDHE-RSA-AES256-GCM-SHA384')"),
    ),
    ("no_application_protocol", OpenSsl("-alpn h2c")),
    ("no_application_protocol", OpenSsl("-alpn acme-tls/1")),
    ("no_application_protocol", OpenSsl("-alpn http/0.9,spdy/3.1")),
    ("no_application_protocol", Python("c.set_alpn_protocols(['mqtt'])")),
    ("bad_server_name", OpenSsl("-servername a..b")),
    ("bad_server_name", OpenSsl("-servername host!")),
    ("bad_server_name", OpenSsl("-servername b\u{fc}cher.example")),
    ("bad_server_name", OpenSsl("-servername hooks.example:8443")),
    ("other", OpenSsl("-verify_return_error -CAfile stranger.pem")),
    ("other", Curl("--cacert stranger.pem")),
    ("other", Python("c.load_verify_locations('stranger.pem'); c.verify_mode = ssl.CERT_REQUIRED")),
    ("not_tls", Curl("http")),
    ("not_tls", Raw(b"SSH-2.0-OpenSSH_9.2\r\n")),
    ("not_tls", Raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")),
    ("not_tls", Raw(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n")),
    // An empty ClientHello, one that ends too early, one with more than its fields, and one of 16 MiB.
    ("other", Raw(b"\x16\x03\x01\x00\x04\x01\x00\x00\x00")),
    ("other", Raw(b"\x16\x03\x01\x00\x08\x01\x00\x00\x04\x03\x03\x00\x00")),
    ("other", Hello(SUITE, b"\x00\x00\x00\x03\x00\x01")),
    ("other", Hello(SUITE, b"\x00\x0b\x00\x00")),
    ("other", Raw(b"\x16\x03\x01\x00\x08\x01\xff\xff\xff\x03\x03\x00\x00")),
    ("no_common_cipher", Hello(b"", b"")),
    ("no_common_cipher", Hello(SUITE, b"\x00\x0d\x00\x02\x00\x00")),
    ("no_common_cipher", Hello(SUITE, b"\x00\x0a\x00\x02\x00\x00")),
    ("no_common_protocol", Hello(SUITE, b"\x00\x2b\x00\x01\x00")),
    ("no_application_protocol", Hello(SUITE, b"\x00\x10\x00\x02\x00\x00")),
    // An empty list of names, and an empty name.
    ("bad_server_name", Hello(SUITE, b"\x00\x00\x00\x02\x00\x00")),
    ("bad_server_name", Hello(SUITE, b"\x00\x00\x00\x05\x00\x03\x00\x00\x00")),
    // Records of TLS without a ClientHello: an alert, application data, another handshake message.
    ("closed", Raw(b"\x15\x03\x01\x00\x02\x02\x28")),
    ("closed", Raw(b"\x15\x03\x03\x00\x02\x01\x00")),
    ("not_tls", Raw(b"\x17\x03\x03\x00\x01\x00")),
    ("not_tls", Raw(b"\x16\x03\x01\x00\x04\x0e\x00\x00\x00")),
    ("not_tls", Raw(b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10\x01\x00\x80")),
    ("closed", Raw(b"")),
    ("closed", Raw(b"\x16\x03\x01\x02\x00\x01")),
];

impl Client {
    fn run(&self, world: &World, daemon: &Daemon) {
        let port = daemon.port;
        let mut command = match self {
            Raw(bytes) => return send(bytes, port),
            Hello(suites, extensions) => return send(&hello(suites, extensions), port),
            OpenSsl(arguments) => {
                let mut command = Command::new("openssl");
                command.args(["s_client", "-connect", &format!("localhost:{port}")]);
                command.args(arguments.split(' '));
                command
            }
            Curl(arguments) => {
                let mut command = Command::new("curl");
                command.args(["-s", "--noproxy", "*", "--max-time", "10"]);
                let scheme = if *arguments == "http" { "http" } else { "https" };
                if scheme == "https" {
                    command.args(arguments.split(' '));
                }
                if !arguments.contains("--cacert") {
                    command.arg("-k");
                }
                command.arg(format!("{scheme}://localhost:{port}/"));
                command
            }
            Python(setting) => {
                let script = format!(
                    "import socket, ssl, warnings\nwarnings.simplefilter('ignore')\nc = ssl.create_default_context()\n\
                     c.check_hostname = False; c.verify_mode = ssl.CERT_NONE\n{setting}\n\
                     c.wrap_socket(socket.create_connection(('127.0.0.1', {port}), 10), server_hostname='localhost')"
                );
                let mut command = Command::new("python3");
                command.args(["-c", &script]);
                command
            }
        };
        let directory = world.cert("root-ca");
        command.current_dir(directory.parent().unwrap());
        let output =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
        assert!(!output.status.success(), "{command:?}: {output:?}");
    }
}

fn hello(suites: &[u8], extensions: &[u8]) -> Vec<u8> {
    let fields = [&[3, 3], &[7; 32][..], &[0], &[0, suites.len() as u8], suites, &[1, 0]].concat();
    let fields = [&fields, &[0, extensions.len() as u8][..], extensions].concat();
    let message = [&[1, 0, 0, fields.len() as u8], &fields[..]].concat();
    [&[22, 3, 1, 0, message.len() as u8], &message[..]].concat()
}

fn send(bytes: &[u8], port: u16) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    // An alert, or nothing.
    let _ = stream.read_to_end(&mut Vec::new());
}

fn reasons() -> impl Iterator<Item = &'static str> {
    HandshakeFailureReason::ALL.iter().map(|reason| reason.word())
}

fn counts(daemon: &Daemon) -> Vec<(&'static str, f64)> {
    let series = |reason| format!("hookspool_handshake_failures_total{{reason=\"{reason}\"}}");
    reasons().map(|reason| (reason, daemon.metric(&series(reason)))).collect()
}

#[test]
fn every_failure_is_counted_by_its_reason_and_logged_unless_it_is_noise() {
    let world = World::new();
    let daemon = world.start();
    let mut total = 0.0;
    for (index, (reason, client)) in FAILURES.iter().enumerate() {
        let before = counts(&daemon);
        client.run(&world, &daemon);
        total += 1.0;
        eventually("the failure is counted", || {
            (daemon.metric("hookspool_handshakes_total{outcome=\"failed\"}") >= total).then_some(())
        });
        let after = counts(&daemon);
        let moved: Vec<_> =
            before.iter().zip(&after).filter(|(old, new)| old != new).map(|(_, new)| new.0).collect();
        assert_eq!(moved, [*reason], "case {index}");
    }
    let logged = |reason: &str| {
        let lines = daemon.log_text();
        let lines = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["message"] == "handshake failed" && line["reason"] == reason).count()
    };
    let status: Value = serde_json::from_str(&daemon.admin("/status").1).unwrap();
    for reason in reasons() {
        let expected = FAILURES.iter().filter(|(it, _)| *it == reason).count();
        let expected = if matches!(reason, "not_tls" | "closed") { 0 } else { expected };
        eventually(reason, || (logged(reason) == expected).then_some(()));
        let entries =
            status["refusals"].as_array().unwrap().iter().filter(|it| it["reason"] == reason).count();
        assert_eq!(entries, expected, "{reason} in {status:#}");
    }
    let line = daemon.logged("handshake failed", |line| line["reason"] == "no_application_protocol");
    assert_eq!((line["level"].as_str(), line["offered"].as_str()), (Some("WARN"), Some("h2c")), "{line:#}");
    let line = daemon.logged("handshake failed", |line| line["reason"] == "no_common_cipher");
    assert!(
        line["offered"].as_str().unwrap().contains("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"),
        "{line:#}"
    );
}

#[test]
fn tls_1_3_alone_is_not_in_common_with_a_client_of_1_2() {
    let world = World::new();
    let config = std::fs::read_to_string(world.path("webhooks.toml")).unwrap();
    std::fs::write(world.path("webhooks.toml"), config.replacen("[tls]", "[tls]\nmin_version = \"1.3\"", 1))
        .unwrap();
    let daemon = world.start();
    OpenSsl("-tls1_2").run(&world, &daemon);
    daemon.logged("handshake failed", |line| line["reason"] == "no_common_protocol");
}

#[test]
fn http_1_0_alone_in_alpn_is_served() {
    let world = World::new();
    let daemon = world.start();
    let output = Command::new("curl")
        .args([
            "-s",
            "--noproxy",
            "*",
            "--http1.0",
            "-d",
            "{}",
            "-w",
            "%{http_code}",
            "-o",
            "/dev/null",
            "--cacert",
        ])
        .arg(world.cert("root-ca"))
        .arg("--cert")
        .arg(world.cert("client"))
        .arg("--key")
        .arg(world.key("client"))
        .arg(daemon.url("/webhooks/pix"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "200");
}

#[test]
fn what_strangers_offer_is_cut_and_does_not_displace_refusals() {
    let world = World::new();
    let daemon = world.start();
    let refused = Wire::with_config(client_config(&world, "stranger"), daemon.port);
    assert!(refused.and_then(|mut wire| wire.post("/webhooks/pix", b"{}")).is_err());
    daemon.logged("peer refused", |line| line["reason"] == "unknown_ca");
    let names: Vec<_> = (0..24).map(|name| vec![name; 255]).collect();
    for _ in 0..130 {
        let mut config = client_config(&world, "client");
        Arc::get_mut(&mut config).unwrap().alpn_protocols = names.clone();
        let _ = Wire::with_config(config, daemon.port).and_then(|mut wire| wire.post("/webhooks/pix", b"{}"));
    }
    let failed = "hookspool_handshake_failures_total{reason=\"no_application_protocol\"}";
    eventually("all are counted", || (daemon.metric(failed) == 130.0).then_some(()));
    let (_, status) = daemon.admin("/status");
    assert!(status.len() < 200_000, "{} bytes", status.len());
    assert!(status.contains("unknown_ca"), "{status}");
    let longest = daemon.log_text().lines().map(str::len).max().unwrap();
    assert!(longest < 4_000, "{longest}");
}
