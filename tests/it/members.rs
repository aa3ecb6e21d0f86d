//! Files and directories of the spool are replaced by other things. The daemon must not change what these lead to, and
//! must report them.
//!
//! Members of the spool's group can write only to the queues and to `corrupt/`, so most replacements are made as root.
//! The daemon cannot distinguish the two.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::power::disk::{Journaled, tool};
use crate::wire::Wire;
use crate::world::{Daemon, eventually, program};

/// The group of the spool: `daemon`, which exists on every Debian system.
const GROUP: u32 = 1;
/// An ordinary user, and the group of that user.
const ORDINARY: u32 = 65_534;
/// A user who is a member of the spool's group.
const MEMBER: u32 = 2;
/// A start that takes longer counts as hanging.
const START_TIMEOUT: Duration = Duration::from_secs(10);
const LANDLOCK: [bool; 2] = [true, false];

/// The user of the daemon.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Runs {
    AsRoot,
    AsOrdinaryUser,
}

/// The replacement of a file or directory.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Replacement {
    LinkToDirectory,
    LinkToFile,
    Fifo,
    /// A directory or file of the same kind that belongs to a member of the group.
    OwnedByMember,
}

/// The paths of the daemon, with their replacements.
const PLACES: [(&str, Replacement); 20] = [
    ("pix/new", Replacement::LinkToDirectory),
    ("pix/taken", Replacement::LinkToDirectory),
    ("pix/done", Replacement::LinkToDirectory),
    ("pix/failed", Replacement::LinkToDirectory),
    ("pix", Replacement::LinkToDirectory),
    ("tmp", Replacement::LinkToDirectory),
    ("corrupt", Replacement::LinkToDirectory),
    (".lock", Replacement::LinkToFile),
    (".journal-0", Replacement::LinkToFile),
    (".journal-1", Replacement::LinkToFile),
    ("pix/done", Replacement::Fifo),
    ("tmp", Replacement::Fifo),
    ("corrupt", Replacement::Fifo),
    (".lock", Replacement::Fifo),
    (".journal-0", Replacement::Fifo),
    (".journal-1", Replacement::Fifo),
    ("pix/done", Replacement::OwnedByMember),
    ("pix", Replacement::OwnedByMember),
    ("tmp", Replacement::OwnedByMember),
    (".lock", Replacement::OwnedByMember),
];

/// A spool with a group, whose daemon has run once, and a directory that is not part of it.
struct Target {
    world: Journaled,
    spool: PathBuf,
    victim: PathBuf,
    runs: Runs,
}

/// The path, mode, owner, group and content of each file.
type Metadata = Vec<(PathBuf, u32, u32, u32, Vec<u8>)>;

impl Target {
    fn new(runs: Runs, landlock: bool) -> Self {
        assert!(
            rustix::process::geteuid().is_root(),
            "this test changes users: run it as root, or leave it out with `--skip members::`"
        );
        let world = Journaled::world();
        world.configure_all(
            "",
            &format!("directory = \"spool/s\"\nmin_free = \"1 KiB\"\ngroup = \"{GROUP}\""),
        );
        let file = world.path("webhooks.toml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, format!("{text}\n[sandbox]\nlandlock = {landlock}\n")).unwrap();
        let (spool, victim) = (world.path("spool/s"), world.path("victim"));
        fs::create_dir(&victim).unwrap();
        fs::write(victim.join("file"), "secret").unwrap();
        fs::create_dir_all(world.path("run")).unwrap();
        for (path, mode) in [("", 0o755), ("victim", 0o700), ("victim/file", 0o600)] {
            fs::set_permissions(world.path(path), fs::Permissions::from_mode(mode)).unwrap();
        }
        if runs == Runs::AsOrdinaryUser {
            // The victim too: otherwise the daemon could not change it anyway.
            let owner = format!("{ORDINARY}:{ORDINARY}");
            let paths = ["certs", "run", "spool", "victim"].map(|path| world.path(path));
            let [certs, run, spool, victim] = paths.each_ref().map(|path| path.as_os_str());
            tool("chown", &["-R".as_ref(), owner.as_ref(), certs, run, spool, victim]);
        }
        let target = Self { world, spool, victim, runs };
        let mut daemon = target.start();
        daemon.signal("-TERM");
        daemon.wait();
        target
    }

    fn command(&self) -> Command {
        match self.runs {
            Runs::AsRoot => Command::new(program()),
            Runs::AsOrdinaryUser => as_user(ORDINARY, program().as_ref()),
        }
    }

    fn start(&self) -> Daemon {
        self.world.start_by(self.command())
    }

    /// Starts the daemon and waits until it ends or accepts deliveries. Returns its exit code, if it ended, and its
    /// log.
    fn attempt(&self) -> (Option<i32>, String) {
        let log = self.world.path("attempt");
        let mut child = self
            .command()
            .args(["run", "--config"])
            .arg(self.world.path("webhooks.toml"))
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let read = || fs::read_to_string(&log).unwrap();
        let deadline = Instant::now() + START_TIMEOUT;
        let code = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status.code(),
                // It may hang, for example if it opens a FIFO.
                None if read().contains("\"serving\"") || Instant::now() > deadline => break None,
                None => thread::sleep(Duration::from_millis(5)),
            }
        };
        let _ = child.kill();
        child.wait().unwrap();
        (code, read())
    }

    /// Replaces a path, calls `meanwhile`, and restores the original.
    fn with<T>(&self, place: &str, replacement: Replacement, meanwhile: impl FnOnce(&Path) -> T) -> T {
        let (at, aside) = (self.spool.join(place), self.world.path("spool/aside"));
        let was_directory = at.is_dir();
        fs::rename(&at, &aside).unwrap();
        match replacement {
            Replacement::LinkToDirectory => symlink(&self.victim, &at).unwrap(),
            Replacement::LinkToFile => symlink(self.victim.join("file"), &at).unwrap(),
            Replacement::Fifo => tool("mkfifo", &[&at]),
            Replacement::OwnedByMember => {
                if was_directory {
                    fs::create_dir(&at).unwrap();
                } else {
                    fs::copy(&aside, &at).unwrap();
                }
                chown(&at, Some(MEMBER), Some(GROUP)).unwrap();
            }
        }
        let outcome = meanwhile(&at);
        if at.is_dir() && !at.is_symlink() {
            fs::remove_dir_all(&at).unwrap();
        } else {
            // A faulty daemon may have replaced or removed it.
            let _ = fs::remove_file(&at);
        }
        fs::rename(&aside, &at).unwrap_or_else(|error| panic!("{}: {error}", at.display()));
        outcome
    }

    fn metadata(&self) -> Metadata {
        let mut paths: Vec<_> =
            fs::read_dir(&self.victim).unwrap().map(|file| file.unwrap().path()).collect();
        paths.push(self.victim.clone());
        paths.sort();
        let metadata = |path: PathBuf| {
            let found = fs::symlink_metadata(&path).unwrap();
            let content = if found.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
            (path, found.mode() & 0o7777, found.uid(), found.gid(), content)
        };
        paths.into_iter().map(metadata).collect()
    }

    fn member(&self, script: &str) -> Output {
        let mut shell = as_user(MEMBER, "sh".as_ref());
        shell.args(["-c", script]).current_dir(&self.spool).output().unwrap()
    }

    fn deliver(&self, daemon: &Daemon, payload: &[u8]) -> String {
        let answer = Wire::connect(&self.world, daemon, "client").post("/webhooks/pix", payload).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body.split('"').nth(3).unwrap().to_owned()
    }

    fn mode(&self, place: &str) -> u32 {
        let found = fs::symlink_metadata(self.spool.join(place)).unwrap();
        assert_eq!(found.gid(), GROUP, "{place}");
        found.mode() & 0o7777
    }
}

fn errors(daemon: &Daemon) -> String {
    let log = daemon.log_text();
    log.lines().filter(|line| line.contains("\"ERROR\"")).collect()
}

/// Runs a program as a user, with the group of the spool.
fn as_user(user: u32, program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    let [user, group] = [user.to_string(), GROUP.to_string()];
    command.args(["--reuid", &user, "--regid", &user, "--groups", &group]).arg(program);
    command
}

/// Runs a test with each setup, and collects the faults, so that one failure does not hide another.
fn for_each_setup(mut try_it: impl FnMut(&Target, &str, &mut Vec<String>)) {
    let mut faults = Vec::new();
    for runs in [Runs::AsRoot, Runs::AsOrdinaryUser] {
        for landlock in LANDLOCK {
            let target = Target::new(runs, landlock);
            try_it(&target, &format!("{runs:?}, landlock = {landlock}"), &mut faults);
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn unexpected_files_prevent_the_start_and_are_left_unchanged() {
    for_each_setup(|target, setup, faults| {
        let before = target.metadata();
        for (place, replacement) in PLACES {
            let case = format!("{setup}, {replacement:?} for {place}");
            let (code, log) = target.with(place, replacement, |_| target.attempt());
            if target.metadata() != before {
                faults.push(format!("{case}: the victim is now {:?}", target.metadata()));
                restore(target);
            }
            let path = target.spool.join(place).display().to_string();
            let last = log.lines().last().unwrap_or_default();
            if code != Some(74) {
                faults.push(format!("{case}: exit code {code:?}, {last}"));
            } else if !last.contains(&path) {
                faults.push(format!("{case}: `{path}` is not named: {last}"));
            }
        }
        let (code, log) = target.attempt();
        assert_eq!(code, None, "{setup}, with all originals restored: {log}");
    });
}

/// Restores the victim for the next case.
fn restore(target: &Target) {
    let _ = fs::remove_dir_all(&target.victim);
    fs::create_dir(&target.victim).unwrap();
    fs::write(target.victim.join("file"), "secret").unwrap();
    let owner = if target.runs == Runs::AsRoot { 0 } else { ORDINARY };
    for (path, mode) in [(target.victim.clone(), 0o700), (target.victim.join("file"), 0o600)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        chown(&path, Some(owner), Some(owner)).unwrap();
    }
}

#[test]
fn reload_leaves_unexpected_files_unchanged() {
    for_each_setup(|target, setup, faults| {
        let daemon = target.start();
        let before = target.metadata();
        let config = target.world.path("webhooks.toml");
        let text = fs::read_to_string(&config).unwrap();
        for (number, (place, replacement)) in PLACES.into_iter().enumerate() {
            let case = format!("{setup}, {replacement:?} for {place}, reload");
            let path = target.spool.join(place).display().to_string();
            let (code, output_text) = target.with(place, replacement, |_| {
                // Changes the configuration, because otherwise the reload does nothing.
                let timeout = format!("idle_timeout = \"{}s\"\n\n[tls]", 60 + number);
                fs::write(&config, text.replace("\n[tls]", &timeout)).unwrap();
                let output = target.world.run(&["reload"]);
                let output_text =
                    [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
                (output.status.code(), output_text.concat())
            });
            if target.metadata() != before {
                faults.push(format!("{case}: the victim is now {:?}", target.metadata()));
                restore(target);
            }
            // A reload checks only the endpoints and their queues.
            if place.starts_with("pix") && (code != Some(78) || !output_text.contains(&path)) {
                faults.push(format!("{case}: exit code {code:?}, {output_text}"));
            }
        }
        fs::write(&config, &text).unwrap();
        eventually(setup, || target.world.run(&["reload"]).status.success().then_some(()));
        eventually(setup, || (!daemon.admin("/status").1.contains("endpoint `pix`")).then_some(()));
        target.deliver(&daemon, b"{}");
    });
}

/// A member replaces an entry, and then the power fails: the name no longer leads to the entry when the log is
/// restored.
#[test]
fn replaced_entry_is_restored_without_following_the_replacement() {
    for_each_setup(|target, setup, faults| {
        for replacement in [
            Replacement::LinkToFile,
            Replacement::LinkToDirectory,
            Replacement::Fifo,
            Replacement::OwnedByMember,
        ] {
            let case = format!("{setup}, {replacement:?} for an entry");
            let mut daemon = target.start();
            let id = target.deliver(&daemon, b"{\"pix\":[]}");
            daemon.signal("-KILL");
            daemon.wait();
            let before = target.metadata();
            let place = format!("pix/new/{id}.hook");
            let is_ready = target.with(&place, replacement, |at| {
                let again = target.start();
                let (status, reasons) = again.admin("/readyz");
                if status != 200 {
                    faults.push(format!("{case}: {status} {reasons} {}", errors(&again)));
                    return false;
                }
                let payload = |path: PathBuf| {
                    let is_file = fs::symlink_metadata(&path).is_ok_and(|found| found.is_file());
                    is_file
                        .then(|| fs::read(path).unwrap())
                        .is_some_and(|entry| entry.ends_with(b"{\"pix\":[]}"))
                };
                let queues = ["new", "taken", "done", "failed"].map(|queue| format!("pix/{queue}/{id}.hook"));
                if !queues.into_iter().any(|place| payload(target.spool.join(place))) {
                    faults.push(format!("{case}: {} is lost; {}", at.display(), errors(&again)));
                }
                true
            });
            if target.metadata() != before {
                faults.push(format!("{case}: the victim is now {:?}", target.metadata()));
                restore(target);
            }
            if !is_ready {
                // Its logs are still needed. The original is restored now, so a start can empty them.
                let mut daemon = target.start();
                daemon.signal("-TERM");
                daemon.wait();
            }
        }
    });
}

#[test]
fn members_can_consume_but_not_change_the_spool() {
    for_each_setup(|target, setup, faults| {
        let daemon = target.start();
        let id = target.deliver(&daemon, b"{}");
        let allowed = [
            format!("cat pix/new/{id}.hook >/dev/null"),
            format!("mv pix/new/{id}.hook pix/taken/{id}.hook"),
            format!("test -w pix/taken/{id}.hook"),
            format!("mv pix/taken/{id}.hook pix/done/{id}.hook"),
            "sync pix/done pix/taken".to_owned(),
            format!("rm pix/done/{id}.hook"),
            format!("umask 007; echo >pix/failed/{id}.why && rm pix/failed/{id}.why"),
            "flock --nonblock pix/.forward.lock true".to_owned(),
        ];
        for script in allowed {
            let output = target.member(&script);
            if !output.status.success() {
                faults.push(format!("{setup}: `{script}` is not possible: {output:?}"));
            }
        }
        let victim = target.victim.display();
        let forbidden = [
            "mv pix/done pix/was".to_owned(),
            format!("ln -s {victim} pix/more"),
            "mkdir pix/more".to_owned(),
            "rmdir pix/failed".to_owned(),
            "mv pix boleto".to_owned(),
            "mv tmp was".to_owned(),
            "touch tmp/file".to_owned(),
            "mkdir boleto".to_owned(),
            "rm -f .lock".to_owned(),
            "rm -f pix/.forward.lock".to_owned(),
            "test -w pix/.forward.lock".to_owned(),
            "rm -f .journal-0 && test ! -e .journal-0".to_owned(),
            "mkfifo .journal-2".to_owned(),
            "test -w .lock".to_owned(),
            "test -w .journal-0".to_owned(),
            "test -w .journal-1".to_owned(),
            "chmod 0777 pix/new".to_owned(),
        ];
        for script in forbidden {
            if target.member(&script).status.success() {
                faults.push(format!("{setup}: a member can `{script}`"));
                // Undo it for the remaining scripts.
                let _ = fs::rename(target.spool.join("pix/was"), target.spool.join("pix/done"));
                let _ = fs::rename(target.spool.join("boleto"), target.spool.join("pix"));
                let _ = fs::rename(target.spool.join("was"), target.spool.join("tmp"));
            }
        }
    });
}

/// The modes of a spool with a group.
const MODES: [(&str, u32); 14] = [
    ("", 0o2750),
    ("tmp", 0o2750),
    ("corrupt", 0o2770),
    ("pix", 0o2750),
    ("second", 0o2750),
    ("pix/new", 0o2770),
    ("pix/taken", 0o2770),
    ("pix/done", 0o2770),
    ("pix/failed", 0o2770),
    ("pix/.forward.lock", 0o640),
    ("second/new", 0o2770),
    (".lock", 0o600),
    (".journal-0", 0o600),
    (".journal-1", 0o600),
];

#[test]
fn wrong_modes_are_corrected_with_a_warning() {
    /// The modes of the previous release, and those that `fsGroup` of Kubernetes sets at each start.
    const WRONG: [&[(&str, u32)]; 2] = [
        &[("", 0o2770), ("tmp", 0o2770), ("pix", 0o2770), ("second", 0o2770)],
        &[
            ("", 0o2775),
            ("tmp", 0o2777),
            ("corrupt", 0o750),
            ("pix/new", 0o2750),
            ("pix/done", 0o770),
            (".lock", 0o660),
            (".journal-0", 0o660),
            (".journal-1", 0o666),
        ],
    ];
    for_each_setup(|target, setup, faults| {
        let mut check_modes = |when: &str| {
            let found = MODES.map(|(place, mode)| (place, mode, target.mode(place)));
            for (place, mode, found) in found.into_iter().filter(|(_, mode, found)| mode != found) {
                faults.push(format!("{setup}, {when}: `{place}` is {found:04o} and not {mode:04o}"));
            }
        };
        check_modes("new");
        let mut warnings = Vec::new();
        for wrong in WRONG {
            for (place, mode) in wrong {
                let path = target.spool.join(place);
                fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
            }
            let mut daemon = target.start();
            let log = daemon.log_text();
            check_modes(&format!("after {wrong:?}"));
            daemon.signal("-TERM");
            daemon.wait();
            for (place, _) in wrong {
                let path = target.spool.join(place).display().to_string();
                let named = format!("\"{}\"", path.trim_end_matches('/'));
                let warned = |line: &str| line.contains("\"WARN\"") && line.contains(&named);
                if !log.lines().any(warned) {
                    warnings.push(format!("{setup}: no warning names `{path}`"));
                }
            }
        }
        faults.extend(warnings);
    });
}

#[test]
fn second_daemon_is_refused_if_the_lock_file_was_removed_or_replaced() {
    for_each_setup(|target, setup, faults| {
        let daemon = target.start();
        for replaced in [false, true] {
            let lock = target.spool.join(".lock");
            // The refused daemon does not create it, so it may not exist.
            let _ = fs::remove_file(&lock);
            if replaced {
                fs::write(&lock, "").unwrap();
                let owner = if target.runs == Runs::AsRoot { 0 } else { ORDINARY };
                chown(&lock, Some(owner), Some(GROUP)).unwrap();
            }
            let (code, log) = target.attempt();
            if code != Some(73) || !log.contains("in use by another hookspool") {
                let last = log.lines().last().unwrap_or_default();
                faults.push(format!("{setup}, replaced = {replaced}: exit code {code:?}, {last}"));
            }
        }
        target.deliver(&daemon, b"{}");
    });
}
