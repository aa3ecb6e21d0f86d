//! Tests of the deadlines, with a simulated clock.

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;

fn timed() -> (DuplexStream, TimedStream<DuplexStream>, Deadlines) {
    let (peer, ours) = duplex(64);
    let deadlines = Deadlines::new(
        Timeouts { head: Some(Duration::from_secs(15)), idle: Duration::from_secs(75) },
        Arc::new(Idleness::new(Instant::now())),
    );
    (peer, TimedStream::new(ours, deadlines.clone()), deadlines)
}

async fn seconds_until_end(stream: &mut TimedStream<DuplexStream>) -> u64 {
    let started = Instant::now();
    let mut buf = [0; 16];
    while stream.read(&mut buf).await.expect("a read") > 0 {}
    started.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_ends_after_the_idle_time() {
    let (_peer, mut stream, _) = timed();
    assert_eq!(seconds_until_end(&mut stream).await, 75);
}

#[tokio::test(start_paused = true)]
async fn headers_that_never_end_are_given_their_own_time() {
    let (mut peer, mut stream, _) = timed();
    peer.write_all(b"POST").await.expect("a write");
    assert_eq!(seconds_until_end(&mut stream).await, 15);
}

#[tokio::test(start_paused = true)]
async fn dripping_headers_do_not_move_their_deadline() {
    let (mut peer, mut stream, _) = timed();
    let drip = async {
        while peer.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(4)).await;
        }
    };
    let ended = async {
        let seconds = seconds_until_end(&mut stream).await;
        drop(stream);
        seconds
    };
    assert_eq!(tokio::join!(ended, drip).0, 15);
}

#[tokio::test(start_paused = true)]
async fn nothing_ends_while_a_request_is_under_way() {
    let (mut peer, mut stream, deadlines) = timed();
    peer.write_all(b"POST").await.expect("a write");
    let mut buf = [0; 4];
    stream.read_exact(&mut buf).await.expect("a read");
    let in_flight = deadlines.begin();
    let hour = tokio::time::timeout(Duration::from_secs(3600), stream.read(&mut buf)).await;
    assert!(hour.is_err(), "the body's deadline is not kept here");
    drop(in_flight);
    assert_eq!(seconds_until_end(&mut stream).await, 75);
}

#[tokio::test(start_paused = true)]
async fn a_read_that_began_during_a_request_ends_when_the_idle_time_does() {
    let (_peer, mut stream, deadlines) = timed();
    let in_flight = deadlines.begin();
    let request = async {
        tokio::time::sleep(Duration::from_secs(10)).await;
        drop(in_flight);
    };
    assert_eq!(tokio::join!(seconds_until_end(&mut stream), request).0, 10 + 75);
}
