//! Deadlines for clients that never finish.
//!
//! hyper can bound the time of a request's headers or the idle time of a connection, but not both,
//! and neither on HTTP/2. So the stream itself keeps the time:
//!
//! ```text
//! idle --first byte--> head --request handed over--> busy --last answer given--> idle
//!   |                    |                             |
//!   idle_timeout         header_timeout                (the body has its own deadline)
//! ```
//!
//! A head that came in one piece with the request before it is given the idle time.
//!
//! When a deadline passes, the stream reads as ended, and the connection closes as if the peer had
//! closed it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// From a request's first byte to the end of its headers. On HTTP/2, where bytes need not
    /// belong to a request, `None`: there the idle time bounds the headers too.
    pub(super) head: Option<Duration>,
    /// With nothing under way.
    pub(super) idle: Duration,
}

/// What a connection is doing; shared by its stream and its requests.
#[derive(Clone, Debug)]
pub(super) struct Pace(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    patience: Patience,
    busy: usize,
    deadline: Instant,
    in_head: bool,
    /// Who was turned away while a request was under way, and has to look at the time again when
    /// it is done: hyper does not read again on its own account.
    turned_away: Option<Waker>,
}

impl Pace {
    pub(super) fn new(patience: Patience) -> Self {
        let deadline = Instant::now() + patience.idle;
        Self(Arc::new(Mutex::new(State { patience, busy: 0, deadline, in_head: false, turned_away: None })))
    }

    /// A request's headers are complete; it is under way until the guard is dropped.
    pub(super) fn begin(&self) -> Busy {
        let mut state = self.lock();
        state.busy += 1;
        state.in_head = false;
        Busy(self.clone())
    }

    fn bytes_arrived(&self) {
        let mut state = self.lock();
        if let (0, false, Some(head)) = (state.busy, state.in_head, state.patience.head) {
            state.in_head = true;
            state.deadline = Instant::now() + head;
        }
    }

    /// When patience ends; pending while it is not being tried.
    fn poll_deadline(&self, cx: &Context<'_>) -> Poll<Instant> {
        let mut state = self.lock();
        if state.busy == 0 {
            return Poll::Ready(state.deadline);
        }
        state.turned_away = Some(cx.waker().clone());
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Busy(Pace);

impl Drop for Busy {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.busy -= 1;
        if state.busy == 0 {
            state.deadline = Instant::now() + state.patience.idle;
            if let Some(waker) = state.turned_away.take() {
                waker.wake();
            }
        }
    }
}

/// A request's body. The request is under way as long as anybody may read it: what is read away
/// after an early answer is not the head of another request.
#[derive(Debug)]
pub(super) struct Held<B> {
    body: B,
    _busy: Arc<Busy>,
}

impl<B> Held<B> {
    pub(super) fn new(body: B, busy: Arc<Busy>) -> Self {
        Self { body, _busy: busy }
    }
}

impl<B: Body + Unpin> Body for Held<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream that ends when patience does.
#[derive(Debug)]
pub(super) struct Paced<S> {
    stream: S,
    pace: Pace,
    alarm: Pin<Box<Sleep>>,
}

impl<S> Paced<S> {
    pub(super) fn new(stream: S, pace: Pace) -> Self {
        let alarm = Box::pin(sleep_until(pace.lock().deadline));
        Self { stream, pace, alarm }
    }

    /// Ready when patience has ended; else the task is woken when it does.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = ready!(self.pace.poll_deadline(cx));
        if self.alarm.deadline() != deadline {
            self.alarm.as_mut().reset(deadline);
        }
        self.alarm.as_mut().poll(cx)
    }

    /// A peer that does not take its answer is waited for no longer than one that says nothing.
    fn or_give_up<T>(&mut self, cx: &mut Context<'_>, io: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match io {
            Poll::Pending => {
                ready!(self.poll_patience(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            done => done,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buf) {
            Poll::Ready(result) => {
                if buf.filled().len() > before {
                    self.pace.bytes_arrived();
                }
                Poll::Ready(result)
            }
            // An empty read is the end of the stream.
            Poll::Pending => self.poll_patience(cx).map(Ok),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let io = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.or_give_up(cx, io)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let io = Pin::new(&mut self.stream).poll_flush(cx);
        self.or_give_up(cx, io)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let io = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.or_give_up(cx, io)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    fn paced() -> (DuplexStream, Paced<DuplexStream>, Pace) {
        let (peer, ours) = duplex(64);
        let pace = Pace::new(Patience { head: Some(Duration::from_secs(15)), idle: Duration::from_secs(75) });
        (peer, Paced::new(ours, pace.clone()), pace)
    }

    async fn seconds_until_end(stream: &mut Paced<DuplexStream>) -> u64 {
        let started = Instant::now();
        let mut buf = [0; 16];
        while stream.read(&mut buf).await.expect("a read") > 0 {}
        started.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_connection_ends_after_the_idle_time() {
        let (_peer, mut stream, _) = paced();
        assert_eq!(seconds_until_end(&mut stream).await, 75);
    }

    #[tokio::test(start_paused = true)]
    async fn headers_that_never_end_are_given_their_own_time() {
        let (mut peer, mut stream, _) = paced();
        peer.write_all(b"POST").await.expect("a write");
        assert_eq!(seconds_until_end(&mut stream).await, 15);
    }

    #[tokio::test(start_paused = true)]
    async fn dripping_headers_do_not_move_their_deadline() {
        let (mut peer, mut stream, _) = paced();
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
        let (mut peer, mut stream, pace) = paced();
        peer.write_all(b"POST").await.expect("a write");
        let mut buf = [0; 4];
        stream.read_exact(&mut buf).await.expect("a read");
        let busy = pace.begin();
        let hour = tokio::time::timeout(Duration::from_secs(3600), stream.read(&mut buf)).await;
        assert!(hour.is_err(), "the body's deadline is not kept here");
        drop(busy);
        assert_eq!(seconds_until_end(&mut stream).await, 75);
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_that_began_during_a_request_ends_when_the_idle_time_does() {
        let (_peer, mut stream, pace) = paced();
        let busy = pace.begin();
        let request = async {
            tokio::time::sleep(Duration::from_secs(10)).await;
            drop(busy);
        };
        assert_eq!(tokio::join!(seconds_until_end(&mut stream), request).0, 10 + 75);
    }
}
