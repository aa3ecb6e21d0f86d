//! The first minutes: `init` and `demo` in an empty directory, and the commands that they print.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Output, Stdio};

use crate::documents::{block, same};
use crate::servers::answer::Answer;
use crate::servers::application::Application;
use crate::tools::bash;
use crate::world::{World, eventually, program};

/// A directory with only a webhooks.toml of `init`, whose ports are chosen by the system.
fn initialized(folder: &str) -> World {
    let world = World::new();
    for name in ["certs", "webhooks.toml"] {
        let path = world.path(name);
        if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
    }
    let made = world.run(&["init", "--no-certs", folder]);
    assert!(made.status.success(), "{made:?}");
    let path = world.path(folder).join("webhooks.toml");
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text, include_str!("../../webhooks.toml"));
    fs::write(path, text.replace(":8443", ":0").replace(":9464", ":0")).unwrap();
    world
}

/// A running demo, which is ended also if the test fails.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a printed command in another directory, with this program as `hookspool`.
fn elsewhere(command: &str) -> Output {
    let script = format!("hookspool() {{ \"$PROGRAM\" \"$@\"; }}\n{command}");
    let mut bash = Command::new("bash");
    bash.args(["-c", &script]).current_dir("/").env("PROGRAM", program()).env("no_proxy", "*");
    bash.stdin(Stdio::null()).output().unwrap()
}

#[test]
fn init_leads_to_a_stored_pix_and_overwrites_nothing() {
    let world = initialized(".");
    let edited = fs::read(world.path("webhooks.toml")).unwrap();
    let made = String::from_utf8(world.run(&["init"]).stdout).unwrap();
    assert!(
        made.starts_with("`webhooks.toml` already exists and is left unchanged\nwrote certs/root-ca.pem\n"),
        "{made}"
    );
    assert_eq!(fs::read(world.path("webhooks.toml")).unwrap(), edited);
    assert_eq!(fs::metadata(world.key("root-ca")).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(
        made.contains(&format!("hookspool run --config {}\n", world.path("webhooks.toml").display())),
        "{made}"
    );

    let daemon = world.start();
    let (_, send) = made.split_once("in another terminal:\n").unwrap();
    let sent = elsewhere(&send.replace(":8443/", &format!(":{}/", daemon.port)));
    assert!(sent.status.success(), "{send}: {sent:?}");
    let entries = world.entries("pix");
    let entry = entries.values().next().unwrap();
    assert_eq!((entry.envelope["event"].as_str(), entry.payload[0]), (Some("pix"), b'{'));

    let key = fs::read(world.key("server")).unwrap();
    fs::remove_file(world.cert("client")).unwrap();
    let again = world.run(&["init"]);
    let text = String::from_utf8(again.stdout).unwrap();
    assert!(again.status.success() && text.contains("`certs` already contains `root-ca.pem`"), "{text}");
    assert_eq!(fs::read(world.key("server")).unwrap(), key);
    assert!(!world.cert("client").exists());
}

#[test]
fn demo_needs_only_the_program_and_fits_a_terminal() {
    let world = initialized("hookspool-demo");
    let mut demo = Command::new(program());
    demo.arg("demo").current_dir(world.path("")).env_remove("RUST_LOG").stdin(Stdio::null());
    let mut demo = Demo(demo.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    let mut lines = Vec::new();
    for line in BufReader::new(demo.0.stdout.take().unwrap()).lines().map_while(Result::ok) {
        let is_last = line.contains("localhost:3000");
        lines.push(line);
        if is_last {
            break;
        }
    }
    let text = lines.join("\n");
    // One line is for the command and one for the cursor.
    assert!(lines.len() <= 22, "{} lines: {text}", lines.len());
    let folder = world.path("").display().to_string();
    let columns = |line: &String| {
        line.replace(&folder, "/home/user/")
            .replace(program().to_str().unwrap(), "target/release/hookspool")
            .chars()
            .count()
    };
    assert!(lines.iter().all(|line| columns(line) <= 80), "{text}");
    let spool = world.path("hookspool-demo/spool/pix/new");
    let stored = || fs::read_dir(&spool).unwrap().count();
    assert_eq!(stored(), 1);
    let (_, entry) = text.split_once("\nOn disk: ").unwrap();
    let (path, rest) = entry.split_once('\n').unwrap();
    let (entry, next) = rest.split_once("\nServing until Ctrl-C. ").unwrap();
    assert!(world.path(path).exists(), "{path}");
    assert!(
        entry.starts_with("{\"sender\":\"dev\",\"event\":\"pix\",") && entry.contains("149.90"),
        "{entry}"
    );
    let (_, port) = text.split_once("https://localhost:").unwrap();
    let port = &port[..port.find('/').unwrap()];
    let printed = format!("wrote hookspool-demo/webhooks.toml\n{text}")
        .replace(&format!(":{port}/"), ":8443/")
        .replace(&folder, "/home/user/")
        .replace(program().to_str().unwrap(), "hookspool");
    let shown = block("README.md", "$ hookspool demo");
    assert!(same(shown.split_once('\n').unwrap().1, &printed), "{shown}\n{printed}");

    let commands = next.split_once("To deliver another one:\n").unwrap().1;
    let (command, forward) = commands.split_once("To forward them to an application:\n").unwrap();
    let sent = elsewhere(command);
    assert!(sent.status.success() && sent.stdout.starts_with(b"{\"id\":"), "{command}: {sent:?}");
    assert_eq!(stored(), 2);

    let application = Application::answering(vec![Answer::status(204)]);
    let forward = forward.replace("http://localhost:3000", &application.url("")) + " --once";
    let forwarded = bash(&world, &forward);
    assert_eq!((forwarded.lines().count(), stored()), (2, 0), "{forwarded}");
    assert!(application.requests().iter().all(|request| request.path == "/webhooks"));

    let stopped = Command::new("kill").args(["-INT", &demo.0.id().to_string()]).status().unwrap();
    assert!(stopped.success());
    eventually("the demo ends", || demo.0.try_wait().unwrap());
    let log = std::io::read_to_string(demo.0.stderr.take().unwrap()).unwrap();
    assert!(
        log.lines().next().unwrap().contains("delivery stored"),
        "nothing is logged before the result: {log}"
    );
}

#[test]
fn demo_does_not_write_a_configuration_that_the_command_line_names() {
    let world = World::new();
    let missing = world.run(&["demo", "--once", "--config", "missing.toml"]);
    assert_eq!(missing.status.code(), Some(66), "{missing:?}");
    assert!(!world.path("missing.toml").exists() && !world.path("hookspool-demo").exists());
}
