//! Observes which streams the HTTP/2 library resets.
//!
//! The library resets the stream of a malformed request by itself and reports it nowhere. The only trace is
//! the RST_STREAM frame among the bytes that it writes, so those are followed here, one frame header after
//! another. Nothing is changed. Of the payloads, only the error code of RST_STREAM and the first byte of headers
//! without a body are read: the library also answers 431 by itself.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::rejected::{Cause, STREAM_HEADERS_TOO_LARGE, STREAM_RESET};

/// The length of a frame's header, in bytes (RFC 9113, section 4.1).
const HEADER_BYTES: usize = 9;
/// The length of the payload of RST_STREAM, in bytes (section 6.4).
const RESET_BYTES: usize = 4;
const HEADERS: u8 = 0x1;
const RST_STREAM: u8 = 0x3;
const END_STREAM: u8 = 0x1;
const PROTOCOL_ERROR: [u8; RESET_BYTES] = [0, 0, 0, 1];
/// The status 204, compressed (RFC 7541, appendix A): the only answer of the service without a body.
const STATUS_204: u8 = 0x89;
/// From here on the first byte is a change of the table's size, to here (RFC 7541, section 6.3).
const TABLE_SIZE: std::ops::RangeInclusive<u8> = 0x20..=0x3f;
/// Streams answered with 431 that are remembered until they might be reset: as many as are open at once.
const TOO_LARGE_MAX: usize = 128;

/// Follows the frames of one direction of a connection, however its bytes are cut.
#[derive(Debug, Default)]
struct Frames {
    /// The header of the current frame and the part of its payload that is of interest, as far as they were
    /// written.
    head: [u8; HEADER_BYTES + RESET_BYTES],
    have: usize,
    /// Bytes of the payload that are still to come and are of no interest.
    skip: usize,
    /// The streams last answered with 431.
    too_large: VecDeque<[u8; 4]>,
}

impl Frames {
    /// Takes in what was written, and reports each stream that was rejected.
    fn follow(&mut self, mut bytes: &[u8], mut report: impl FnMut(Cause)) {
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = bytes.get(skipped..).unwrap_or_default();
            let taken = (self.wanted() - self.have).min(bytes.len());
            let (now, later) = bytes.split_at(taken);
            if let Some(free) = self.head.get_mut(self.have..self.have + taken) {
                free.copy_from_slice(now);
            }
            self.have += taken;
            bytes = later;
            if self.have == self.wanted() {
                if let Some(cause) = self.cause() {
                    report(cause);
                }
                self.skip = self.length().saturating_sub(self.have - HEADER_BYTES);
                self.have = 0;
            }
        }
    }

    /// How many bytes of the current frame are read: its header, the first byte of headers that end the
    /// stream, and the error code of RST_STREAM.
    fn wanted(&self) -> usize {
        let [_, _, _, kind, flags, ..] = self.head;
        let payload = match kind {
            _ if self.have < HEADER_BYTES => 0,
            HEADERS if flags & END_STREAM != 0 => 1,
            RST_STREAM => RESET_BYTES,
            _ => 0,
        };
        HEADER_BYTES + payload.min(self.length())
    }

    fn length(&self) -> usize {
        let [a, b, c, ..] = self.head;
        usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX)
    }

    /// Why the library rejected the request of the current frame's stream, if it did.
    fn cause(&mut self) -> Option<Cause> {
        let [_, _, _, kind, _, a, b, c, d, payload @ ..] = self.head;
        let stream = [a, b, c, d];
        let [first, ..] = payload;
        if kind == HEADERS && self.have > HEADER_BYTES && first != STATUS_204 && !TABLE_SIZE.contains(&first)
        {
            self.too_large.truncate(TOO_LARGE_MAX - 1);
            self.too_large.push_front(stream);
            return Some(STREAM_HEADERS_TOO_LARGE);
        }
        // After its 431 the library resets a stream whose body it does not read.
        let is_malformed =
            kind == RST_STREAM && payload == PROTOCOL_ERROR && !self.too_large.contains(&stream);
        is_malformed.then_some(STREAM_RESET)
    }
}

/// A connection that passes everything on, and reports the requests that the HTTP/2 library rejected.
pub(super) struct Observed<S, F> {
    stream: S,
    frames: Frames,
    report: F,
}

impl<S, F> Observed<S, F> {
    pub(super) fn new(stream: S, report: F) -> Self {
        Self { stream, frames: Frames::default(), report }
    }
}

impl<S: fmt::Debug, F> fmt::Debug for Observed<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observed").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl<S: AsyncRead + Unpin, F: Unpin> AsyncRead for Observed<S, F> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin, F: FnMut(Cause) + Unpin> AsyncWrite for Observed<S, F> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = &written {
            this.frames.follow(bytes.get(..*count).unwrap_or_default(), &mut this.report);
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
    use proptest::prelude::*;

    use super::*;

    fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).expect("a short payload");
        [&[0, 0, length, kind, flags, 0, 0, 0, stream], payload].concat()
    }

    fn found(bytes: &[u8], piece: usize) -> Vec<Cause> {
        let (mut frames, mut causes) = (Frames::default(), Vec::new());
        for piece in bytes.chunks(piece) {
            frames.follow(piece, |cause| causes.push(cause));
        }
        causes
    }

    #[test]
    fn resets_are_found_however_the_bytes_are_cut() {
        let settings = frame(0x4, 0, 0, &[0; 12]);
        let answered =
            [frame(HEADERS, 0x4, 1, b"\x88"), frame(0x0, END_STREAM, 1, b"{\"id\":\"x\"}")].concat();
        let malformed = frame(RST_STREAM, 0, 3, &PROTOCOL_ERROR);
        let refused = frame(RST_STREAM, 0, 5, &[0, 0, 0, 7]);
        let too_large =
            [frame(HEADERS, 0x4 | END_STREAM, 7, b"\x08\x03431"), frame(RST_STREAM, 0, 7, &PROTOCOL_ERROR)]
                .concat();
        let no_content = frame(HEADERS, 0x4 | END_STREAM, 9, b"\x89\xbe");
        let bytes = [settings, answered, malformed, refused, too_large, no_content].concat();
        for piece in 1..bytes.len() {
            assert_eq!(found(&bytes, piece), [STREAM_RESET, STREAM_HEADERS_TOO_LARGE], "{piece}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), piece in 1..20_usize) {
            let _ = found(&bytes, piece);
        }
    }
}
