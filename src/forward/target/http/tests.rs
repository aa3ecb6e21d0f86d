//! Tests of the `http` kind with real servers, most of which misbehave.

use std::sync::{Arc, Mutex};

use http::header::AUTHORIZATION;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::super::cloud_events::tests::facts;
use super::*;
use crate::forward::settings::{SecretBytes, TargetTls};

/// What the server does after an answer.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    Keep,
    Close,
    Stall,
    Flood,
}

/// A request that the server has received.
#[derive(Clone, Debug)]
struct Received {
    connection: usize,
    head: String,
    body: Vec<u8>,
}

impl Received {
    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(found, _)| *found == name).map(|(_, value)| value)
    }
}

type Answer = Box<dyn Fn(usize) -> (&'static str, Then) + Send + Sync>;

struct Script {
    /// The answer to the request with this number, from 0.
    answer: Answer,
    received: Mutex<Vec<Received>>,
    flooded: Mutex<usize>,
    /// Notified when the client has closed a connection on which the server stalls.
    closed: Notify,
}

impl Script {
    fn new(answer: impl Fn(usize) -> (&'static str, Then) + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            answer: Box::new(answer),
            received: Mutex::default(),
            flooded: Mutex::default(),
            closed: Notify::new(),
        })
    }

    fn received(&self) -> Vec<Received> {
        self.received.lock().expect("no panic").clone()
    }

    /// Answers the requests of one connection.
    async fn serve(&self, connection: usize, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        while let Some(request) = read_request(&mut stream, connection).await {
            let (answer, then) = {
                let mut received = self.received.lock().expect("no panic");
                received.push(request);
                (self.answer)(received.len() - 1)
            };
            if stream.write_all(answer.as_bytes()).await.is_err() || then == Then::Close {
                return;
            }
            while then == Then::Flood && stream.write_all(&[b'x'; 1 << 16]).await.is_ok() {
                *self.flooded.lock().expect("no panic") += 1 << 16;
            }
            if then == Then::Stall {
                let _ = stream.read_u8().await;
                self.closed.notify_one();
                return;
            }
        }
    }
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin), connection: usize) -> Option<Received> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).expect("ASCII");
    let mut request = Received { connection, head, body: Vec::new() };
    let length = request.header("content-length").map_or(0, |length| length.parse().expect("a length"));
    request.body.resize(length, 0);
    stream.read_exact(&mut request.body).await.ok()?;
    Some(request)
}

/// A server on a free port of the loopback; it ends when the set is dropped.
async fn server(script: &Arc<Script>, tls: Option<tokio_rustls::TlsAcceptor>) -> (u16, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let script = Arc::clone(script);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        for connection in 0.. {
            let (stream, _) = listener.accept().await.expect("a connection");
            let (script, tls) = (Arc::clone(&script), tls.clone());
            connections.spawn(async move {
                match tls {
                    None => script.serve(connection, stream).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            script.serve(connection, stream).await;
                        }
                    }
                }
            });
        }
    });
    (port, tasks)
}

fn at(https: bool, host: &str, port: u16) -> HttpSettings {
    HttpSettings {
        address: HttpAddress::Tcp { https, host: host.to_owned(), port },
        path: Template::parse("/webhooks{suffix}").expect("a template"),
        secret: None,
        tls: TargetTls::default(),
        headers: HeaderMap::new(),
    }
}

fn delivery(payload: impl Into<Bytes>) -> Delivery {
    Delivery {
        facts: facts(Some("pix")),
        envelope: Bytes::new(),
        payload: payload.into(),
        attempt: 3,
        path: "/spool/pix/taken/x.hook".into(),
        file: None,
    }
}

async fn deliver(target: &HttpTarget, payload: impl Into<Bytes>) -> Verdict {
    let mut verdicts = target.deliver(&[delivery(payload)]).await;
    assert_eq!(verdicts.len(), 1);
    verdicts.remove(0)
}

/// The verdict about a server that gives this answer to one request.
async fn verdict_of(answer: &'static str, then: Then) -> (Verdict, Arc<Script>) {
    let script = Script::new(move |_| (answer, then));
    let (port, _tasks) = server(&script, None).await;
    let target = HttpTarget::new(&at(false, "127.0.0.1", port)).expect("a target");
    (deliver(&target, "{}").await, script)
}

fn done(detail: &'static str) -> Verdict {
    Verdict::Done { detail: detail.into() }
}

fn retry(verdict: Verdict) -> String {
    let Verdict::Retry { after: None, reason } = verdict else { panic!("{verdict:?}") };
    reason
}

fn unreachable(verdict: Verdict) -> String {
    let Verdict::Unreachable { reason } = verdict else { panic!("{verdict:?}") };
    reason
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn request_contains_the_exact_payload_and_all_headers() {
    let script = Script::new(|_| (OK, Then::Keep));
    let (port, _tasks) = server(&script, None).await;
    let mut settings = at(false, "127.0.0.1", port);
    settings.path = Template::parse("/in/{endpoint}{suffix}?from={sender}").expect("a template");
    settings.secret = Some(SecretBytes(b"a key of 24 bytes, or so".to_vec().into()));
    settings.headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer abc"));
    settings.headers.insert("webhook-id", HeaderValue::from_static("not this"));
    let mut target = HttpTarget::new(&settings).expect("a target");
    target.clock = Clock::fixed_at("2026-11-23T14:11:00Z".parse().expect("a time"));
    assert_eq!(deliver(&target, &b"{\xff\0}\r\n"[..]).await, done("200 OK"));

    let request = script.received().remove(0);
    assert!(request.head.starts_with("POST /in/pix/pix?from=efi HTTP/1.1\r\n"), "{}", request.head);
    assert_eq!(request.body, b"{\xff\0}\r\n");
    let key = Key::new(HMAC_SHA256, b"a key of 24 bytes, or so");
    let signed = signature(&key, &facts(None).id, 1_795_443_060, b"{\xff\0}\r\n");
    for (name, value) in [
        ("host", &*format!("127.0.0.1:{port}")),
        ("user-agent", AGENT),
        ("content-type", "application/json"),
        ("content-length", "6"),
        ("authorization", "Bearer abc"),
        ("webhook-id", &facts(None).id),
        ("webhook-timestamp", "1795443060"),
        ("webhook-signature", &signed),
        ("hookspool-attempt", "3"),
        ("ce-type", "hookspool.pix.pix"),
    ] {
        assert_eq!(request.header(name), Some(value), "{name}");
    }
    assert_eq!(request.header("expect"), None);
    assert!(!format!("{target:?}").contains("abc"));
}

#[tokio::test]
async fn status_is_the_verdict() {
    assert_eq!(verdict_of("HTTP/1.1 204 No Content\r\n\r\n", Then::Keep).await.0, done("204 No Content"));
    let gone = verdict_of("HTTP/1.1 410 Gone\r\ncontent-length: 3\r\n\r\nbye", Then::Keep).await.0;
    assert_eq!(gone, Verdict::Failed { reason: "410 Gone: bye".to_owned() });
    let busy = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 120\r\ncontent-length: 0\r\n\r\n";
    let after = Some(Duration::from_secs(120));
    let reason = "429 Too Many Requests".to_owned();
    assert_eq!(verdict_of(busy, Then::Keep).await.0, Verdict::Retry { after, reason });
    let (verdict, script) =
        verdict_of("HTTP/1.1 301 Moved\r\nlocation: /other?x=1\r\ncontent-length: 0\r\n\r\n", Then::Keep)
            .await;
    let expected = "301 Moved Permanently: it redirects to `/other`, and redirects are not followed";
    assert_eq!((retry(verdict).as_str(), script.received().len()), (expected, 1));
}

#[tokio::test]
async fn incomplete_and_invalid_responses_are_retried() {
    for answer in ["", "HTTP/1.1 20", "HTTP/1.1 200 OK\r\ncontent-le"] {
        let (verdict, script) = verdict_of(answer, Then::Close).await;
        assert!(retry(verdict).contains("closed the connection without a complete response"), "{answer}");
        assert_eq!(script.received().len(), 1, "a new connection's request is sent once");
    }
    for answer in
        ["SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", "\0\0\0\0\r\n\r\n"]
    {
        let reason = retry(verdict_of(answer, Then::Close).await.0);
        assert!(reason.starts_with("no valid HTTP response from `127.0.0.1:"), "{reason}");
    }
    let half = verdict_of("HTTP/1.1 500 No\r\ncontent-length: 99\r\n\r\nhalf", Then::Close).await.0;
    assert_eq!(retry(half), "500 Internal Server Error: half");
}

#[tokio::test]
async fn success_whose_body_breaks_or_stalls_is_done() {
    for then in [Then::Close, Then::Stall] {
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nhalf";
        assert_eq!(verdict_of(answer, then).await.0, done("200 OK"));
    }
}

#[tokio::test]
async fn endless_response_is_read_up_to_its_limit() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\n",
        "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n",
    ] {
        let script =
            Script::new(move |number| if number == 0 { (answer, Then::Flood) } else { (OK, Then::Keep) });
        let (port, _tasks) = server(&script, None).await;
        let target = HttpTarget::new(&at(false, "127.0.0.1", port)).expect("a target");
        assert_eq!(deliver(&target, "a").await, done("200 OK"));
        assert_eq!(deliver(&target, "b").await, done("200 OK"));
        assert_eq!(script.received()[1].connection, 1, "the connection is not used again");
        // The buffers of the sockets.
        assert!(*script.flooded.lock().expect("no panic") < 32 << 20);
    }
}

#[tokio::test]
async fn connection_is_used_again_and_its_loss_is_not_a_failure() {
    // Every third request finds that the server has just closed the connection.
    let script = Script::new(|number| if number % 3 == 2 { ("", Then::Close) } else { (OK, Then::Keep) });
    let (port, _tasks) = server(&script, None).await;
    let target = HttpTarget::new(&at(false, "localhost", port)).expect("a target");
    for _ in 0..20 {
        assert_eq!(deliver(&target, "{}").await, done("200 OK"));
    }
    let received = script.received();
    assert!(received.len() > 20 && received[1].connection == 0, "{received:?}");

    // The server closes each connection after its response, without `connection: close`.
    let script = Script::new(|_| (OK, Then::Close));
    let (port, _tasks) = server(&script, None).await;
    let target = HttpTarget::new(&at(false, "127.0.0.1", port)).expect("a target");
    for _ in 0..50 {
        assert_eq!(deliver(&target, "{}").await, done("200 OK"));
    }
}

#[tokio::test]
async fn dropped_attempt_closes_its_connection() {
    let script = Script::new(|_| ("", Then::Stall));
    let (port, _tasks) = server(&script, None).await;
    let target = HttpTarget::new(&at(false, "127.0.0.1", port)).expect("a target");
    tokio::select! {
        verdict = deliver(&target, "{}") => panic!("{verdict:?}"),
        () = async { while script.received().is_empty() { tokio::task::yield_now().await } } => {}
    }
    timeout(Duration::from_secs(60), script.closed.notified()).await.expect("a closed connection");
}

#[tokio::test]
async fn large_and_empty_payloads_arrive_complete() {
    let script = Script::new(|_| (OK, Then::Keep));
    let (port, _tasks) = server(&script, None).await;
    let target = HttpTarget::new(&at(false, "127.0.0.1", port)).expect("a target");
    let large: Bytes = (0..64_u32 << 18).flat_map(u32::to_le_bytes).collect();
    assert_eq!(deliver(&target, large.clone()).await, done("200 OK"));
    assert_eq!(deliver(&target, "").await, done("200 OK"));
    let received = script.received();
    assert!(received[0].body == large && received[1].body.is_empty());
    assert_eq!(received[1].header("content-length"), Some("0"));
}

#[tokio::test]
async fn unix_socket_receives_requests() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("app.sock");
    let mut settings = at(false, "", 0);
    settings.address = HttpAddress::Unix(path.clone());
    let target = HttpTarget::new(&settings).expect("a target");
    let reason = unreachable(deliver(&target, "{}").await);
    let expected =
        format!("cannot connect to `unix:{}`: No such file or directory (os error 2)", path.display());
    assert_eq!(reason, expected);

    let script = Script::new(|_| (OK, Then::Keep));
    let listener = UnixListener::bind(&path).expect("a socket");
    let mut tasks = JoinSet::new();
    let serving = Arc::clone(&script);
    tasks.spawn(async move { serving.serve(0, listener.accept().await.expect("a connection").0).await });
    assert_eq!(deliver(&target, "{}").await, done("200 OK"));
    let request = script.received().remove(0);
    assert!(request.head.starts_with("POST /webhooks/pix HTTP/1.1\r\n"), "{}", request.head);
    assert_eq!(request.header("host"), Some("localhost"));
}

#[tokio::test]
async fn server_that_cannot_be_reached_is_named_with_the_cause() {
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    let target = HttpTarget::new(&at(false, "127.0.0.1", closed.port())).expect("a target");
    let reason = unreachable(deliver(&target, "{}").await);
    assert_eq!(reason, format!("cannot connect to `{closed}`: Connection refused (os error 111)"));
    let target = HttpTarget::new(&at(false, "no-such-host.invalid", 80)).expect("a target");
    let reason = unreachable(deliver(&target, "{}").await);
    assert!(reason.starts_with("cannot connect to `no-such-host.invalid:80`: "), "{reason}");
}

#[tokio::test]
async fn reset_connection_is_retried_and_its_server_is_not_down() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let _ = stream.read_u8().await;
        // Unread bytes make the system reset the connection.
    });
    let target = HttpTarget::new(&at(false, "127.0.0.1", port)).expect("a target");
    let reason = retry(deliver(&target, vec![b'x'; 16 << 20]).await);
    assert!(reason.contains("was closed without a response: "), "{reason}");
}

#[tokio::test]
async fn values_that_make_no_valid_url_are_retried_and_not_sent() {
    let mut settings = at(false, "127.0.0.1", 1);
    settings.path = Template::parse("/a/{params.x}/b").expect("a template");
    let target = HttpTarget::new(&settings).expect("a target");
    for (value, expected) in [("..", "segment `.` or `..`"), (&*"x".repeat(1 << 17), "no valid URL")] {
        let mut delivery = delivery("{}");
        delivery.facts.params.insert("x".to_owned(), value.to_owned());
        let reason = retry(target.deliver(&[delivery]).await.remove(0));
        assert!(reason.contains(expected), "{reason}");
    }
}

#[test]
fn content_type_has_the_bytes_that_the_sender_gave() {
    let value = |text| from_latin1(text).map(|value| value.as_bytes().to_vec());
    assert_eq!(value("text/x; a=\u{e9}"), Some(b"text/x; a=\xe9".to_vec()));
    assert_eq!((value("a\nb"), value("\u{20ac}")), (None, None));
}

#[path = "tls_tests.rs"]
mod tls;
