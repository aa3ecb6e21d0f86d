//! The `http` kind: each entry is the body of a POST request.

mod signature;
mod connector;
mod reason;

use std::fmt;
use std::time::Duration;

use aws_lc_rs::hmac::{HMAC_SHA256, Key};
use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;

use self::connector::{ServerConnector, WasUsed};
use self::reason::{Confidential, retry_after};
use self::signature::signature;
use super::cloud_events::cloud_events;
use super::{Target, TargetFault, Verdict, one_by_one};
use crate::clock::Clock;
use crate::escape::Escaped;
use crate::forward::delivery::Delivery;
use crate::forward::settings::{HttpAddress, HttpSettings};
use crate::forward::template::Template;

const AGENT: &str = concat!("hookspool/", env!("CARGO_PKG_VERSION"));
/// The most bytes of a response's body that are read. The connection of a longer response is closed.
const RESPONSE_BYTES_MAX: usize = 64 << 10;
/// How long the rest of a response's body may take. It only makes the connection reusable and the reason complete.
const RESPONSE_BODY_DEADLINE: Duration = Duration::from_secs(1);
/// How long an idle connection is kept.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// An HTTP server.
pub(super) struct HttpTarget {
    pooled: Client<ServerConnector, Full<Bytes>>,
    /// Opens a connection for each request.
    fresh: Client<ServerConnector, Full<Bytes>>,
    /// Scheme, host and port of each request's URI.
    origin: String,
    /// The name of the server in reasons.
    server: String,
    path: Template,
    key: Option<Key>,
    headers: HeaderMap,
    clock: Clock,
}

impl HttpTarget {
    pub(super) fn new(settings: &HttpSettings) -> Result<Self, TargetFault> {
        let connector = ServerConnector::new(settings)?;
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE_MAX);
        let pooled = builder.build(connector.clone());
        let fresh = builder.pool_max_idle_per_host(0).build(connector);
        let (origin, server) = match &settings.address {
            HttpAddress::Tcp { https, host, port } => {
                let scheme = if *https { "https" } else { "http" };
                (format!("{scheme}://{host}:{port}"), format!("`{host}:{port}`"))
            }
            HttpAddress::Unix(path) => ("http://localhost".to_owned(), format!("`unix:{}`", path.display())),
        };
        Ok(Self {
            pooled,
            fresh,
            origin,
            server: Escaped(&server).to_string(),
            path: settings.path.clone(),
            key: settings.secret.as_ref().map(|secret| Key::new(HMAC_SHA256, &secret.0)),
            headers: settings.headers.clone(),
            clock: Clock::System,
        })
    }

    async fn attempt(&self, delivery: &Delivery) -> Verdict {
        let path = self.path.path(&delivery.facts);
        let request = match self.request(&path, delivery) {
            Ok(request) => request,
            Err(why) => return Verdict::Retry { after: None, reason: why },
        };
        match self.send(request).await {
            Ok(response) => self.verdict(response, &Confidential::of(&path, &self.headers)).await,
            Err(error) => match reason::of_error(&error, &self.server) {
                (true, reason) => Verdict::Unreachable { reason },
                (false, reason) => Verdict::Retry { after: None, reason },
            },
        }
    }

    fn request(&self, path: &str, delivery: &Delivery) -> Result<Request<Full<Bytes>>, String> {
        // Servers and proxies remove such segments, also percent-encoded, so the request would reach another path.
        let mut segments = path.split('?').next().unwrap_or_default().split('/');
        if segments.any(|segment| matches!(&*segment.replace("%2E", "."), "." | "..")) {
            return Err(
                "the values of the entry make a segment `.` or `..` in the path of the URL".to_owned()
            );
        }
        let facts = &delivery.facts;
        let mut request = Request::post(format!("{}{path}", self.origin))
            .body(Full::new(delivery.payload.clone()))
            .map_err(|why| format!("the values of the entry make no valid URL: {why}"))?;
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        for name in self.headers.keys() {
            headers.remove(name);
            self.headers.get_all(name).iter().for_each(|value| {
                headers.append(name, value.clone());
            });
        }
        // After the configured headers, so that they replace none of these. Without this one, an empty payload would
        // be a request without a body.
        headers.insert(CONTENT_LENGTH, delivery.payload.len().into());
        if let Some(value) = facts.payload.content_type.as_deref().and_then(from_latin1) {
            headers.insert(CONTENT_TYPE, value);
        }
        let now = self.clock.now().as_second();
        let sign = |key| ("webhook-signature", signature(key, &facts.id, now, &delivery.payload));
        let own = [
            ("webhook-id", facts.id.clone()),
            ("webhook-timestamp", now.to_string()),
            ("hookspool-attempt", delivery.attempt.to_string()),
        ];
        for (name, value) in own.into_iter().chain(cloud_events(facts)).chain(self.key.as_ref().map(sign)) {
            let value = HeaderValue::try_from(value)
                .map_err(|why| format!("the values of the entry make no valid header `{name}`: {why}"))?;
            headers.insert(HeaderName::from_static(name), value);
        }
        Ok(request)
    }

    /// Sends a request. The server may have closed an idle connection just before it was used again: the request is
    /// sent once more over a new one, because that is no fault of the server.
    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, legacy::Error> {
        match self.pooled.request(request.clone()).await {
            Err(error) if was_used(&error) && reason::is_disconnected(&error) => {
                self.fresh.request(request).await
            }
            result => result,
        }
    }

    /// Only the status determines the verdict. A body that stalls or is incomplete does not change it: a server that
    /// has answered 2xx has the entry, and another attempt would only deliver it again.
    async fn verdict(&self, response: Response<Incoming>, confidential: &Confidential<'_>) -> Verdict {
        let (head, body) = response.into_parts();
        let body = beginning(body).await;
        if let Some(used) = head.extensions.get::<WasUsed>() {
            used.set();
        }
        if head.status.is_success() {
            return Verdict::Done { detail: head.status.to_string().into() };
        }
        let reason = reason::of_response(head.status, &head.headers, &body, confidential);
        if head.status == StatusCode::GONE {
            return Verdict::Failed { reason };
        }
        Verdict::Retry { after: retry_after(&head.headers, self.clock.now()), reason }
    }
}

/// Reads a body to its end, or to [`RESPONSE_BYTES_MAX`] or [`RESPONSE_BODY_DEADLINE`].
async fn beginning(mut body: Incoming) -> BytesMut {
    let mut read = BytesMut::new();
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            let Some(data) = frame.data_ref() else { continue };
            let room = RESPONSE_BYTES_MAX - read.len();
            read.extend_from_slice(&data[..data.len().min(room)]);
            if data.len() >= room {
                return;
            }
        }
    };
    // Without the rest, the beginning is enough.
    let _ = timeout(RESPONSE_BODY_DEADLINE, reading).await;
    read
}

fn was_used(error: &legacy::Error) -> bool {
    let mut extras = http::Extensions::new();
    if let Some(connected) = error.connect_info() {
        connected.get_extras(&mut extras);
    }
    extras.get::<WasUsed>().is_some_and(WasUsed::get)
}

/// The bytes that an envelope contains as code points.
fn from_latin1(text: &str) -> Option<HeaderValue> {
    let bytes: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    HeaderValue::from_bytes(&bytes?).ok()
}

/// Without the path and headers, which may contain secrets.
impl fmt::Debug for HttpTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTarget").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Target for HttpTarget {
    fn deliver<'a>(&'a self, batch: &'a [Delivery]) -> BoxFuture<'a, Vec<Verdict>> {
        one_by_one(batch, |delivery| self.attempt(delivery))
    }
}

#[cfg(test)]
mod tests;
