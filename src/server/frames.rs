//! The transport of an HTTP/2 connection: forwards all data, tracks the frames in both directions, and enforces the limits
//! that the library lacks, the time of a header section and the rate of frames that do no work.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::deadlines::Deadlines;
use super::frame_reader::{DATA, FramePosition, FrameReader, GOAWAY, PREFACE_BYTES};
use super::stream_counts::Streams;

const ENHANCE_YOUR_CALM: [u8; 4] = [0, 0, 0, 11];

/// A transport that forwards all data, and tracks the frames in both directions. It ends the connection if the client sends
/// too many frames that do no work.
pub(super) struct FrameCountingStream<S> {
    stream: S,
    streams: Streams,
    deadlines: Deadlines,
    received: FrameReader,
    written: FrameReader,
}

impl<S> FrameCountingStream<S> {
    pub(super) fn new(stream: S, streams: Streams, deadlines: Deadlines) -> Self {
        let (received, written) = (FrameReader::after(PREFACE_BYTES), FrameReader::after(0));
        Self { stream, streams, deadlines, received, written }
    }
}

impl<S: AsyncWrite + Unpin> FrameCountingStream<S> {
    /// Tracks the received frames, and the deadline of the headers among them.
    fn track(&mut self, bytes: &[u8]) {
        let mut counts = self.streams.lock();
        let mut is_another = false;
        self.received.read(bytes, |frame| {
            counts.received(frame);
            is_another |= !counts.in_section;
        });
        let is_open = match self.received.position() {
            FramePosition::Preface => return,
            FramePosition::Boundary => counts.in_section,
            FramePosition::Frame(kind) => counts.in_section || kind != Some(DATA),
        };
        self.deadlines.http2_head(is_open, is_another);
    }

    /// Tells the client why the connection ends. The library offers no way to send this code, so it is sent here, unless
    /// the library has written half a frame or the client does not read. Then the library finds the end of the stream.
    fn send_goaway(&mut self, cx: &mut Context<'_>) {
        let last = self.streams.lock().last.to_be_bytes();
        let frame = [&[0, 0, 8, GOAWAY, 0, 0, 0, 0, 0], &last[..], &ENHANCE_YOUR_CALM].concat();
        if self.written.position() == FramePosition::Boundary
            && Pin::new(&mut self.stream).poll_write(cx, &frame).is_ready()
        {
            let _ = Pin::new(&mut self.stream).poll_flush(cx);
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for FrameCountingStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameCountingStream").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for FrameCountingStream<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.streams.is_flooded() {
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buf);
        if let Some(bytes @ [_, ..]) = buf.filled().get(before..) {
            this.track(bytes);
            if this.streams.is_flooded() {
                buf.set_filled(before);
                this.send_goaway(cx);
                return Poll::Ready(Ok(()));
            }
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
