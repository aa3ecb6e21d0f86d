//! Entries of the journal, which is simulated with a socket in a separate mount namespace.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::wire::{Wire, client_config};
use crate::world::{TIMEOUT, World, eventually};

/// Mounts the directory `$0` at the journal's, and executes the remaining arguments.
const MOUNT_AND_EXEC: &str = "mount -t tmpfs none /run && mkdir -p /run/systemd/journal && mount --bind \"$0\" /run/systemd/journal && exec \"$@\"";

type Entry = BTreeMap<String, String>;

struct Logged {
    world: World,
    journal: UnixDatagram,
    daemon: Child,
}

impl Drop for Logged {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

impl Logged {
    fn start(format: &str, socket: &str) -> Self {
        let world = World::new();
        let text = fs::read_to_string(world.path("webhooks.toml")).unwrap();
        fs::write(world.path("webhooks.toml"), text.replace("format = \"json\"", format)).unwrap();
        fs::create_dir(world.path("journal")).unwrap();
        let journal = UnixDatagram::bind(world.path("journal").join(socket)).unwrap();
        journal.set_read_timeout(Some(TIMEOUT)).unwrap();
        let stderr = File::create(world.path("stderr")).unwrap();
        let metadata = stderr.metadata().unwrap();
        let daemon = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", MOUNT_AND_EXEC])
            .arg(world.path("journal"))
            .args([env!("CARGO_BIN_EXE_hookspool"), "run", "--config"])
            .arg(world.path("webhooks.toml"))
            .env("JOURNAL_STREAM", format!("{}:{}", metadata.dev(), metadata.ino()))
            .env_remove("RUST_LOG")
            .stderr(stderr)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Self { world, journal, daemon }
    }

    /// Waits for an entry with this message.
    fn entry(&self, message: &str) -> Entry {
        let mut datagram = vec![0; 1 << 18];
        loop {
            let length = self.journal.recv(&mut datagram).unwrap_or_else(|error| {
                panic!("{message}: {error}; {:?}", fs::read_to_string(self.world.path("stderr")))
            });
            let text = std::str::from_utf8(&datagram[..length]).unwrap();
            let entry: Entry = text
                .lines()
                .map(|line| line.split_once('=').unwrap())
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
            assert_eq!(entry.len(), text.lines().count(), "one entry in each datagram: {text}");
            if entry["MESSAGE"].starts_with(message) {
                return entry;
            }
        }
    }

    fn port(&self) -> u16 {
        let listening = self.entry("listening");
        listening["HOOKSPOOL_ADDRESS"].rsplit_once(':').unwrap().1.parse().unwrap()
    }
}

#[test]
fn deliveries_and_refusals_are_journal_entries_with_fields() {
    for format in ["format = \"journald\"", "format = \"auto\""] {
        let logged = Logged::start(format, "socket");
        let port = logged.port();
        let mut wire = Wire::with_config(client_config(&logged.world, "client"), port).unwrap();
        assert_eq!(wire.post("/webhooks/pix/pix", b"{}").unwrap().status, 200);
        let entry = logged.entry("delivery stored");
        let is = |name: &str, value: &str| {
            assert_eq!(entry.get(name).map(String::as_str), Some(value), "{entry:?}")
        };
        is("PRIORITY", "6");
        is("SYSLOG_IDENTIFIER", "hookspool");
        is("HOOKSPOOL_ENDPOINT", "pix");
        is("HOOKSPOOL_SENDER", "bank");
        assert!(entry.contains_key("HOOKSPOOL_ID"), "{entry:?}");
        let stranger = Wire::with_config(client_config(&logged.world, "stranger"), port);
        let refused = stranger.and_then(|mut wire| wire.post("/webhooks/pix", b"{}"));
        assert!(refused.is_err());
        let entry = logged.entry("peer refused");
        assert_eq!((entry["PRIORITY"].as_str(), entry["HOOKSPOOL_REASON"].as_str()), ("4", "unknown_ca"));
        assert!(entry["HOOKSPOOL_CLAIMED_SUBJECT"].contains("CN=client"), "{entry:?}");
        for name in entry.keys() {
            assert!(
                name.bytes().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == b'_'),
                "{name}"
            );
        }
        let nobody = Wire::with_config(client_config(&logged.world, "nobody"), port);
        assert!(nobody.and_then(|mut wire| wire.post("/webhooks/pix", b"{}")).is_err());
        let entry = logged.entry("peer refused");
        for field in ["MESSAGE", "HOOKSPOOL_ADMIT"] {
            // As it is pasted.
            assert!(entry[field].contains("sender `bank`: cn = ['client', 'nobody']; "), "{entry:?}");
        }
        assert_eq!(fs::read_to_string(logged.world.path("stderr")).unwrap(), "", "{format}");
    }
}

#[test]
fn without_a_journal_the_log_goes_to_standard_error_with_a_warning() {
    for format in ["format = \"journald\"", "format = \"auto\""] {
        let logged = Logged::start(format, "another");
        let stderr_text = eventually("serving", || {
            let text = fs::read_to_string(logged.world.path("stderr")).unwrap();
            text.contains("\"listening\"").then_some(text)
        });
        let first: Value = serde_json::from_str(stderr_text.lines().next().unwrap()).unwrap();
        assert_eq!(
            first["message"], "systemd journal unavailable; logging to standard error",
            "{stderr_text}"
        );
        assert_eq!(first["level"], "WARN");
    }
}
