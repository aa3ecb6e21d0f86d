//! `hookspool forward` with real targets that fail, are killed and misbehave.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use hookspool::envelope::{EntryId, PayloadDigest};
use hookspool::spool::{EnvelopeFacts, PayloadClaim};
use serde_json::Value;

use crate::world::{TIMEOUT, World, eventually, program, rounds, within};

mod ad_hoc;
mod exec;
mod hostile;
mod kills;
mod misbehaving;
mod order;
mod reload;
mod signature;
mod sinks;

/// A world with the queues of all endpoints, and these consumers. No daemon runs.
pub fn world_with(consumers: &str) -> World {
    let world = World::new();
    drop(world.start());
    configure(&world, consumers);
    world
}

/// Replaces the consumers in webhooks.toml.
pub fn configure(world: &World, consumers: &str) {
    const FORWARD: &str = "\n[forward]\nlisten = [\"unix:run/forward.sock\"]\n";
    let text = fs::read_to_string(world.path("webhooks.toml")).unwrap();
    let next = world.path("webhooks.next");
    fs::write(&next, [text.split(FORWARD).next().unwrap(), FORWARD, consumers].concat()).unwrap();
    fs::rename(next, world.path("webhooks.toml")).unwrap();
}

/// The table of a consumer of one endpoint with short delays. `target` and `more` are lines of it.
pub fn consumer(endpoint: &str, target: &str, more: &str) -> String {
    let retry = "retry = { min = \"20ms\", max = \"1s\", give_up = \"1d\" }";
    format!(
        "\n[[consumer]]\nname = \"to-{endpoint}\"\nendpoints = [\"{endpoint}\"]\n{retry}\n{target}\n{more}\n"
    )
}

/// As [`consumer`], for an HTTP application with this URL.
pub fn http(endpoint: &str, url: &str) -> String {
    consumer(endpoint, &format!("http = {{ url = \"{url}\" }}"), "")
}

/// A process `hookspool forward`, killed when it is dropped.
pub struct Forward<'a> {
    world: &'a World,
    child: Child,
    log: Arc<Mutex<Vec<Value>>>,
}

impl<'a> Forward<'a> {
    /// Starts the process, and waits until it forwards.
    pub fn start(world: &'a World) -> Self {
        Self::start_by(world, Command::new(program()))
    }

    /// As [`Forward::start`], with another program before, or another environment.
    pub fn start_by(world: &'a World, command: Command) -> Self {
        let mut forward = Self::spawn(world, command);
        assert!(forward.has_started(), "it ended");
        forward
    }

    /// Starts the process after a kill. A command that the killed process was starting can hold its sockets and locks for
    /// a moment; a service manager would start the new process again.
    pub fn start_again(world: &'a World) -> Self {
        eventually("forward starts", || {
            let mut forward = Self::spawn(world, Command::new(program()));
            forward.has_started().then_some(forward)
        })
    }

    /// Waits until the process forwards or has ended.
    fn has_started(&mut self) -> bool {
        eventually("forward starts or ends", || {
            let has_ended = self.child.try_wait().unwrap().is_some();
            let is_started = !self.lines("forwarding").is_empty();
            (is_started || has_ended).then_some(is_started)
        })
    }

    fn spawn(world: &'a World, mut command: Command) -> Self {
        command.args(["forward", "--config", "webhooks.toml"]).current_dir(world.path(""));
        command.env_remove("HOOKSPOOL_CONFIG").env_remove("RUST_LOG").stdin(Stdio::null());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (lines, received) = (BufReader::new(child.stderr.take().unwrap()), Arc::clone(&log));
        thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                received.lock().unwrap().push(serde_json::from_str(&line).unwrap_or(Value::String(line)));
            }
        });
        Self { world, child, log }
    }

    /// Waits for a log line with this message that satisfies a condition.
    pub fn logged(&self, message: &str, matches: impl Fn(&Value) -> bool) -> Value {
        eventually(&format!("log line `{message}` in {}", self.log_text()), || {
            self.lines(message).into_iter().find(|line| matches(line))
        })
    }

    /// All lines with this message that were logged so far.
    pub fn lines(&self, message: &str) -> Vec<Value> {
        self.log.lock().unwrap().iter().filter(|line| line["message"] == message).cloned().collect()
    }

    /// The end of what was logged so far.
    pub fn log_text(&self) -> String {
        let log = self.log.lock().unwrap();
        log.iter().rev().take(50).rev().map(|line| format!("{line}\n")).collect()
    }

    /// The status of a consumer, or null if there is none.
    pub fn status(&self, consumer: &str) -> Value {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let socket = self.world.path("run/forward.sock");
        let (_, body) = runtime.block_on(hookspool::client::get_unix(&socket, "/status")).unwrap();
        let mut status: Value = serde_json::from_slice(&body).unwrap();
        let all = status["consumers"].as_array_mut().unwrap();
        all.iter_mut().find(|found| found["name"] == consumer).map_or(Value::Null, Value::take)
    }

    /// Waits until the status of a consumer satisfies a condition.
    pub fn wait(&self, consumer: &str, what: &str, condition: impl Fn(&Value) -> bool) -> Value {
        eventually(&format!("{what}: {}", self.status(consumer)), || {
            Some(self.status(consumer)).filter(|status| condition(status))
        })
    }

    /// Waits until each entry of an endpoint is in `done` or `failed`.
    pub fn drained(&self, endpoint: &str) {
        let limit = TIMEOUT * u32::try_from(rounds(2)).unwrap();
        within(limit, "the queues are empty", || {
            // An entry that is retried may move from `taken` to `new` between two listings, and then waits there.
            let is_empty = |name| queue(self.world, endpoint, name).is_empty();
            ["new", "taken", "new"].into_iter().all(is_empty).then_some(())
        });
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").arg(signal).arg(self.pid().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// Waits until the process ends.
    pub fn ended(&mut self) -> ExitStatus {
        eventually("forward ends", || self.child.try_wait().unwrap())
    }

    /// Stops the process, which has to exit with 0.
    pub fn stop(mut self) {
        self.signal("-TERM");
        assert_eq!(self.ended().code(), Some(0), "{}", self.log_text());
    }
}

impl Drop for Forward<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("{}", self.log_text());
        }
    }
}

/// Writes a file that only this user may read.
pub fn write_secret(world: &World, name: &str, text: &str) {
    fs::write(world.path(name), text).unwrap();
    fs::set_permissions(world.path(name), fs::Permissions::from_mode(0o600)).unwrap();
}

/// Ends a process by its ID.
pub fn kill(pid: &str) {
    assert!(Command::new("kill").args(["-KILL", pid]).status().unwrap().success());
}

/// The IDs in a queue.
pub fn queue(world: &World, endpoint: &str, queue: &str) -> BTreeSet<String> {
    let names = fs::read_dir(world.path(&format!("spool/{endpoint}/{queue}"))).unwrap();
    let names = names.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.filter_map(|name| name.strip_suffix(".hook").map(str::to_owned)).collect()
}

/// Puts an entry with this payload into `new`, as the daemon does, and returns its ID.
pub fn put(world: &World, endpoint: &str, payload: &[u8]) -> String {
    put_as(world, endpoint, EntryId::fresh(), payload)
}

/// As [`put`], with this ID.
pub fn put_as(world: &World, endpoint: &str, id: EntryId, payload: &[u8]) -> String {
    let mut digest = PayloadDigest::default();
    digest.update(payload);
    let facts = EnvelopeFacts {
        id: id.to_string(),
        received_at: id.made_at().to_string(),
        endpoint: endpoint.to_owned(),
        sender: "bank".to_owned(),
        event: (endpoint == "pix").then(|| "rec".to_owned()),
        params: BTreeMap::new(),
        payload: PayloadClaim {
            length: payload.len().try_into().unwrap(),
            sha256: digest.finish().to_string(),
            content_type: Some("application/json".to_owned()),
        },
        duplicate_of: None,
    };
    let written = world.path(&format!("{id}.entry"));
    fs::write(&written, [&*serde_json::to_vec(&facts).unwrap(), b"\n", payload].concat()).unwrap();
    fs::rename(written, file(world, endpoint, "new", &facts.id)).unwrap();
    facts.id
}

/// The file of an entry.
pub fn file(world: &World, endpoint: &str, queue: &str, id: &str) -> PathBuf {
    world.path(&format!("spool/{endpoint}/{queue}/{id}.hook"))
}

/// The note of a failure.
pub fn why(world: &World, endpoint: &str, id: &str) -> Value {
    let text = fs::read(file(world, endpoint, "failed", id).with_extension("why")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// A number that looks random and depends only on these two (the finalizer of SplitMix64).
pub fn mixed(seed: u64, number: u64) -> u64 {
    let mut x = seed.wrapping_add(number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// A seed, printed if the test fails.
pub fn seed() -> u64 {
    let given = std::env::var("HOOKSPOOL_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed =
        given.unwrap_or_else(|| u64::from_be_bytes(EntryId::fresh().as_bytes()[8..].try_into().unwrap()));
    eprintln!("HOOKSPOOL_TEST_SEED={seed}");
    seed
}
