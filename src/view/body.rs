//! Responses.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use maud::Markup;
use tokio::sync::mpsc;

/// A whole body, or one that is produced while it is sent.
pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Nothing is loaded from another origin, and nothing but our files is executed.
const CONTENT_SECURITY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// The headers of every response.
const HEADERS: [(HeaderName, &str); 7] = [
    (CONTENT_SECURITY_POLICY, CONTENT_SECURITY),
    (REFERRER_POLICY, "no-referrer"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (CACHE_CONTROL, "no-store"),
];

/// A response with the headers that every response has.
pub(super) fn response(status: StatusCode, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A page.
pub(super) fn page(status: StatusCode, markup: Markup) -> Response<Body> {
    response(status, "text/html; charset=utf-8", full(markup.into_string()))
}

/// A line of text, for requests without a session.
pub(super) fn text(status: StatusCode, text: &str) -> Response<Body> {
    response(status, "text/plain; charset=utf-8", full(format!("{text}\n")))
}

/// A whole body.
pub(super) fn full(content: impl Into<Bytes>) -> Body {
    Full::new(content.into()).boxed_unsync()
}

/// A body that ends when the sender is dropped. If the client disconnects, the sender's channel is closed.
pub(super) fn streamed(mut pieces: mpsc::Receiver<String>) -> Body {
    let frames = stream::poll_fn(move |context| pieces.poll_recv(context));
    let frames = futures_util::StreamExt::map(frames, |piece| Ok(Frame::data(Bytes::from(piece))));
    StreamBody::new(frames).boxed_unsync()
}
