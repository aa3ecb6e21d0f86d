//! Spools on file systems of other kinds: with `lost+found`, with the files of others, without hard links.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::power::disk::Journaled;
use crate::tools::stop;
use crate::wire::Wire;
use crate::world::{Daemon, World, program};

const NOBODY: u32 = 65_534;

fn give_to_nobody(path: &Path) {
    chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| give_to_nobody(&entry.unwrap().path()));
    }
}

/// The program as another user, with this umask.
fn as_nobody(world: &World, umask: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("umask {umask}; exec \"$PROGRAM\" \"$@\""), "sh"]);
    command.env("PROGRAM", world.path("hookspool")).env_remove("HOOKSPOOL_CONFIG");
    command.uid(NOBODY).gid(NOBODY).current_dir(world.path("")).stdin(Stdio::null());
    command
}

fn deliver(world: &World, daemon: &Daemon, payload: &[u8]) {
    let answer = Wire::connect(world, daemon, "client").post("/webhooks/pix", payload).unwrap();
    assert_eq!(answer.status, 200);
}

#[test]
fn a_volume_with_lost_and_found_and_foreign_files_is_served_and_consumed() {
    assert!(rustix::process::geteuid().is_root(), "this test changes users: run it as root");
    for umask in ["077", "000", "022"] {
        let world = World::new();
        // As a volume looks on its first day: empty, except for a directory that only root can enter.
        fs::create_dir(world.path("spool")).unwrap();
        fs::copy(program(), world.path("hookspool")).unwrap();
        give_to_nobody(&world.path(""));
        let forbidden = world.path("spool/lost+found");
        fs::create_dir(&forbidden).unwrap();
        fs::set_permissions(&forbidden, fs::Permissions::from_mode(0o700)).unwrap();
        let spool =
            |args: &str| -> Output { as_nobody(&world, umask).args(args.split(' ')).output().unwrap() };
        let succeeds = |args: &str| {
            let output = spool(args);
            assert_eq!(output.status.code(), Some(0), "umask {umask}, {args}: {output:?}");
            String::from_utf8(output.stdout).unwrap()
        };

        let daemon = world.start_by(as_nobody(&world, umask));
        for payload in [b"1", b"2", b"3"] {
            deliver(&world, &daemon, payload);
        }
        // What people and tools leave in a queue.
        let new = world.path("spool/pix/new");
        for name in [".nfs000000000001", "README", "x.hook~", "x.tmp", "nested"] {
            match name {
                "nested" => fs::create_dir(new.join(name)).unwrap(),
                _ => fs::write(new.join(name), "not an entry").unwrap(),
            }
            fs::set_permissions(new.join(name), fs::Permissions::from_mode(0o700)).unwrap();
        }
        stop(daemon);
        let daemon = world.start_by(as_nobody(&world, umask));
        deliver(&world, &daemon, b"4");

        assert_eq!(succeeds("spool list --endpoint pix").lines().count(), 4);
        assert_eq!(succeeds("spool verify"), "4 intact, 0 not intact\n");
        assert_eq!(succeeds("spool take --endpoint pix --exec cat"), "1");
        let path = succeeds("spool take --endpoint pix");
        succeeds(&format!("spool fail {}", path.trim()));
        succeeds("spool requeue --queue failed");
        succeeds("spool purge --queue done --older 0s");
        for _ in 0..3 {
            succeeds("spool take --endpoint pix --exec true");
        }
        assert_eq!(spool("spool take --endpoint pix").status.code(), Some(1));
        succeeds("check");
        succeeds("status");
        succeeds("reload");
        assert_eq!(daemon.admin("/readyz").0, 200);
        stop(daemon);
        // Nothing of others was moved or removed, and nothing of the spool is open to others.
        assert_eq!(fs::read_dir(&new).unwrap().count(), 5);
        assert!(forbidden.is_dir());
        let done = world.path("spool/pix/done");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&done), 0o750, "umask {umask}");
        for file in fs::read_dir(done).unwrap() {
            assert_eq!(mode(&file.unwrap().path()), 0o640, "umask {umask}");
        }
    }
}

#[test]
fn an_entry_that_cannot_be_read_does_not_keep_the_others_back() {
    assert!(rustix::process::geteuid().is_root(), "this test changes users: run it as root");
    let world = World::new();
    fs::copy(program(), world.path("hookspool")).unwrap();
    give_to_nobody(&world.path(""));
    let daemon = world.start_by(as_nobody(&world, "022"));
    for payload in [b"1", b"2", b"3"] {
        deliver(&world, &daemon, payload);
    }
    stop(daemon);
    let names = |queue: &str| -> Vec<_> {
        let folder = fs::read_dir(world.path(&format!("spool/pix/{queue}"))).unwrap();
        let mut names: Vec<_> = folder.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    // As a backup that root restored.
    let oldest = names("new").remove(0);
    let closed = world.path("spool/pix/new").join(&oldest);
    chown(&closed, Some(0), Some(0)).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o600)).unwrap();
    let code = |args: &str| as_nobody(&world, "022").args(args.split(' ')).output().unwrap().status.code();

    assert_eq!(code("spool take --endpoint pix --all --exec true"), Some(74));
    assert_eq!((names("new"), names("done").len()), (vec![oldest.clone()], 2));
    for queue in ["new", "done"] {
        for name in names(queue) {
            let from = world.path(&format!("spool/pix/{queue}")).join(&name);
            fs::rename(from, world.path("spool/pix/taken").join(&name)).unwrap();
        }
    }
    assert_eq!(code("spool requeue --queue taken"), Some(74));
    assert_eq!((names("taken"), names("new").len()), (vec![oldest], 2));
}

/// Becomes a program for which no file system has hard links or unnamed files: `link`, `linkat` and `open` with
/// `O_TMPFILE` fail as on exFAT, by a seccomp filter.
const WITHOUT_LINKS: &str = r#"
import ctypes, os, platform, struct, sys
link, openat, linkat, tmpfile = {"x86_64": (86, 257, 265, 0o20000000), "aarch64": (-1, 56, 37, 0o20000000)}[platform.machine()]
def op(code, k, yes=0, no=0): return struct.pack("HBBI", code, yes, no, k & 0xffffffff)
LOAD, EQUAL, SET, RETURN = 0x20, 0x15, 0x45, 0x06
FAIL = 0x00050000
filter = [
    op(LOAD, 0),
    op(EQUAL, link, 5, 0),
    op(EQUAL, linkat, 4, 0),
    op(EQUAL, openat, 0, 2),
    op(LOAD, 32),
    op(SET, tmpfile, 2, 0),
    op(RETURN, 0x7fff0000),
    op(RETURN, FAIL | 1),
    op(RETURN, FAIL | 95),
]
code = ctypes.create_string_buffer(b"".join(filter))
class Program(ctypes.Structure): _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
program = Program(len(filter), ctypes.addressof(code))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0, "no_new_privs"
assert libc.prctl(22, 2, ctypes.byref(program), 0, 0) == 0, "seccomp"
for fails in (lambda: os.link(sys.argv[1], sys.argv[1] + ".x"), lambda: os.open("/tmp", os.O_TMPFILE | os.O_RDWR)):
    try:
        fails()
    except OSError:
        continue
    raise SystemExit("the filter does not work")
os.execv(sys.argv[1], sys.argv[1:])
"#;

fn without_links() -> Command {
    let mut python = Command::new("python3");
    python.args(["-c", WITHOUT_LINKS]).arg(program()).stdin(Stdio::null());
    python
}

#[test]
fn a_file_system_without_hard_links_and_unnamed_files_keeps_entries_over_a_kill() {
    // Where there would be a write-ahead log, which needs both.
    let world = Journaled::world();
    let mut daemon = world.start_by(without_links());
    daemon.logged("spool ready", |line| line["write_ahead_log"] == false);
    for number in 0..20 {
        deliver(&world, &daemon, format!("{number:02}").as_bytes());
    }
    daemon.signal("-KILL");
    daemon.wait();
    let daemon = world.start_by(without_links());
    deliver(&world, &daemon, b"20");
    let taken: String = (0..21)
        .map(|_| {
            let mut take = without_links();
            take.args(["spool", "take", "--endpoint", "pix", "--exec", "cat"]).current_dir(world.path(""));
            let output = take.output().unwrap();
            assert_eq!(output.status.code(), Some(0), "{output:?}");
            String::from_utf8(output.stdout).unwrap()
        })
        .collect();
    let expected: String = (0..=20).map(|number| format!("{number:02}")).collect();
    assert_eq!(taken, expected);
    stop(daemon);
}
