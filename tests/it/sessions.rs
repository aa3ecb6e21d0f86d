//! Sessions are never resumed, and an open connection is authorized again at each request.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hookspool::client::{ClientConnection, ServerUrl};
use hookspool::clock::{Clock, Timestamp};
use hookspool::config;
use hookspool::daemon::{Capacity, Daemon, unconfined};
use hookspool::devpki::{KeyKind, Root};
use hookspool::logging::{self, Logging};
use hookspool::systemd::activation::Inherited;
use hookspool::tls::client::{ClientSettings, Connector, Protocols, TlsVersions, Trust};
use hookspool::tls::key_pair::KeyPair;
use hookspool::tls::pem;
use rustls::HandshakeKind;
use serde_json::Value;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::der::{Name, Party, UTF8};
use crate::wire::{Wire, client_config};
use crate::world::World;

/// The result of a client that offered its stored session, if it had one.
struct SessionResult {
    is_accepted: bool,
    is_resumed: bool,
}

/// Connects with the session in a file, and stores the new session there.
type ConnectWithSession = fn(&World, u16, &Path) -> SessionResult;

const CLIENTS: [(&str, ConnectWithSession); 4] = [
    ("openssl, TLS 1.2", |world, port, kept| s_client(world, port, kept, "-tls1_2")),
    ("openssl, TLS 1.3", |world, port, kept| s_client(world, port, kept, "-tls1_3")),
    ("node, TLS 1.2", |world, port, kept| node(world, port, kept, "TLSv1.2")),
    ("node, TLS 1.3", |world, port, kept| node(world, port, kept, "TLSv1.3")),
];

fn s_client(world: &World, port: u16, kept: &Path, version: &str) -> SessionResult {
    let mut command = Command::new("timeout");
    command.args(["20", "openssl", "s_client", version, "-servername", "localhost", "-ign_eof", "-connect"]);
    command.arg(format!("127.0.0.1:{port}")).arg("-CAfile").arg(world.cert("root-ca"));
    command.arg("-cert").arg(world.cert("client")).arg("-key").arg(world.key("client"));
    if kept.exists() {
        command.arg("-sess_in").arg(kept);
    }
    command.arg("-sess_out").arg(kept).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let request =
        "POST /webhooks/pix HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
    // The pipe of a refused client may be closed.
    let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), request.as_bytes());
    let output = child.wait_with_output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    SessionResult {
        is_accepted: printed.contains("HTTP/1.1 200"),
        is_resumed: printed.contains("Reused, TLS"),
    }
}

fn node(world: &World, port: u16, kept: &Path, version: &str) -> SessionResult {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/clients/session.js");
    let output = Command::new("node")
        .arg(script)
        .args([&port.to_string(), version])
        .arg(kept)
        .args([world.cert("root-ca"), world.cert("client"), world.key("client")])
        .output()
        .unwrap();
    let result: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    SessionResult { is_accepted: result["status"] == 200, is_resumed: result["reused"] == true }
}

/// Every client is accepted twice, and refused after `change`.
fn assert_refused_after(reason: &str, change: impl FnOnce(&World)) {
    let world = World::new();
    let daemon = world.start();
    for (name, connect) in CLIENTS {
        let kept = world.path(&format!("trace/{name}"));
        for time in ["first", "second"] {
            let result = connect(&world, daemon.port, &kept);
            assert!(result.is_accepted && !result.is_resumed, "{name}, for the {time} time");
        }
    }
    let before = world.entries("pix").len();
    let accepted = daemon.metric("hookspool_handshakes_total{outcome=\"accepted\"}");
    change(&world);
    daemon.logged("reloaded", |_| true);
    for (name, connect) in CLIENTS {
        let result = connect(&world, daemon.port, &world.path(&format!("trace/{name}")));
        assert!(!result.is_accepted, "{name} was accepted");
    }
    assert_eq!(daemon.metric(&format!("hookspool_refusals_total{{reason=\"{reason}\"}}")), 4.0);
    assert_eq!(daemon.metric("hookspool_handshakes_total{outcome=\"accepted\"}"), accepted);
    assert_eq!(world.entries("pix").len(), before);
}

fn edit(world: &World, old: &str, new: &str) {
    let text = fs::read_to_string(world.path("webhooks.toml")).unwrap();
    assert!(text.contains(old));
    fs::write(world.path("webhooks.toml"), text.replacen(old, new, 1)).unwrap();
}

#[test]
fn a_stored_session_is_refused_after_the_cn_is_removed() {
    assert_refused_after("rule", |world| edit(world, "cn = [\"client\"]", "cn = [\"someone-else\"]"));
}

#[test]
fn a_stored_session_is_refused_after_the_ca_is_replaced() {
    assert_refused_after("unknown_ca", |world| {
        let other = Root::new(KeyKind::EcdsaP256, Timestamp::now()).unwrap();
        fs::write(world.path("certs/other-ca.pem"), &other.issued.certificate_pem).unwrap();
        let text = fs::read_to_string(world.path("webhooks.toml")).unwrap();
        fs::write(world.path("webhooks.toml"), text.replace("certs/root-ca.pem", "certs/other-ca.pem"))
            .unwrap();
    });
}

#[test]
fn a_stored_session_is_refused_after_the_certificate_is_revoked() {
    assert_refused_after("revoked", |world| {
        let own = pem::certificates(&fs::read(world.cert("client")).unwrap()).unwrap();
        let (_, certificate) = X509Certificate::from_der(&own[0]).unwrap();
        let ca = pem::certificates(&fs::read(world.cert("root-ca")).unwrap()).unwrap().remove(0);
        let issuer = Party {
            name: Name::empty().and("2.5.4.10", UTF8, b"hookspool development").and(
                "2.5.4.3",
                UTF8,
                b"hookspool development root",
            ),
            key: rcgen::KeyPair::from_pem(&fs::read_to_string(world.key("root-ca")).unwrap()).unwrap(),
            der: ca,
        };
        fs::write(world.path("certs/bank.crl"), issuer.list(&[certificate.raw_serial()], 20)).unwrap();
        edit(world, "cn = [\"client\"]", "cn = [\"client\"]\ncrl = \"certs/bank.crl\"");
    });
}

/// One logger for the whole process.
static LOGGING: OnceLock<Arc<Logging>> = OnceLock::new();
const QUIET: logging::Settings =
    logging::Settings { format: logging::Format::Json, level: logging::Level::Error };

/// A daemon within this process, with a clock that the test sets.
struct TimedDaemon {
    world: World,
    clock: Clock,
    port: u16,
    _daemon: Daemon,
    runtime: tokio::runtime::Runtime,
}

impl TimedDaemon {
    fn start() -> Self {
        let world = World::new();
        let clock = Clock::fixed_at(Timestamp::now());
        let loaded =
            config::load(&world.path("webhooks.toml"), clock.now(), config::Process::Daemon).unwrap();
        let settings = loaded.settings.unwrap_or_else(|| panic!("{}", loaded.report.render(false)));
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let logging = Arc::clone(LOGGING.get_or_init(|| Arc::new(Logging::start(QUIET).unwrap())));
        let readable = unconfined(&settings).unwrap().readable;
        let daemon = runtime.block_on(async {
            let capacity = Capacity::default();
            Daemon::start(settings, Inherited::default(), readable, logging, clock.clone(), capacity).unwrap()
        });
        let port = daemon.addresses()[0].port();
        Self { world, clock, port, _daemon: daemon, runtime }
    }

    /// Sets the clock to a time after the end of the development PKI's client certificate, which is valid for a year.
    fn expire_certificate(&self) {
        self.clock.advance(Duration::from_hours(366 * 24));
    }
}

#[test]
fn a_stored_session_is_refused_after_the_certificate_has_expired() {
    let timed = TimedDaemon::start();
    for (name, connect) in CLIENTS {
        let kept = timed.world.path(&format!("trace/{name}"));
        assert!(connect(&timed.world, timed.port, &kept).is_accepted, "{name}");
    }
    timed.expire_certificate();
    for (name, connect) in CLIENTS {
        let result = connect(&timed.world, timed.port, &timed.world.path(&format!("trace/{name}")));
        assert!(!result.is_accepted, "{name} was accepted");
    }
    assert_eq!(timed.world.entries("pix").len(), CLIENTS.len());
}

#[test]
fn no_client_resumes_even_if_it_stores_every_session() {
    let world = World::new();
    let daemon = world.start();
    let config = client_config(&world, "client");
    for time in 0..3 {
        let mut wire = Wire::with_config(config.clone(), daemon.port).unwrap();
        assert_eq!(wire.post("/webhooks/pix", b"{}").unwrap().status, 200);
        assert_eq!(wire.0.conn.handshake_kind(), Some(HandshakeKind::Full), "{time}");
    }
}

#[test]
fn a_connection_accepts_no_request_after_its_certificate_has_expired() {
    let timed = TimedDaemon::start();
    let config = client_config(&timed.world, "client");
    let mut wire = Wire::with_config(config.clone(), timed.port).unwrap();
    assert_eq!(wire.post("/webhooks/pix", b"{}").unwrap().status, 200);
    let (mut http2, headers) = (http2(&timed), http::HeaderMap::new());
    let mut post = || timed.runtime.block_on(http2.post(&headers, "{}".into())).unwrap().status;
    assert_eq!(post(), 200);

    timed.expire_certificate();
    let answer = wire.post("/webhooks/pix", b"{}").unwrap();
    assert_eq!(answer.status, 503);
    assert!(answer.head.contains("connection: close"), "{}", answer.head);
    assert!(wire.closed_cleanly());
    assert_eq!(post(), 503);
    timed.runtime.block_on(async {
        // After GOAWAY, the connection accepts no further requests.
        let closed = async {
            while !http2.is_closed() {
                tokio::task::yield_now().await
            }
        };
        tokio::time::timeout(crate::world::TIMEOUT, closed).await.expect("the connection is retired");
    });
    let mut again = Wire::with_config(config, timed.port).unwrap();
    assert!(again.post("/webhooks/pix", b"{}").is_err(), "a new handshake is refused");
    assert_eq!(timed.world.entries("pix").len(), 2);
}

fn http2(timed: &TimedDaemon) -> ClientConnection {
    let read = |name: &str| pem::certificates(&fs::read(timed.world.cert(name)).unwrap()).unwrap();
    let keys = pem::private_keys(&fs::read(timed.world.key("client")).unwrap()).unwrap();
    let settings = ClientSettings {
        trust: Trust::Anchors(read("root-ca")),
        key_pair: Some(KeyPair::new(read("client"), &keys).unwrap()),
        protocols: Protocols::Http2,
        versions: TlsVersions::Both,
    };
    let connector = Connector::new(&settings).unwrap();
    let target = ServerUrl::parse(&format!("https://localhost:{}/webhooks/pix", timed.port)).unwrap();
    let address = format!("127.0.0.1:{}", timed.port);
    timed.runtime.block_on(ClientConnection::open(&connector, &target, Some(&address))).unwrap()
}

#[test]
fn a_certificate_that_expires_in_force_does_not_prevent_a_reload() {
    let timed = TimedDaemon::start();
    timed.expire_certificate();
    edit(&timed.world, "cn = [\"second\"]", "cn = [\"third\"]");
    let socket = timed.world.path("run/admin.sock");
    let asked = timed.runtime.block_on(hookspool::client::post_unix(&socket, "/reload"));
    let (status, body) = asked.unwrap();
    let reload: Value = serde_json::from_slice(&body).unwrap();
    // The file watcher may have reloaded before.
    assert_eq!((status.as_u16(), &reload["generation"]), (200, &Value::from(2)), "{reload:#}");
}
