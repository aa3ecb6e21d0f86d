//! What a daemon cannot do any more, tried from inside, and what it still has to be able to do.

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

/// Names the folder in which a copy of this very program tries things.
const INSIDE: &str = "HOOKSPOOL_TEST_INSIDE";

/// The world of a configuration whose certificates lie elsewhere.
struct Apart {
    world: World,
    /// Where they are.
    home: tempfile::TempDir,
    /// A folder that nothing names.
    elsewhere: tempfile::TempDir,
}

impl Apart {
    fn new() -> Self {
        let world = World::new();
        let [home, elsewhere] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let apart = Self { world, home, elsewhere };
        apart.copy_pair(apart.home.path());
        apart.edit("certs/server", &apart.home.path().join("server").display().to_string());
        fs::write(apart.elsewhere.path().join("file"), "x").unwrap();
        apart
    }

    fn edit(&self, old: &str, new: &str) {
        let path = self.world.path("webhooks.toml");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(old), "{old}");
        fs::write(path, text.replace(old, new)).unwrap();
    }

    /// The server's certificate and key, and the CA.
    fn copy_pair(&self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        for file in [self.world.cert("server"), self.world.key("server")] {
            fs::copy(&file, folder.join(file.file_name().unwrap())).unwrap();
        }
    }
}

/// Whether this kernel enforces anything; if not, it is said, and what does not depend on it is held.
fn enforced(daemon: &Daemon) -> bool {
    let said = daemon.log_text();
    let enforced = said.contains(r#""landlock":"full""#) || said.contains(r#""landlock":"partial""#);
    if !enforced {
        assert!(said.contains("not sandboxed: Landlock is not supported"), "{said}");
        eprintln!("THIS KERNEL HAS NO LANDLOCK: that it holds is not shown here");
    }
    enforced
}

#[test]
fn what_lies_beyond_is_refused_from_inside() {
    let apart = Apart::new();
    let tried = |landlock: &str| {
        apart.world.configure("");
        apart.edit("certs/server", &apart.home.path().join("server").display().to_string());
        apart.edit("[log]", &format!("[sandbox]\nlandlock = {landlock}\n\n[log]"));
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "sandbox::inside", "--nocapture"])
            .env(INSIDE, apart.world.path(""))
            .env("HOOKSPOOL_TEST_ELSEWHERE", apart.elsewhere.path())
            .output()
            .unwrap();
        assert!(child.status.success(), "{child:?}");
        let text = String::from_utf8(child.stderr).unwrap();
        let lines =
            text.lines().filter_map(|line| line.split_once("TRIED ").map(|(_, line)| line.to_owned()));
        lines.collect::<Vec<_>>()
    };
    let with = tried("true");
    if with.contains(&"force None".to_owned()) {
        eprintln!("THIS KERNEL HAS NO LANDLOCK: that it holds is not shown here");
        return;
    }
    let refused: Vec<_> = with.iter().filter(|line| line.contains("refused")).collect();
    let beyond: Vec<_> = with.iter().filter(|line| line.starts_with("beyond")).collect();
    assert_eq!(refused, beyond, "{with:#?}");
    assert_eq!(with.len(), 1 + 2 * INWARD.len() + 2 * BEYOND.len(), "{with:#?}");
    // The same without it: every refusal was Landlock's.
    let without = tried("false");
    assert_eq!(without.len(), with.len());
    assert!(!without.iter().any(|line| line.contains("refused")), "{without:#?}");
}

/// Something that is tried: in the folder of the world, and beside one that nothing names.
type Trial = (&'static str, fn(&Path, &Path) -> io::Result<()>);

const INWARD: &[Trial] = &[
    ("read webhooks.toml", |world, _| fs::read(world.join("webhooks.toml")).map(drop)),
    ("read a CA", |world, _| fs::read(world.join("certs/root-ca.pem")).map(drop)),
    ("write an entry", |world, _| fs::write(world.join("spool/entry"), "x")),
    ("move it to another folder", |world, _| {
        fs::create_dir_all(world.join("spool/one"))?;
        fs::write(world.join("spool/moving"), "x")?;
        fs::rename(world.join("spool/moving"), world.join("spool/one/moved"))
    }),
    ("cut it off", |world, _| fs::File::options().write(true).open(world.join("spool/entry"))?.set_len(0)),
    ("make a socket and remove it", |world, _| {
        drop(UnixListener::bind(world.join("run/a.sock"))?);
        fs::remove_file(world.join("run/a.sock"))
    }),
    ("read its own facts", |_, _| fs::read("/proc/self/stat").map(drop)),
];

const BEYOND: &[Trial] = &[
    ("read a file that nothing names", |_, elsewhere| fs::read(elsewhere.join("file")).map(drop)),
    ("read the password file", |_, _| fs::read("/etc/passwd").map(drop)),
    ("list the root", |_, _| fs::read_dir("/").map(drop)),
    ("write beside the spool", |world, _| fs::write(world.join("file"), "x")),
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

/// Not a test of its own: what [`what_lies_beyond_is_refused_from_inside`] runs in another process,
/// since nothing that is given up here comes back.
#[test]
fn inside() {
    let Some(world) = std::env::var_os(INSIDE).map(PathBuf::from) else { return };
    let elsewhere = PathBuf::from(std::env::var_os("HOOKSPOOL_TEST_ELSEWHERE").unwrap());
    let loaded = config::load(&world.join("webhooks.toml"), Timestamp::now()).unwrap();
    fs::create_dir_all(world.join("spool")).unwrap();
    if !world.join("spool/link").is_symlink() {
        symlink(elsewhere.join("through"), world.join("spool/link")).unwrap();
    }
    let sandbox = confine(&loaded.settings.unwrap()).unwrap();
    eprintln!("TRIED force {:?}", sandbox.force);
    let try_all = move |who: &str| {
        for (kind, trials) in [("inward", INWARD), ("beyond", BEYOND)] {
            for (what, trial) in trials {
                let outcome = match trial(&world, &elsewhere) {
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
fn every_thread_of_a_daemon_is_bound() {
    let apart = Apart::new();
    let daemon = apart.world.start();
    daemon.logged("serving", |_| true);
    if !enforced(&daemon) {
        return;
    }
    let threads = fs::read_dir(format!("/proc/{}/task", daemon.pid())).unwrap();
    let mut count = 0;
    for thread in threads {
        // Restricting oneself sets it, and a thread has it from the one that started it (prctl(2)).
        let status = fs::read_to_string(thread.unwrap().path().join("status")).unwrap();
        assert!(status.contains("NoNewPrivs:\t1"), "{status}");
        count += 1;
    }
    assert!(count > 5, "{count} threads");
    let said = daemon.logged("sandboxed", |_| true);
    assert!(said["abi"].as_str().unwrap().starts_with('V'), "{said}");
    assert!(said["write"].as_str().unwrap().contains("spool"), "{said}");
}

#[test]
fn a_queue_that_leads_elsewhere_gets_nothing() {
    for landlock in ["true", "false"] {
        let apart = Apart::new();
        apart.edit("[log]", &format!("[sandbox]\nlandlock = {landlock}\n\n[log]"));
        let daemon = apart.world.start();
        if landlock == "true" && !enforced(&daemon) {
            continue;
        }
        fs::remove_dir(apart.world.path("spool/pix/new")).unwrap();
        symlink(apart.elsewhere.path(), apart.world.path("spool/pix/new")).unwrap();
        for length in [100, 200 << 10] {
            let body = vec![b'x'; length];
            let answer = Wire::connect(&apart.world, &daemon, "client").post("/webhooks/pix", &body).unwrap();
            assert_eq!(answer.status, 503, "landlock = {landlock}");
        }
        assert_eq!(fs::read_dir(apart.elsewhere.path()).unwrap().count(), 1, "landlock = {landlock}");
    }
}

#[test]
fn a_reload_beyond_the_folders_of_the_start_says_restart() {
    let apart = Apart::new();
    let new = apart.elsewhere.path().join("certs");
    apart.copy_pair(&new);
    let mut daemon = apart.world.start();
    if !enforced(&daemon) {
        return;
    }
    let old = apart.home.path().join("server");
    apart.edit(old.to_str().unwrap(), new.join("server").to_str().unwrap());
    let told = apart.world.run(&["reload"]);
    assert_eq!(told.status.code(), Some(78), "{told:?}");
    let said = String::from_utf8(told.stderr).unwrap() + &String::from_utf8(told.stdout).unwrap();
    let words = format!("certificate: `{}` lies outside of the folders", new.join("server.pem").display());
    assert!(said.contains(&words) && said.contains("restart hookspool"), "{said}");
    // The old set is served on.
    assert_eq!(
        Wire::connect(&apart.world, &daemon, "client").post("/webhooks/pix", b"{}").unwrap().status,
        200
    );
    daemon.signal("-TERM");
    assert_eq!(daemon.wait().code(), Some(0));
    let daemon = apart.world.start();
    assert_eq!(
        Wire::connect(&apart.world, &daemon, "client").post("/webhooks/pix", b"{}").unwrap().status,
        200
    );
}

#[test]
fn a_kernel_without_landlock_is_warned_of_and_served_on() {
    // Not built in, not switched on, and kept back by a filter of system calls.
    for error in ["ENOSYS", "EOPNOTSUPP", "EPERM"] {
        let apart = Apart::new();
        let inject = format!("inject=landlock_create_ruleset:error={error}");
        let trace = ["-f", "-o", "/dev/null", "-e", "trace=landlock_create_ruleset", "-e", &inject];
        let daemon = apart.world.start_traced(&trace);
        let said = daemon.log_text();
        assert!(said.contains("not sandboxed: Landlock is not supported"), "{error}: {said}");
        // What lies elsewhere can be read, so no reload is refused for it.
        let new = apart.elsewhere.path().join("certs");
        apart.copy_pair(&new);
        let old = apart.home.path().join("server");
        apart.edit(old.to_str().unwrap(), new.join("server").to_str().unwrap());
        let told = apart.world.run(&["reload"]);
        assert!(told.status.success(), "{error}: {told:?}");
    }
}

#[test]
fn a_reload_needs_no_list_of_groups() {
    let apart = Apart::new();
    apart.edit("min_free", "group = \"root\"\nmin_free");
    let daemon = apart.world.start();
    enforced(&daemon);
    apart.edit("settle = \"200ms\"", "settle = \"100ms\"");
    let told = apart.world.run(&["reload"]);
    assert!(told.status.success(), "{told:?}");
    let status: Value = serde_json::from_str(&daemon.admin("/status").1).unwrap();
    assert_eq!(status["last_reload"]["waits_for_restart"], serde_json::json!([]), "{status}");
}

#[test]
fn a_folder_that_is_named_in_read_needs_no_restart() {
    let apart = Apart::new();
    let new = apart.elsewhere.path().join("certs");
    apart.copy_pair(&new);
    let read = format!("[sandbox]\nread = [\"{}\"]\n\n[log]", apart.elsewhere.path().display());
    apart.edit("[log]", &read);
    let daemon = apart.world.start();
    let old = apart.home.path().join("server");
    apart.edit(old.to_str().unwrap(), new.join("server").to_str().unwrap());
    let told = apart.world.run(&["reload"]);
    assert!(told.status.success(), "{told:?}");
    let status: Value = serde_json::from_str(&daemon.admin("/status").1).unwrap();
    assert_eq!(status["certificates"][0]["file"], new.join("server.pem").display().to_string());
}

#[test]
fn a_secret_that_kubernetes_swaps_is_read_anew() {
    let apart = Apart::new();
    let mount = apart.home.path();
    // All names lead through `..data`, and that one symlink is swapped.
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
    let daemon = apart.world.start();
    enforced(&daemon);
    swap("..2");
    fs::remove_dir_all(mount.join("..1")).unwrap();
    daemon.logged("reloaded", |line| line["generation"] == 2);
}
