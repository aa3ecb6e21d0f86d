//! Counts the HTTP/2 requests that the library rejects.
//!
//! The library resets the stream of a malformed request, or answers 431, without reporting it. So the frames of both
//! directions are tracked: a stream that the client opened is either served, refused because too many are open, or
//! rejected. No data is changed. Whenever the library waits for the client, it has decided on each stream that was
//! opened, and a stream neither served nor refused by then was rejected. A request that was served has its own outcome,
//! even if the library resets its stream later.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frame_reader::{Frame, FrameReader, PREFACE_BYTES};
use super::header_block::{block, first_field, is_pseudo};

const HEADERS: u8 = 0x1;
const RST_STREAM: u8 = 0x3;
const GOAWAY: u8 = 0x7;
const CONTINUATION: u8 = 0x9;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const NO_ERROR: [u8; 4] = [0; 4];
const REFUSED_STREAM: [u8; 4] = [0, 0, 0, 7];
/// The status 204, compressed (RFC 7541, appendix A): the only response of the service without a body.
const STATUS_204: u8 = 0x89;

/// The number of requests that the library rejected since the last query.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct RejectedStreams {
    /// All rejected requests.
    pub(super) requests: u64,
    /// Those that were answered with 431.
    pub(super) too_large: u64,
}

/// The streams of one connection; shared by its transport and its requests.
#[derive(Clone, Debug, Default)]
pub(super) struct Streams(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    /// The greatest stream that the client opened.
    last: u32,
    /// Whether the headers of that stream are incomplete.
    in_headers: bool,
    /// Streams above this one are ignored: the limit that the library sent with GOAWAY, if it did.
    accepted_to: Option<u32>,
    /// Requests whose headers are complete, and that are not known to be served, refused or rejected.
    undecided: u64,
    too_large: u64,
    /// Whether requests were in flight when the library last waited for the client, or were served since.
    is_busy: bool,
    /// Whether the client reads too slowly: the library may then have frames that it has not processed or written.
    is_blocked: bool,
    /// Whether the library has ended the connection with an error.
    is_ended: bool,
    /// Whether the client sent trailers that begin with a pseudo-header.
    has_pseudo_trailers: bool,
}

impl Streams {
    /// Records that a request reached the service.
    pub(super) fn served(&self) {
        let mut counts = self.lock();
        counts.undecided = counts.undecided.saturating_sub(1);
        counts.is_busy = true;
    }

    /// The requests rejected since the last call. It must be called only while the library waits for the client; `is_busy`
    /// returns whether requests are in flight.
    pub(super) fn take_rejected(&self, is_busy: impl FnOnce() -> bool) -> RejectedStreams {
        let mut counts = self.lock();
        if counts.is_blocked || counts.is_ended {
            return RejectedStreams::default();
        }
        counts.is_busy = is_busy();
        counts.take()
    }

    /// The number of requests to count for a violation that ended the connection: those without an outcome, and at
    /// least one if none was in flight.
    pub(super) fn take_violation(&self) -> u64 {
        let mut counts = self.lock();
        counts.take().requests.max(u64::from(!counts.is_busy))
    }

    /// Whether the client sent a pseudo-header in trailers (RFC 9113, section 8.1). Which stream it was on is unknown to the
    /// service, so all requests with trailers are affected from then on.
    pub(super) fn has_pseudo_trailers(&self) -> bool {
        self.lock().has_pseudo_trailers
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn take(&mut self) -> RejectedStreams {
        let (requests, too_large) = (self.undecided, self.too_large);
        (self.undecided, self.too_large) = (0, 0);
        RejectedStreams { requests, too_large: too_large.min(requests) }
    }

    fn received(&mut self, frame: Frame<'_>) {
        let Frame { kind, flags, stream, payload } = frame;
        if kind == HEADERS && stream <= self.last {
            // The library rejects a pseudo-header after another field, and ignores one before.
            self.has_pseudo_trailers |= is_pseudo(first_field(block(flags, payload)));
        }
        if kind == HEADERS && stream > self.last && self.accepted_to.is_none_or(|limit| stream <= limit) {
            self.last = stream;
            self.in_headers = true;
        }
        if self.in_headers && matches!(kind, HEADERS | CONTINUATION) && flags & END_HEADERS != 0 {
            self.in_headers = false;
            self.undecided += 1;
        }
    }

    fn written(&mut self, frame: Frame<'_>) {
        match (frame.kind, frame.payload) {
            (HEADERS, block) if frame.flags & END_STREAM != 0 => {
                self.too_large += u64::from(!first_field(block).starts_with(&[STATUS_204]));
            }
            (RST_STREAM, code) if code == REFUSED_STREAM => {
                self.undecided = self.undecided.saturating_sub(1);
            }
            (GOAWAY, [a, b, c, d, code @ ..]) => {
                self.accepted_to = Some(u32::from_be_bytes([*a, *b, *c, *d]));
                self.is_ended = !code.starts_with(&NO_ERROR);
            }
            _ => {}
        }
    }
}

/// A transport that forwards all data, and tracks the frames in both directions.
pub(super) struct FrameCountingStream<S> {
    stream: S,
    streams: Streams,
    received: FrameReader,
    written: FrameReader,
}

impl<S> FrameCountingStream<S> {
    pub(super) fn new(stream: S, streams: Streams) -> Self {
        let (received, written) = (FrameReader::after(PREFACE_BYTES), FrameReader::after(0));
        Self { stream, streams, received, written }
    }
}

impl<S: fmt::Debug> fmt::Debug for FrameCountingStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameCountingStream").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for FrameCountingStream<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buf);
        if let Some(bytes @ [_, ..]) = buf.filled().get(before..) {
            let mut counts = this.streams.lock();
            this.received.read(bytes, |frame| counts.received(frame));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FrameCountingStream<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        let mut counts = this.streams.lock();
        counts.is_blocked = written.is_pending();
        if let Poll::Ready(Ok(count)) = &written {
            let bytes = bytes.get(..*count).unwrap_or_default();
            this.written.read(bytes, |frame| counts.written(frame));
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_neither_served_nor_refused_was_rejected() {
        let frame = |kind, flags, stream, payload| Frame { kind, flags, stream, payload };
        let mut counts = Counts::default();
        counts.received(frame(HEADERS, END_HEADERS, 1, b""));
        counts.received(frame(HEADERS, 0, 3, b""));
        assert_eq!(counts.undecided, 1);
        counts.received(frame(CONTINUATION, END_HEADERS, 3, b""));
        // Trailers open no stream.
        counts.received(frame(HEADERS, END_HEADERS | END_STREAM, 1, b""));
        counts.received(frame(HEADERS, END_HEADERS, 5, b""));
        assert_eq!(counts.undecided, 3);
        counts.written(frame(RST_STREAM, 0, 1, &REFUSED_STREAM));
        counts.written(frame(HEADERS, END_HEADERS | END_STREAM, 1, &[STATUS_204]));
        counts.written(frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x20\x3f\xe1\x1f\x48\x03431"));
        assert_eq!(counts.take(), RejectedStreams { requests: 2, too_large: 1 });
        assert_eq!(counts.take(), RejectedStreams::default());
        counts.written(frame(GOAWAY, 0, 1, &[0, 0, 0, 5, 0, 0, 0, 0]));
        counts.received(frame(HEADERS, END_HEADERS, 7, b""));
        assert_eq!(counts.take(), RejectedStreams::default());
    }
}
