//! A TLS connection with HTTP/1.1 or HTTP/2, for any number of requests in sequence.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::alert_recorder::{AlertRecorder, RecordedAlert};
use super::fault::ClientFault;
use super::server_url::ServerUrl;
use crate::tls::client::{ClientSession, Connector};

/// The timeout for connecting and the TLS handshake.
pub const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// The timeout from the first byte of a request to the last byte of its response.
pub const EXCHANGE_DEADLINE: Duration = Duration::from_secs(30);
/// The size limit of a response's body.
const RESPONSE_BYTES_MAX: usize = 1 << 20;
const AGENT: &str = concat!("hookspool/", env!("CARGO_PKG_VERSION"));

/// A connection, which is closed when this is dropped.
pub struct ClientConnection {
    /// The results of the handshake.
    pub session: ClientSession,
    target: ServerUrl,
    sender: Sender,
    recorded: RecordedAlert,
    /// The task that drives the connection; aborted when this is dropped.
    driver: JoinSet<Result<(), hyper::Error>>,
}

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// A response to a delivery.
#[derive(Clone, Debug)]
pub struct ClientResponse {
    /// The HTTP status.
    pub status: StatusCode,
    /// All headers of the response.
    pub headers: HeaderMap,
    /// The entire body, at most 1 MiB.
    pub body: Bytes,
    /// The time from the first byte of the request to the last byte of the response.
    pub elapsed: Duration,
}

impl ClientConnection {
    /// Connects to the target's host, or to `instead`, and requests the target's server name in both cases.
    ///
    /// # Errors
    /// If the server cannot be reached within [`CONNECT_DEADLINE`], or the handshake fails.
    pub async fn open(
        connector: &Connector,
        target: &ServerUrl,
        instead: Option<&str>,
    ) -> Result<Self, ClientFault> {
        let opening = Self::open_without_timeout(connector, target, instead.unwrap_or(&target.address));
        timeout(CONNECT_DEADLINE, opening)
            .await
            .unwrap_or(Err(ClientFault::Deadline { what: "TLS connection", after: CONNECT_DEADLINE }))
    }

    async fn open_without_timeout(
        connector: &Connector,
        target: &ServerUrl,
        address: &str,
    ) -> Result<Self, ClientFault> {
        let tcp = TcpStream::connect(address)
            .await
            .and_then(|tcp| tcp.set_nodelay(true).map(|()| tcp))
            .map_err(|why| ClientFault::Connect { address: address.to_owned(), why })?;
        let (stream, session) = connector.connect(target.server_name.clone(), tcp).await?;
        let (stream, recorded) = AlertRecorder::new(stream);
        let io = TokioIo::new(stream);
        let mut driver = JoinSet::new();
        let sender = if session.http2 {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
            driver.spawn(connection);
            Sender::Http2(sender)
        } else {
            let (sender, connection) = http1::handshake(io).await?;
            driver.spawn(connection);
            Sender::Http1(sender)
        };
        Ok(Self { session, target: target.clone(), sender, recorded, driver })
    }

    /// Whether the connection accepts no further requests.
    pub fn is_closed(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => sender.is_closed(),
            Sender::Http2(sender) => sender.is_closed(),
        }
    }

    /// Delivers a body. The default content type is JSON.
    ///
    /// # Errors
    /// If there is no complete response within [`EXCHANGE_DEADLINE`]. Every status counts as a response.
    pub async fn post(&mut self, headers: &HeaderMap, body: Bytes) -> Result<ClientResponse, ClientFault> {
        let request = self.request(headers, body)?;
        let exchange = self.exchange(request);
        match timeout(EXCHANGE_DEADLINE, exchange).await {
            Err(_) => Err(ClientFault::Deadline { what: "response", after: EXCHANGE_DEADLINE }),
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(fault)) => Err(self.alert().await.map_or(fault, ClientFault::from)),
        }
    }

    fn request(&self, headers: &HeaderMap, body: Bytes) -> Result<Request<Full<Bytes>>, ClientFault> {
        let mut request = Request::builder().method(Method::POST);
        request = match &self.sender {
            Sender::Http1(_) => request.uri(&self.target.path_and_query).header(HOST, &self.target.host),
            Sender::Http2(_) => request.uri(self.target.uri.clone()),
        };
        let mut request = request.body(Full::new(body))?;
        let all = request.headers_mut();
        all.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        all.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for name in headers.keys() {
            all.remove(name);
            for value in headers.get_all(name) {
                all.append(name, value.clone());
            }
        }
        Ok(request)
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<ClientResponse, ClientFault> {
        let started = Instant::now();
        let response = match &mut self.sender {
            Sender::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Sender::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
        };
        let (head, body) = response.into_parts();
        let body = bounded(body).await.map_err(|why| ClientFault::Body { status: head.status, why })?;
        Ok(ClientResponse { status: head.status, headers: head.headers, body, elapsed: started.elapsed() })
    }

    /// The alert with which the server ended the connection, if it has.
    async fn alert(&mut self) -> Option<crate::tls::client::Alert> {
        if self.recorded.get().is_none() {
            // The request may fail shortly before the driver reads the alert.
            let _ = timeout(Duration::from_millis(200), self.driver.join_next()).await;
        }
        self.recorded.get().copied()
    }
}

pub(super) async fn bounded(body: Incoming) -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>> {
    Limited::new(body, RESPONSE_BYTES_MAX).collect().await.map(http_body_util::Collected::to_bytes)
}
