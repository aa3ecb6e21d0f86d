//! The order of system calls before a 200, and the permissions of the spool.

use hookspool::spool::FileSystem;
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

use crate::power::disk::Journaled;
use crate::wire::Wire;
use crate::world::{World, eventually};

const CALLS: &str = "trace=openat,pwritev,writev,fsync,fdatasync,renameat,linkat,write,sendto";

/// The system calls of one delivery, up to its answer.
fn calls_of(payload: &[u8]) -> Vec<String> {
    let world = Journaled::world();
    let trace = world.path("trace/calls").display().to_string();
    let traced = || -> Vec<String> {
        let text = fs::read_to_string(world.path("trace/calls")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    };
    let daemon = world.start_traced(&["-f", "-y", "-s", "0", "-o", &trace, "-e", CALLS]);
    let mut wire = Wire::connect(&world, &daemon, "client");
    let before = traced().len();
    assert_eq!(wire.post("/webhooks/pix", payload).unwrap().status, 200);
    eventually("the answer is traced", || {
        let lines = traced().split_off(before);
        let named = lines.iter().position(|line| line.contains("renameat") || line.contains("linkat"))?;
        let answered = named + lines[named..].iter().position(|line| is_answer(line))?;
        Some(lines[..=answered].to_vec())
    })
}

/// Whether the call writes to a socket. strace may not know the protocol.
fn is_answer(line: &str) -> bool {
    let writes = ["write(", "writev(", "sendto("].iter().any(|call| line.contains(call));
    writes && (line.contains("<TCP:[") || line.contains("<socket:["))
}

/// Checks that the calls in `order` occur in this order, before the last call, which is the answer.
fn assert_order(lines: &[String], order: &[[&str; 2]]) {
    let mut from = 0;
    for parts in order {
        let found =
            lines[from..lines.len() - 1].iter().position(|line| parts.iter().all(|part| line.contains(part)));
        from += 1 + found.unwrap_or_else(|| panic!("no {parts:?} in its place in\n{}", lines.join("\n")));
    }
}

#[test]
fn small_entry_is_synced_in_the_log_before_it_is_linked_and_answered() {
    let calls = calls_of(b"{}");
    assert_order(
        &calls,
        &[
            ["pwritev", "/.journal-"],
            ["fdatasync", "/.journal-"],
            ["openat", "O_TMPFILE"],
            ["pwritev", "/pix/new/"],
            ["linkat", "/pix/new>"],
        ],
    );
}

#[test]
fn large_entry_and_its_directory_are_synced_before_the_answer() {
    let calls = calls_of(&[b' '; 70_000]);
    assert_order(
        &calls,
        &[
            ["openat", "O_EXCL"],
            ["pwritev", "/tmp/"],
            ["fdatasync", "/tmp/"],
            ["renameat", "/pix/new>"],
            ["fsync", "/pix/new>"],
        ],
    );
}

#[test]
fn start_empties_tmp_and_keeps_entries_in_new() {
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
fn other_users_cannot_read_the_spool() {
    let world = World::new();
    let daemon = world.start();
    assert_eq!(Wire::connect(&world, &daemon, "client").post("/webhooks/pix", b"{}").unwrap().status, 200);
    assert_modes(&world, 0o750, 0o750, 0o640);
}

#[test]
fn members_of_the_group_can_consume() {
    let world = World::new();
    // `daemon` is a group on every Debian system. Only root can give files to a group of which it is not a member.
    if rustix::process::geteuid().is_root() {
        world.configure_all("", "min_free = \"1 MiB\"\ngroup = \"daemon\"");
        let daemon = world.start();
        assert_eq!(
            Wire::connect(&world, &daemon, "client").post("/webhooks/pix", b"{}").unwrap().status,
            200
        );
        assert_modes(&world, 0o2750, 0o2770, 0o660);
        for path in [world.path("spool/pix/new"), world.spool_files()[0].clone()] {
            assert_eq!(fs::metadata(&path).unwrap().gid(), 1, "{}", path.display());
        }
    } else {
        eprintln!("not root: the group is not tested");
    }
}

/// Checks the modes of private directories, of directories that consumers write to, and of entries.
fn assert_modes(world: &World, private: u32, shared: u32, entry: u32) {
    let mode = |path: &PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    for name in ["spool", "spool/tmp", "spool/pix"] {
        assert_eq!(mode(&world.path(name)), private, "{name}");
    }
    for name in ["spool/corrupt", "spool/pix/new", "spool/pix/taken", "spool/pix/done", "spool/pix/failed"] {
        assert_eq!(mode(&world.path(name)), shared, "{name}");
    }
    for path in world.spool_files() {
        assert_eq!(mode(&path), entry, "{}", path.display());
    }
    for name in [".lock", ".journal-0", ".journal-1"] {
        let path = world.path("spool").join(name);
        assert!(!path.exists() || mode(&path) == 0o600, "{name}");
    }
}

#[test]
fn spool_on_a_volatile_file_system_is_reported() {
    const WARNING: &str = "the spool's file system can lose acknowledged entries";
    let world = World::new();
    let daemon = world.start();
    daemon.logged("serving", |_| true);
    let file_system = FileSystem::of(File::open(world.path("")).unwrap()).unwrap();
    assert_eq!(daemon.log_text().contains(WARNING), file_system.risk().is_some(), "{file_system:?}");
    drop(daemon);
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    let directory = memory.path().join("spool");
    world.configure_all("", &format!("directory = \"{}\"\nmin_free = \"1 MiB\"", directory.display()));
    let daemon = world.start();
    let warning = daemon.logged(WARNING, |line| line["level"] == "WARN");
    assert!(warning["file_system"].as_str().unwrap().starts_with("tmpfs"), "{warning}");
}
