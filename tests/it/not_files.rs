//! A FIFO, a device or a directory where a file is configured: an error at once, and never a wait.

use std::fs;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;

use serde_json::Value;

use crate::tools::{bash, edit, stop, try_bash};
use crate::wire::{Wire, client_config};
use crate::world::{World, eventually};

const KINDS: [&str; 4] = ["FIFO", "empty device", "endless device", "directory"];

/// The files that webhooks.toml names.
const FILES: [&str; 5] = ["certs/server.pem", "certs/server.key", "certs/root-ca.pem", LIST, "secrets/pix"];
const LIST: &str = "certs/bank.crl";

/// Puts a thing of this kind in the place of a file.
fn put(world: &World, kind: &str, path: &Path) {
    match kind {
        "FIFO" => drop(bash(world, &format!("mkfifo {}", path.display()))),
        // The devices of /dev/null and /dev/zero: a symbolic link to those leads out of the sandbox.
        "empty device" => drop(bash(world, &format!("mknod {} c 1 3", path.display()))),
        "endless device" => drop(bash(world, &format!("mknod {} c 1 5", path.display()))),
        _ => fs::create_dir(path).unwrap(),
    }
}

fn remove(path: &Path) {
    match path.is_dir() {
        true => fs::remove_dir(path).unwrap(),
        false => fs::remove_file(path).unwrap(),
    }
}

/// With a list and a secret beside the certificates.
fn world() -> World {
    assert!(rustix::process::geteuid().is_root(), "this test creates devices: run it as root");
    let world = World::new();
    fs::create_dir(world.path("secrets")).unwrap();
    fs::write(world.path("secrets/pix"), "5f0c9f3aa1b2c3d4e5f60718293a4b5c\n").unwrap();
    bash(
        &world,
        "cd certs; : >db; echo 01 >number
         printf '[ca]\ndefault_ca=d\n[d]\ndatabase=db\ncrlnumber=number\ndefault_md=sha256\ndefault_crl_days=30\n' >config
         openssl ca -config config -gencrl -keyfile root-ca.key -cert root-ca.pem -out bank.crl 2>/dev/null",
    );
    edit(&world, "cn = [\"client\"]", "cn = [\"client\"]\ncrl = [\"certs/bank.crl\"]");
    let quiet = "name = \"quiet\"\npath = \"/quiet\"";
    edit(&world, quiet, &format!("{quiet}\nquery_secret = {{ name = \"hmac\", file = \"secrets/pix\" }}"));
    world
}

/// The command's output; a wait for a writer that never comes would end with 124.
fn run(world: &World, arguments: &str) -> Output {
    try_bash(world, &format!("timeout 20 \"$PROGRAM\" {arguments}"))
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[test]
fn at_the_start_it_is_an_error_that_names_the_file() {
    let world = world();
    for file in FILES {
        let path = world.path(file);
        let bytes = fs::read(&path).unwrap();
        for kind in KINDS {
            remove(&path);
            put(&world, kind, &path);
            // `run` serves the other senders without this list.
            let commands: &[_] = if file == LIST { &["check"] } else { &["check", "run"] };
            for command in commands {
                let output = run(&world, command);
                assert_eq!(output.status.code(), Some(78), "{file}, {kind}, {command}: {output:?}");
                let said = said(&output);
                // What stands where a secret's file belongs may be the secret, so it is not shown.
                let shown =
                    if file == "secrets/pix" { "the file that `file` names" } else { &format!("{file}`") };
                assert!(
                    said.contains(&format!("{shown} is not a regular file")),
                    "{file}, {kind}, {command}: {said}"
                );
            }
        }
        remove(&path);
        fs::write(path, bytes).unwrap();
        bash(&world, "chmod 600 certs/server.key secrets/pix");
    }
    assert_eq!(run(&world, "check").status.code(), Some(0));
    for kind in KINDS {
        put(&world, kind, &world.path("odd.toml"));
        for command in ["check --config odd.toml", "run --config odd.toml", "status --config odd.toml"] {
            let output = run(&world, command);
            assert_eq!(output.status.code(), Some(65), "{kind}, {command}: {output:?}");
            assert!(said(&output).contains("is not a regular file"), "{kind}, {command}: {output:?}");
        }
        remove(&world.path("odd.toml"));
    }
}

#[test]
fn at_a_reload_it_is_an_error_and_the_daemon_serves() {
    let world = world();
    edit(&world, "settle = \"200ms\"", "settle = \"20ms\"");
    let daemon = world.start();
    // Read now: the CA's file is one of those that are replaced.
    let config = client_config(&world, "client");
    let mut wire = Wire::with_config(Arc::clone(&config), daemon.port).unwrap();
    let last_reload = || {
        let status: Value = serde_json::from_str(&daemon.admin("/status").1).unwrap();
        status["last_reload"].clone()
    };
    for file in FILES.into_iter().chain(["webhooks.toml"]) {
        let path = world.path(file);
        let kept = world.path("kept");
        for kind in KINDS {
            fs::rename(&path, &kept).unwrap();
            put(&world, kind, &path);
            let outcome = if file == LIST { "applied" } else { "rejected" };
            eventually(&format!("{file}, {kind}"), || {
                let last = last_reload();
                let named = last["findings"].to_string().contains("is not a regular file");
                (last["outcome"] == outcome && named).then_some(())
            });
            assert_eq!(wire.post("/webhooks/pix", b"{}").unwrap().status, 200, "{file}, {kind}");
            let mut fresh = Wire::with_config(Arc::clone(&config), daemon.port).unwrap();
            assert_eq!(fresh.post("/webhooks/pix", b"{}").unwrap().status, 200, "{file}, {kind}");
            remove(&path);
            fs::rename(&kept, &path).unwrap();
            eventually(&format!("{file} is back"), || run(&world, "reload").status.success().then_some(()));
        }
    }
    stop(daemon);
}
