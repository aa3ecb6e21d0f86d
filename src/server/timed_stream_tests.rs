//! Tests of the deadlines, with a simulated clock.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::super::connection_record::Activity;
use super::super::deadlines::Timeouts;
use super::*;

fn activity() -> Arc<Activity> {
    Arc::new(Activity::new(Instant::now()))
}

fn timed_http(is_http2: bool) -> (DuplexStream, TimedStream<DuplexStream>, Deadlines) {
    let (peer, ours) = duplex(64);
    let [header, body, idle] = [15, 30, 75].map(Duration::from_secs);
    let deadlines = Deadlines::new(Timeouts { header, body, idle }, is_http2, activity());
    (peer, TimedStream::new(ours, deadlines.clone(), |_| ()), deadlines)
}

fn timed() -> (DuplexStream, TimedStream<DuplexStream>, Deadlines) {
    timed_http(false)
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

#[tokio::test(start_paused = true)]
async fn http2_is_given_the_header_timeout_for_its_preface() {
    let (_peer, mut stream, deadlines) = timed_http(true);
    assert_eq!(seconds_until_end(&mut stream).await, 15);
    assert_eq!(deadlines.stalled(), Some(StallKind::Preface));
}

#[tokio::test(start_paused = true)]
async fn a_header_section_of_http2_has_its_deadline_during_other_requests() {
    let (_peer, mut stream, deadlines) = timed_http(true);
    let _in_flight = deadlines.begin();
    deadlines.http2_head(false, true);
    deadlines.http2_head(true, false);
    tokio::time::sleep(Duration::from_secs(5)).await;
    deadlines.http2_head(true, false);
    assert_eq!(seconds_until_end(&mut stream).await, 10);
    assert_eq!(deadlines.stalled(), Some(StallKind::Header));
}

#[tokio::test(start_paused = true)]
async fn another_header_section_of_http2_has_a_deadline_of_its_own() {
    let (_peer, mut stream, deadlines) = timed_http(true);
    deadlines.http2_head(true, true);
    tokio::time::sleep(Duration::from_secs(5)).await;
    deadlines.http2_head(true, true);
    assert_eq!(seconds_until_end(&mut stream).await, 15);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_accepts_no_further_requests_ends_after_the_header_timeout() {
    let (mut peer, mut stream, deadlines) = timed_http(true);
    deadlines.http2_head(false, true);
    deadlines.close();
    let pings = async {
        while peer.write_all(b"ping").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let ended = async {
        let seconds = seconds_until_end(&mut stream).await;
        drop(stream);
        seconds
    };
    assert_eq!(tokio::join!(ended, pings).0, 15);
    assert_eq!(deadlines.stalled(), Some(StallKind::Age));
}

#[tokio::test(start_paused = true)]
async fn requests_that_never_end_do_not_keep_such_a_connection_open() {
    let (_peer, mut stream, deadlines) = timed();
    let _in_flight = deadlines.begin();
    deadlines.close();
    assert_eq!(seconds_until_end(&mut stream).await, 15 + 30 + 75);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_is_a_response_that_stalls() {
    let (_peer, mut stream, deadlines) = timed();
    let error = stream.write_all(&[0; 100]).await.expect_err("the stream is full");
    assert_eq!((error.kind(), deadlines.stalled()), (io::ErrorKind::TimedOut, Some(StallKind::Response)));
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_busy_since_its_first_request_in_flight() {
    let activity = activity();
    let [header, body, idle] = [15, 30, 75].map(Duration::from_secs);
    let deadlines = Deadlines::new(Timeouts { header, body, idle }, true, Arc::clone(&activity));
    assert_eq!(activity.busy_since(), None);
    tokio::time::advance(Duration::from_secs(1)).await;
    let first = deadlines.begin();
    tokio::time::advance(Duration::from_secs(1)).await;
    let second = deadlines.begin();
    drop(first);
    assert_eq!((activity.idle_since(), activity.busy_since()), (None, Some(1_000_000_000)));
    drop(second);
    assert_eq!((activity.idle_since(), activity.busy_since()), (Some(2_000_000_000), None));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_sends_without_a_pause_has_the_same_deadline() {
    let [header, body, idle] = [15, 30, 75].map(Duration::from_secs);
    let deadlines = Deadlines::new(Timeouts { header, body, idle }, false, activity());
    let mut stream = TimedStream::new(tokio::io::repeat(b'x'), deadlines.clone(), |_| ());
    let mut buf = [0; 16];
    assert_eq!(stream.read(&mut buf).await.expect("a read"), 16);
    tokio::time::advance(Duration::from_secs(15)).await;
    assert_eq!(stream.read(&mut buf).await.expect("a read"), 0);
    assert_eq!(deadlines.stalled(), Some(StallKind::Header));
}
