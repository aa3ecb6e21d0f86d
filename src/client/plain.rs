//! GET without TLS, for the admin door: over loopback TCP, or a unix socket.

use std::net::SocketAddr;
use std::path::Path;

use bytes::Bytes;
use http::header::HOST;
use http::{Request, StatusCode};
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
    within_deadline(async {
        let stream = TcpStream::connect(address)
            .await
            .map_err(|why| ClientFault::Connect { address: address.to_string(), why })?;
        get(stream, &address.to_string(), path).await
    })
    .await
}

/// Asks over a unix socket.
///
/// # Errors
/// When nobody answers.
pub async fn get_unix(socket: &Path, path: &str) -> Result<(StatusCode, Bytes), ClientFault> {
    within_deadline(async {
        let stream = UnixStream::connect(socket)
            .await
            .map_err(|why| ClientFault::Connect { address: format!("unix:{}", socket.display()), why })?;
        get(stream, "localhost", path).await
    })
    .await
}

async fn within_deadline<T>(asking: impl Future<Output = Result<T, ClientFault>>) -> Result<T, ClientFault> {
    timeout(CONNECT_DEADLINE, asking)
        .await
        .unwrap_or(Err(ClientFault::Deadline { what: "answer", after: CONNECT_DEADLINE }))
}

async fn get<S>(stream: S, host: &str, path: &str) -> Result<(StatusCode, Bytes), ClientFault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(path).header(HOST, host).body(Empty::<Bytes>::new())?;
    let asking = async move {
        let response = sender.send_request(request).await?;
        let status = response.status();
        // The sender goes at the end of this block, and with it the connection.
        Ok((status, bounded(response.into_body()).await?))
    };
    let (answer, _driven) = tokio::join!(asking, connection);
    answer
}
