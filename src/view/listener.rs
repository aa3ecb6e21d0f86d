//! Listens on loopback.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::routes::answer;
use super::sessions::{SESSION_TIME_MAX, Sessions};
use super::settings::Settings;
use super::state::ViewState;
use crate::arrivals::{EntryArrival, EntryArrivals};
use crate::clock::Clock;
use crate::metrics::Queue;
use crate::sandbox::RestrictError;
use crate::spool::{Disk, EntryLocation, endpoints};

/// The number of concurrent connections. A browser uses about six.
const CONNECTIONS_MAX: usize = 64;
/// The timeout for a request's headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// The delay after a failed accept, for example if the process has no free descriptors.
const ACCEPT_BACK_OFF: Duration = Duration::from_millis(100);
/// How often the directories of the endpoints are listed for new ones.
const ENDPOINTS_INTERVAL: Duration = Duration::from_secs(5);

/// The page cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ViewStartError {
    /// The address cannot be bound.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The error of the system.
        #[source]
        why: io::Error,
    },
    /// The process cannot be restricted to the spool.
    #[error(transparent)]
    Restrict(#[from] RestrictError),
    /// The system refused a resource.
    #[error(transparent)]
    System(#[from] io::Error),
    /// The spool cannot be opened.
    #[error("cannot open the spool `{path}`")]
    Spool {
        /// Its directory.
        path: String,
        /// The error of the system.
        #[source]
        why: io::Error,
    },
}

/// The bound page.
#[derive(Debug)]
pub struct ViewListener {
    listener: TcpListener,
    state: Arc<ViewState>,
}

impl ViewListener {
    /// Binds the address and opens the spool.
    ///
    /// # Errors
    /// If either fails.
    pub async fn bind(settings: Settings, sessions: Arc<Sessions>) -> Result<Self, ViewStartError> {
        let address = settings.listen;
        let listener =
            TcpListener::bind(address).await.map_err(|why| ViewStartError::Bind { address, why })?;
        let spool = &settings.spool;
        let disk = Disk::open(&spool.directory, spool.group)
            .map_err(|why| ViewStartError::Spool { path: spool.directory.display().to_string(), why })?;
        Ok(Self { listener, state: Arc::new(ViewState::new(settings, sessions, disk, Clock::System)) })
    }

    /// The bound address.
    ///
    /// # Errors
    /// As `getsockname(2)`.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until this future is dropped.
    pub async fn serve(self) {
        let Self { listener, state } = self;
        tokio::join!(accept(listener, Arc::clone(&state)), watch(&state));
    }
}

async fn accept(listener: TcpListener, state: Arc<ViewState>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let state = Arc::clone(&state);
                let tasks = state.tasks.clone();
                tasks.spawn(async move {
                    let _place = place;
                    let _ = timeout(SESSION_TIME_MAX, connection(stream, state)).await;
                });
            }
            Err(_) => sleep(ACCEPT_BACK_OFF).await,
        }
    }
}

async fn connection(stream: TcpStream, state: Arc<ViewState>) {
    let respond = service_fn(move |request| {
        let state = Arc::clone(&state);
        async move { Ok::<_, Infallible>(answer(state, request).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    // A browser that disconnects is not reported.
    let _ = http.serve_connection(TokioIo::new(stream), respond).await;
}

/// Reports new entries to the open pages. If endpoints are added, a new watch begins before the previous one ends.
async fn watch(state: &ViewState) {
    let (mut names, mut watched) = (Vec::new(), None);
    loop {
        let current = endpoints(&state.disk, &state.layout).unwrap_or_default();
        if watched.is_none() || current != names {
            let renewed = EntryArrivals::watch(&state.layout, current.clone()).ok();
            if let Some(previous) = &mut watched {
                let _ = report(previous, state).now_or_never();
            }
            (names, watched) = (current, renewed);
        }
        match &mut watched {
            Some(arrivals) if !names.is_empty() => {
                if timeout(ENDPOINTS_INTERVAL, report(arrivals, state)).await.is_ok() {
                    watched = None;
                }
            }
            Some(_) | None => sleep(ENDPOINTS_INTERVAL).await,
        }
    }
}

/// Reports entries until the watch of a queue fails.
async fn report(arrivals: &mut EntryArrivals, state: &ViewState) {
    while let Ok(batch) = arrivals.next().await {
        for arrival in batch {
            let EntryArrival::Entry(endpoint, id) = arrival else { continue };
            // Fails if no page is open.
            let _ = state.arrivals.send(EntryLocation { id, endpoint, queue: Queue::New });
        }
    }
}
