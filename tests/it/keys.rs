//! No output contains a private key, however its file is damaged and wherever the file is named.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Output;

use base64ct::{Base64, Encoding as _};

use crate::world::{Daemon, World};

/// Characters of the key that must not appear in a row.
const WINDOW: usize = 12;

/// A key and everything that would give it away.
struct Secret {
    pem: String,
    der: Vec<u8>,
    pieces: Vec<String>,
}

impl Secret {
    fn of(pem: String) -> Self {
        let body: String = pem.lines().filter(|line| !line.contains("-----")).collect();
        let der = Base64::decode_vec(&body).unwrap();
        let hex: String = der.iter().map(|byte| format!("{byte:02x}")).collect();
        // What every text that begins like PEM has in common is no secret.
        let twice = Base64::encode_string(pem.as_bytes()).split_off(40);
        let mut pieces: Vec<String> = Vec::new();
        for text in
            [body.clone(), body.to_ascii_lowercase(), body.replace('+', "-").replace('/', "_"), hex, twice]
        {
            pieces.extend(
                text.as_bytes().windows(WINDOW).map(|piece| String::from_utf8(piece.to_vec()).unwrap()),
            );
        }
        // Bytes as a debugging format prints them.
        pieces.extend(der.windows(5).map(|bytes| format!("{bytes:?}").trim_matches(['[', ']']).to_owned()));
        pieces.sort();
        pieces.dedup();
        Self { pem, der, pieces }
    }

    fn find(&self, output: &[u8]) -> Option<&str> {
        let text = String::from_utf8_lossy(output).to_string();
        let found = self.pieces.iter().find(|piece| text.contains(piece.as_str()));
        found.map(String::as_str)
    }

    /// The key's file in every way that it was seen damaged, and some more.
    fn damaged(&self, certificate: &str) -> Vec<Vec<u8>> {
        let pem = self.pem.as_str();
        let lines: Vec<_> = pem.lines().collect();
        let body = lines[1..lines.len() - 1].concat();
        let each =
            |map: fn(&str) -> String| lines.iter().map(|line| map(line)).collect::<Vec<_>>().join("\n");
        let utf_16 = |big: bool| {
            let unit = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
            std::iter::once(0xfeff).chain(pem.encode_utf16()).flat_map(unit).collect::<Vec<u8>>()
        };
        let twice = Base64::encode_string(pem.as_bytes());
        let hex = self.der.iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        let texts = vec![
            pem.replace('\n', " "),
            pem.replace('\n', ""),
            pem.replace('\n', "\\n"),
            pem.replace('\n', "\\r\\n"),
            pem.replace('\n', "\r\n").replace("\r\n", "\r\r"),
            format!("\"{}\"", pem.replace('\n', "\\n")),
            format!("{{\"key\": \"{}\"}}", pem.replace('\n', "\\n")),
            format!("KEY={}", pem.replace('\n', " ")),
            format!("export KEY='{pem}'"),
            format!("tls.key: |\n{}", each(|line| format!("    {line}"))),
            pem[..pem.len() / 2].to_owned(),
            lines[1..].join("\n"),
            lines[..lines.len() - 1].join("\n"),
            lines[1..lines.len() - 1].join("\n"),
            body.clone(),
            body.replace('+', "-").replace('/', "_"),
            format!("{}{body}\n{}", lines[0], lines[lines.len() - 1]),
            format!("{}\n{body}{}", lines[0], lines[lines.len() - 1]),
            format!("{} {body} {}", lines[0], lines[lines.len() - 1]),
            format!("-----BEGIN {body}-----\n{pem}"),
            format!("-----BEGIN {}", pem.replace("-----BEGIN ", "")),
            twice.clone(),
            format!("{twice}\n{twice}"),
            format!("{}{pem}", certificate.trim_end()),
            format!("{}{}", pem.trim_end(), certificate),
            format!("{}{}", pem.replace('\n', " "), pem.replace('\n', " ")),
            pem.replace("PRIVATE KEY", "CERTIFICATE"),
            pem.replace("PRIVATE KEY", "RSA PRIVATE KEY"),
            pem.replace("PRIVATE KEY", "X509 CRL"),
            pem.replace("PRIVATE KEY", "KEY"),
            pem.replace("END PRIVATE KEY", "END EC PRIVATE KEY"),
            pem.replace(
                "-----BEGIN PRIVATE KEY-----",
                "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n",
            ),
            pem.replace("-----", "----"),
            pem.replace("-----", "\u{2014}\u{2014}"),
            pem.replace("BEGIN", "begin"),
            each(|line| format!("# {line}")),
            each(|line| format!("> {line}")),
            each(|line| format!("{line}=")),
            each(|line| format!("\"{line}\" +")),
            pem.replacen('A', "\u{e9}", 3),
            pem.replacen('A', "\0", 3),
            pem.replacen('A', "", 1),
            pem.replace('\n', "<br>"),
            body.as_bytes().chunks(30).map(|line| String::from_utf8_lossy(line) + "\n").collect(),
            hex,
        ];
        let mut all: Vec<_> = texts.into_iter().map(String::into_bytes).collect();
        all.extend([utf_16(true), utf_16(false), self.der.clone(), self.der[..self.der.len() - 7].to_vec()]);
        all.push(pem.bytes().map(|byte| if byte == b'A' { 0xe9 } else { byte }).collect());
        all
    }
}

/// Every key of webhooks.toml that names a file, each with this one.
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

/// What a running daemon and its commands say of a file that was damaged.
const OF_THE_DAEMON: &[&str] = &["reload", "status", "status --json"];

fn run(world: &World, command: &str) -> Output {
    let words: Vec<_> = command.split(' ').collect();
    world.run(&words)
}

fn write(path: PathBuf, bytes: &[u8]) {
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// The configuration of `world` with a key in the place of a path, in three ways of writing it.
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
        for command in OF_THE_DAEMON {
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
