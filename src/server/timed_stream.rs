//! A stream that enforces the deadlines of its connection.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::deadlines::Deadlines;
use crate::metrics::StallKind;

/// A stream that ends at the deadline.
#[derive(Debug)]
pub(super) struct TimedStream<S> {
    stream: S,
    deadlines: Deadlines,
    alarm: Pin<Box<Sleep>>,
    /// Called before the stream is closed.
    on_close: fn(&S),
}

impl<S> TimedStream<S> {
    pub(super) fn new(stream: S, deadlines: Deadlines, on_close: fn(&S)) -> Self {
        let alarm = Box::pin(sleep_until(Instant::now()));
        Self { stream, deadlines, alarm, on_close }
    }

    /// Ready when the deadline has passed; otherwise the task is woken then.
    fn poll_timeout(&mut self, cx: &mut Context<'_>) -> Poll<StallKind> {
        let (deadline, kind) = ready!(self.deadlines.poll_deadline(cx));
        if self.alarm.deadline() != deadline {
            self.alarm.as_mut().reset(deadline);
        }
        self.alarm.as_mut().poll(cx).map(|()| kind)
    }

    /// A peer that does not read its response has the same deadline as one that sends nothing; the system may have an
    /// earlier one.
    fn or_time_out<T>(&mut self, cx: &mut Context<'_>, io: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        let timed_out = match io {
            Poll::Pending => {
                ready!(self.poll_timeout(cx));
                io::ErrorKind::TimedOut.into()
            }
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::TimedOut => error,
            done => return done,
        };
        self.deadlines.stall(StallKind::Response);
        Poll::Ready(Err(timed_out))
    }
}

impl<S> Drop for TimedStream<S> {
    fn drop(&mut self) {
        (self.on_close)(&self.stream);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TimedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // An empty read is the end of the stream.
        if self.deadlines.has_passed() {
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buf) {
            Poll::Pending => {
                let kind = ready!(self.poll_timeout(cx));
                self.deadlines.stall(kind);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => self.or_time_out(cx, Poll::Ready(Err(error))),
            ready => {
                if let Some(bytes @ [_, ..]) = buf.filled().get(before..) {
                    self.deadlines.bytes_arrived(bytes);
                }
                ready
            }
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
#[path = "timed_stream_tests.rs"]
mod tests;
