//! What a 200 means, seen from the system calls.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::wire::Wire;
use crate::world::{World, eventually};

/// Traced in every test here, so that all of them run the daemon at the same pace.
const CALLS: &str = "trace=openat,writev,fsync,fdatasync,rename,renameat,renameat2,write,sendto,unlink";

static TRACING: Mutex<()> = Mutex::new(());

/// The lines that strace wrote, in the order in which the calls were made.
fn traced(world: &World) -> Vec<String> {
    let text = fs::read_to_string(world.path("trace/calls")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn place(lines: &[String], what: &str, fits: impl Fn(&str) -> bool) -> usize {
    lines.iter().position(|line| fits(line)).unwrap_or_else(|| panic!("no {what} in\n{}", lines.join("\n")))
}

#[test]
fn the_file_is_synced_before_its_name_and_the_directory_before_the_answer() {
    let _alone = TRACING.lock().unwrap_or_else(PoisonError::into_inner);
    let world = World::new();
    let trace = world.path("trace/calls").display().to_string();
    let mut daemon = world.start_traced(&["-f", "-y", "-s", "0", "-o", &trace, "-e", CALLS]);
    let mut wire = Wire::connect(&world, &daemon, "client");
    let before = traced(&world).len();
    assert_eq!(wire.post("/webhooks/pix", b"{}").unwrap().status, 200);
    let lines = eventually("the answer is traced", || {
        let lines = traced(&world).split_off(before);
        let directory = lines.iter().position(|line| line.contains("fsync") && line.contains("/pix/new>"))?;
        lines[directory..].iter().any(|line| is_answer(line)).then_some(lines)
    });
    let created = place(&lines, "draft", |line| {
        line.contains("openat") && line.contains("/tmp/") && line.contains("O_EXCL")
    });
    let written = place(&lines, "write", |line| line.contains("writev") && line.contains("/tmp/"));
    let synced =
        place(&lines, "sync of the file", |line| line.contains("fdatasync") && line.contains("/tmp/"));
    let renamed = place(&lines, "rename", |line| line.contains("rename") && line.contains("/pix/new/"));
    let directory =
        place(&lines, "sync of the directory", |line| line.contains("fsync") && line.contains("/pix/new>"));
    // The handshake wrote to the socket too, before there was anything to store.
    let answered = created + place(&lines[created..], "answer", is_answer);
    let order = [created, written, synced, renamed, directory, answered];
    assert!(order.is_sorted(), "{order:?}\n{}", lines.join("\n"));
    daemon.signal("-TERM");
    daemon.wait();
}

/// A write to a socket, as far as strace knows its kind.
fn is_answer(line: &str) -> bool {
    let writes = ["write(", "writev(", "sendto("].iter().any(|call| line.contains(call));
    writes && (line.contains("<TCP:[") || line.contains("<socket:["))
}

/// A fault on one call of the committer: 503, nothing left, ready again by itself.
fn fault(call: &str, error: &str) {
    // One at a time: several straces at once on two cores starve each other.
    let _alone = TRACING.lock().unwrap_or_else(PoisonError::into_inner);
    let world = World::new();
    let daemon = world.start();
    let mut wire = Wire::connect(&world, &daemon, "client");
    assert_eq!(wire.post("/webhooks/pix", b"before").unwrap().status, 200);
    let before = world.spool_files();
    drop(daemon);

    // strace counts a thread's calls, and the committer's first one is the delivery's. The start syncs
    // directories too, so that call is narrowed down to the one that matters.
    let trace = world.path("trace/calls").display().to_string();
    let new = world.path("spool/pix/new").display().to_string();
    let inject = format!("inject={call}:error={error}:when=1");
    let mut options = vec!["-f", "-o", &trace, "-e", &inject];
    if call == "fsync" {
        options.extend(["-P", &new]);
    }
    let daemon = world.start_traced(&options);
    let mut wire = Wire::connect(&world, &daemon, "client");
    let answer = wire.post("/webhooks/pix", b"during").unwrap();
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (503, "{\"error\":\"unavailable\"}\n"),
        "{call} {error}"
    );
    assert!(answer.head.contains("retry-after"), "{}", answer.head);
    assert_eq!(world.spool_files(), before, "{call} {error}");
    daemon.logged("the spool is failing: deliveries get 503 until a probe file goes through", |_| true);
    eventually("the spool is well again", || (daemon.admin("/readyz").0 == 200).then_some(()));
    assert_eq!(wire.post("/webhooks/pix", b"after").unwrap().status, 200);
    assert_eq!(world.entries("pix").len(), 2);
}

#[test]
fn a_failing_sync_of_the_file_is_503() {
    fault("fdatasync", "EIO");
}

#[test]
fn a_failing_sync_of_the_directory_takes_the_name_back() {
    fault("fsync", "EIO");
}

#[test]
fn a_full_disk_is_503() {
    fault("fdatasync", "ENOSPC");
}

#[test]
fn a_failing_rename_is_503() {
    fault("rename", "EIO");
}

#[test]
fn what_a_crash_left_in_tmp_is_swept_and_what_is_in_new_stays() {
    let world = World::new();
    fs::create_dir_all(world.path("spool/tmp")).unwrap();
    fs::create_dir_all(world.path("spool/pix/new")).unwrap();
    fs::write(world.path("spool/tmp/half.hook"), "{").unwrap();
    fs::write(world.path("spool/pix/new/kept.hook"), "{").unwrap();
    let daemon = world.start();
    daemon.logged("spool opened", |line| line["swept"] == 1);
    assert_eq!(world.spool_files(), [world.path("spool/pix/new/kept.hook")]);
}

#[test]
fn nobody_else_can_read_the_spool() {
    let world = World::new();
    let daemon = world.start();
    assert_eq!(Wire::connect(&world, &daemon, "client").post("/webhooks/pix", b"{}").unwrap().status, 200);
    assert_modes(&world, 0o750, 0o640);
}

#[test]
fn with_a_group_its_members_can_consume() {
    let world = World::new();
    // `daemon` is a group of every Debian; only root can give files to a group it is not in.
    if rustix::process::geteuid().is_root() {
        world.configure_all("", "min_free = \"1 MiB\"\ngroup = \"daemon\"");
        let daemon = world.start();
        assert_eq!(
            Wire::connect(&world, &daemon, "client").post("/webhooks/pix", b"{}").unwrap().status,
            200
        );
        assert_modes(&world, 0o2770, 0o660);
        for path in [world.path("spool/pix/new"), world.spool_files()[0].clone()] {
            assert_eq!(fs::metadata(&path).unwrap().gid(), 1, "{}", path.display());
        }
    } else {
        eprintln!("not root: the group is not tried");
    }
}

fn assert_modes(world: &World, directory: u32, file: u32) {
    let mode = |path: &PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    for name in ["spool", "spool/tmp", "spool/corrupt", "spool/pix", "spool/pix/new", "spool/pix/taken"] {
        assert_eq!(mode(&world.path(name)), directory, "{name}");
    }
    for path in world.spool_files() {
        assert_eq!(mode(&path), file, "{}", path.display());
    }
}
