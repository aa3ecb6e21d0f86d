//! Files that a user cannot read: who cannot read which directory is reported, and nothing that exists is called
//! missing. These tests change users and run as root.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::tools::edit;
use crate::world::{World, eventually, program};

const NOBODY: u32 = 65_534;
/// The group `daemon`, which exists on every Debian system.
const GROUP: u32 = 1;

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Runs the program as `nobody`, who cannot enter the world unless it is opened.
fn as_nobody(world: &World, args: &[&str]) -> Output {
    let copy = tempfile::tempdir().unwrap();
    mode(copy.path(), 0o755);
    let copied = copy.path().join("hookspool");
    fs::copy(program(), &copied).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(copied).args(args);
    command.env_remove("HOOKSPOOL_CONFIG").current_dir(world.path("")).output().unwrap()
}

#[test]
fn permission_denied_is_not_reported_as_missing() {
    let world = World::new();
    mode(&world.path(""), 0o700);
    let folder = fs::canonicalize(world.path("")).unwrap();
    let file = |name: &str| folder.join(name).display().to_string();
    let (config, pem) = (file("webhooks.toml"), file("certs/client.pem"));
    for args in [
        &["check", "--config", &config][..],
        &["run", "--config", &config],
        &["demo", "--config", &config],
        &["reload", "--config", &config],
        &["status", "--config", &config],
        &["spool", "list", "--config", &config],
        &["certs", "show", &pem],
        &["send", "https://localhost:1/", &pem, "--insecure"],
        // Found in the working directory.
        &["check"],
    ] {
        let output = as_nobody(&world, args);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(74), "{args:?}: {text}");
        let reason = format!("user `nobody` has no access to the directory `{}`", folder.display());
        assert!(text.contains(&reason) && !text.contains("exist"), "{args:?}: {text}");
    }
}

#[test]
fn a_search_for_the_configuration_names_every_place() {
    let empty = tempfile::tempdir().unwrap();
    let mut command = Command::new(program());
    let output =
        command.arg("check").env_remove("HOOKSPOOL_CONFIG").current_dir(empty.path()).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(66), "{text}");
    for place in ["$HOOKSPOOL_CONFIG", "`./webhooks.toml`", "`/etc/hookspool/webhooks.toml`"] {
        assert!(text.contains(place), "{text}");
    }
}

#[test]
fn check_reads_the_files_as_another_user() {
    let world = World::new();
    mode(&world.path(""), 0o755);
    let as_user = |user: &str| world.run(&["check", "--as-user", user, "--json"]);
    let findings = |output: &Output| -> String {
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(document["user"], "nobody", "{document}");
        let findings = document["findings"].as_array().unwrap().iter();
        findings.map(|finding| finding["message"].as_str().unwrap().to_owned() + "\n").collect()
    };
    let key = fs::canonicalize(world.key("server")).unwrap();
    mode(&key, 0o600);
    let output = as_user("nobody");
    assert_eq!(output.status.code(), Some(78));
    let reason =
        format!("`{}` cannot be read: its mode 0600 does not permit it for user `nobody`", key.display());
    assert!(findings(&output).contains(&reason), "{}", findings(&output));
    // The groups of the user permit access.
    chown(&key, None, Some(GROUP)).unwrap();
    mode(&key, 0o640);
    assert_eq!(as_user("daemon").status.code(), Some(0), "{:?}", as_user("daemon"));
    // Behind a symlink, the closed directory is named.
    fs::create_dir(world.path("closed")).unwrap();
    mode(&world.path("closed"), 0o700);
    fs::rename(&key, world.path("closed/key")).unwrap();
    std::os::unix::fs::symlink("../closed/key", &key).unwrap();
    let closed = fs::canonicalize(world.path("closed")).unwrap();
    let reason = format!("user `nobody` has no access to the directory `{}`", closed.display());
    assert!(findings(&as_user(&NOBODY.to_string())).contains(&reason), "{}", findings(&as_user("nobody")));
    assert_eq!(as_user("no-such-user").status.code(), Some(64));
    assert_eq!(world.run(&["check", "--as-user", "root"]).status.code(), Some(0));
}

#[test]
fn keys_and_sockets_that_consumers_can_use_are_reported() {
    let world = World::new();
    edit(&world, "[spool]", "[spool]\ngroup = \"1\"");
    for folder in ["", "certs"] {
        mode(&world.path(folder), 0o755);
    }
    let daemon = world.start();
    let (key, socket) = (world.key("server"), world.path("run/admin.sock"));
    let check = || {
        let output = world.run(&["check"]);
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(fs::metadata(&socket).unwrap().mode() & 0o777, 0o600);
    assert!(!check().contains("[spool] group"), "{}", check());
    for path in [&key, &socket] {
        chown(path, None, Some(GROUP)).unwrap();
    }
    mode(&key, 0o640);
    mode(&socket, 0o660);
    mode(&world.path("run"), 0o755);
    let found = check();
    assert!(
        found.contains("can be read or changed by the members of `[spool] group` (mode 0640)"),
        "{found}"
    );
    assert!(found.contains("members of `[spool] group` can use `"), "{found}");
    // Nobody who cannot enter the directory can read the key.
    mode(&world.path("certs"), 0o700);
    mode(&world.path("run"), 0o700);
    assert!(!check().contains("[spool] group"), "{}", check());
    drop(daemon);
}

#[test]
fn the_admin_group_can_use_the_socket_and_a_change_waits_for_a_restart() {
    let world = World::new();
    edit(&world, "[admin]", "[admin]\ngroup = \"daemon\"");
    let daemon = world.start();
    let found = fs::metadata(world.path("run/admin.sock")).unwrap();
    assert_eq!((found.mode() & 0o777, found.gid()), (0o660, GROUP));
    // In the sandbox, /etc/group cannot be read.
    let reload = || String::from_utf8(world.run(&["reload"]).stdout).unwrap();
    assert!(reload().starts_with("unchanged"), "{}", reload());
    edit(&world, "group = \"daemon\"", "group = \"nogroup\"");
    let reloaded =
        eventually("the change is applied", || Some(reload()).filter(|text| text.contains("restart")));
    assert!(reloaded.contains("`[admin] group` has changed, which requires a restart"), "{reloaded}");
    assert!(!reloaded.contains("error"), "{reloaded}");
    drop(daemon);
}
