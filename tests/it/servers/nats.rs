//! Runs Debian's nats-server, with or without JetStream.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::nats_client::{Client, Message};
use super::port::Port;
use super::{Options, write_certificates};
use crate::world::eventually;

pub struct Nats {
    folder: tempfile::TempDir,
    pub port: Port,
    server: Option<Child>,
}

impl Nats {
    /// Starts a server with JetStream. Further lines of the configuration are, for example, `max_payload: 1024`.
    pub fn start(options: Options) -> Self {
        Self::start_with(options, "jetstream { store_dir: STORE }")
    }

    pub fn without_jetstream(options: Options) -> Self {
        Self::start_with(options, "")
    }

    fn start_with(options: Options, jetstream: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut nats = Self { folder, port: Port::reserve(), server: None };
        let [_, certificate, key] = write_certificates(nats.folder.path());
        let tls = match options.tls {
            // `Client` uses no TLS.
            true => format!("allow_non_tls: true\ntls {{ cert_file: {certificate:?}, key_file: {key:?} }}"),
            false => String::new(),
        };
        let jetstream = jetstream.replace("STORE", &format!("{:?}", nats.path("store")));
        let listen = format!("listen: \"127.0.0.1:{}\"", nats.port.number);
        let text = [&listen, &jetstream, &tls, options.lines].join("\n");
        fs::write(nats.path("nats.conf"), text).unwrap();
        nats.restart();
        nats
    }

    /// Starts the server again, with the same store and port, and waits until it accepts connections.
    pub fn restart(&mut self) {
        assert!(self.server.is_none(), "the server runs");
        let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new("nats-server");
        command.arg("-c").arg(self.path("nats.conf")).env("PATH", path).stdin(Stdio::null());
        let log = File::options().create(true).append(true).open(self.path("log")).unwrap();
        let server = self.server.insert(command.stderr(log).spawn().unwrap());
        let (log, port) = (self.folder.path().join("log"), self.port.number);
        eventually("nats-server accepts connections", || {
            let ended = server.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}: {}", fs::read_to_string(&log).unwrap());
            Client::connect(port).ok()
        });
    }

    /// Kills the server with SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port.number)
    }

    /// The certificate of the CA that issued the server's certificate.
    pub fn ca(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// What the server has logged.
    pub fn log_text(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    /// Publishes a message; returns JetStream's acknowledgment, or `None` if no stream has the subject.
    pub fn publish(&self, subject: &str, headers: &[(&str, &str)], payload: &[u8]) -> Option<Value> {
        self.client().request(subject, headers, payload)
    }

    /// Creates a stream with this configuration, for example
    /// `{"name": "WEBHOOKS", "subjects": ["webhooks.>"], "duplicate_window": 1000000000}` (in nanoseconds).
    pub fn create_stream(&self, mut stream: Value) {
        for (key, default) in [("retention", "limits"), ("storage", "file")] {
            stream.as_object_mut().unwrap().entry(key).or_insert_with(|| json!(default));
        }
        let name = stream["name"].as_str().unwrap().to_owned();
        self.api(&format!("STREAM.CREATE.{name}"), &stream);
    }

    /// The configuration and state of a stream: `["state"]["messages"]` is the number of messages.
    pub fn stream(&self, name: &str) -> Value {
        self.api(&format!("STREAM.INFO.{name}"), &json!({}))
    }

    /// All messages of a stream, by sequence.
    pub fn messages(&self, name: &str) -> Vec<Message> {
        let state = &self.stream(name)["state"];
        let mut client = self.client();
        let [first, last] = ["first_seq", "last_seq"].map(|key| state[key].as_u64().unwrap());
        let subject = format!("$JS.API.STREAM.MSG.GET.{name}");
        let replies = (first..=last).map(|sequence| {
            client.request(&subject, &[], json!({ "seq": sequence }).to_string().as_bytes()).unwrap()
        });
        // A message that was deleted has no reply but an error.
        replies
            .filter(|reply| reply.get("error").is_none())
            .map(|reply| Message::from_reply(&reply))
            .collect()
    }

    /// The `Nats-Msg-Id` of each message of a stream, by sequence.
    pub fn ids(&self, name: &str) -> Vec<String> {
        let id = |message: &Message| message.header("Nats-Msg-Id").unwrap_or_default().to_owned();
        self.messages(name).iter().map(id).collect()
    }

    /// Sends a request to JetStream's API that succeeds, for example `STREAM.PURGE.WEBHOOKS`.
    pub fn api(&self, operation: &str, request: &Value) -> Value {
        let subject = format!("$JS.API.{operation}");
        let reply = self.client().request(&subject, &[], request.to_string().as_bytes()).expect("JetStream");
        assert!(reply.get("error").is_none(), "{operation}: {reply}");
        reply
    }

    fn client(&self) -> Client {
        Client::connect(self.port.number).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.kill();
    }
}

#[test]
fn acknowledged_messages_survive_a_kill_and_a_restart() {
    let mut nats = Nats::start(Options::default());
    assert_eq!(nats.publish("webhooks.pix", &[], b"{}"), None);
    nats.create_stream(json!({ "name": "WEBHOOKS", "subjects": ["webhooks.>"] }));
    let publish = |nats: &Nats, id: &str| {
        nats.publish("webhooks.pix", &[("Nats-Msg-Id", id), ("ce-id", id)], b"\0{}").unwrap()
    };
    assert_eq!(publish(&nats, "a")["seq"], 1);
    assert_eq!(publish(&nats, "b")["seq"], 2);
    for _ in 0..2 {
        nats.kill();
        nats.restart();
        assert!(nats.log_text().contains("Restored 2 messages"), "{}", nats.log_text());
        assert_eq!(publish(&nats, "b")["duplicate"], true);
        assert_eq!(nats.ids("WEBHOOKS"), ["a", "b"]);
    }
    nats.api("STREAM.MSG.DELETE.WEBHOOKS", &json!({ "seq": 1 }));
    publish(&nats, "c");
    let messages = nats.messages("WEBHOOKS");
    assert_eq!(nats.stream("WEBHOOKS")["state"]["messages"], 2);
    assert_eq!(messages.iter().map(|message| message.sequence).collect::<Vec<_>>(), [2, 3]);
    assert_eq!((messages[0].header("ce-id"), messages[0].payload.as_slice()), (Some("b"), &b"\0{}"[..]));
    assert_eq!(messages[0].subject, "webhooks.pix");
}

#[test]
fn nats_server_offers_tls_or_has_a_limit_or_no_jetstream_as_configured() {
    let lines = "max_payload: 1024";
    let nats = Nats::without_jetstream(Options { tls: true, lines, ..Options::default() });
    assert_eq!(nats.publish("$JS.API.INFO", &[], b""), None);
    let info = nats.client().info;
    assert_eq!((&info["max_payload"], &info["tls_available"]), (&json!(1024), &json!(true)));

    use rustls_pki_types::pem::PemObject;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls_pki_types::CertificateDer::from_pem_file(nats.ca()).unwrap()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.unwrap().with_root_certificates(roots).with_no_client_auth();
    let mut tls = rustls::ClientConnection::new(config.into(), "127.0.0.1".try_into().unwrap()).unwrap();
    let mut tcp = std::net::TcpStream::connect(nats.url().strip_prefix("nats://").unwrap()).unwrap();
    while {
        let mut byte = [0];
        std::io::Read::read_exact(&mut tcp, &mut byte).unwrap();
        byte != *b"\n"
    } {}
    while tls.is_handshaking() {
        tls.complete_io(&mut tcp).unwrap();
    }
}
