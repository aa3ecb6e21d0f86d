//! Attacks on the spool by a member of its group. They must have no effect outside the spool.
//!
//! The attacker is an ordinary user in the group. Root performs the steps that the permissions forbid, because the
//! daemon must also be safe without them.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::wire::Wire;
use crate::world::{Daemon, World, eventually, program};

/// A user and a group that exist on every Debian system.
const USER: u32 = 1;
const GROUP: u32 = 1;
/// A member of that group that is not the daemon's user.
const MEMBER: u32 = 33;

/// The user of the daemon.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum As {
    Root,
    /// An ordinary user, with the group of the spool.
    User,
}

struct Spool {
    world: World,
    who: As,
    /// A directory outside, and a file in it.
    victim: tempfile::TempDir,
}

impl Spool {
    fn new(who: As, landlock: bool) -> Self {
        assert!(
            rustix::process::geteuid().is_root(),
            "this test runs programs as other users: run it as root, or leave it out with `--skip takeover::`"
        );
        let world = World::new();
        world.configure_all("", "min_free = \"1 MiB\"\ngroup = \"daemon\"");
        let file = world.path("webhooks.toml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, format!("{text}\n[sandbox]\nlandlock = {landlock}\n")).unwrap();
        let victim = tempfile::tempdir().unwrap();
        fs::write(victim.path().join("file"), "secret").unwrap();
        for (path, mode) in [(victim.path().to_owned(), 0o700), (victim.path().join("file"), 0o600)] {
            if who == As::User {
                std::os::unix::fs::chown(&path, Some(USER), Some(0)).unwrap();
            }
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let spool = Self { world, who, victim };
        if who == As::User {
            assert!(
                Command::new("chown")
                    .args(["-R", "1:1"])
                    .arg(spool.world.path(""))
                    .status()
                    .unwrap()
                    .success()
            );
        }
        spool
    }

    fn command(&self, program: &str, who: As) -> Command {
        match who {
            As::Root => Command::new(program),
            As::User => {
                let mut command = Command::new("setpriv");
                command.args([
                    format!("--reuid={USER}"),
                    format!("--regid={GROUP}"),
                    "--clear-groups".to_owned(),
                ]);
                command.arg(program);
                command
            }
        }
    }

    fn start(&self) -> Daemon {
        self.world.start_with(self.command(program().to_str().unwrap(), self.who))
    }

    /// Starts the daemon, which must fail.
    fn fails_to_start(&self) -> Output {
        let mut command = self.command("timeout", self.who);
        command.arg("20").arg(program()).args(["run", "--config"]).arg(self.world.path("webhooks.toml"));
        command.output().unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.world.path("spool").join(name)
    }

    /// Runs a script as a member of the group.
    fn member(&self, script: &str) -> bool {
        let mut command = Command::new("setpriv");
        command.args([format!("--reuid={MEMBER}"), format!("--regid={MEMBER}"), format!("--groups={GROUP}")]);
        command.args(["sh", "-c", script]).current_dir(self.world.path("spool"));
        command.status().unwrap().success()
    }

    fn state_of_victim(&self) -> Vec<(u32, u32, u32, String)> {
        let facts = |path: &Path| {
            let facts = fs::symlink_metadata(path).unwrap();
            let names = fs::read_dir(self.victim.path()).unwrap().count();
            let text = if path.is_file() { fs::read_to_string(path).unwrap() } else { names.to_string() };
            (facts.mode(), facts.uid(), facts.gid(), text)
        };
        vec![facts(self.victim.path()), facts(&self.victim.path().join("file"))]
    }
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

fn each(test: impl Fn(As, bool)) {
    for who in [As::Root, As::User] {
        for landlock in [true, false] {
            test(who, landlock);
        }
    }
}

/// The paths that are replaced by a symbolic link, and whether it leads to the victim directory instead of its file.
const ATTACKS: [(&str, bool); 11] = [
    ("pix/new", true),
    ("pix/taken", true),
    ("pix/done", true),
    ("pix/failed", true),
    ("pix", true),
    ("tmp", true),
    ("corrupt", true),
    (".lock", false),
    (".journal-0", false),
    (".journal-1", false),
    ("tmp", false),
];

#[test]
fn symbolic_links_out_of_the_spool_are_not_followed_by_start_or_reload() {
    each(|who, landlock| {
        for (name, is_directory) in ATTACKS {
            let case = format!("{name} as a link, {who:?}, landlock = {landlock}");
            let spool = Spool::new(who, landlock);
            let mut daemon = spool.start();
            let before = spool.state_of_victim();
            let target =
                if is_directory { spool.victim.path().to_owned() } else { spool.victim.path().join("file") };
            let is_queue = name.starts_with("pix/");
            if is_queue {
                // Members cannot write to the directory of an endpoint, so they can empty a queue but not replace it.
                assert!(!spool.member(&format!("mv {name} {name}-was")), "{case}: a member replaced it");
            }
            let _ = fs::rename(spool.path(name), spool.world.path("was"));
            symlink(&target, spool.path(name)).unwrap();
            let reloaded = spool.world.run(&["reload"]);
            assert_eq!(spool.state_of_victim(), before, "{case}: {reloaded:?}");
            if is_queue || name == "pix" {
                // `new` is checked before each write, the others once a second.
                let mut wire = Wire::connect(&spool.world, &daemon, "client");
                eventually(&case, || {
                    (wire.post("/webhooks/pix", b"{}").unwrap().status == 503).then_some(())
                });
            }
            daemon.signal("-TERM");
            daemon.wait();
            let failed = spool.fails_to_start();
            let message = String::from_utf8_lossy(&failed.stderr).into_owned();
            assert_eq!(spool.state_of_victim(), before, "{case}");
            assert_eq!(failed.status.code(), Some(74), "{case}: {message}");
            assert!(message.contains(name) && message.contains("symbolic link"), "{case}: {message}");
        }
    });
}

#[test]
fn entry_that_is_a_symbolic_link_is_not_followed() {
    each(|who, landlock| {
        let spool = Spool::new(who, landlock);
        let daemon = spool.start();
        let before = spool.state_of_victim();
        let link = "01890a5d-ac96-774b-bcce-b302099a8057.hook";
        let target = spool.victim.path().join("file");
        assert!(spool.member(&format!("ln -s {} pix/new/{link}", target.display())));
        let taken = spool.world.run(&["spool", "take", "--endpoint", "pix", "--exec", "cat"]);
        assert!(!String::from_utf8_lossy(&taken.stdout).contains("secret"), "{taken:?}");
        let shown = spool.world.run(&["spool", "show", link.trim_end_matches(".hook")]);
        assert!(!String::from_utf8_lossy(&shown.stdout).contains("secret"), "{shown:?}");
        drop(daemon);
        let daemon = spool.start();
        eventually("it is ready", || (daemon.admin("/readyz").0 == 200).then_some(()));
        assert_eq!(spool.state_of_victim(), before);
    });
}

#[test]
fn modes_match_the_contract_and_wrong_ones_are_corrected() {
    each(|who, landlock| {
        let spool = Spool::new(who, landlock);
        let check = |what: &str| {
            for private in ["", "tmp", "pix"] {
                assert_eq!(mode(&spool.path(private)), 0o2750, "{what}: {private:?}");
            }
            for shared in ["corrupt", "pix/new", "pix/taken", "pix/done", "pix/failed"] {
                assert_eq!(mode(&spool.path(shared)), 0o2770, "{what}: {shared}");
                assert_eq!(fs::metadata(spool.path(shared)).unwrap().gid(), GROUP, "{what}: {shared}");
            }
            assert_eq!(mode(&spool.path(".lock")), 0o600, "{what}");
        };
        let mut daemon = spool.start();
        check("as created");
        assert!(!daemon.log_text().contains("corrected"), "{}", daemon.log_text());
        assert_eq!(
            Wire::connect(&spool.world, &daemon, "client").post("/webhooks/pix", b"{}").unwrap().status,
            200
        );
        assert_eq!(mode(&spool.world.spool_files()[0]), 0o660);
        for forbidden in
            ["touch x", "rm .lock", "mv pix/new pix/x", "mv tmp x", "mv pix x", "touch tmp/x", "echo >.lock"]
        {
            assert!(!spool.member(&format!("{forbidden} 2>/dev/null")), "a member may {forbidden}");
        }
        assert!(spool.member("mv pix/new/*.hook pix/taken/ && mv pix/taken/*.hook pix/done/"));
        daemon.signal("-TERM");
        daemon.wait();
        // The previous release gave the group more permissions, and `fsGroup` of Kubernetes gives it all.
        for (path, wrong) in
            [("", 0o2770), ("tmp", 0o2770), ("pix", 0o2775), ("pix/new", 0o2777), (".lock", 0o660)]
        {
            fs::set_permissions(spool.path(path), fs::Permissions::from_mode(wrong)).unwrap();
        }
        let daemon = spool.start();
        check("corrected");
        assert_eq!(daemon.log_text().matches("permissions of a spool ").count(), 5, "{}", daemon.log_text());
    });
}

#[test]
fn files_of_another_user_prevent_the_start() {
    each(|who, landlock| {
        for name in ["", "tmp", "pix/done", ".lock"] {
            let spool = Spool::new(who, landlock);
            drop(spool.start());
            std::os::unix::fs::chown(spool.path(name), Some(MEMBER), None).unwrap();
            let failed = spool.fails_to_start();
            let message = String::from_utf8_lossy(&failed.stderr).into_owned();
            assert_eq!(failed.status.code(), Some(74), "{name:?}, {who:?}: {message}");
            assert!(
                message.contains("belongs to the user with ID 33") || message.contains("ermission denied"),
                "{message}"
            );
        }
    });
}

#[test]
fn fifo_instead_of_a_file_is_reported_with_its_path() {
    each(|who, landlock| {
        for name in [".journal-0", ".lock"] {
            let spool = Spool::new(who, landlock);
            drop(spool.start());
            let _ = fs::remove_file(spool.path(name));
            assert!(spool.command("mkfifo", who).arg(spool.path(name)).status().unwrap().success());
            let failed = spool.fails_to_start();
            let message = String::from_utf8_lossy(&failed.stderr).into_owned();
            assert_eq!(failed.status.code(), Some(74), "{name}: {message}");
            assert!(message.contains(name) && message.contains("not a regular file"), "{message}");
        }
    });
}

#[test]
fn second_daemon_is_refused_if_the_lock_file_was_removed() {
    let spool = Spool::new(As::Root, true);
    let daemon = spool.start();
    fs::remove_file(spool.path(".lock")).unwrap();
    let failed = spool.fails_to_start();
    assert_eq!(failed.status.code(), Some(73), "{failed:?}");
    assert!(String::from_utf8_lossy(&failed.stderr).contains("in use by another hookspool"), "{failed:?}");
    assert_eq!(daemon.admin("/readyz").0, 200);
}
