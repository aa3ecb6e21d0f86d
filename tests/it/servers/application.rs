//! An HTTP application that records what it receives and answers as the test specifies, also invalidly.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, BufStream};
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::{Builder, Runtime};
use tokio_rustls::TlsAcceptor;

use super::answer::Answer;
use super::port::Port;

/// A request that was received completely.
#[derive(Debug)]
pub struct Request {
    /// How many requests were received before this one.
    pub number: usize,
    pub at: Instant,
    pub method: String,
    /// The path and the query.
    pub path: String,
    /// With names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    was_answered: AtomicBool,
}

impl Request {
    /// Whether the answer was sent completely before the application stopped or the client closed the connection.
    pub fn was_answered(&self) -> bool {
        self.was_answered.load(Ordering::Relaxed)
    }

    /// The first value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Where the application listens.
enum Place {
    Tcp(Port),
    Tls(Port, TlsAcceptor),
    Unix(PathBuf),
}

struct Shared {
    place: Place,
    answer: Box<dyn Fn(&Request) -> Answer + Send + Sync>,
    requests: Mutex<Vec<Arc<Request>>>,
}

/// The application, which listens until [`Application::stop`] or its drop.
pub struct Application {
    shared: Arc<Shared>,
    /// Runs everything; without it, nothing listens and no connection is open.
    runtime: Option<Runtime>,
}

impl Application {
    /// Starts an application on a port that the system chooses. `answer` must not block.
    pub fn start(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_at(Place::Tcp(Port::reserve()), answer)
    }

    /// Starts an application that gives these answers in turn, and the last one to all further requests.
    pub fn answering(answers: Vec<Answer>) -> Self {
        Self::start(move |request| answers[request.number.min(answers.len() - 1)].clone())
    }

    /// As [`Application::start`], over TLS.
    pub fn start_tls(
        config: Arc<rustls::ServerConfig>,
        answer: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::start_at(Place::Tls(Port::reserve(), TlsAcceptor::from(config)), answer)
    }

    /// As [`Application::start`], on a Unix socket.
    pub fn start_unix(path: &Path, answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_at(Place::Unix(path.to_owned()), answer)
    }

    fn start_at(place: Place, answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let shared = Shared { place, answer: Box::new(answer), requests: Mutex::default() };
        let mut application = Self { shared: Arc::new(shared), runtime: None };
        application.restart();
        application
    }

    /// Closes the listener and all connections, as a kill does.
    pub fn stop(&mut self) {
        self.runtime = None;
    }

    /// Listens again in the same place after [`Application::stop`].
    pub fn restart(&mut self) {
        assert!(self.runtime.is_none(), "the application runs");
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        // Bound before this function returns, so that a connection is accepted from then on.
        let _guard = runtime.enter();
        match &self.shared.place {
            Place::Tcp(port) | Place::Tls(port, _) => {
                let listener = std::net::TcpListener::bind(("127.0.0.1", port.number)).unwrap();
                listener.set_nonblocking(true).unwrap();
                runtime.spawn(accept_tcp(TcpListener::from_std(listener).unwrap(), Arc::clone(&self.shared)));
            }
            Place::Unix(path) => {
                let _ = std::fs::remove_file(path);
                runtime.spawn(accept_unix(UnixListener::bind(path).unwrap(), Arc::clone(&self.shared)));
            }
        }
        self.runtime = Some(runtime);
    }

    /// The URL of a path that begins with `/`; for a Unix socket, `unix:PATH:/path`.
    pub fn url(&self, path: &str) -> String {
        match &self.shared.place {
            Place::Tcp(port) => format!("http://127.0.0.1:{}{path}", port.number),
            Place::Tls(port, _) => format!("https://localhost:{}{path}", port.number),
            Place::Unix(socket) => format!("unix:{}:{path}", socket.display()),
        }
    }

    /// All requests so far, in the order in which they were complete.
    pub fn requests(&self) -> Vec<Arc<Request>> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// Waits until the requests so far satisfy a condition.
    pub fn wait_until(&self, what: &str, limit: Duration, condition: impl Fn(&[Arc<Request>]) -> bool) {
        let deadline = Instant::now() + limit;
        while !condition(&self.shared.requests.lock().unwrap()) {
            assert!(Instant::now() < deadline, "timeout after {} requests: {what}", self.requests().len());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

async fn accept_tcp(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            match &shared.place {
                Place::Tls(_, acceptor) => serve(acceptor.accept(stream).await?, &shared).await,
                _ => serve(stream, &shared).await,
            }
        });
    }
}

async fn accept_unix(listener: UnixListener, shared: Arc<Shared>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let shared = Arc::clone(&shared);
        tokio::spawn(async move { serve(stream, &shared).await });
    }
}

/// Answers the requests of a connection; an error if the client closes it too early.
async fn serve<S: AsyncRead + AsyncWrite + Unpin>(stream: S, shared: &Shared) -> io::Result<()> {
    let mut stream = BufStream::new(stream);
    while let Some(request) = read_request(&mut stream).await? {
        let request = {
            let mut requests = shared.requests.lock().unwrap();
            let request = Arc::new(Request { number: requests.len(), at: Instant::now(), ..request });
            requests.push(Arc::clone(&request));
            request
        };
        let is_open = (shared.answer)(&request).send(&mut stream).await?;
        request.was_answered.store(true, Ordering::Relaxed);
        if !is_open {
            break;
        }
    }
    Ok(())
}

/// Reads a request; `None` at the end of the connection.
async fn read_request(stream: &mut (impl AsyncBufReadExt + Unpin)) -> io::Result<Option<Request>> {
    let first = line(stream).await?;
    let mut words = first.split(' ').map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else { return Ok(None) };
    let mut headers = Vec::new();
    while let Some((name, value)) = line(stream).await?.split_once(':') {
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request {
        number: 0,
        at: Instant::now(),
        method,
        path,
        headers,
        body: Vec::new(),
        was_answered: AtomicBool::new(false),
    };
    if request.header("transfer-encoding").is_some_and(|coding| coding == "chunked") {
        while let length @ 1.. = usize::from_str_radix(&line(stream).await?, 16).map_err(io::Error::other)? {
            read_part(stream, length, &mut request.body).await?;
            line(stream).await?;
        }
        line(stream).await?;
    } else if let Some(length) = request.header("content-length") {
        let length = length.parse().map_err(io::Error::other)?;
        read_part(stream, length, &mut request.body).await?;
    }
    Ok(Some(request))
}

async fn read_part(
    stream: &mut (impl AsyncReadExt + Unpin),
    length: usize,
    body: &mut Vec<u8>,
) -> io::Result<()> {
    let start = body.len();
    body.resize(start + length, 0);
    stream.read_exact(&mut body[start..]).await.map(drop)
}

/// Reads a line without its end; empty at the end of the connection.
async fn line(stream: &mut (impl AsyncBufReadExt + Unpin)) -> io::Result<String> {
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    Ok(line.trim_end().to_owned())
}
