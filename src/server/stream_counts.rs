//! Counts the HTTP/2 requests that the library rejects.
//!
//! The library resets the stream of a malformed request, or answers 431, without reporting it. So the frames of both
//! directions are tracked: a stream that the client opened is either served, refused because too many are open, or
//! rejected. No data is changed. Whenever the library waits for the client, it has decided on each stream that was
//! opened, and a stream neither served nor refused by then was rejected. A request that was served has its own outcome,
//! even if the library resets its stream later.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::frame_rate::{FrameBudget, does_no_work};
use super::frame_reader::{CONTINUATION, END_HEADERS, END_STREAM, Frame, GOAWAY, HEADERS, RST_STREAM};
use super::header_block::{block, first_field, is_pseudo};
use crate::metrics::GoAwayReason;

const NO_ERROR: [u8; 4] = [0; 4];
const REFUSED_STREAM: [u8; 4] = [0, 0, 0, 7];
const COMPRESSION_ERROR: [u8; 4] = [0, 0, 0, 9];
/// What the library sends with GOAWAY if a header section is far too large.
const HEADERS_DEBUG_DATA: [&[u8]; 2] = [b"header_list", b"too_many_cont"];
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
#[derive(Clone, Debug)]
pub(super) struct Streams(Arc<Mutex<Counts>>);

#[derive(Debug)]
pub(super) struct Counts {
    budget: FrameBudget,
    /// Why the connection was ended with GOAWAY, if it was.
    goaway: Option<GoAwayReason>,
    /// Whether a header section is incomplete.
    pub(super) in_section: bool,
    /// The greatest stream that the client opened.
    pub(super) last: u32,
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
    pub(super) is_blocked: bool,
    /// Whether the library has ended the connection with an error.
    is_ended: bool,
    /// Whether the client sent trailers that begin with a pseudo-header.
    has_pseudo_trailers: bool,
}

impl Default for Streams {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Counts::new(Instant::now()))))
    }
}

impl Streams {
    /// Why the connection was ended with GOAWAY, if it was.
    pub(super) fn goaway(&self) -> Option<GoAwayReason> {
        self.lock().goaway
    }

    /// Records that a request reached the service.
    pub(super) fn served(&self) {
        let mut counts = self.lock();
        counts.undecided = counts.undecided.saturating_sub(1);
        counts.is_busy = true;
    }

    /// Whether the client has sent too many frames that do no work.
    pub(super) fn is_flooded(&self) -> bool {
        self.goaway() == Some(GoAwayReason::Rate)
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

    pub(super) fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn new(now: Instant) -> Self {
        Self {
            budget: FrameBudget::new(now),
            goaway: None,
            in_section: false,
            last: 0,
            in_headers: false,
            accepted_to: None,
            undecided: 0,
            too_large: 0,
            is_busy: false,
            is_blocked: false,
            is_ended: false,
            has_pseudo_trailers: false,
        }
    }

    pub(super) fn take(&mut self) -> RejectedStreams {
        let (requests, too_large) = (self.undecided, self.too_large);
        (self.undecided, self.too_large) = (0, 0);
        RejectedStreams { requests, too_large: too_large.min(requests) }
    }

    pub(super) fn received(&mut self, frame: Frame<'_>) {
        let Frame { kind, flags, stream, payload, .. } = frame;
        if does_no_work(frame) && !self.budget.pay(Instant::now()) {
            self.goaway = Some(GoAwayReason::Rate);
        }
        if matches!(kind, HEADERS | CONTINUATION) {
            self.in_section = flags & END_HEADERS == 0;
        }
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

    pub(super) fn written(&mut self, frame: Frame<'_>) {
        match (frame.kind, frame.payload) {
            (HEADERS, block)
                if frame.flags & END_STREAM != 0 && !first_field(block).starts_with(&[STATUS_204]) =>
            {
                self.too_large += 1;
            }
            (HEADERS, _) => self.budget.responded(),
            (RST_STREAM, code) if code == REFUSED_STREAM => {
                self.undecided = self.undecided.saturating_sub(1);
            }
            (GOAWAY, [a, b, c, d, code @ ..]) => {
                self.accepted_to = Some(u32::from_be_bytes([*a, *b, *c, *d]));
                self.is_ended = !code.starts_with(&NO_ERROR);
                self.goaway = Some(goaway_reason(code));
            }
            _ => {}
        }
    }
}

/// The reason for a GOAWAY of the library with this code and additional data.
fn goaway_reason(code: &[u8]) -> GoAwayReason {
    match code.split_at_checked(NO_ERROR.len()) {
        Some((code, _)) if code == NO_ERROR => GoAwayReason::Drain,
        Some((code, _)) if code == COMPRESSION_ERROR => GoAwayReason::Headers,
        Some((_, data)) if HEADERS_DEBUG_DATA.iter().any(|it| data.starts_with(it)) => GoAwayReason::Headers,
        _ => GoAwayReason::Library,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_neither_served_nor_refused_was_rejected() {
        let frame = |kind, flags, stream, payload: &'static [u8]| Frame {
            kind,
            flags,
            stream,
            length: payload.len(),
            payload,
        };
        let mut counts = Counts::new(Instant::now());
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
