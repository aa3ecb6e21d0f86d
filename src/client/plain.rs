//! Requests without TLS, for the admin listener: over loopback TCP, or a unix socket.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{Method, Request, StatusCode};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use super::connection::{CONNECT_DEADLINE, bounded};
use super::fault::ClientFault;

/// Asks over TCP.
///
/// # Errors
/// When nobody answers.
pub async fn get_tcp(address: SocketAddr, path: &str) -> Result<(StatusCode, Bytes), ClientFault> {
    within(CONNECT_DEADLINE, async {
        let stream = TcpStream::connect(address)
            .await
            .map_err(|why| ClientFault::Connect { address: address.to_string(), why })?;
        ask(stream, &address.to_string(), Method::GET, path).await
    })
    .await
}

/// Asks over a unix socket.
///
/// # Errors
/// When nobody answers.
pub async fn get_unix(socket: &Path, path: &str) -> Result<(StatusCode, Bytes), ClientFault> {
    within(CONNECT_DEADLINE, over_unix(socket, Method::GET, path)).await
}

/// Tells something to do over a unix socket, and waits until it is done.
///
/// # Errors
/// When nobody answers.
pub async fn post_unix(socket: &Path, path: &str) -> Result<(StatusCode, Bytes), ClientFault> {
    within(DONE_DEADLINE, over_unix(socket, Method::POST, path)).await
}

/// Longer than the listener's own timeout.
const DONE_DEADLINE: Duration = Duration::from_secs(40);

async fn over_unix(socket: &Path, method: Method, path: &str) -> Result<(StatusCode, Bytes), ClientFault> {
    let stream = UnixStream::connect(socket)
        .await
        .map_err(|why| ClientFault::Connect { address: format!("unix:{}", socket.display()), why })?;
    ask(stream, "localhost", method, path).await
}

async fn within<T>(
    deadline: Duration,
    asking: impl Future<Output = Result<T, ClientFault>>,
) -> Result<T, ClientFault> {
    timeout(deadline, asking).await.unwrap_or(Err(ClientFault::Deadline { what: "answer", after: deadline }))
}

async fn ask<S>(stream: S, host: &str, method: Method, path: &str) -> Result<(StatusCode, Bytes), ClientFault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request =
        Request::builder().method(method).uri(path).header(HOST, host).body(Empty::<Bytes>::new())?;
    let asking = async move {
        let response = sender.send_request(request).await?;
        let status = response.status();
        // The sender goes at the end of this block, and with it the connection.
        let body = bounded(response.into_body()).await.map_err(|why| ClientFault::Body { status, why })?;
        Ok((status, body))
    };
    let (answer, _driven) = tokio::join!(asking, connection);
    answer
}
