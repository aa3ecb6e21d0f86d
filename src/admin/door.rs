//! The admin door's thread: its own runtime, so that nothing the senders do can keep it waiting.

use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::answer::{Way, answer};
use super::facts::Facts;
use super::sockets::Socket;

/// Admin connections at once; more wait.
const CONNECTIONS_MAX: usize = 64;
/// How long one of them may stay, whatever it does: a scrape takes milliseconds.
const CONNECTION_MAX: Duration = Duration::from_secs(60);
/// How long a request's headers may take.
const HEAD_MAX: Duration = Duration::from_secs(5);
/// How long to wait when the system has no descriptors to give.
const ACCEPT_BACK_OFF: Duration = Duration::from_millis(100);

/// The admin door cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot start the admin door")]
pub struct DoorError(#[from] io::Error);

/// The open door.
#[derive(Debug)]
pub struct Door {
    close: CancellationToken,
    thread: JoinHandle<()>,
    sockets: Vec<PathBuf>,
}

impl Door {
    /// Opens it.
    ///
    /// # Errors
    /// When the system has no thread or no poller to give.
    pub fn open(sockets: Vec<Socket>, facts: Facts) -> Result<Self, DoorError> {
        let paths = sockets
            .iter()
            .filter_map(|socket| match socket {
                Socket::Tcp(_) => None,
                Socket::Unix(_, path) => path.clone(),
            })
            .collect();
        for socket in &sockets {
            tracing::info!(place = socket.place(), "admin door open");
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let close = CancellationToken::new();
        let closed = close.clone();
        let thread = thread::Builder::new().name("admin".into()).spawn(move || {
            if let Err(error) = runtime.block_on(serve(sockets, facts, closed)) {
                tracing::error!(%error, "the admin door is shut");
            }
        })?;
        Ok(Self { close, thread, sockets: paths })
    }

    /// Closes it and removes its sockets.
    pub fn close(self) {
        self.close.cancel();
        let _ = self.thread.join();
        for path in self.sockets {
            let _ = std::fs::remove_file(path);
        }
    }
}

async fn serve(sockets: Vec<Socket>, facts: Facts, close: CancellationToken) -> io::Result<()> {
    let tasks = TaskTracker::new();
    let guests = Guests { facts, crowd: Arc::new(Semaphore::new(CONNECTIONS_MAX)), tasks: tasks.clone() };
    for socket in sockets {
        let guests = guests.clone();
        match socket {
            Socket::Tcp(listener) => {
                let listener = TcpListener::from_std(listener)?;
                tasks.spawn(
                    guests.welcome(Way::Tcp, async move || listener.accept().await.map(|(stream, _)| stream)),
                );
            }
            Socket::Unix(listener, _) => {
                let listener = UnixListener::from_std(listener)?;
                tasks.spawn(
                    guests
                        .welcome(Way::Unix, async move || listener.accept().await.map(|(stream, _)| stream)),
                );
            }
        }
    }
    close.cancelled().await;
    Ok(())
}

#[derive(Clone, Debug)]
struct Guests {
    facts: Facts,
    crowd: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl Guests {
    async fn welcome<S, A>(self, way: Way, mut accept: A)
    where
        A: AsyncFnMut() -> io::Result<S>,
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        loop {
            let Ok(place) = Arc::clone(&self.crowd).acquire_owned().await else { return };
            match accept().await {
                Ok(stream) => {
                    let facts = self.facts.clone();
                    self.tasks.spawn(async move {
                        let _ = timeout(CONNECTION_MAX, converse(stream, way, facts)).await;
                        drop(place);
                    });
                }
                Err(_) => sleep(ACCEPT_BACK_OFF).await,
            }
        }
    }
}

async fn converse<S>(stream: S, way: Way, facts: Facts)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(async |request: hyper::Request<hyper::body::Incoming>| {
        Ok::<_, Infallible>(answer(&facts, way, request.method(), request.uri().path()).await)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_MAX);
    // A guest that hangs up is no news.
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
}
