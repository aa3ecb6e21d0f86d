//! The honest senders: 50 deliveries a second each, half on kept connections, half on new ones; 10 in `tests/run`, where a
//! debug build on a loaded machine could not do more even without an attack.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::ClientConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use super::{cores, relay, sized};

fn delivery_interval() -> Duration {
    Duration::from_millis(sized(100, 20))
}

/// After this time, a delivery has failed. In `tests/run`, times do not count.
fn delivery_time_max() -> Duration {
    Duration::from_secs(sized(60, 10))
}

/// A sender that behaves.
#[derive(Clone)]
pub struct Sender {
    pub name: &'static str,
    /// Whether it is behind the relay.
    pub is_distant: bool,
    pub config: Arc<ClientConfig>,
}

/// The outcome of one delivery.
#[derive(Clone, Debug)]
pub struct Sample {
    pub sender: &'static str,
    pub is_kept: bool,
    pub due: std::time::Instant,
    pub took: Duration,
    pub outcome: Result<u16, String>,
}

/// The honest senders at work.
pub struct Honest {
    samples: Arc<Mutex<Vec<Sample>>>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Honest {
    pub fn start(port: u16, senders: Vec<Sender>) -> Self {
        let (samples, stop) = (Arc::default(), CancellationToken::new());
        let (all, stopped) = (Arc::clone(&samples), stop.clone());
        let thread = thread::spawn(move || {
            cores::leave_the_daemon_alone();
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let direct = SocketAddr::from(([127, 0, 0, 1], port));
                let mut tasks = JoinSet::new();
                for sender in senders {
                    let address = if sender.is_distant { distant(direct).await } else { direct };
                    tasks.spawn(deliver_until(stopped.clone(), sender, address, Arc::clone(&all)));
                }
                tasks.join_all().await;
            });
        });
        Self { samples, stop, thread: Some(thread) }
    }

    /// Ends with the deliveries under way, and returns all.
    pub fn finish(mut self) -> Vec<Sample> {
        self.stop.cancel();
        self.thread.take().unwrap().join().expect("the honest senders");
        std::mem::take(&mut *self.samples.lock().unwrap())
    }
}

impl Drop for Honest {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn distant(to: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(relay::relay(listener, to));
    address
}

async fn deliver_until(
    stop: CancellationToken,
    sender: Sender,
    address: SocketAddr,
    samples: Arc<Mutex<Vec<Sample>>>,
) {
    let kept = Arc::new(Mutex::new(VecDeque::new()));
    let mut deliveries = JoinSet::new();
    let mut ticks = interval(delivery_interval());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut is_kept = false;
    while let Some(due) = stop.run_until_cancelled(ticks.tick()).await {
        is_kept = !is_kept;
        let (sender, kept, samples) = (sender.clone(), Arc::clone(&kept), Arc::clone(&samples));
        deliveries.spawn(async move {
            let delivery = deliver(&sender, address, is_kept.then_some(&*kept));
            let outcome = timeout(delivery_time_max(), delivery).await.unwrap_or_else(|_| {
                Err(io::Error::new(io::ErrorKind::TimedOut, "no answer within the time limit"))
            });
            let outcome = outcome.map_err(|error| error.to_string());
            let (due, took) = (due.into_std(), due.elapsed());
            samples.lock().unwrap().push(Sample { sender: sender.name, is_kept, due, took, outcome });
        });
        while deliveries.try_join_next().is_some() {}
    }
    deliveries.join_all().await;
}

type Kept = Mutex<VecDeque<TlsStream<TcpStream>>>;

async fn connect(sender: &Sender, address: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
    let tcp = TcpStream::connect(address).await?;
    tcp.set_nodelay(true)?;
    TlsConnector::from(Arc::clone(&sender.config)).connect("localhost".try_into().unwrap(), tcp).await
}

/// Delivers on a kept connection, or on a new one.
async fn deliver(sender: &Sender, address: SocketAddr, kept: Option<&Kept>) -> io::Result<u16> {
    let ready = kept.and_then(|kept| kept.lock().unwrap().pop_front());
    let mut connection = match ready {
        Some(connection) => connection,
        None => connect(sender, address).await?,
    };
    let request = format!(
        "POST /{} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 13\r\n\r\n{{\"pix\":[1,2]}}",
        sender.name
    );
    connection.write_all(request.as_bytes()).await?;
    connection.flush().await?;
    let status = answer(&mut connection).await?;
    if let Some(kept) = kept {
        kept.lock().unwrap().push_back(connection);
    }
    Ok(status)
}

/// Reads an answer with Content-Length to its end; returns its status.
pub async fn answer(connection: &mut TlsStream<TcpStream>) -> io::Result<u16> {
    let mut bytes = Vec::new();
    loop {
        if connection.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if bytes.len() >= end + 4 + length.map_or(0, |length| length.parse().unwrap()) {
            return Ok(head.split(' ').nth(1).unwrap().parse().unwrap());
        }
    }
}
