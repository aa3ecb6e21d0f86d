//! HTTP on one TLS stream, until the connection ends.

use std::convert::Infallible;
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::body::InFlightBody;
use super::connections::Slot;
use super::deadlines::{Deadlines, Timeouts};
use super::frames::FrameCountingStream;
use super::handshake::Established;
use super::opening::DRAIN_TIMEOUT;
use super::rejected::{FLOODED, Http, http1_cause, http2_cause, record, record_streams};
use super::routes::{self, DeliveryFilter, Response};
use super::socket::before_close;
use super::stream_counts::Streams;
use super::timed_stream::TimedStream;
use crate::clock::{Clock, Timestamp};
use crate::metrics::{GoAwayReason, Metrics, StallKind};
use crate::receive::authorization::{Authorization, Connection};
use crate::shared::Shared;

/// The size limit of a request head on HTTP/1.1, in bytes.
const HTTP1_HEAD_BYTES_MAX: usize = 64 << 10;
/// The size limit of a header list on HTTP/2, in bytes, where each field counts 32 more (RFC 9113, section 6.5.2). A few
/// bytes can refer to a field of the dynamic table, and a field takes 104 bytes in the library's table, which grows in
/// steps of 1.5 * 2^n fields. The 744 fields of a list of this size fit into 768: with the contents about 110 KiB, or
/// 14 MiB for the concurrent requests of a connection, until all but 100 fields are discarded. The library closes the
/// connection at four times this size.
const HTTP2_HEADERS_BYTES_MAX: u32 = 24 << 10;
/// The maximum number of concurrent requests on one HTTP/2 connection.
const HTTP2_STREAMS_MAX: u32 = 128;
/// The flow-control window of one HTTP/2 stream, in bytes.
const HTTP2_STREAM_WINDOW_BYTES: u32 = 256 << 10;
/// The flow-control window of one HTTP/2 connection, in bytes.
const HTTP2_CONNECTION_WINDOW_BYTES: u32 = 1 << 20;
/// The interval between pings to an HTTP/2 peer, and the timeout of its response.
const HTTP2_PING_EVERY: Duration = Duration::from_secs(20);

/// The time within which all idle connections are evaluated after a change.
const EVALUATED_WITHIN: Duration = Duration::from_millis(500);

/// The state that all connections of the server share.
#[derive(Clone, Debug)]
pub(super) struct ConnectionContext {
    pub(super) shared: Arc<Shared>,
    pub(super) filter: DeliveryFilter,
    /// Every task of the server: connections, and the requests of HTTP/2.
    pub(super) tasks: TaskTracker,
    /// Canceled when no further requests are accepted.
    pub(super) drain: CancellationToken,
}

/// Serves one connection to its end.
pub(super) async fn serve(established: Established, slot: &Slot, context: ConnectionContext) {
    let Established { stream, peer, chain, snapshot, is_http2 } = established;
    let limits = snapshot.limits;
    let stop_accepting = context.drain.child_token();
    let connection = Arc::new(Connection::new(peer, snapshot, chain, stop_accepting.clone()));
    let timeouts =
        Timeouts { header: limits.header_timeout, body: limits.body_timeout, idle: limits.idle_timeout };
    let deadlines = Deadlines::new(timeouts, is_http2, slot.activity());
    let stream = TimedStream::new(stream, deadlines.clone(), before_close);
    let not_accepting =
        wait_until_not_accepting(Arc::clone(&connection), Arc::clone(&context.shared), stop_accepting);
    let (drain, opened) = (context.drain, Instant::now());
    let has_begun = CancellationToken::new();
    let first_request_begun = has_begun.clone();
    let deadlines_at_end = deadlines.clone();
    let no_more_requests = async move {
        tokio::select! {
            () = not_accepting => {}
            () = age_is_reached(limits.max_connection_age) => {}
            _ = slot.gives_way() => {}
        }
        if drain.is_cancelled() {
            // A new connection's first request may be on its way.
            let _ = timeout_at(opened + DRAIN_TIMEOUT, first_request_begun.cancelled()).await;
        }
        deadlines_at_end.close();
    };
    let (filter, connection_of_requests) = (context.filter, Arc::clone(&connection));
    let streams = Streams::default();
    let (streams_of_requests, deadlines_of_requests) = (streams.clone(), deadlines.clone());
    let service = service_fn(move |request| {
        has_begun.cancel();
        if is_http2 {
            streams_of_requests.served();
        }
        answer(
            filter.clone(),
            &connection_of_requests,
            &deadlines_of_requests,
            is_http2.then(|| streams_of_requests.clone()),
            request,
        )
    });

    let shared = context.shared;
    let ended = if is_http2 {
        let io = TokioIo::new(FrameCountingStream::new(stream, streams.clone(), deadlines.clone()));
        let on_pending = || {
            let rejected = streams.take_rejected(|| deadlines.is_busy());
            record_streams(&shared, &connection, rejected);
        };
        let http = http2_builder(context.tasks).serve_connection(io, service);
        let ended = drive_until(no_more_requests, http, on_pending).await;
        let flooded = streams.is_flooded().then_some(FLOODED);
        if let Some(cause) = flooded.or_else(|| ended.as_ref().err().and_then(http2_cause)) {
            record(&shared, &connection, Http::Two, cause, streams.take_violation());
        }
        ended
    } else {
        let http = http1_builder().serve_connection(TokioIo::new(stream), service);
        let ended = drive_until(no_more_requests, http, || {}).await;
        if let Some(cause) = ended.as_ref().err().and_then(http1_cause) {
            record(&shared, &connection, Http::One, cause, 1);
        }
        ended
    };
    count_end(&shared.metrics, &deadlines, &streams, ended.err().as_ref());
}

/// Counts why a connection ended, if it stalled or was ended with GOAWAY.
fn count_end(metrics: &Metrics, deadlines: &Deadlines, streams: &Streams, error: Option<&hyper::Error>) {
    let has_no_pong = || error.is_some_and(hyper::Error::is_timeout);
    let stalled = deadlines.stalled().or_else(|| {
        has_no_pong().then_some(if deadlines.is_busy() { StallKind::Response } else { StallKind::Idle })
    });
    if let Some(kind) = stalled {
        metrics.peers.stalls.inc(kind);
    }
    // The library also answers a GOAWAY of the client.
    let is_own = |reason: &GoAwayReason| *reason != GoAwayReason::Drain || deadlines.is_closing();
    if let Some(reason) = streams.goaway().filter(is_own) {
        metrics.peers.http2_goaways.inc(reason);
    }
}

/// Drives a connection to its end. Once `no_more_requests` resolves, the requests in flight are completed, and the peer gets close_notify or
/// GOAWAY. `on_pending` is called whenever polling the connection returns `Pending`,
/// also while requests are in flight.
///
/// # Errors
/// The error with which the HTTP library ended the connection.
async fn drive_until<C>(
    no_more_requests: impl Future<Output = ()>,
    http: C,
    mut on_pending: impl FnMut(),
) -> Result<(), C::Error>
where
    C: GracefulConnection,
{
    let mut http = pin!(http);
    let mut poll = |http: Pin<&mut C>, cx: &mut Context<'_>| {
        let polled = http.poll(cx);
        if polled.is_pending() {
            on_pending();
        }
        polled
    };
    tokio::select! {
        ended = poll_fn(|cx| poll(http.as_mut(), cx)) => return ended,
        () = no_more_requests => {}
    }
    http.as_mut().graceful_shutdown();
    poll_fn(|cx| poll(http.as_mut(), cx)).await
}

/// Waits until the connection accepts no further requests: the server drains, the peer's certificate expires, or a reload
/// revokes the peer's authorization.
async fn wait_until_not_accepting(
    connection: Arc<Connection>,
    shared: Arc<Shared>,
    stop_accepting: CancellationToken,
) {
    let mut changes = shared.live.subscribe();
    loop {
        let authorization = connection.reevaluate(&shared);
        let expires = time_until(&shared.clock, authorization.peer.admission.not_after());
        tokio::select! {
            () = stop_accepting.cancelled() => return,
            () = sleep(expires) => return,
            changed = changes.changed() => if changed.is_err() { return },
        }
        // An active connection is evaluated with its next request. Idle ones are evaluated after different delays, so that
        // thousands of them do not delay requests.
        tokio::select! {
            () = stop_accepting.cancelled() => return,
            () = sleep(evaluation_delay(&authorization)) => {}
        }
    }
}

/// Waits until a connection reaches its maximum age, or forever if there is none.
async fn age_is_reached(max: Option<Duration>) {
    match max {
        Some(max) => sleep(max).await,
        None => pending().await,
    }
}

/// Passes a request to the filter; the connection's idle deadline is suspended while it is in flight.
fn answer(
    filter: DeliveryFilter,
    connection: &Arc<Connection>,
    deadlines: &Deadlines,
    streams: Option<Streams>,
    request: Request<Incoming>,
) -> impl Future<Output = Result<Response, Infallible>> + use<> {
    let in_flight = Arc::new(deadlines.begin());
    let has_fragment = in_flight.request_line.has_fragment(request.method(), request.uri());
    let request = request.map(|body| InFlightBody::new(body, streams, Arc::clone(&in_flight)));
    let answered = routes::answer(filter, Arc::clone(connection), request, has_fragment);
    async move {
        let response = answered.await;
        drop(in_flight);
        response
    }
}

/// The delay before an idle connection is evaluated after a change, spread by its port number.
fn evaluation_delay(authorization: &Authorization) -> Duration {
    let spread = u64::try_from(EVALUATED_WITHIN.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(u64::from(authorization.peer.address.port()) % spread)
}

/// The time for which a certificate remains valid.
fn time_until(clock: &Clock, not_after: Timestamp) -> Duration {
    Duration::try_from(not_after.duration_since(clock.now())).unwrap_or(Duration::ZERO)
}

fn http1_builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    // hyper's own header timeout is off: `TimedStream` enforces the deadlines.
    // A client that has sent its request and closes its side still gets its answer.
    builder.half_close(true);
    builder.timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(HTTP1_HEAD_BYTES_MAX);
    builder
}

fn http2_builder(tasks: TaskTracker) -> http2::Builder<Tracked> {
    let mut builder = http2::Builder::new(Tracked(tasks));
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(HTTP2_STREAMS_MAX)
        .max_header_list_size(HTTP2_HEADERS_BYTES_MAX)
        .initial_stream_window_size(HTTP2_STREAM_WINDOW_BYTES)
        .initial_connection_window_size(HTTP2_CONNECTION_WINDOW_BYTES)
        .keep_alive_interval(HTTP2_PING_EVERY)
        .keep_alive_timeout(HTTP2_PING_EVERY);
    builder
}

/// Runs the requests of an HTTP/2 connection as tasks that the shutdown waits for.
#[derive(Clone, Debug)]
struct Tracked(TaskTracker);

impl<F> hyper::rt::Executor<F> for Tracked
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, task: F) {
        self.0.spawn(task);
    }
}
