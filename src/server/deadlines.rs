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
//! A head that arrives together with the previous request has the idle timeout.
//!
//! When a deadline passes, reads from the stream return end of file, and the connection closes as if the peer had
//! closed it.

use std::io;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::connections::Idleness;
use super::request_line::RequestLine;

/// The timeouts of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    /// From a request's first byte to the end of its headers. On HTTP/2, where bytes need not
    /// belong to a request, `None`: there the idle time bounds the headers too.
    pub(super) head: Option<Duration>,
    /// The time without a request.
    pub(super) idle: Duration,
}

/// The current deadline of a connection; shared by its stream and its requests.
#[derive(Clone, Debug)]
pub(super) struct Deadlines(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    timeouts: Timeouts,
    in_flight: usize,
    deadline: Instant,
    in_head: bool,
    request_line: RequestLine,
    /// The task that polled while a request was in flight. It is woken when the request is done, because hyper does not
    /// poll again by itself.
    waiting: Option<Waker>,
    idleness: Arc<Idleness>,
}

impl Deadlines {
    pub(super) fn new(timeouts: Timeouts, idleness: Arc<Idleness>) -> Self {
        idleness.begin();
        let deadline = Instant::now() + timeouts.idle;
        let request_line = RequestLine::default();
        let (in_flight, in_head, waiting) = (0, false, None);
        Self(Arc::new(Mutex::new(State {
            timeouts,
            in_flight,
            deadline,
            in_head,
            request_line,
            waiting,
            idleness,
        })))
    }

    /// Whether a request is in flight.
    pub(super) fn is_busy(&self) -> bool {
        self.lock().in_flight > 0
    }

    /// Records that a request's headers are complete. It is in flight until the guard is dropped.
    pub(super) fn begin(&self) -> InFlight {
        let mut state = self.lock();
        state.in_flight += 1;
        state.idleness.end();
        state.in_head = false;
        InFlight { deadlines: self.clone(), request_line: mem::take(&mut state.request_line) }
    }

    fn bytes_arrived(&self, bytes: &[u8]) {
        let mut state = self.lock();
        let (0, Some(head)) = (state.in_flight, state.timeouts.head) else { return };
        state.request_line.read(bytes);
        if !state.in_head {
            state.in_head = true;
            state.deadline = Instant::now() + head;
        }
    }

    /// The deadline; pending while a request is in flight.
    fn poll_deadline(&self, cx: &Context<'_>) -> Poll<Instant> {
        let mut state = self.lock();
        if state.in_flight == 0 {
            return Poll::Ready(state.deadline);
        }
        state.waiting = Some(cx.waker().clone());
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
            state.deadline = Instant::now() + state.timeouts.idle;
            state.idleness.begin();
            if let Some(waker) = state.waiting.take() {
                waker.wake();
            }
        }
    }
}

/// A stream that ends at the deadline.
#[derive(Debug)]
pub(super) struct TimedStream<S> {
    stream: S,
    deadlines: Deadlines,
    alarm: Pin<Box<Sleep>>,
}

impl<S> TimedStream<S> {
    pub(super) fn new(stream: S, deadlines: Deadlines) -> Self {
        let alarm = Box::pin(sleep_until(deadlines.lock().deadline));
        Self { stream, deadlines, alarm }
    }

    /// Ready when the deadline has passed; otherwise the task is woken then.
    fn poll_timeout(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = ready!(self.deadlines.poll_deadline(cx));
        if self.alarm.deadline() != deadline {
            self.alarm.as_mut().reset(deadline);
        }
        self.alarm.as_mut().poll(cx)
    }

    /// A peer that does not read its response has the same deadline as one that sends nothing.
    fn or_time_out<T>(&mut self, cx: &mut Context<'_>, io: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match io {
            Poll::Pending => {
                ready!(self.poll_timeout(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            done => done,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TimedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buf) {
            Poll::Ready(result) => {
                if let Some(bytes @ [_, ..]) = buf.filled().get(before..) {
                    self.deadlines.bytes_arrived(bytes);
                }
                Poll::Ready(result)
            }
            // An empty read is the end of the stream.
            Poll::Pending => self.poll_timeout(cx).map(Ok),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TimedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let io = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.or_time_out(cx, io)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let io = Pin::new(&mut self.stream).poll_flush(cx);
        self.or_time_out(cx, io)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let io = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.or_time_out(cx, io)
    }
}

#[cfg(test)]
#[path = "deadlines_tests.rs"]
mod tests;
