//! The response to each path of the admin listener.

use std::time::Duration;

use http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use http::{Method, Response, StatusCode, Uri};
use serde::Serialize;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::service::AdminService;
use crate::live::ReloadRequest;
use crate::metrics::ReloadOutcome;
use crate::policy::{Name, NameError};

/// The kind of socket that a client is connected to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Transport {
    /// Loopback TCP, which every user of the machine can connect to.
    Tcp,
    /// A Unix socket, which file permissions protect.
    Unix,
}

/// The parameter of `POST /reload` that names the sender whose older revocation lists are accepted.
pub const ACCEPT_OLDER_LISTS: &str = "accept_older_lists";

/// The timeout of a reload.
const RELOAD_MAX: Duration = Duration::from_secs(30);

/// Answers one request.
pub(super) async fn answer(
    service: &impl AdminService,
    transport: Transport,
    method: &Method,
    uri: &Uri,
) -> Response<String> {
    let path = uri.path();
    match (path, method, transport) {
        ("/reload", &Method::POST, Transport::Unix) => match older_lists(service, uri.query()) {
            Ok(sender) => reload(service, sender).await,
            Err(why) => text(StatusCode::BAD_REQUEST, &format!("{why}\n")),
        },
        ("/reload", &Method::POST, Transport::Tcp) => {
            text(StatusCode::FORBIDDEN, "a reload is accepted over the Unix socket only\n")
        }
        ("/reload", _, _) => not_allowed("POST"),
        (_, _, _) => read_only(service, method, path),
    }
}

/// The sender in the query of a reload, whose older revocation lists are to be accepted.
fn older_lists<A: AdminService>(_: &A, query: Option<&str>) -> Result<Option<Name>, String> {
    let Some(query) = query else { return Ok(None) };
    match query.strip_prefix(ACCEPT_OLDER_LISTS).and_then(|rest| rest.strip_prefix('=')) {
        Some(sender) if A::ACCEPTS_OLDER_LISTS => {
            sender.parse().map(Some).map_err(|fault: NameError| fault.to_string())
        }
        Some(_) | None => Err("unknown query parameter".to_owned()),
    }
}

async fn reload(service: &impl AdminService, accept_older_lists: Option<Name>) -> Response<String> {
    let (reply, response) = oneshot::channel();
    let reload = async {
        service.reload().send(ReloadRequest { accept_older_lists, reply }).await.ok()?;
        response.await.ok()
    };
    match timeout(RELOAD_MAX, reload).await {
        Ok(Some(reload)) if reload.outcome == ReloadOutcome::Rejected => {
            json(StatusCode::UNPROCESSABLE_ENTITY, &reload)
        }
        Ok(Some(reload)) => json(StatusCode::OK, &reload),
        Ok(None) => text(StatusCode::SERVICE_UNAVAILABLE, "the daemon is stopping\n"),
        Err(_) => {
            text(StatusCode::GATEWAY_TIMEOUT, "the reload is still running; /status shows its outcome\n")
        }
    }
}

fn not_allowed(allowed: &'static str) -> Response<String> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, &format!("only {allowed}\n"));
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

fn read_only(service: &impl AdminService, method: &Method, path: &str) -> Response<String> {
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
        "/readyz" => readyz(service),
        "/metrics" => metrics(service),
        _ => json(StatusCode::OK, &service.status()),
    }
}

fn readyz(service: &impl AdminService) -> Response<String> {
    let reasons = service.not_ready();
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(status, &reasons)
}

fn metrics(service: &impl AdminService) -> Response<String> {
    let mut response = text(StatusCode::OK, &service.metrics());
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
