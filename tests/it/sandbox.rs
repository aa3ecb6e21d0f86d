//! The restrictions of the sandbox, tested from inside the process, and the functions that must still work.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use hookspool::clock::Timestamp;
use hookspool::config;
use hookspool::daemon::confine;
use hookspool::devpki::{KeyKind, Root};
use serde_json::Value;

use crate::wire::Wire;
use crate::world::{Daemon, World};

/// Set to the directory of the world in the child process that runs [`inside`].
const INSIDE: &str = "HOOKSPOOL_TEST_INSIDE";

/// A world whose certificates are in another directory.
struct Fixture {
    world: World,
    /// The directory of the certificates.
    home: tempfile::TempDir,
    /// A directory that the configuration does not contain.
    elsewhere: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let world = World::new();
        let [home, elsewhere] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let fixture = Self { world, home, elsewhere };
        fixture.copy_pair(fixture.home.path());
        fixture.edit("certs/server", &fixture.home.path().join("server").display().to_string());
        fs::write(fixture.elsewhere.path().join("file"), "x").unwrap();
        fixture
    }

    fn edit(&self, old: &str, new: &str) {
        let path = self.world.path("webhooks.toml");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(old), "{old}");
        fs::write(path, text.replace(old, new)).unwrap();
    }

    /// Copies the certificate and key of the server.
    fn copy_pair(&self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        for file in [self.world.cert("server"), self.world.key("server")] {
            fs::copy(&file, folder.join(file.file_name().unwrap())).unwrap();
        }
    }
}

/// Whether this kernel enforces Landlock. If not, checks for the warning and prints a message.
fn enforced(daemon: &Daemon) -> bool {
    let logged = daemon.log_text();
    let enforced = logged.contains(r#""landlock":"full""#) || logged.contains(r#""landlock":"partial""#);
    if !enforced {
        assert!(logged.contains("not sandboxed: Landlock is not supported"), "{logged}");
        eprintln!("THIS KERNEL HAS NO LANDLOCK: the restrictions are not tested");
    }
    enforced
}

#[test]
fn sandbox_denies_access_outside_the_permitted_paths() {
    let fixture = Fixture::new();
    let tried = |landlock: &str| {
        fixture.world.configure("");
        fixture.edit("certs/server", &fixture.home.path().join("server").display().to_string());
        fixture.edit("[log]", &format!("[sandbox]\nlandlock = {landlock}\n\n[log]"));
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "sandbox::inside", "--nocapture"])
            .env(INSIDE, fixture.world.path(""))
            .env("HOOKSPOOL_TEST_ELSEWHERE", fixture.elsewhere.path())
            .output()
            .unwrap();
        assert!(child.status.success(), "{child:?}");
        let text = String::from_utf8(child.stderr).unwrap();
        let lines =
            text.lines().filter_map(|line| line.split_once("TRIED ").map(|(_, line)| line.to_owned()));
        lines.collect::<Vec<_>>()
    };
    let sandboxed = tried("true");
    if sandboxed.contains(&"force None".to_owned()) {
        eprintln!("THIS KERNEL HAS NO LANDLOCK: the restrictions are not tested");
        return;
    }
    let refused: Vec<_> = sandboxed.iter().filter(|line| line.contains("refused")).collect();
    let forbidden: Vec<_> = sandboxed.iter().filter(|line| line.starts_with("forbidden")).collect();
    assert_eq!(refused, forbidden, "{sandboxed:#?}");
    assert_eq!(sandboxed.len(), 1 + 2 * PERMITTED.len() + 2 * FORBIDDEN.len(), "{sandboxed:#?}");
    // Without Landlock everything succeeds, so every refusal above came from Landlock.
    let unrestricted = tried("false");
    assert_eq!(unrestricted.len(), sandboxed.len());
    assert!(!unrestricted.iter().any(|line| line.contains("refused")), "{unrestricted:#?}");
}

/// A description and an operation, which receives the directory of the world and one that the configuration does not
/// contain.
type Attempt = (&'static str, fn(&Path, &Path) -> io::Result<()>);

const PERMITTED: &[Attempt] = &[
    ("read webhooks.toml", |world, _| fs::read(world.join("webhooks.toml")).map(drop)),
    ("read a CA", |world, _| fs::read(world.join("certs/root-ca.pem")).map(drop)),
    ("write an entry", |world, _| fs::write(world.join("spool/entry"), "x")),
    ("move it to another folder", |world, _| {
        fs::create_dir_all(world.join("spool/one"))?;
        fs::write(world.join("spool/moving"), "x")?;
        fs::rename(world.join("spool/moving"), world.join("spool/one/moved"))
    }),
    ("truncate it", |world, _| fs::File::options().write(true).open(world.join("spool/entry"))?.set_len(0)),
    ("make a socket and remove it", |world, _| {
        drop(UnixListener::bind(world.join("run/a.sock"))?);
        fs::remove_file(world.join("run/a.sock"))
    }),
    ("read /proc/self", |_, _| fs::read("/proc/self/stat").map(drop)),
];

const FORBIDDEN: &[Attempt] = &[
    ("read a file that is not configured", |_, elsewhere| fs::read(elsewhere.join("file")).map(drop)),
    ("read the password file", |_, _| fs::read("/etc/passwd").map(drop)),
    ("list the root", |_, _| fs::read_dir("/").map(drop)),
    ("write next to the spool", |world, _| fs::write(world.join("file"), "x")),
    ("write over webhooks.toml", |world, _| {
        fs::File::options().append(true).open(world.join("webhooks.toml")).map(drop)
    }),
    ("write over a key", |world, _| {
        fs::File::options().append(true).open(world.join("certs/server.key")).map(drop)
    }),
    ("write where sockets are", |world, _| fs::write(world.join("run/file"), "x")),
    ("make a socket elsewhere", |_, elsewhere| {
        drop(UnixListener::bind(elsewhere.join("a.sock"))?);
        fs::remove_file(elsewhere.join("a.sock"))
    }),
    ("make a folder elsewhere", |_, elsewhere| {
        fs::create_dir(elsewhere.join("folder"))?;
        fs::remove_dir(elsewhere.join("folder"))
    }),
    ("write through a symlink in the spool", |world, _| fs::write(world.join("spool/link"), "x")),
    ("make a symlink in the spool", |world, _| {
        symlink("/", world.join("spool/another"))?;
        fs::remove_file(world.join("spool/another"))
    }),
];

/// Not an independent test: [`sandbox_denies_access_outside_the_permitted_paths`] runs it in another process, because
/// the restrictions are permanent.
#[test]
fn inside() {
    let Some(world) = std::env::var_os(INSIDE).map(PathBuf::from) else { return };
    let elsewhere = PathBuf::from(std::env::var_os("HOOKSPOOL_TEST_ELSEWHERE").unwrap());
    let loaded =
        config::load(&world.join("webhooks.toml"), Timestamp::now(), config::Process::Daemon).unwrap();
    fs::create_dir_all(world.join("spool")).unwrap();
    if !world.join("spool/link").is_symlink() {
        symlink(elsewhere.join("through"), world.join("spool/link")).unwrap();
    }
    let sandbox = confine(&loaded.settings.unwrap()).unwrap();
    eprintln!("TRIED force {:?}", sandbox.force);
    let try_all = move |who: &str| {
        for (kind, attempts) in [("permitted", PERMITTED), ("forbidden", FORBIDDEN)] {
            for (what, attempt) in attempts {
                let outcome = match attempt(&world, &elsewhere) {
                    Ok(()) => "done".to_owned(),
                    Err(error) if error.kind() == io::ErrorKind::PermissionDenied => "refused".to_owned(),
                    Err(error) => panic!("{what}: {error}"),
                };
                eprintln!("TRIED {kind}: {what}, {who}: {outcome}");
            }
        }
    };
    try_all("on the first thread");
    thread::spawn(move || try_all("on a later thread")).join().unwrap();
}

#[test]
fn every_thread_of_a_daemon_is_restricted() {
    let fixture = Fixture::new();
    let daemon = fixture.world.start();
    daemon.logged("serving", |_| true);
    if !enforced(&daemon) {
        return;
    }
    let threads = fs::read_dir(format!("/proc/{}/task", daemon.pid())).unwrap();
    let mut count = 0;
    for thread in threads {
        // Restricting a process sets this flag, and new threads inherit it (prctl(2)).
        let status = fs::read_to_string(thread.unwrap().path().join("status")).unwrap();
        assert!(status.contains("NoNewPrivs:\t1"), "{status}");
        count += 1;
    }
    assert!(count > 5, "{count} threads");
    let logged = daemon.logged("sandboxed", |_| true);
    assert!(logged["abi"].as_str().unwrap().starts_with('V'), "{logged}");
    assert!(logged["write"].as_str().unwrap().contains("spool"), "{logged}");
}

#[test]
fn symbolic_link_instead_of_a_queue_is_not_followed() {
    for landlock in ["true", "false"] {
        let fixture = Fixture::new();
        fixture.edit("[log]", &format!("[sandbox]\nlandlock = {landlock}\n\n[log]"));
        let daemon = fixture.world.start();
        if landlock == "true" && !enforced(&daemon) {
            continue;
        }
        fs::remove_dir(fixture.world.path("spool/pix/new")).unwrap();
        symlink(fixture.elsewhere.path(), fixture.world.path("spool/pix/new")).unwrap();
        for length in [100, 200 << 10] {
            let body = vec![b'x'; length];
            let answer =
                Wire::connect(&fixture.world, &daemon, "client").post("/webhooks/pix", &body).unwrap();
            assert_eq!(answer.status, 503, "landlock = {landlock}");
        }
        assert_eq!(fs::read_dir(fixture.elsewhere.path()).unwrap().count(), 1, "landlock = {landlock}");
    }
}

#[test]
fn reload_with_files_outside_the_sandbox_requires_a_restart() {
    let fixture = Fixture::new();
    let new = fixture.elsewhere.path().join("certs");
    fixture.copy_pair(&new);
    let mut daemon = fixture.world.start();
    if !enforced(&daemon) {
        return;
    }
    let old = fixture.home.path().join("server");
    fixture.edit(old.to_str().unwrap(), new.join("server").to_str().unwrap());
    let output = fixture.world.run(&["reload"]);
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    let logged = String::from_utf8(output.stderr).unwrap() + &String::from_utf8(output.stdout).unwrap();
    let words = format!("certificate: `{}` is outside the directories", new.join("server.pem").display());
    let folder = format!("it cannot read `{}` until a restart", new.display());
    assert!(logged.contains(&words) && logged.contains(&folder), "{logged}");
    assert!(logged.contains("and they are valid: a restart applies them"), "{logged}");
    // A restart is not recommended if it would fail.
    let other = fixture.world.key("client");
    let (key, kept) = (new.join("server.key"), fs::read(new.join("server.key")).unwrap());
    fs::copy(other, &key).unwrap();
    let output = String::from_utf8(fixture.world.run(&["reload"]).stdout).unwrap();
    assert!(output.contains("a restart would fail") && output.contains("belong"), "{output}");
    assert!(!output.contains("a restart applies them"), "{output}");
    fs::write(&key, kept).unwrap();
    // The previous configuration stays in force.
    assert_eq!(
        Wire::connect(&fixture.world, &daemon, "client").post("/webhooks/pix", b"{}").unwrap().status,
        200
    );
    daemon.signal("-TERM");
    assert_eq!(daemon.wait().code(), Some(0));
    let daemon = fixture.world.start();
    assert_eq!(
        Wire::connect(&fixture.world, &daemon, "client").post("/webhooks/pix", b"{}").unwrap().status,
        200
    );
}

#[test]
fn missing_landlock_is_a_warning() {
    // Not built in, disabled, and forbidden by a system call filter.
    for error in ["ENOSYS", "EOPNOTSUPP", "EPERM"] {
        let fixture = Fixture::new();
        let inject = format!("inject=landlock_create_ruleset:error={error}");
        let trace = ["-f", "-o", "/dev/null", "-e", "trace=landlock_create_ruleset", "-e", &inject];
        let daemon = fixture.world.start_traced(&trace);
        let logged = daemon.log_text();
        assert!(logged.contains("not sandboxed: Landlock is not supported"), "{error}: {logged}");
        // Files in other directories can be read, so a reload with them succeeds.
        let new = fixture.elsewhere.path().join("certs");
        fixture.copy_pair(&new);
        let old = fixture.home.path().join("server");
        fixture.edit(old.to_str().unwrap(), new.join("server").to_str().unwrap());
        let output = fixture.world.run(&["reload"]);
        assert!(output.status.success(), "{error}: {output:?}");
    }
}

#[test]
fn reload_does_not_read_the_group_database() {
    let fixture = Fixture::new();
    fixture.edit("min_free", "group = \"root\"\nmin_free");
    let daemon = fixture.world.start();
    enforced(&daemon);
    fixture.edit("settle = \"200ms\"", "settle = \"100ms\"");
    let output = fixture.world.run(&["reload"]);
    assert!(output.status.success(), "{output:?}");
    let status: Value = serde_json::from_str(&daemon.admin("/status").1).unwrap();
    assert_eq!(status["last_reload"]["waits_for_restart"], serde_json::json!([]), "{status}");
}

#[test]
fn files_in_a_configured_read_directory_need_no_restart() {
    let fixture = Fixture::new();
    let new = fixture.elsewhere.path().join("certs");
    fixture.copy_pair(&new);
    let read = format!("[sandbox]\nread = [\"{}\"]\n\n[log]", fixture.elsewhere.path().display());
    fixture.edit("[log]", &read);
    let daemon = fixture.world.start();
    let old = fixture.home.path().join("server");
    fixture.edit(old.to_str().unwrap(), new.join("server").to_str().unwrap());
    let output = fixture.world.run(&["reload"]);
    assert!(output.status.success(), "{output:?}");
    let status: Value = serde_json::from_str(&daemon.admin("/status").1).unwrap();
    assert_eq!(status["certificates"][0]["file"], new.join("server.pem").display().to_string());
}

#[test]
fn secret_replaced_by_kubernetes_is_reloaded() {
    let fixture = Fixture::new();
    let mount = fixture.home.path();
    // All names are symlinks through `..data`, and only that symlink is replaced.
    let swap = |revision: &str| {
        let server = Root::new(KeyKind::EcdsaP256, Timestamp::now()).unwrap().server(&[]).unwrap();
        let folder = mount.join(revision);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("server.pem"), server.certificate_pem).unwrap();
        fs::write(folder.join("server.key"), server.key_pem).unwrap();
        fs::set_permissions(folder.join("server.key"), fs::Permissions::from_mode(0o440)).unwrap();
        symlink(revision, mount.join("..next")).unwrap();
        fs::rename(mount.join("..next"), mount.join("..data")).unwrap();
    };
    swap("..1");
    for name in ["server.pem", "server.key"] {
        fs::remove_file(mount.join(name)).unwrap();
        symlink(format!("..data/{name}"), mount.join(name)).unwrap();
    }
    let daemon = fixture.world.start();
    enforced(&daemon);
    swap("..2");
    fs::remove_dir_all(mount.join("..1")).unwrap();
    daemon.logged("reloaded", |line| line["generation"] == 2);
}
