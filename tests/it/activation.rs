//! Sockets and credentials from systemd, which is simulated.

use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::Value;

use crate::tools::edit;
use crate::wire::{Wire, client_config};
use crate::world::{World, eventually};

/// Binds sockets, passes them as systemd does, and executes the daemon.
const SYSTEMD: &str = r#"
import os, socket, sys
names, sockets = [], []
while sys.argv[1] != "--":
    name, place = sys.argv[1].split("=")
    if place.startswith("/"):
        passed = socket.socket(socket.AF_UNIX)
        passed.bind(place)
    else:
        passed = socket.socket(socket.AF_INET6 if ":" in place else socket.AF_INET)
        passed.bind((place, 0))
    passed.listen(16)
    names.append(name)
    sockets.append(passed)
    del sys.argv[1]
# First to unused high descriptors, and from there to 3 and above.
high = [os.dup(s.fileno()) for s in sockets for _ in range(16)][15::16]
for number, passed in enumerate(high):
    os.dup2(passed, 3 + number, inheritable=True)
os.environ.update(LISTEN_FDS=str(len(names)), LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES=":".join(names))
os.execv(sys.argv[2], sys.argv[2:])
"#;

fn systemd(passed: &[&str]) -> Command {
    let mut command = Command::new("python3");
    command.args(["-c", SYSTEMD]).args(passed).args(["--", env!("CARGO_BIN_EXE_hookspool")]);
    command
}

fn listen(world: &World, server: &str, admin: &str) {
    let text = fs::read_to_string(world.path("webhooks.toml")).unwrap();
    let text = text
        .replace("listen = [\"127.0.0.1:0\"]", &format!("listen = {server}"))
        .replace("listen = [\"unix:run/admin.sock\"]", &format!("listen = {admin}"));
    fs::write(world.path("webhooks.toml"), text).unwrap();
}

#[test]
fn deliveries_are_accepted_on_inherited_sockets() {
    let world = World::new();
    fs::create_dir(world.path("run")).unwrap();
    let admin = world.path("run/admin.sock");
    listen(&world, "[\"systemd\", \"127.0.0.1:0\"]", "[\"systemd:admin\"]");
    let admin_socket = format!("admin={}", admin.display());
    let mut daemon =
        world.start_by(systemd(&["hookspool.socket=::1", &admin_socket, "hookspool.socket=127.0.0.1"]));
    let addresses = eventually("three addresses", || {
        let text = daemon.log_text();
        let lines = text.lines().filter(|line| line.contains("\"listening\""));
        let addresses: Vec<_> = lines.map(str::to_owned).collect();
        (addresses.len() == 3).then_some(addresses)
    });
    assert!(addresses[0].contains("[::1]:"), "{}", addresses[0]);
    // The other two: one inherited and one bound by the daemon.
    for address in &addresses[1..] {
        let port = address.split("127.0.0.1:").nth(1).unwrap().split('"').next().unwrap();
        daemon.port = port.parse().unwrap();
        assert_eq!(
            Wire::connect(&world, &daemon, "client").post("/webhooks/pix", b"{}").unwrap().status,
            200
        );
    }
    assert_eq!(daemon.admin("/readyz").0, 200);
    daemon.signal("-TERM");
    assert_eq!(daemon.wait().code(), Some(0));
    // The socket file belongs to systemd, so the daemon does not remove it.
    assert!(admin.exists());
}

#[test]
fn ipv4_peers_of_an_ipv6_socket_are_written_as_ipv4() {
    let world = World::new();
    listen(&world, "\"systemd\"", "[\"unix:run/admin.sock\"]");
    edit(&world, "path = \"/webhooks/pix\"", "path = \"/webhooks/pix\"\nfrom = [\"127.0.0.0/8\"]");
    let daemon = world.start_by(systemd(&["hookspool.socket=::"]));
    let mut wire = Wire::connect(&world, &daemon, "client");
    assert_eq!(wire.post("/webhooks/pix", b"{}").unwrap().status, 200);
    let refused = Wire::connect(&world, &daemon, "nobody").post("/webhooks/pix", b"{}");
    assert!(refused.is_err());
    let is_ipv4 = |peer: &Value| peer.as_str().is_some_and(|peer| peer.starts_with("127.0.0.1:"));
    let entries = world.entries("pix");
    assert!(is_ipv4(&entries.values().next().unwrap().envelope["peer"]["address"]), "{entries:?}");
    for message in ["delivery stored", "peer refused"] {
        assert!(is_ipv4(&daemon.logged(message, |_| true)["peer"]), "{}", daemon.log_text());
    }
    let status: Value = serde_json::from_str(&daemon.admin("/status").1).unwrap();
    assert!(is_ipv4(&status["refusals"][0]["address"]), "{status}");
}

#[test]
fn connection_in_the_backlog_is_served_by_the_next_daemon() {
    let world = World::new();
    listen(&world, "\"systemd:https\"", "[]");
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    // A connection waits in the backlog, and the daemon takes over the socket.
    let waiting = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec env LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=https \"$@\" 3<&0", "sh"])
        .arg(env!("CARGO_BIN_EXE_hookspool"))
        .stdin(OwnedFd::from(socket));
    let daemon = world.start_by(command);
    assert_eq!(daemon.port, port);
    assert_eq!(
        Wire::over(client_config(&world, "client"), waiting)
            .unwrap()
            .post("/webhooks/pix", b"{}")
            .unwrap()
            .status,
        200
    );
}

#[test]
fn missing_and_unsuitable_sockets_are_reported() {
    let world = World::new();
    let run = |passed: &[&str]| {
        let mut command = systemd(passed);
        let out = command.args(["run", "--config"]).arg(world.path("webhooks.toml")).output().unwrap();
        (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
    };
    listen(&world, "\"systemd:https\"", "[\"unix:run/admin.sock\"]");
    let (code, message) = run(&["other=127.0.0.1"]);
    assert_eq!(code, Some(73), "{message}");
    assert!(message.contains("systemd passes no socket for `systemd:https`; it passes: other"), "{message}");
    let (code, message) = run(&[]);
    assert_eq!(code, Some(73), "{message}");
    assert!(message.contains("systemctl enable --now hookspool.socket"), "{message}");
    let unix = format!("https={}", world.path("trace/s").display());
    let (code, message) = run(&[&unix]);
    assert_eq!(code, Some(73), "{message}");
    assert!(message.contains("is a unix socket"), "{message}");

    let world = World::new();
    listen(&world, "[\"127.0.0.1:0\"]", "\"systemd\"");
    let mut command = systemd(&["admin=0.0.0.0"]);
    let out = command.args(["run", "--config"]).arg(world.path("webhooks.toml")).output().unwrap();
    let message = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(73), "{message}");
    assert!(message.contains("is not loopback"), "{message}");
}

#[test]
fn key_can_be_a_credential_with_any_mode() {
    let world = World::new();
    fs::create_dir(world.path("credentials")).unwrap();
    let key = world.path("credentials/server.key");
    fs::rename(world.key("server"), &key).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o444)).unwrap();
    let text = fs::read_to_string(world.path("webhooks.toml")).unwrap();
    let text = text.replace("\"certs/server.key\"", "\"credential:server.key\"");
    fs::write(world.path("webhooks.toml"), text).unwrap();

    // Only the unit has the credential, so its absence is no error for `check`.
    assert_eq!(world.run(&["check"]).status.code(), Some(0));
    let out = world.run(&["run"]);
    assert_eq!(out.status.code(), Some(78));
    let message = String::from_utf8_lossy(&out.stderr);
    assert!(message.contains("$CREDENTIALS_DIRECTORY") && message.contains("LoadCredential="), "{message}");

    let mut command = Command::new(env!("CARGO_BIN_EXE_hookspool"));
    command.env("CREDENTIALS_DIRECTORY", world.path("credentials"));
    let daemon = world.start_by(command);
    assert_eq!(Wire::connect(&world, &daemon, "client").post("/webhooks/pix", b"{}").unwrap().status, 200);
}
