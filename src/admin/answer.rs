//! What each path of the admin door answers.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use http::{Method, Response, StatusCode};
use serde::Serialize;

use super::health::not_ready;
use super::status::Status;
use crate::live::{Changed, Live, Snapshot};
use crate::metrics::Metrics;
use crate::refusals::Refusals;
use crate::spool::Spool;

/// What the door looks at. It changes nothing.
#[derive(Clone, Debug)]
pub struct Facts {
    /// What is in force.
    pub live: Arc<Live>,
    /// What was counted.
    pub metrics: Arc<Metrics>,
    /// Who was refused.
    pub refusals: Arc<Refusals>,
    /// How the spool is.
    pub spool: Spool,
    /// Where the spool is.
    pub spool_directory: PathBuf,
    /// Where senders connect to.
    pub listen: Vec<SocketAddr>,
    /// Files in use that have changed on disk since they were read.
    pub changed: Arc<Changed>,
}

impl Facts {
    pub(super) fn degraded(&self, snapshot: &Snapshot) -> Vec<String> {
        let changed = self
            .changed
            .all()
            .into_iter()
            .map(|path| format!("`{}` has changed on disk; a restart takes it in", path.display()));
        snapshot.degraded.iter().cloned().chain(changed).collect()
    }
}

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
