//! The body of a request, which is complete only when the stream has ended.
//!
//! Over HTTP/2 the HTTP library also ends a body when the client resets the stream with NO_ERROR. A response may end
//! in this way (RFC 9113, section 8.1); a request that does is truncated and must not be acknowledged.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::body::{Body, Frame, SizeHint};

use super::deadlines::InFlight;
use super::stream_counts::Streams;

/// A request's body. The request counts as in flight until the body is dropped: the rest that is discarded after an early response
/// must be neither taken for the head of the next request nor start its deadline.
#[derive(Debug)]
pub(super) struct InFlightBody<B> {
    body: B,
    /// The streams of the connection; only over HTTP/2.
    streams: Option<Streams>,
    _in_flight: Arc<InFlight>,
}

/// Why a body cannot be read to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError<E> {
    /// The HTTP library's error.
    #[error(transparent)]
    Http(#[from] E),
    /// The client reset the stream before its end.
    #[error("the stream was reset before the end of the body")]
    Reset,
    /// The trailers contain a pseudo-header.
    #[error("the trailers contain a pseudo-header")]
    PseudoTrailers,
}

impl<B> InFlightBody<B> {
    pub(super) fn new(body: B, streams: Option<Streams>, in_flight: Arc<InFlight>) -> Self {
        Self { body, streams, _in_flight: in_flight }
    }
}

impl<B: Body + Unpin> Body for InFlightBody<B> {
    type Data = B::Data;
    type Error = BodyError<B::Error>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        // Not checked over HTTP/1.1: the library itself reports a truncated body, and `is_end_stream` stays false after a chunked one.
        let fault = match (&frame, &self.streams) {
            (None, Some(_)) if !self.body.is_end_stream() => Some(BodyError::Reset),
            (Some(Ok(frame)), Some(streams)) if frame.is_trailers() && streams.has_pseudo_trailers() => {
                Some(BodyError::PseudoTrailers)
            }
            _ => None,
        };
        Poll::Ready(match fault {
            Some(fault) => Some(Err(fault)),
            None => frame.map(|it| Ok(it?)),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
