//! What attackers need: connections from several addresses, with any certificate, and a count of what they did.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Attackers;

/// The hostile acts of one attack, at most.
const ACTS_MAX: u64 = 1_000_000;
/// The pause of an attacker whose connection failed.
const PAUSE: Duration = Duration::from_millis(10);
/// The connections that are being opened at once where an attack is about something else.
const OPENING_MAX: usize = 64;

/// The daemon under attack.
#[derive(Clone)]
pub struct Target {
    pub port: u16,
    pub admin_socket: PathBuf,
    pub certificates: Arc<Certificates>,
    pub addresses: u8,
    acts: Arc<AtomicU64>,
    connections: Arc<AtomicU64>,
    opening: Arc<Semaphore>,
}

/// The configurations of clients with different certificates.
pub struct Certificates {
    /// Of the greedy sender.
    pub greedy: Arc<ClientConfig>,
    /// The same, for HTTP/2.
    pub greedy_http2: Arc<ClientConfig>,
    pub none: Arc<ClientConfig>,
    /// Of an unknown CA.
    pub stranger: Arc<ClientConfig>,
    /// Of a known CA, but of no sender.
    pub wrong: Arc<ClientConfig>,
    /// Below many CAs of the same name, none of which has signed it.
    pub crafted: Arc<ClientConfig>,
}

impl Target {
    pub fn new(port: u16, admin_socket: PathBuf, certificates: Arc<Certificates>, addresses: u8) -> Self {
        Self {
            port,
            admin_socket,
            certificates,
            addresses,
            acts: Arc::default(),
            connections: Arc::default(),
            opening: Arc::new(Semaphore::new(OPENING_MAX)),
        }
    }

    /// Counts a hostile act.
    pub fn acted(&self) {
        self.acts.fetch_add(1, Ordering::Relaxed);
    }

    /// The number of hostile acts so far.
    pub fn acts(&self) -> u64 {
        self.acts.load(Ordering::Relaxed)
    }

    /// Connects from the next of the attackers' addresses. The connection is reset when it is dropped, so that its port
    /// can be used again at once.
    pub async fn tcp(&self) -> io::Result<TcpStream> {
        let number = self.connections.fetch_add(1, Ordering::Relaxed) % u64::from(self.addresses);
        let socket = TcpSocket::new_v4()?;
        socket.set_zero_linger()?;
        socket.bind((Ipv4Addr::new(127, 77, 0, 1 + number as u8), 0).into())?;
        let stream = socket.connect(SocketAddr::from(([127, 0, 0, 1], self.port))).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// As [`Target::tcp`], with a complete handshake.
    pub async fn tls(&self, config: &Arc<ClientConfig>) -> io::Result<TlsStream<TcpStream>> {
        let tcp = self.tcp().await?;
        TlsConnector::from(Arc::clone(config)).connect("localhost".try_into().unwrap(), tcp).await
    }

    /// A connection of the greedy sender. Few are opened at once.
    pub async fn greedy(&self) -> io::Result<TlsStream<TcpStream>> {
        let _opening = self.opening.acquire().await;
        self.tls(&self.certificates.greedy).await
    }

    /// As [`Target::greedy`], with HTTP/2.
    pub async fn greedy_http2(&self) -> io::Result<TlsStream<TcpStream>> {
        let _opening = self.opening.acquire().await;
        self.tls(&self.certificates.greedy_http2).await
    }

    /// As [`Target::tcp`]. Few are opened at once.
    pub async fn tcp_in_turn(&self) -> io::Result<TcpStream> {
        let _opening = self.opening.acquire().await;
        self.tcp().await
    }
}

/// Runs many attackers at once. Each repeats what it does until the test ends it.
pub fn swarm<F>(target: Target, attackers: usize, act: fn(Target) -> F) -> Attackers
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    spawn_all(target, attackers, move |target| async move {
        while target.acts() < ACTS_MAX {
            let acted = act(target.clone()).await;
            target.acted();
            if acted.is_err() {
                sleep(PAUSE).await;
            }
        }
    })
}

/// As [`swarm`], where each attacker acts once: what it holds open is not replaced when the daemon ends it.
pub fn swarm_once<F>(target: Target, attackers: usize, act: fn(Target) -> F) -> Attackers
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let all = spawn_all(target, attackers, move |target| async move {
        if act(target.clone()).await.is_err() {
            target.acted();
        }
    });
    Box::pin(async move {
        all.await;
        std::future::pending::<()>().await;
    })
}

/// Runs this many attackers until all have ended.
fn spawn_all<F>(target: Target, attackers: usize, run: impl Fn(Target) -> F + Send + 'static) -> Attackers
where
    F: Future<Output = ()> + Send + 'static,
{
    Box::pin(async move {
        let mut tasks = JoinSet::new();
        for _ in 0..attackers {
            tasks.spawn(run(target.clone()));
        }
        tasks.join_all().await;
    })
}

/// Reads and discards until the peer closes the connection.
pub async fn hold<S: AsyncRead + Unpin>(mut stream: S) -> io::Result<()> {
    let mut buffer = vec![0; 16 << 10];
    while stream.read(&mut buffer).await? > 0 {}
    Ok(())
}

/// Writes without end, while what arrives is discarded. Ends when the peer closes the connection.
pub async fn pour<S>(
    stream: S,
    begin: &[u8],
    mut next: impl FnMut() -> Vec<u8>,
    target: &Target,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite,
{
    let (read, mut write) = tokio::io::split(stream);
    write.write_all(begin).await?;
    let written = async {
        loop {
            write.write_all(&next()).await?;
            write.flush().await?;
            target.acted();
        }
    };
    tokio::select! {
        ended = hold(read) => ended,
        ended = written => ended,
    }
}
