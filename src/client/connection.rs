//! One TLS connection with HTTP/1.1 or HTTP/2 on it, for any number of requests in turn.

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
use super::target::Target;
use crate::tls::client::{ClientSession, Connector};

/// For the connection and its handshake together.
pub const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// From the first byte of a request to the last byte of its answer.
pub const EXCHANGE_DEADLINE: Duration = Duration::from_secs(30);
/// More than this of an answer is not read.
const ANSWER_BYTES_MAX: usize = 1 << 20;
const AGENT: &str = concat!("hookspool/", env!("CARGO_PKG_VERSION"));

/// A connection, open until dropped.
pub struct ClientConnection {
    /// What the handshake settled.
    pub session: ClientSession,
    target: Target,
    sender: Sender,
    recorded: RecordedAlert,
    /// Drives the connection; aborted when this is dropped.
    driver: JoinSet<Result<(), hyper::Error>>,
}

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// What came back.
#[derive(Clone, Debug)]
pub struct ClientResponse {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// From the first byte of the request to the last byte of the answer.
    pub elapsed: Duration,
}

impl ClientConnection {
    /// Connects to the target's host, or to `instead` (still asking for the target's name).
    ///
    /// # Errors
    /// When nobody is there, or the handshake fails.
    pub async fn open(
        connector: &Connector,
        target: &Target,
        instead: Option<&str>,
    ) -> Result<Self, ClientFault> {
        let opening = Self::open_unhurried(connector, target, instead.unwrap_or(&target.address));
        timeout(CONNECT_DEADLINE, opening)
            .await
            .unwrap_or(Err(ClientFault::Deadline { what: "TLS connection", after: CONNECT_DEADLINE }))
    }

    async fn open_unhurried(
        connector: &Connector,
        target: &Target,
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

    /// Whether no further request can go over it.
    pub fn is_closed(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => sender.is_closed(),
            Sender::Http2(sender) => sender.is_closed(),
        }
    }

    /// Delivers a body. Without a content type it is sent as JSON.
    ///
    /// # Errors
    /// When no answer comes. A status of any kind is an answer.
    pub async fn post(&mut self, headers: &HeaderMap, body: Bytes) -> Result<ClientResponse, ClientFault> {
        let request = self.request(headers, body)?;
        let exchange = self.exchange(request);
        match timeout(EXCHANGE_DEADLINE, exchange).await {
            Err(_) => Err(ClientFault::Deadline { what: "answer", after: EXCHANGE_DEADLINE }),
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(fault)) => Err(self.last_words().await.map_or(fault, ClientFault::from)),
        }
    }

    fn request(&self, headers: &HeaderMap, body: Bytes) -> Result<Request<Full<Bytes>>, ClientFault> {
        let mut request = Request::builder().method(Method::POST);
        request = match &self.sender {
            Sender::Http1(_) => request.uri(&self.target.path_and_query).header(HOST, &self.target.host),
            Sender::Http2(_) => request.uri(self.target.uri.clone()),
        };
        let mut request = request.body(Full::new(body))?;
        let ours = request.headers_mut();
        ours.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        ours.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for name in headers.keys() {
            ours.remove(name);
            for value in headers.get_all(name) {
                ours.append(name, value.clone());
            }
        }
        Ok(request)
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<ClientResponse, ClientFault> {
        let begun = Instant::now();
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
        Ok(ClientResponse { status: head.status, headers: head.headers, body, elapsed: begun.elapsed() })
    }

    /// The alert with which the connection ended, once it has ended.
    async fn last_words(&mut self) -> Option<crate::tls::client::Alert> {
        if self.recorded.get().is_none() {
            // The request may have failed a moment before the driver reads why.
            let _ = timeout(Duration::from_millis(200), self.driver.join_next()).await;
        }
        self.recorded.get().copied()
    }
}

pub(super) async fn bounded(body: Incoming) -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>> {
    Limited::new(body, ANSWER_BYTES_MAX).collect().await.map(http_body_util::Collected::to_bytes)
}
