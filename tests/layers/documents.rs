//! ARCHITECTURE.md and the documents say what the code and Cargo.toml say.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::source::{modules, tree};

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The text between a heading and the next one.
fn section<'a>(document: &'a str, heading: &str) -> &'a str {
    let (_, rest) = document.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    rest.split("\n## ").next().unwrap()
}

/// The words of a line of the layer diagram, without its number and its remark in parentheses.
fn layer(line: &str) -> BTreeSet<String> {
    let line = line.split('(').next().unwrap().split("webhooks.toml").next().unwrap();
    let names = line.get(19..).unwrap_or_default();
    names.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn the_layers_are_those_of_the_source() {
    let architecture = read("ARCHITECTURE.md");
    let drawn: Vec<_> = section(&architecture, "## Layers")
        .lines()
        .filter(|line| line.trim_start().starts_with(|c: char| c.is_ascii_digit()))
        .map(layer)
        .rev()
        .collect();
    let mut layers: Vec<BTreeSet<String>> = Vec::new();
    let mut last = None;
    for (name, group) in modules(&tree()["lib.rs"]) {
        if last != Some(group) {
            layers.push(BTreeSet::new());
        }
        last = Some(group);
        layers.last_mut().unwrap().insert(name);
    }
    assert_eq!(drawn, layers);
}

#[test]
fn every_dependency_has_a_reason_and_every_reason_a_dependency() {
    let cargo = read("Cargo.toml");
    let architecture = read("ARCHITECTURE.md");
    let of = |heading: &str| -> BTreeSet<String> {
        let keys = section(&cargo, heading).lines().take_while(|line| !line.starts_with('['));
        keys.filter_map(|line| Some(line.split_once('=')?.0.trim().to_owned())).collect()
    };
    let used: BTreeSet<_> = of("[dependencies]").union(&of("[dev-dependencies]")).cloned().collect();
    let rows = section(&architecture, "## Dependencies").lines().filter(|line| line.starts_with("| "));
    let named = rows
        .filter_map(|line| line.split('|').nth(1))
        .flat_map(|names| names.trim().trim_end_matches(" (tests)").split(", "));
    let named: BTreeSet<_> = named.map(str::to_owned).filter(|name| name != "crate").collect();
    assert_eq!(used, named);
}

#[test]
fn every_exit_code_is_documented() {
    let code = read("src/cli/exit.rs");
    let (_, table) = code.split_once("Self::from(match exit {").unwrap();
    let codes = table.split("})").next().unwrap().lines().filter_map(|line| line.split("=> ").nth(1));
    let codes: BTreeSet<_> = codes.map(|code| code.trim_end_matches(',').to_owned()).collect();
    let operating = read("docs/operating.md");
    let listed = section(&operating, "## Exit codes").split("\n\n").find(|text| text.contains('·')).unwrap();
    let listed = listed.split('·').filter_map(|part| part.split_whitespace().next());
    assert_eq!(listed.map(str::to_owned).collect::<BTreeSet<_>>(), codes);
    let pages = tempfile::tempdir().unwrap();
    let made = Command::new(env!("CARGO_BIN_EXE_hookspool")).arg("man").arg(pages.path()).status().unwrap();
    assert!(made.success());
    let manual = fs::read_to_string(pages.path().join("hookspool.1")).unwrap();
    let (_, section) = manual.split_once(".SH \"EXIT STATUS\"").unwrap();
    let section = section.split(".SH").next().unwrap();
    let shown = section.lines().filter_map(|line| line.strip_prefix("\\fB")?.strip_suffix("\\fR"));
    assert_eq!(shown.map(str::to_owned).collect::<BTreeSet<_>>(), codes);
}

/// Limits of docs/operating.md: the text, the file of the constant, and the constant with its value.
const LIMITS: &[(&str, &str, &str)] = &[
    ("256 MiB in total", "daemon/resources.rs", "BODY_BYTES_MAX: u64 = 256 << 20"),
    ("64 KiB and the body for each", "receive/memory.rs", "DELIVERY_BYTES: usize = 64 << 10"),
    ("| ClientHello | 16 KiB", "server/hello.rs", "HELLO_BYTES_MAX: usize = 16 << 10"),
    ("4096; further ones get 503", "spool/sender_turns.rs", "WAITING_ENTRIES_MAX: usize = 4096"),
    ("256 entries, 1 MiB", "spool/sender_turns.rs", "BATCH_ENTRIES_MAX: usize = 256"),
    ("256 entries, 1 MiB", "spool/sender_turns.rs", "BATCH_BYTES_MAX: usize = 1 << 20"),
    ("the last 100,000", "receive/recent.rs", "REMEMBERED_MAX: usize = 100_000"),
    ("100 headers, and 64 KiB", "receive/head.rs", "HEADER_FIELDS_MAX: usize = 100"),
    ("100 headers, and 64 KiB", "server/http.rs", "HTTP1_HEAD_BYTES_MAX: usize = 64 << 10"),
    ("or 24 KiB on HTTP/2", "server/http.rs", "HTTP2_HEADERS_BYTES_MAX: u32 = 24 << 10"),
    ("a burst of 1000, then 50 per second", "server/frame_rate.rs", "FRAMES_MAX: u32 = 1000"),
    (
        "a burst of 1000, then 50 per second",
        "server/frame_rate.rs",
        "FRAME_EVERY: Duration = Duration::from_millis(20)",
    ),
    ("and 10 for each response", "server/frame_rate.rs", "FRAMES_PER_RESPONSE: u32 = 10"),
    ("32 KiB that are sent", "server/socket.rs", "SEND_BUFFER_BYTES: usize = 32 << 10"),
    ("4 KiB that are not", "server/socket.rs", "UNSENT_BYTES: u32 = 4 << 10"),
    ("| 20 s; 2 s", "server/socket.rs", "UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(20)"),
    ("| 20 s; 2 s", "server/socket.rs", "LAST_UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(2)"),
    ("| 128 |", "server/http.rs", "HTTP2_STREAMS_MAX: u32 = 128"),
    ("5; together", "tls/verifier.rs", "INTERMEDIATES_MAX: usize = 5"),
    ("at most 64000 bytes", "tls/verifier.rs", "CHAIN_BYTES_MAX: usize = 64_000"),
    ("256; 1 MiB", "tls/pem/mod.rs", "CERTIFICATES_MAX: usize = 256"),
    ("256; 1 MiB", "tls/pem/mod.rs", "FILE_BYTES_MAX: u64 = 1 << 20"),
    ("a burst of 50, then", "refusals/rate_limiter.rs", "BURST: u32 = 50"),
    ("one in 10 s", "refusals/rate_limiter.rs", "REPEAT: Duration = Duration::from_secs(10)"),
    ("at most 1000 of senders", "refusals/rings.rs", "SENDER_PLACES_MAX: usize = 1_000"),
    ("(5 for each", "refusals/rings.rs", "PLACES_MIN: usize = 5"),
    ("and 100 each without", "refusals/rings.rs", "PLACES_MAX: usize = 100"),
    ("| 8; the others are counted", "escape.rs", "JOINED_MAX: usize = 8"),
];

#[test]
fn documented_limits_are_those_of_the_code() {
    let operating = read("docs/operating.md");
    let limits = section(&operating, "## Numeric limits");
    let tree = tree();
    for (text, file, constant) in LIMITS {
        assert!(limits.contains(text), "{text} is not documented");
        assert!(tree[*file].contains(&format!("const {constant};")), "{file}: not `{constant}`");
    }
}
