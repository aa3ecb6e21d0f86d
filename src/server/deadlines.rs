//! Deadlines for clients that stall.
//!
//! hyper can bound the time of a request's headers or the idle time of a connection, but not both,
//! and neither on HTTP/2. So the stream itself enforces the deadlines:
//!
//! ```text
//! idle --first byte--> head --request handed over--> busy --last response sent--> idle
//!   |                    |                             |
//!   idle_timeout         header_timeout                (the body has its own deadline)
//! ```
//!
//! A head that arrives together with the previous request has the idle timeout. On HTTP/2, requests overlap, so
//! `header_timeout` applies to the preface, to each header section and to each frame other than DATA, also while other
//! requests are in flight; [`super::frames`] reports them.
//!
//! A connection that accepts no further requests ends `header_timeout` later if no request is in flight then, and in any
//! case after `body_timeout` and `idle_timeout` in addition.
//!
//! When a deadline passes, reads from the stream return end of file, and the connection closes as if the peer had
//! closed it.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::Instant;

use super::connection_record::Activity;
use super::request_line::RequestLine;
use crate::metrics::StallKind;

/// The timeouts of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    /// From a request's first byte to the end of its headers.
    pub(super) header: Duration,
    /// From the end of the headers to the end of the body. Here it only bounds a connection that accepts no further
    /// requests.
    pub(super) body: Duration,
    /// The time without a request.
    pub(super) idle: Duration,
}

/// The deadlines of a connection; shared by its stream and its requests.
#[derive(Clone, Debug)]
pub(super) struct Deadlines(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    timeouts: Timeouts,
    is_http2: bool,
    in_flight: usize,
    /// The deadline of the next request, if none is in flight.
    idle: Instant,
    /// The deadline of a head that has begun, or of HTTP/2's preface.
    head: Option<(Instant, StallKind)>,
    /// When a connection that accepts no further requests ends, if none is in flight.
    closing: Option<Instant>,
    /// The first deadline that passed.
    stalled: Option<StallKind>,
    request_line: RequestLine,
    /// The task that polled while a request was in flight. It is woken when the request is done, because hyper does not
    /// poll again by itself.
    waiting: Option<Waker>,
    activity: Arc<Activity>,
}

impl Deadlines {
    pub(super) fn new(timeouts: Timeouts, is_http2: bool, activity: Arc<Activity>) -> Self {
        let now = Instant::now();
        activity.end();
        Self(Arc::new(Mutex::new(State {
            timeouts,
            is_http2,
            in_flight: 0,
            idle: now + timeouts.idle,
            head: is_http2.then_some((now + timeouts.header, StallKind::Preface)),
            closing: None,
            stalled: None,
            request_line: RequestLine::default(),
            waiting: None,
            activity,
        })))
    }

    /// Whether a request is in flight.
    pub(super) fn is_busy(&self) -> bool {
        self.lock().in_flight > 0
    }

    /// Whether the connection accepts no further requests.
    pub(super) fn is_closing(&self) -> bool {
        self.lock().closing.is_some()
    }

    /// What the peer did not complete in time, if the connection ended for that reason.
    pub(super) fn stalled(&self) -> Option<StallKind> {
        self.lock().stalled
    }

    /// Records that a request's headers are complete. It is in flight until the guard is dropped.
    pub(super) fn begin(&self) -> InFlight {
        let mut state = self.lock();
        state.in_flight += 1;
        if state.in_flight == 1 {
            state.activity.begin();
        }
        if !state.is_http2 {
            state.head = None;
        }
        InFlight { deadlines: self.clone(), request_line: mem::take(&mut state.request_line) }
    }

    /// Records whether a head of HTTP/2 is incomplete, and whether it is another one than before.
    pub(super) fn http2_head(&self, is_open: bool, is_another: bool) {
        let mut state = self.lock();
        if !is_open {
            state.head = None;
        } else if is_another || state.head.is_none() {
            state.head = Some((Instant::now() + state.timeouts.header, StallKind::Header));
        }
    }

    /// Records that the connection accepts no further requests.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closing = Some(Instant::now() + state.timeouts.header);
        state.wake();
    }

    pub(super) fn bytes_arrived(&self, bytes: &[u8]) {
        let mut state = self.lock();
        if state.is_http2 || state.in_flight > 0 {
            return;
        }
        state.request_line.read(bytes);
        if state.head.is_none() {
            state.head = Some((Instant::now() + state.timeouts.header, StallKind::Header));
        }
    }

    /// Whether the deadline has passed, for a peer that sends without a pause.
    pub(super) fn has_passed(&self) -> bool {
        let mut state = self.lock();
        match state.next() {
            Some((deadline, kind)) if deadline <= Instant::now() => {
                state.stalled.get_or_insert(kind);
                true
            }
            _ => false,
        }
    }

    pub(super) fn stall(&self, kind: StallKind) {
        self.lock().stalled.get_or_insert(kind);
    }

    /// The deadline, if there is one. The task is woken when it changes because a request is done.
    pub(super) fn poll_deadline(&self, cx: &Context<'_>) -> Poll<(Instant, StallKind)> {
        let mut state = self.lock();
        if state.in_flight > 0 {
            state.waiting = Some(cx.waker().clone());
        }
        state.next().map_or(Poll::Pending, Poll::Ready)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next(&self) -> Option<(Instant, StallKind)> {
        let is_idle = self.in_flight == 0;
        let stall = self.head.or(is_idle.then_some((self.idle, StallKind::Idle)));
        let rest = if is_idle { Duration::ZERO } else { self.timeouts.body + self.timeouts.idle };
        let age = self.closing.map(|closing| (closing + rest, StallKind::Age));
        stall.into_iter().chain(age).min_by_key(|(deadline, _)| *deadline)
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
    }
}

/// A request in flight.
#[derive(Debug)]
pub(super) struct InFlight {
    deadlines: Deadlines,
    /// The part of its request line that has been read.
    pub(super) request_line: RequestLine,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.deadlines.lock();
        state.in_flight -= 1;
        if state.in_flight == 0 {
            state.idle = Instant::now() + state.timeouts.idle;
            state.activity.end();
            state.wake();
        }
    }
}
