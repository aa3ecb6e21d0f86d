//! Peers that begin something and do not continue, many at once. Each is ended by the limit for its kind of stall, and
//! counted as that kind. Times count in `tests/long`.

use std::io;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::http2::PREFACE;
use super::stage::Stage;
use super::target::{Target, hold};
use super::{Attack, alone, is_long, sized};
use crate::world::eventually;

/// The limit that ends the stalls of a test.
const LIMIT: Duration = Duration::from_secs(1);
/// What may be added to it in `tests/long`.
const DELAY_MAX: Duration = Duration::from_secs(1);
/// After this time, the daemon has not ended a stall.
const WAIT_MAX: Duration = Duration::from_secs(50);
const SERVED: &str = "POST /greedy HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}";

/// What a peer sends before it stalls.
#[derive(Clone, Copy)]
enum Sent {
    /// On the TCP connection.
    Tcp(&'static [u8]),
    /// With HTTP/1.1.
    Http1(&'static str),
    /// With HTTP/1.1, after a delivery that got its response.
    Further(&'static str),
    /// With HTTP/2.
    Http2(&'static [&'static [u8]]),
}

impl Sent {
    /// Returns the time from the last byte to the end of the connection.
    async fn stall(self, target: Target) -> io::Result<Duration> {
        match self {
            Self::Tcp(bytes) => ended(target.tcp().await?, bytes).await,
            Self::Http1(text) => ended(target.greedy().await?, text.as_bytes()).await,
            Self::Further(text) => {
                let mut stream = target.greedy().await?;
                stream.write_all(SERVED.as_bytes()).await?;
                super::honest::answer(&mut stream).await?;
                ended(stream, text.as_bytes()).await
            }
            Self::Http2(parts) => ended(target.greedy_http2().await?, &parts.concat()).await,
        }
    }
}

async fn ended<S: AsyncReadExt + AsyncWriteExt + Unpin>(mut stream: S, bytes: &[u8]) -> io::Result<Duration> {
    stream.write_all(bytes).await?;
    stream.flush().await?;
    let begin = Instant::now();
    // Whether the end is a reset or a close does not matter here.
    let _ = timeout(WAIT_MAX, hold(stream)).await.map_err(|_| io::Error::other("the stall was not ended"))?;
    Ok(begin.elapsed())
}

/// Plays all stalls of a kind at once.
fn play(kind: &str, setting: &str, stalls: &[Sent]) {
    let attack = Attack::new(kind, |_| Box::pin(async {})).server(&format!("{setting} = \"1s\""));
    let _alone = alone();
    let stage = Stage::new(&attack);
    let target = stage.target(&attack);
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let times = runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for stall in stalls {
            (0..sized(20, 60)).for_each(|_| drop(tasks.spawn(stall.stall(target.clone()))));
        }
        tasks.join_all().await
    });
    for took in &times {
        let took = took.as_ref().expect("a stall that the daemon ends");
        assert!(!is_long() || *took < LIMIT + DELAY_MAX, "{kind}: a stall ended after {took:?}");
    }
    // A peer may see the end of its connection before the daemon has counted it.
    let counted = eventually("all stalls are counted", || {
        let counters = stage.counters().into_iter();
        let stalls = counters.filter(|(name, _)| name.starts_with("hookspool_stalls_total"));
        let stalls: Vec<_> = stalls.filter(|(_, count)| *count > 0.0).collect();
        let total: f64 = stalls.iter().map(|(_, count)| count).sum();
        (total >= times.len() as f64).then_some(stalls)
    });
    assert_eq!(counted, [(format!("hookspool_stalls_total{{kind=\"{kind}\"}}"), times.len() as f64)]);
}

#[test]
fn handshakes_that_stall() {
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    play("handshake", "handshake_timeout", &[Sent::Tcp(b""), Sent::Tcp(b"\x16"), Sent::Tcp(hello)]);
}

#[test]
fn prefaces_that_stall() {
    play("preface", "header_timeout", &[Sent::Http2(&[]), Sent::Http2(&[b"PRI * HT"])]);
}

#[test]
fn headers_that_stall() {
    let h1 = ["P", "POST /greedy HTTP/1.1\r\n", "POST /greedy HTTP/1.1\r\nhost: localhost\r\nx-slow: "];
    let h2: [&[&[u8]]; 2] = [
        // A part of a frame's header; HEADERS without END_HEADERS.
        &[PREFACE, b"\0\0\x08\x06"],
        &[PREFACE, b"\0\0\x01\x01\0\0\0\0\x01\x83"],
    ];
    let further = h1.map(Sent::Further);
    play("header", "header_timeout", &[&h1.map(Sent::Http1)[..], &further, &h2.map(Sent::Http2)].concat());
}

#[test]
fn bodies_that_stall() {
    let bodies = [
        "POST /greedy HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n",
        "POST /greedy HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{",
        "POST /greedy HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n",
        "POST /greedy HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{",
    ];
    let further = bodies.map(Sent::Further);
    play("body", "body_timeout", &[bodies.map(Sent::Http1), further].concat());
}

#[test]
fn connections_without_a_request() {
    play("idle", "idle_timeout", &[Sent::Http1(""), Sent::Further(""), Sent::Http2(&[PREFACE])]);
}
