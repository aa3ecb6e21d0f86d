//! Requests without TLS to the admin listener, over loopback TCP or a Unix socket.

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

/// Sends a GET request over TCP.
///
/// # Errors
/// If there is no response within [`CONNECT_DEADLINE`].
pub async fn get_tcp(address: SocketAddr, path: &str) -> Result<(StatusCode, Bytes), ClientFault> {
    within(CONNECT_DEADLINE, async {
        let stream = TcpStream::connect(address)
            .await
            .map_err(|why| ClientFault::Connect { address: address.to_string(), why })?;
        send(stream, &address.to_string(), Method::GET, path).await
    })
    .await
}

/// Sends a GET request over a Unix socket.
///
/// # Errors
/// If there is no response within [`CONNECT_DEADLINE`].
pub async fn get_unix(socket: &Path, path: &str) -> Result<(StatusCode, Bytes), ClientFault> {
    within(CONNECT_DEADLINE, over_unix(socket, Method::GET, path)).await
}

/// Sends a POST request over a Unix socket, and waits until the server has executed it.
///
/// # Errors
/// If there is no response within 40 seconds.
pub async fn post_unix(socket: &Path, path: &str) -> Result<(StatusCode, Bytes), ClientFault> {
    within(POST_DEADLINE, over_unix(socket, Method::POST, path)).await
}

/// Longer than the listener's own timeout for a reload.
const POST_DEADLINE: Duration = Duration::from_secs(40);

async fn over_unix(socket: &Path, method: Method, path: &str) -> Result<(StatusCode, Bytes), ClientFault> {
    let stream = UnixStream::connect(socket)
        .await
        .map_err(|why| ClientFault::Connect { address: format!("unix:{}", socket.display()), why })?;
    send(stream, "localhost", method, path).await
}

async fn within<T>(
    deadline: Duration,
    response: impl Future<Output = Result<T, ClientFault>>,
) -> Result<T, ClientFault> {
    timeout(deadline, response)
        .await
        .unwrap_or(Err(ClientFault::Deadline { what: "response", after: deadline }))
}

async fn send<S>(
    stream: S,
    host: &str,
    method: Method,
    path: &str,
) -> Result<(StatusCode, Bytes), ClientFault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request =
        Request::builder().method(method).uri(path).header(HOST, host).body(Empty::<Bytes>::new())?;
    let exchange = async move {
        let response = sender.send_request(request).await?;
        let status = response.status();
        // The end of this block drops the sender and so closes the connection.
        let body = bounded(response.into_body()).await.map_err(|why| ClientFault::Body { status, why })?;
        Ok((status, body))
    };
    let (response, _driven) = tokio::join!(exchange, connection);
    response
}
