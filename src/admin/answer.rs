//! What each path of the admin door answers.

use http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use http::{Method, Response, StatusCode};
use serde::Serialize;

use super::facts::Facts;
use super::health::not_ready;
use super::status::Status;

/// Answers one request.
pub(super) fn answer(facts: &Facts, method: &Method, path: &str) -> Response<String> {
    if !matches!(path, "/livez" | "/readyz" | "/metrics" | "/status") {
        return text(StatusCode::NOT_FOUND, "not found: there are /livez, /readyz, /metrics and /status\n");
    }
    if method != Method::GET && method != Method::HEAD {
        let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n");
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match path {
        "/livez" => text(StatusCode::OK, "alive\n"),
        "/readyz" => readyz(facts),
        "/metrics" => metrics(facts),
        _ => json(StatusCode::OK, &Status::of(facts)),
    }
}

fn readyz(facts: &Facts) -> Response<String> {
    let reasons = not_ready(&facts.live, facts.spool.health());
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(status, &reasons)
}

fn metrics(facts: &Facts) -> Response<String> {
    let mut response = text(StatusCode::OK, &facts.metrics.text());
    let version = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, version);
    response
}

fn json(status: StatusCode, document: &impl Serialize) -> Response<String> {
    match serde_json::to_string(document) {
        Ok(mut body) => {
            body.push('\n');
            let mut response = text(status, &body);
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error}\n")),
    }
}

fn text(status: StatusCode, body: &str) -> Response<String> {
    let mut response = Response::new(body.to_owned());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
