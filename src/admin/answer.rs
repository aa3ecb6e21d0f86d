//! What each path of the admin door answers.

use std::time::Duration;

use http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use http::{Method, Response, StatusCode};
use serde::Serialize;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::facts::Facts;
use super::health::not_ready;
use super::status::Status;
use crate::live::ReloadOutcome;

/// How a guest came in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Way {
    /// Over loopback, which every user of the machine can.
    Tcp,
    /// Over a socket that the file system guards.
    Unix,
}

/// How long a reload may take.
const RELOAD_MAX: Duration = Duration::from_secs(30);

/// Answers one request.
pub(super) async fn answer(facts: &Facts, way: Way, method: &Method, path: &str) -> Response<String> {
    match (path, method, way) {
        ("/reload", &Method::POST, Way::Unix) => reload(facts).await,
        ("/reload", &Method::POST, Way::Tcp) => {
            text(StatusCode::FORBIDDEN, "a reload is asked for over the unix socket alone\n")
        }
        ("/reload", _, _) => not_allowed("POST"),
        (_, _, _) => look(facts, method, path),
    }
}

async fn reload(facts: &Facts) -> Response<String> {
    let (asking, answered) = oneshot::channel();
    let asked = async {
        facts.reload.send(asking).await.ok()?;
        answered.await.ok()
    };
    match timeout(RELOAD_MAX, asked).await {
        Ok(Some(reload)) if reload.outcome == ReloadOutcome::Rejected => {
            json(StatusCode::UNPROCESSABLE_ENTITY, &reload)
        }
        Ok(Some(reload)) => json(StatusCode::OK, &reload),
        Ok(None) => text(StatusCode::SERVICE_UNAVAILABLE, "the daemon is stopping\n"),
        Err(_) => text(StatusCode::GATEWAY_TIMEOUT, "the reload takes too long; /status will tell\n"),
    }
}

fn not_allowed(allowed: &'static str) -> Response<String> {
    let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, &format!("only {allowed}\n"));
    refused.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    refused
}

fn look(facts: &Facts, method: &Method, path: &str) -> Response<String> {
    if !matches!(path, "/livez" | "/readyz" | "/metrics" | "/status") {
        return text(
            StatusCode::NOT_FOUND,
            "not found: there are /livez, /readyz, /metrics, /status and /reload\n",
        );
    }
    if method != Method::GET && method != Method::HEAD {
        return not_allowed("GET, HEAD");
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
