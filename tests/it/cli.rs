//! The output and exit codes of the command line.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use serde_json::Value;

use crate::world::{World, program};

fn code(world: &World, args: &[&str]) -> i32 {
    world.run(args).status.code().unwrap()
}

#[test]
fn exit_codes_are_those_of_sysexits() {
    let world = World::new();
    assert_eq!(code(&world, &["--help"]), 0);
    assert_eq!(code(&world, &["check"]), 0, "only warnings");
    assert_eq!(code(&world, &["no-such-command"]), 64);
    assert_eq!(code(&world, &["check", "--config", "missing.toml"]), 66);
    fs::write(world.path("bad.toml"), "[server]\nlisten = 1\n").unwrap();
    assert_eq!(code(&world, &["check", "--config", "bad.toml"]), 78);
    assert_eq!(code(&world, &["run", "--config", "bad.toml"]), 78);
    fs::write(world.path("text"), "no certificate").unwrap();
    assert_eq!(code(&world, &["certs", "show", "text"]), 65);
    assert_eq!(code(&world, &["certs", "show", "missing"]), 66);
    assert_eq!(code(&world, &["send", "https://127.0.0.1:1/", "text", "--insecure"]), 69);
    let _daemon = world.start();
    assert_eq!(code(&world, &["run"]), 73, "another daemon has locked the spool");
}

/// Runs a line of shell in the world's directory, with the program in `$PROGRAM`.
fn sh(world: &World, line: &str) -> Output {
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).env("PROGRAM", program()).current_dir(world.path(""));
    shell.env_remove("HOOKSPOOL_CONFIG").env_remove("RUST_LOG").output().unwrap()
}

#[test]
fn a_dash_is_standard_input() {
    let world = World::new();
    let daemon = world.start();
    fs::write(world.path("body"), "{}").unwrap();
    let url = daemon.url("/webhooks/pix");
    let peer = "--key certs/client.key --ca certs/root-ca.pem";
    for (line, code) in [
        ("\"$PROGRAM\" certs show - certs/root-ca.pem < certs/client.pem".to_owned(), 0),
        ("\"$PROGRAM\" explain --cert - < certs/client.pem".to_owned(), 0),
        ("\"$PROGRAM\" explain --cert certs/client.pem --chain - < certs/root-ca.pem".to_owned(), 0),
        (format!("\"$PROGRAM\" send {url} body --cert - {peer} < certs/client.pem"), 0),
        (
            format!(
                "cat certs/client.pem certs/client.key | \"$PROGRAM\" send {url} body --cert - --ca certs/root-ca.pem"
            ),
            0,
        ),
        (format!("\"$PROGRAM\" probe {url} --cert - {peer} < certs/client.pem"), 0),
        (format!("\"$PROGRAM\" send {url} - --cert certs/client.pem {peer} < body"), 0),
        ("\"$PROGRAM\" certs show - - < certs/client.pem".to_owned(), 64),
        ("\"$PROGRAM\" explain --cert - --chain - < certs/client.pem".to_owned(), 64),
        (format!("\"$PROGRAM\" send {url} --cert - {peer} < certs/client.pem"), 64),
        (format!("\"$PROGRAM\" send {url} - --cert - {peer} < certs/client.pem"), 64),
        (format!("\"$PROGRAM\" probe {url} --cert - --key - --ca certs/root-ca.pem < certs/client.pem"), 64),
        ("\"$PROGRAM\" check --config - < webhooks.toml".to_owned(), 64),
        ("\"$PROGRAM\" certs show - < body".to_owned(), 65),
        ("\"$PROGRAM\" certs show ./-".to_owned(), 66),
        // Input that is larger than any file of certificates is rejected.
        ("yes | \"$PROGRAM\" certs show -".to_owned(), 65),
    ] {
        let output = sh(&world, &line);
        assert_eq!(output.status.code(), Some(code), "{line}: {output:?}");
    }
    let shown = sh(&world, "\"$PROGRAM\" certs show - < certs/client.pem").stdout;
    let shown = String::from_utf8(shown).unwrap();
    assert!(shown.starts_with("-\n") && !shown.contains("\"-\""), "{shown}");
}

#[test]
fn an_empty_environment_variable_counts_as_unset() {
    let world = World::new();
    for line in
        ["HOOKSPOOL_CONFIG= \"$PROGRAM\" check", "CREDENTIALS_DIRECTORY= NO_COLOR= \"$PROGRAM\" check"]
    {
        let output = sh(&world, line);
        assert_eq!(output.status.code(), Some(0), "{line}: {output:?}");
    }
    let mut shell = Command::new("sh");
    let unset = "RUST_LOG= HOOKSPOOL_CONFIG= CREDENTIALS_DIRECTORY= NOTIFY_SOCKET= WATCHDOG_USEC= WATCHDOG_PID= LISTEN_FDS= \
                 LISTEN_PID= LISTEN_FDNAMES= JOURNAL_STREAM= RUNTIME_DIRECTORY= INVOCATION_ID= exec \"$PROGRAM\" \"$@\"";
    shell.args(["-c", unset, "sh"]).env("PROGRAM", program());
    let mut daemon = world.start_by(shell);
    daemon.logged("serving", |line| line["level"] == "INFO");
    daemon.signal("-TERM");
    assert!(daemon.wait().success());
}

#[test]
fn host_names_are_written_in_the_form_that_clients_request() {
    let world = World::new();
    let made = world.run(&["certs", "init", "--dir", "dotted", "--host", "hooks.example."]);
    assert!(made.status.success(), "{made:?}");
    let shown = world.run(&["certs", "show", "dotted/server.pem"]).stdout;
    let shown = String::from_utf8(shown).unwrap();
    assert!(shown.contains(" hooks.example\n") && !shown.contains("hooks.example."), "{shown}");
    let refused = world.run(&["certs", "init", "--dir", "other", "--host", "b\u{fc}cher.example"]);
    assert_eq!(refused.status.code(), Some(64));
    let printed = String::from_utf8(refused.stderr).unwrap();
    assert!(printed.contains("`xn--bcher-kva.example`"), "{printed}");
}

#[test]
fn findings_are_one_json_document() {
    let world = World::new();
    fs::write(world.path("bad.toml"), "[server]\nlisten = 1\n").unwrap();
    let output = world.run(&["check", "--json", "--config", "bad.toml"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["ok"], false);
    let finding = &document["findings"].as_array().unwrap().iter().find(|f| f["line"] == 2).unwrap();
    assert_eq!((&finding["severity"], &finding["column"]), (&Value::from("error"), &Value::from(10)));
}

#[test]
fn certificates_are_created_once_and_their_keys_are_private() {
    let world = World::new();
    assert_eq!(code(&world, &["certs", "init", "--dir", "fresh"]), 0);
    let key = world.path("fresh/server.key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let before = fs::read(&key).unwrap();
    assert_ne!(code(&world, &["certs", "init", "--dir", "fresh"]), 0);
    assert_eq!(fs::read(&key).unwrap(), before);
    let shown = world.run(&["certs", "show", "fresh/client.pem"]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("cn = ['client']"), "{shown:?}");
}

#[test]
fn send_delivers_a_file() {
    let world = World::new();
    let daemon = world.start();
    fs::write(world.path("body"), "{}").unwrap();
    let url = daemon.url("/webhooks/pix");
    let send = |name: &str, more: &[&str]| {
        let (cert, key) = (format!("certs/{name}.pem"), format!("certs/{name}.key"));
        let args = ["send", &url, "body", "--ca", "certs/root-ca.pem", "--cert", &cert, "--key", &key];
        world.run(&[&args[..], more].concat())
    };
    assert_eq!(send("client", &[]).status.code(), Some(0));
    assert_eq!(send("client", &["--repeat", "20"]).status.code(), Some(0));
    assert_eq!(world.entries("pix").len(), 21);
    let refused = send("nobody", &[]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert_eq!(send("second", &[]).status.code(), Some(1), "403");
}

#[test]
fn demo_stores_an_entry_and_refuses_other_than_development_cas() {
    let world = World::new();
    let shipped = include_str!("../../webhooks.toml").replace(":8443", ":0").replace(":9464", ":0");
    fs::remove_dir_all(world.path("certs")).unwrap();
    fs::write(world.path("webhooks.toml"), &shipped).unwrap();
    let demo = world.run(&["demo", "--once"]);
    assert!(demo.status.success(), "{demo:?}");
    let entries = world.entries("pix");
    let sample = include_bytes!("../samples/01-pix-recebido.json");
    assert_eq!(entries.values().map(|entry| entry.payload.as_slice()).collect::<Vec<_>>(), [&sample[..]]);

    // It delivers to the endpoint whose suffix is that of a Pix, although another one precedes it.
    let other = "[[endpoint]]\nname = \"other\"\npath = \"/other\"\nsenders = [\"dev\"]\n\n[[endpoint]]\n";
    fs::write(world.path("webhooks.toml"), shipped.replacen("[[endpoint]]\n", other, 1)).unwrap();
    assert_eq!(code(&world, &["demo", "--once"]), 0);
    let entries = world.entries("pix");
    assert!(
        entries.len() == 2 && entries.values().all(|entry| entry.envelope["event"] == "pix"),
        "{entries:?}"
    );

    let real = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=bank -keyout k -out certs/root-ca.pem";
    let made = Command::new("sh").args(["-c", real]).current_dir(world.path("")).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    assert_ne!(code(&world, &["demo", "--once"]), 0);
    assert_eq!(world.entries("pix").len(), 2);
}
