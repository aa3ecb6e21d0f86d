//! Requests that the HTTP library rejects by itself. They never reach the intake, so they are logged and
//! counted here.
//!
//! On HTTP/1.1 the library answers 400, 414 or 431 with an empty body, and the connection ends with an error
//! that shows why. On HTTP/2 it resets the stream or answers 431 (counted by [`super::stream_counts`]), or ends the connection
//! with a GOAWAY frame. Connections that end for another reason, such as a client that disconnects, are neither
//! logged nor counted.

use std::error::Error;
use std::io;

use h2::Reason;
use tokio::time::Instant;

use super::body::BodyError;
use super::stream_counts::RejectedStreams;
use crate::escape::Escaped;
use crate::metrics::DeliveryOutcome;
use crate::receive::authorization::Connection;
use crate::receive::body::BodyFault;
use crate::shared::Shared;

/// Why the library rejected a request, for metrics and log. The text is fixed: it contains no part of the
/// request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Cause {
    /// `bad_request` or `headers_too_large`.
    pub(super) outcome: DeliveryOutcome,
    pub(super) detail: &'static str,
}

/// The versions of HTTP, as the log names them. On HTTP/1 the minor version is unknown if the request line
/// could not be parsed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Http {
    One,
    Two,
}

/// Counts the requests that the library rejected, and logs the cause unless too many were logged recently. There may be
/// none, if only requests with their own outcomes were affected.
pub(super) fn record(shared: &Shared, connection: &Connection, http: Http, cause: Cause, requests: u64) {
    shared.metrics.rejected(cause.outcome, requests);
    let reason = cause.outcome.word();
    let authorization = connection.reevaluate(shared);
    let peer = &authorization.peer;
    if !shared.refusals.may_log(reason, peer.admission.senders().next(), Instant::now()) {
        return;
    }
    tracing::warn!(
        stage = "request",
        reason,
        detail = cause.detail,
        senders = peer.admission.joined_names(),
        peer = %peer.address,
        http_version = match http {
            Http::One => "HTTP/1",
            Http::Two => "HTTP/2",
        },
        subject = %Escaped(peer.identity.subject.as_str()),
        sha256 = %peer.identity.sha256,
        "request rejected by the HTTP library"
    );
}

/// Counts and logs the streams that the library rejected, each separately.
pub(super) fn record_streams(shared: &Shared, connection: &Connection, rejected: RejectedStreams) {
    let RejectedStreams { requests, too_large } = rejected;
    for number in 0..requests {
        let cause = if number < too_large { STREAM_HEADERS_TOO_LARGE } else { STREAM_RESET };
        record(shared, connection, Http::Two, cause, 1);
    }
}

/// Why an HTTP/1 connection ended, if the library rejected a request; `None` for a network error or a client
/// that disconnected.
pub(super) fn http1_cause(error: &hyper::Error) -> Option<Cause> {
    if !error.is_parse() {
        return None;
    }
    if error.is_parse_too_large() {
        return Some(Cause {
            outcome: DeliveryOutcome::HeadersTooLarge,
            detail: "the request line and the headers are larger than 64 KiB, or there are more than 100 header fields",
        });
    }
    if error.is_parse_version_h2() {
        return Some(bad("the client sent HTTP/2 on a connection for which it did not negotiate h2 in ALPN"));
    }
    // The library offers no other way to distinguish these. A test compares the words.
    Some(bad(match error.to_string().as_str() {
        "invalid HTTP method parsed" => "the method contains a character that is not allowed",
        "invalid HTTP version parsed" => "the HTTP version is neither 1.0 nor 1.1",
        "invalid URI" => TARGET,
        "invalid HTTP header parsed" => {
            "a header field has a name, a value or a line ending that is not allowed, such as a space before the colon"
        }
        "invalid content-length parsed" => {
            "Content-Length is not a number, or occurs twice with different values"
        }
        "invalid transfer-encoding parsed" => "Transfer-Encoding does not end with chunked",
        "unexpected transfer-encoding parsed" => "Transfer-Encoding in an HTTP/1.0 request",
        _ => "the request is not valid HTTP/1.1",
    }))
}

const TARGET: &str = "the URL contains a character that must be percent-encoded: a space, \", <, >, a control \
                      character or a byte that is not UTF-8";

/// Why an HTTP/2 connection ended, if the library ended it because of what the client sent; `None` for a
/// network error, a drain, or a client that ended the connection.
pub(super) fn http2_cause(error: &hyper::Error) -> Option<Cause> {
    let error = error.source()?.downcast_ref::<h2::Error>()?;
    if !error.is_go_away() || !is_violation(error) {
        return None;
    }
    let too_large = |detail| Cause { outcome: DeliveryOutcome::HeadersTooLarge, detail };
    Some(match error.reason()? {
        Reason::PROTOCOL_ERROR => bad(
            "connection closed with PROTOCOL_ERROR: the URL contains a byte that is not UTF-8, the headers cannot be \
             decompressed, or the client sent a frame that HTTP/2 does not allow",
        ),
        Reason::FLOW_CONTROL_ERROR => {
            bad("connection closed with FLOW_CONTROL_ERROR: the client sent more data than its window allows")
        }
        Reason::STREAM_CLOSED => bad(
            "connection closed with STREAM_CLOSED: the client sent a frame on a stream that it had closed",
        ),
        Reason::FRAME_SIZE_ERROR => {
            bad("connection closed with FRAME_SIZE_ERROR: the client sent a frame of an invalid length")
        }
        Reason::COMPRESSION_ERROR => {
            too_large("connection closed with COMPRESSION_ERROR: the header list is far larger than 24 KiB")
        }
        // The library drops the details with which it distinguishes these.
        Reason::ENHANCE_YOUR_CALM => bad(
            "connection closed with ENHANCE_YOUR_CALM: the header list is far larger than 24 KiB, or the client \
             caused too many stream errors",
        ),
        _ => bad("connection closed because the client violated HTTP/2"),
    })
}

/// Why the library cannot read a request's body to its end.
pub(super) fn body_fault(error: &(dyn Error + 'static)) -> BodyFault {
    let mut next = Some(error);
    while let Some(error) = next {
        if matches!(error.downcast_ref(), Some(BodyError::<hyper::Error>::PseudoTrailers)) {
            return BodyFault::Malformed("the trailers contain a pseudo-header");
        }
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            return if is_violation(error) { BodyFault::Malformed(STREAM_BODY) } else { BodyFault::CutOff };
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            let is_malformed =
                matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData);
            return if is_malformed { BodyFault::Malformed(CHUNKS) } else { BodyFault::CutOff };
        }
        next = error.source();
    }
    BodyFault::CutOff
}

const CHUNKS: &str = "a chunk or the trailers of the body are not valid HTTP/1.1";

const STREAM_BODY: &str = "the client violated HTTP/2 before the body was complete; for example, the body is not as long \
                           as Content-Length (RFC 9113, section 8.1.1)";

/// Whether the library reset a stream or ended a connection because of what the client sent.
fn is_violation(error: &h2::Error) -> bool {
    error.is_library() && !matches!(error.reason(), None | Some(Reason::NO_ERROR | Reason::INTERNAL_ERROR))
}

/// The library reset a stream before its request could be processed.
const STREAM_RESET: Cause = bad(
    "stream reset with PROTOCOL_ERROR: the request is malformed (RFC 9113, section 8.1.1); for example, the URL \
     contains a character that must be percent-encoded (a space, \", <, > or a control character), or a header is not allowed in HTTP/2",
);

/// The connection was ended because of frames that do no work.
pub(super) const FLOODED: Cause = bad(
    "connection closed with ENHANCE_YOUR_CALM: the client sent too many frames that do no work, such as PING, SETTINGS, \
     PRIORITY, WINDOW_UPDATE or RST_STREAM",
);

/// The library answered 431 on a stream.
const STREAM_HEADERS_TOO_LARGE: Cause =
    Cause { outcome: DeliveryOutcome::HeadersTooLarge, detail: "the header list is larger than 24 KiB" };

const fn bad(detail: &'static str) -> Cause {
    Cause { outcome: DeliveryOutcome::BadRequest, detail }
}
