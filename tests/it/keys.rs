//! No output contains a private key, however its file is damaged and wherever the file is named.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Output;

use crate::key_material::Secret;
use crate::world::{Daemon, World};

/// A configuration in which every key that names a file names the same one.
const EVERYWHERE: &str = r#"
[server]
listen = ["127.0.0.1:0"]
[tls]
certificate = "victim"
key = "victim"
[[tls.extra]]
certificate = "victim"
key = "victim"
names = ["x.example"]
[spool]
min_free = "1 MiB"
[admin]
listen = ["unix:run/admin.sock"]
[[sender]]
name = "bank"
ca = ["victim"]
crl = ["victim"]
cn = ["client"]
[[endpoint]]
name = "pix"
path = "/webhooks/pix"
senders = ["bank"]
query_secret = { name = "hmac", file = "victim" }
"#;

const COMMANDS: &[&str] = &[
    "check --config everywhere.toml",
    "check --json --config everywhere.toml",
    "run --config everywhere.toml",
    "explain --config everywhere.toml --cert certs/client.pem",
    "check --config victim",
    "check --json --config victim",
    "run --config victim",
    "status --config victim",
    "reload --config victim",
    "spool list --config victim",
    "spool verify --config victim",
    "demo --once --config victim",
    "check --config inline.toml",
    "check --json --config inline.toml",
    "run --config inline.toml",
    "check --config bare.toml",
    "check --json --config bare.toml",
    "check --config lines.toml",
    "run --config lines.toml",
    "certs show victim",
    "certs show --json victim",
    "explain --cert victim",
    "explain --json --cert victim",
    "explain --cert certs/client.pem --chain victim",
    "send https://localhost:1/ victim --cert victim --key victim --ca certs/root-ca.pem",
    "send https://localhost:1/ --cert certs/client.pem --key victim --ca certs/root-ca.pem",
    "send https://localhost:1/ --cert victim --ca certs/root-ca.pem",
    "send https://localhost:1/ --cert certs/client.pem --key certs/client.key --ca victim",
    "probe https://localhost:1/ --cert certs/client.pem --key victim --ca certs/root-ca.pem",
    "probe https://localhost:1/ --cert victim --key certs/client.key --ca victim",
    "spool show ./victim",
    "spool show --json ./victim",
    "spool done ./victim",
];

/// The commands whose output contains the findings of a running daemon.
const DAEMON_COMMANDS: &[&str] = &["reload", "status", "status --json"];

fn run(world: &World, command: &str) -> Output {
    let words: Vec<_> = command.split(' ').collect();
    world.run(&words)
}

fn write(path: PathBuf, bytes: &[u8]) {
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// Writes the configuration of `world` with a key instead of a path, in three notations.
fn write_inline(world: &World, damaged: &[u8]) {
    let text = String::from_utf8_lossy(damaged);
    let config = fs::read_to_string(world.path("webhooks.toml")).unwrap();
    let with = |value: &str| config.replace("\"certs/server.key\"", value);
    fs::write(world.path("inline.toml"), with(&serde_json::to_string(&text).unwrap())).unwrap();
    fs::write(world.path("bare.toml"), with(&text)).unwrap();
    fs::write(world.path("lines.toml"), with(&format!("\"\"\"\n{text}\"\"\""))).unwrap();
}

#[test]
fn no_output_contains_a_damaged_key() {
    let world = World::new();
    let secret = Secret::of(fs::read_to_string(world.key("server")).unwrap());
    let certificate = fs::read_to_string(world.cert("server")).unwrap();
    fs::write(world.path("everywhere.toml"), EVERYWHERE).unwrap();
    let daemon = world.start();
    let damaged = secret.damaged(&certificate);
    assert!(damaged.len() >= 40, "{}", damaged.len());
    let (mut outputs, mut leaks) = (0, Vec::<(String, String)>::new());
    let mut search = |what: String, output: &[u8]| {
        outputs += 1;
        if let Some(piece) = secret.find(output) {
            leaks.push((format!("{what}: {piece}"), String::from_utf8_lossy(output).into_owned()));
        }
    };
    for (number, bytes) in damaged.iter().enumerate() {
        write(world.path("victim"), bytes);
        write_inline(&world, bytes);
        for command in COMMANDS {
            let output = run(&world, command);
            search(format!("file {number}, {command}, stdout"), &output.stdout);
            search(format!("file {number}, {command}, stderr"), &output.stderr);
        }
        let place = [world.key("server"), world.cert("server"), world.cert("root-ca")][number % 3].clone();
        let whole = fs::read(&place).unwrap();
        write(place.clone(), bytes);
        for command in DAEMON_COMMANDS {
            let output = run(&world, command);
            search(format!("file {number}, {command}, stdout"), &output.stdout);
            search(format!("file {number}, {command}, stderr"), &output.stderr);
        }
        search(format!("file {number}, GET /status"), daemon.admin("/status").1.as_bytes());
        write(place, &whole);
    }
    search("log".to_owned(), log_of(&daemon).as_bytes());
    assert!(outputs > 3_000, "{outputs}");
    let names: Vec<_> = leaks.iter().map(|(what, _)| what.as_str()).collect();
    assert!(leaks.is_empty(), "{} outputs:\n{}\nthe first:\n{}", leaks.len(), names.join("\n"), leaks[0].1);
}

#[test]
fn a_number_in_the_environment_that_is_a_key_is_not_logged() {
    let world = World::new();
    let secret = Secret::of(fs::read_to_string(world.key("server")).unwrap());
    for variable in ["TOKIO_WORKER_THREADS", "LISTEN_FDS"] {
        let mut command = std::process::Command::new(crate::world::program());
        command.env(variable, &secret.pem).stdin(std::process::Stdio::null());
        let daemon = world.start_by(command);
        let line = daemon.logged("environment variable ignored: not a whole number", |_| true);
        assert_eq!(
            (line["variable"].as_str(), secret.find(daemon.log_text().as_bytes())),
            (Some(variable), None)
        );
    }
}

fn log_of(daemon: &Daemon) -> String {
    let text = daemon.log_text();
    assert!(text.contains("rejected") || text.contains("reload"), "{text}");
    text
}
