//! The admin listener's thread. It has a separate runtime, so that deliveries cannot delay it.

use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::answer::{Transport, answer};
use super::open_connections::{OpenConnection, OpenConnections};
use super::service::AdminService;
use super::sockets::Socket;

/// The longest lifetime of a connection; a scrape takes milliseconds.
const CONNECTION_MAX: Duration = Duration::from_secs(60);
/// The timeout for a request's headers.
const HEAD_MAX: Duration = Duration::from_secs(5);
/// The delay after a failed accept, for example if the process has no free descriptors.
const ACCEPT_BACK_OFF: Duration = Duration::from_millis(100);

/// The admin listener cannot be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start the admin listener")]
pub struct AdminListenerError(#[from] io::Error);

/// The running admin listener.
#[derive(Debug)]
pub struct AdminListener {
    close: CancellationToken,
    thread: JoinHandle<()>,
    sockets: Vec<PathBuf>,
}

impl AdminListener {
    /// Starts the listener's thread.
    ///
    /// # Errors
    /// If the thread or its runtime cannot be created.
    pub fn start(sockets: Vec<Socket>, service: impl AdminService) -> Result<Self, AdminListenerError> {
        let paths = sockets
            .iter()
            .filter_map(|socket| match socket {
                Socket::Tcp(_) => None,
                Socket::Unix(_, path) => path.clone(),
            })
            .collect();
        for socket in &sockets {
            tracing::info!(place = socket.place(), "admin listener open");
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let close = CancellationToken::new();
        let closed = close.clone();
        let thread = thread::Builder::new().name("admin".into()).spawn(move || {
            if let Err(error) = runtime.block_on(serve(sockets, service, closed)) {
                tracing::error!(%error, "admin listener closed");
            }
        })?;
        Ok(Self { close, thread, sockets: paths })
    }

    /// Stops the listener and removes its Unix sockets.
    pub fn close(self) {
        self.close.cancel();
        let _ = self.thread.join();
        for path in self.sockets {
            let _ = std::fs::remove_file(path);
        }
    }
}

async fn serve(sockets: Vec<Socket>, service: impl AdminService, close: CancellationToken) -> io::Result<()> {
    let tasks = TaskTracker::new();
    let acceptor = Acceptor { service, open: OpenConnections::default(), tasks: tasks.clone() };
    for socket in sockets {
        let acceptor = acceptor.clone();
        match socket {
            Socket::Tcp(listener) => {
                let listener = TcpListener::from_std(listener)?;
                tasks.spawn(
                    acceptor.accept(Transport::Tcp, async move || {
                        listener.accept().await.map(|(stream, _)| stream)
                    }),
                );
            }
            Socket::Unix(listener, _) => {
                let listener = UnixListener::from_std(listener)?;
                tasks.spawn(acceptor.accept(Transport::Unix, async move || {
                    listener.accept().await.map(|(stream, _)| stream)
                }));
            }
        }
    }
    close.cancelled().await;
    Ok(())
}

#[derive(Clone, Debug)]
struct Acceptor<A> {
    service: A,
    open: OpenConnections,
    tasks: TaskTracker,
}

impl<A: AdminService> Acceptor<A> {
    async fn accept<S, N>(self, transport: Transport, mut next: N)
    where
        N: AsyncFnMut() -> io::Result<S>,
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        loop {
            match next().await {
                Ok(stream) => {
                    let Some(open) = self.open.add() else { continue };
                    let service = self.service.clone();
                    self.tasks.spawn(async move {
                        let served =
                            timeout(CONNECTION_MAX, serve_connection(stream, transport, service, &open));
                        tokio::select! {
                            _ = served => {}
                            () = open.gives_way() => {}
                        }
                    });
                }
                Err(_) => sleep(ACCEPT_BACK_OFF).await,
            }
        }
    }
}

async fn serve_connection<S>(
    stream: S,
    transport: Transport,
    service: impl AdminService,
    open: &OpenConnection,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let respond = service_fn(async |request: hyper::Request<hyper::body::Incoming>| {
        let answered = answer(&service, transport, request.method(), request.uri());
        Ok::<_, Infallible>(open.answering(answered).await)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_MAX);
    // A client that disconnects is not reported.
    let _ = http.serve_connection(TokioIo::new(stream), respond).await;
}
