//! The private key cannot be copied from a core dump or by another process of the daemon's user, and the text of its
//! file does not stay in the daemon's memory.

use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use hookspool::clock::Timestamp;
use hookspool::devpki::{KeyKind, Root};

use crate::wire::Wire;
use crate::world::{Daemon, World, eventually};

/// An unprivileged user; root can inspect every process.
const NOBODY: u32 = 65_534;

fn give_to_nobody(path: &Path) {
    chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| give_to_nobody(&entry.unwrap().path()));
    }
}

fn start_as_nobody(world: &World) -> Daemon {
    give_to_nobody(&world.path(""));
    let program = world.path("hookspool");
    fs::copy(env!("CARGO_BIN_EXE_hookspool"), &program).unwrap();
    let mut command = Command::new(program);
    command.uid(NOBODY).gid(NOBODY);
    world.start_with(command)
}

#[test]
fn core_dumps_are_disabled_and_only_root_can_read_the_memory() {
    let world = World::new();
    let daemon = start_as_nobody(&world);
    let about = |file: &str| format!("/proc/{}/{file}", daemon.pid());
    assert_eq!(fs::metadata(about("")).unwrap().uid(), NOBODY, "it runs as another user");
    let limits = fs::read_to_string(about("limits")).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(line.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"], "{line}");
    // The kernel assigns these files to root if the process is not dumpable (proc(5)).
    assert_eq!(fs::metadata(about("mem")).unwrap().uid(), 0);
    // Entries are linked through /proc/self/fd, which still works for the process itself.
    let answer = Wire::connect(&world, &daemon, "client").post("/webhooks/pix", &[b'x'; 200 << 10]).unwrap();
    assert_eq!(answer.status, 200);
    eventually("the entry", || (world.entries("pix").len() == 1).then_some(()));
}

#[test]
fn the_text_of_the_key_is_not_in_memory() {
    for kind in [KeyKind::EcdsaP256, KeyKind::Rsa2048] {
        let world = World::new();
        let server = Root::new(kind, Timestamp::now()).unwrap().server(&[]).unwrap();
        fs::write(world.cert("server"), server.certificate_pem).unwrap();
        fs::write(world.key("server"), server.key_pem).unwrap();
        let lines = key_lines(&world);
        let daemon = world.start();
        daemon.logged("serving", |_| true);
        assert!(occurrences(daemon.pid(), b"webhooks.toml") > 0, "the search finds existing text");
        // A load that is running holds the text: a change of a file can cause a second one.
        let none = |when: &str| {
            for line in &lines {
                eventually(&format!("no key in memory {when}: {kind:?}"), || {
                    (occurrences(daemon.pid(), line.as_bytes()) == 0).then_some(())
                });
            }
        };
        none("after the start");
        // A reload reads all files again.
        let text = fs::read_to_string(world.path("webhooks.toml")).unwrap();
        let text = text.replace("settle = \"200ms\"", "settle = \"100ms\"");
        fs::write(world.path("webhooks.toml"), text).unwrap();
        daemon.logged("reloaded", |_| true);
        none("after a reload");
    }
}

/// Full lines of the server key's base64.
fn key_lines(world: &World) -> Vec<String> {
    let text = fs::read_to_string(world.key("server")).unwrap();
    // Not all lines of an RSA key, because the search is slow.
    let lines: Vec<_> = text.lines().filter(|line| line.len() == 64).take(4).map(str::to_owned).collect();
    assert!(!lines.is_empty(), "{}", text.lines().count());
    lines
}

/// The number of occurrences of some bytes in the writable memory of a process.
fn occurrences(pid: u32, needle: &[u8]) -> usize {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let mut memory = fs::File::open(format!("/proc/{pid}/mem")).unwrap();
    let mut count = 0;
    for line in
        maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|rights| rights.starts_with("rw")))
    {
        let (from, to) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let [from, to] = [from, to].map(|address| u64::from_str_radix(address, 16).unwrap());
        memory.seek(SeekFrom::Start(from)).unwrap();
        let mut bytes = Vec::new();
        // A mapping may disappear in the meantime, and some cannot be read.
        if (&mut memory).take(to - from).read_to_end(&mut bytes).is_ok() {
            count += bytes.windows(needle.len()).filter(|window| *window == needle).count();
        }
    }
    count
}
