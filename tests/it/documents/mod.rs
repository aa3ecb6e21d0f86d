//! Runs the code blocks of the documents, in order, and compares what they print with what is shown.

mod blocks;
mod config;
mod normal;
mod session;
mod table;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use blocks::{Use, blocks};
pub use blocks::{file, read};
pub use normal::same;
use session::Step;

use crate::world::program;

const DOCUMENTS: &[&str] = &[
    "README.md",
    "docs/guide.md",
    "docs/consumers.md",
    "docs/forwarding.md",
    "docs/operating.md",
    "docs/container.md",
    "docs/reconciliation.md",
];

/// The text of the block that begins like this.
pub fn block(document: &str, begin: &str) -> String {
    let found = blocks(document).into_iter().find(|block| block.text.starts_with(begin));
    found.unwrap_or_else(|| panic!("{document} has no block that begins with `{begin}`")).text
}

/// Writes a file that can be executed.
pub fn write_program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Creates what a clone of the repository contains, with the program in `bin`.
fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in ["bin", "tests"] {
        fs::create_dir(directory.path().join(name)).unwrap();
    }
    fs::copy(source.join("webhooks.toml"), directory.path().join("webhooks.toml")).unwrap();
    symlink(source.join("tests/samples"), directory.path().join("tests/samples")).unwrap();
    symlink(fs::canonicalize(program()).unwrap(), directory.path().join("bin/hookspool")).unwrap();
    directory
}

/// The files that the guide's configurations name: CAs of banks, and certificates from plain OpenSSL (version 1).
const FILES: &str = r#"
set -e
mkdir certs
for name in bank-2024 bank-2027 efi-ca; do
    hookspool certs init --dir made/$name
    cp made/$name/root-ca.pem certs/$name.pem
done
openssl req -x509 -newkey rsa:2048 -nodes -keyout root.key -out rootCA.crt -subj /CN=root -days 99
openssl req -newkey rsa:2048 -nodes -keyout server-private-key.pem -out server.csr -subj /CN=localhost
openssl x509 -req -days 99 -in server.csr -CA rootCA.crt -CAkey root.key -CAcreateserial -out server.crt
set +e"#;

/// A running daemon to which a payment and later its refund were delivered.
const CONSUMERS: &str = "
hookspool certs init
hookspool run 2>hookspool.log &
await_daemon
for sample in 01-pix-recebido 04-devolucao; do
    hookspool send https://localhost:8443/webhooks/pix tests/samples/$sample.json \\
        --ca certs/root-ca.pem --cert certs/client.pem --key certs/client.key
done";

/// The files that the configurations of docs/forwarding.md name.
const TARGETS: &str = "
mkdir secrets
umask 077
echo whsec_$(openssl rand -base64 32) >secrets/webhooks
echo password >secrets/postgres
printf '%s\n' '-----BEGIN NATS USER JWT-----' '-----BEGIN USER NKEY SEED-----' >secrets/nats.creds
umask 022
cat >server.py <<'END'
";

fn hidden(script: &str) -> Step {
    Step { place: String::new(), command: format!("{script}\n"), shown: "...".to_owned() }
}

/// Runs the blocks of a document after the script `setup`.
fn run(document: &str, setup: &str) {
    let directory = directory();
    let mut steps = vec![hidden(setup)];
    let mut at_end = Vec::new();
    for block in blocks(document) {
        match block.listed() {
            Some(Use::NotRun(_)) => {}
            Some(Use::File(name)) => write_program(&directory.path().join(name), &block.text),
            Some(Use::Config(first)) => {
                let name = format!("line-{}.toml", block.line);
                let whole = config::with(&read("webhooks.toml"), &block.text, first);
                fs::write(directory.path().join(&name), whole).unwrap();
                let command = format!("found=$(hookspool check --config {name} 2>&1) || echo \"$found\"\n");
                steps.push(Step {
                    place: format!("{document}:{}", block.line),
                    command,
                    shown: String::new(),
                });
            }
            Some(Use::Terminal(condition)) => {
                let [start, output] = session::terminal(document, block.line, &block.text, condition);
                steps.push(start);
                at_end.push(output);
            }
            listed => {
                if let Some(Use::After(script)) = listed {
                    steps.push(hidden(script));
                }
                steps.extend(session::steps(document, block.line, &block.text));
            }
        }
    }
    steps.extend(at_end);
    let printed = session::run(directory.path(), &steps);
    let wrong = steps.iter().zip(&printed).filter(|(step, printed)| !same(&step.shown, printed));
    let wrong: Vec<_> = wrong
        .map(|(step, printed)| {
            format!("{}: $ {}shown:\n{}printed:\n{printed}", step.place, step.command, step.shown)
        })
        .collect();
    assert!(wrong.is_empty(), "{}\nsetup:\n{}", wrong.join("\n"), printed[0]);
}

#[test]
fn every_block_is_run_or_listed() {
    let all: Vec<_> = DOCUMENTS.iter().flat_map(|document| blocks(document)).collect();
    for block in &all {
        let listed = block.listed();
        let place = format!("{}:{}", block.document, block.line);
        if let Some(Use::NotRun(reason)) = listed {
            assert!(!reason.is_empty(), "{place}: without a reason");
        }
        let matches_language = match listed {
            None | Some(Use::After(_) | Use::Terminal(_)) => block.language == "console",
            Some(Use::Config(_)) => block.language == "toml",
            Some(Use::File(_) | Use::NotRun(_)) => true,
        };
        assert!(
            matches_language,
            "{place}: the table lists another use than one of a block of `{}`",
            block.language
        );
    }
    for row in table::BLOCKS {
        let found = all.iter().any(|block| block.is_listed_in(row));
        assert!(found, "tests/it/documents/table.rs: {} has no block that begins with `{}`", row.0, row.1);
    }
}

#[test]
fn readme_shows_what_is_printed() {
    run("README.md", "");
}

#[test]
fn guide_shows_what_is_printed() {
    run("docs/guide.md", FILES);
}

#[test]
fn consumers_shows_what_is_printed() {
    run("docs/consumers.md", CONSUMERS);
}

#[test]
fn forwarding_shows_what_is_printed() {
    run("docs/forwarding.md", &format!("{TARGETS}{}END", file("README.md", "server.py")));
}

#[test]
fn operating_shows_what_is_printed() {
    run("docs/operating.md", "");
}

#[test]
fn container_shows_what_is_printed() {
    run("docs/container.md", "hookspool certs init");
}

#[test]
fn reconciliation_shows_what_is_printed() {
    // The bank has the delivered payment and one that was not delivered.
    let bank = "printf '%s\\n' E99999004202611231312aB3dE5fG7h1 E99999004202611231401xY9zW7vU5t3 >bank";
    run("docs/reconciliation.md", &format!("{CONSUMERS}\n{bank}"));
}
