//! A directory with certificates and a configuration, and a daemon that ends when it is dropped.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use hookspool::clock::Timestamp;
use hookspool::devpki::{Issued, KeyKind, Root};
use serde_json::Value;

/// Much longer than any operation takes. A test that waits this long has failed.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// Waits until `condition` returns a value.
pub fn eventually<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    within(TIMEOUT, what, condition)
}

/// As [`eventually`], with another limit.
pub fn within<T>(limit: Duration, what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "timeout: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// The tested program: this build, or the one in `HOOKSPOOL_TEST_PROGRAM`, with which a test can be seen to fail.
pub fn program() -> OsString {
    std::env::var_os("HOOKSPOOL_TEST_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_hookspool").into())
}

/// Returns a unique number.
fn number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

pub fn rounds(few: usize) -> usize {
    let factor = std::env::var("HOOKSPOOL_TEST_ROUNDS_FACTOR").ok().and_then(|f| f.parse().ok());
    few * factor.unwrap_or(1)
}

pub struct World {
    folder: tempfile::TempDir,
}

impl World {
    /// Creates certificates: `client` and `second` match senders, `nobody` has the right CA but matches no sender, and
    /// `stranger` has the right name but another CA.
    pub fn new() -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(world.path("certs")).unwrap();
        // Not in the directory of webhooks.toml, which the daemon watches: its own trace would cause events.
        fs::create_dir(world.path("trace")).unwrap();
        let root = Root::new(KeyKind::EcdsaP256, Timestamp::now()).unwrap();
        let stranger = Root::new(KeyKind::EcdsaP256, Timestamp::now()).unwrap();
        world.write_pair("root-ca", &root.issued);
        world.write_pair("server", &root.server(&[]).unwrap());
        for name in ["client", "second", "nobody"] {
            world.write_pair(name, &root.client(name).unwrap());
        }
        world.write_pair("stranger", &stranger.client("client").unwrap());
        world.configure("");
        world
    }

    fn write_pair(&self, name: &str, issued: &Issued) {
        fs::write(self.path(&format!("certs/{name}.pem")), &issued.certificate_pem).unwrap();
        let key = self.path(&format!("certs/{name}.key"));
        fs::write(&key, &issued.key_pem).unwrap();
        fs::set_permissions(key, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Writes webhooks.toml with the lines `server` in its `[server]` table.
    pub fn configure(&self, server: &str) {
        self.configure_all(server, "min_free = \"1 MiB\"");
    }

    pub fn configure_all(&self, server: &str, spool: &str) {
        let text = include_str!("world.toml").replace("# server", server).replace("# spool", spool);
        fs::write(self.path("webhooks.toml"), text).unwrap();
    }

    /// Returns a number that is unique in all worlds.
    pub fn count(&self) -> usize {
        number()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn cert(&self, name: &str) -> PathBuf {
        self.path(&format!("certs/{name}.pem"))
    }

    pub fn key(&self, name: &str) -> PathBuf {
        self.path(&format!("certs/{name}.key"))
    }

    pub fn start(&self) -> Daemon {
        let mut command = Command::new(program());
        command.stdin(Stdio::null());
        Daemon::start(self, command)
    }

    /// Starts the daemon with another program or environment.
    pub fn start_by(&self, command: Command) -> Daemon {
        Daemon::start(self, command)
    }

    /// Starts the daemon under strace.
    pub fn start_traced(&self, args: &[&str]) -> Daemon {
        let mut command = Command::new("strace");
        command.args(args).arg(program()).stdin(Stdio::null());
        Daemon::start(self, command)
    }

    /// Starts the daemon as another user or in another directory.
    pub fn start_with(&self, program: Command) -> Daemon {
        Daemon::start(self, program)
    }

    /// Runs another command of the program, in this directory.
    pub fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Output {
        Command::new(program())
            .args(args)
            .current_dir(self.folder.path())
            .env_remove("HOOKSPOOL_CONFIG")
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// All entries in `new` of an endpoint, by ID.
    pub fn entries(&self, endpoint: &str) -> BTreeMap<String, Entry> {
        let Ok(folder) = fs::read_dir(self.path(&format!("spool/{endpoint}/new"))) else {
            return BTreeMap::new();
        };
        folder.map(|file| file.unwrap().path()).map(|path| (stem(&path), Entry::read(&path))).collect()
    }

    /// Every file in the spool, except the lock and the write-ahead logs.
    pub fn spool_files(&self) -> Vec<PathBuf> {
        fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => walk(&path, found),
                    false if entry_name(&path).starts_with('.') => {}
                    false => found.push(path),
                }
            }
        }
        let mut found = Vec::new();
        walk(&self.path("spool"), &mut found);
        found
    }
}

fn entry_name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

fn stem(path: &Path) -> String {
    assert_eq!(path.extension(), Some(OsStr::new("hook")), "{}", path.display());
    path.file_stem().unwrap().to_str().unwrap().to_owned()
}

#[derive(Debug)]
pub struct Entry {
    pub envelope: Value,
    pub payload: Vec<u8>,
}

impl Entry {
    /// Reads an entry as a consumer does, and checks that it is intact.
    pub fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        let newline = bytes.iter().position(|byte| *byte == b'\n').expect("an envelope");
        let envelope: Value = serde_json::from_slice(&bytes[..newline]).expect("an envelope in JSON");
        let payload = bytes[newline + 1..].to_vec();
        assert_eq!(envelope["payload"]["length"], payload.len(), "{}", path.display());
        let mut digest = hookspool::envelope::PayloadDigest::default();
        digest.update(&payload);
        assert_eq!(envelope["payload"]["sha256"], digest.finish().to_string(), "{}", path.display());
        Self { envelope, payload }
    }
}

pub struct Daemon {
    pub child: Child,
    pub port: u16,
    log: Arc<Mutex<Vec<Value>>>,
    socket: PathBuf,
}

impl Daemon {
    fn start(world: &World, mut command: Command) -> Self {
        let mut child = command
            .args(["run", "--config"])
            .arg(world.path("webhooks.toml"))
            .env_remove("RUST_LOG")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (lines, received) = (BufReader::new(child.stderr.take().unwrap()), Arc::clone(&log));
        thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                received.lock().unwrap().push(serde_json::from_str(&line).unwrap_or(Value::String(line)));
            }
        });
        let socket = world.path("run/admin.sock");
        let mut daemon = Self { child, port: 0, log, socket };
        let listening = daemon.logged("listening", |_| true);
        let address = listening["address"].as_str().unwrap();
        daemon.port = address.rsplit(':').next().unwrap().parse().unwrap();
        daemon
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// Waits for a log line with this message that satisfies a condition.
    pub fn logged(&self, message: &str, matches: impl Fn(&Value) -> bool) -> Value {
        eventually(&format!("log line `{message}` in {:#?}", self.log.lock().unwrap()), || {
            let log = self.log.lock().unwrap();
            log.iter().find(|line| line["message"] == message && matches(line)).cloned()
        })
    }

    /// All lines with this message that were logged so far.
    pub fn lines(&self, message: &str) -> Vec<Value> {
        self.log.lock().unwrap().iter().filter(|line| line["message"] == message).cloned().collect()
    }

    /// Everything logged so far, as text.
    pub fn log_text(&self) -> String {
        let log = self.log.lock().unwrap();
        log.iter().map(|line| format!("{line}\n")).collect()
    }

    /// Sends a request to the admin listener; returns the status and the body.
    pub fn admin(&self, path: &str) -> (u16, String) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (status, body) = runtime.block_on(hookspool::client::get_unix(&self.socket, path)).unwrap();
        (status.as_u16(), String::from_utf8(body.to_vec()).unwrap())
    }

    /// The value of a metric's series.
    pub fn metric(&self, series: &str) -> f64 {
        let (_, text) = self.admin("/metrics");
        let line = text.lines().find_map(|line| line.strip_prefix(series)).expect(series);
        line.trim().parse().unwrap()
    }

    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").arg(signal).arg(self.pid().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// The ID of the daemon's process, which is a child of strace if it is traced.
    pub fn pid(&self) -> u32 {
        let own = self.child.id();
        let children = fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap_or_default();
        children.split_whitespace().next().and_then(|pid| pid.parse().ok()).unwrap_or(own)
    }

    /// Waits until the process ends.
    pub fn wait(&mut self) -> ExitStatus {
        eventually("the daemon ends", || self.child.try_wait().unwrap())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-KILL", &self.pid().to_string()]).stderr(Stdio::null()).status();
        let _ = self.child.wait();
    }
}
