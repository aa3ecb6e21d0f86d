//! Connects to the server of an `http` consumer: TCP, TLS over TCP, or a Unix socket.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::TargetFault;
use crate::client::CONNECT_DEADLINE;
use crate::forward::settings::{HttpAddress, HttpSettings, TargetTls};
use crate::forward::target::trust::trust;
use crate::tls::client::{Trust, target_config};

/// Opens connections to one server, regardless of the URI of the request.
#[derive(Clone)]
pub(super) struct ServerConnector(Transport);

#[derive(Clone)]
enum Transport {
    Tcp(HttpConnector),
    Tls(HttpConnector, TlsConnector, ServerName<'static>),
    Unix(PathBuf),
}

impl ServerConnector {
    pub(super) fn new(settings: &HttpSettings) -> Result<Self, TargetFault> {
        // One that tries the addresses of both families, as RFC 8305 specifies.
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        Ok(Self(match &settings.address {
            HttpAddress::Tcp { https: false, .. } => Transport::Tcp(tcp),
            HttpAddress::Tcp { host, .. } => {
                let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
                let name =
                    ServerName::try_from(bare.to_owned()).map_err(|_| TargetFault::Host(host.clone()))?;
                Transport::Tls(tcp, tls(&settings.tls)?, name)
            }
            HttpAddress::Unix(path) => Transport::Unix(path.clone()),
        }))
    }
}

fn tls(settings: &TargetTls) -> Result<TlsConnector, TargetFault> {
    let trust = trust(settings);
    if matches!(&trust, Trust::Anchors(anchors) if anchors.is_empty()) {
        return Err(TargetFault::NoAnchors);
    }
    Ok(TlsConnector::from(Arc::new(target_config(trust, settings.key_pair.clone())?)))
}

impl Service<Uri> for ServerConnector {
    type Response = TokioIo<ServerStream>;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let transport = self.0.clone();
        Box::pin(async move {
            let stream = timeout(CONNECT_DEADLINE, open(transport, uri)).await.map_err(|_| {
                io::Error::new(io::ErrorKind::TimedOut, format!("no connection within {CONNECT_DEADLINE:?}"))
            })??;
            Ok(TokioIo::new(ServerStream { stream, was_used: WasUsed::default() }))
        })
    }
}

type OpenError = Box<dyn std::error::Error + Send + Sync>;

async fn open(transport: Transport, uri: Uri) -> Result<Box<dyn Stream>, OpenError> {
    Ok(match transport {
        Transport::Tcp(mut tcp) => Box::new(tcp.call(uri).await?.into_inner()),
        Transport::Tls(mut tcp, tls, name) => {
            Box::new(tls.connect(name, tcp.call(uri).await?.into_inner()).await?)
        }
        Transport::Unix(path) => Box::new(UnixStream::connect(path).await?),
    })
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Whether a response has arrived over a connection. The server may close such a connection at any time.
#[derive(Clone, Debug, Default)]
pub(super) struct WasUsed(Arc<AtomicBool>);

impl WasUsed {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A connection to the server.
pub(super) struct ServerStream {
    stream: Box<dyn Stream>,
    was_used: WasUsed,
}

impl Connection for ServerStream {
    fn connected(&self) -> Connected {
        Connected::new().extra(self.was_used.clone())
    }
}

impl AsyncRead for ServerStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for ServerStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
