//! Disks for tests: file systems in files, on loop devices.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::ops::Deref;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use hookspool::spool::FileSystem;

use crate::world::{World, eventually};

pub const MIB: u64 = 1 << 20;

/// The block size, which is the page size, in which a tmpfs allocates memory.
const BLOCK: &str = "4096";

/// Runs a system tool, which must succeed.
pub fn tool<S: AsRef<OsStr>>(program: &str, args: &[S]) {
    let output = run(program, args);
    assert!(output.status.success(), "{program}: {}", output_text(&output));
}

fn run<S: AsRef<OsStr>>(program: &str, args: &[S]) -> Output {
    // Debian installs these tools in directories that are not in the path of every user.
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
    let output = Command::new(program).args(args).env("PATH", path).output();
    output.unwrap_or_else(|error| panic!("{program}: {error}; tests/run installs missing tools"))
}

fn output_text(output: &Output) -> String {
    format!(
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Fails with an explanation if the test cannot mount file systems.
fn require_mount_privileges() {
    assert!(
        rustix::process::geteuid().is_root(),
        "this test mounts file systems: run it as root, or leave it out with `--skip power::`"
    );
    assert!(
        Path::new("/dev/loop-control").exists(),
        "this test needs loop devices: `modprobe loop`, or leave it out with `--skip power::`"
    );
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    Ext4,
    Xfs,
    /// ext4 without a journal.
    Unjournaled,
    Ext2,
}

/// A sparse file that contains a file system.
pub struct Image {
    pub kind: Kind,
    pub file: PathBuf,
}

impl Image {
    pub fn make(kind: Kind, file: PathBuf, size: u64, options: &[&str]) -> Self {
        require_mount_privileges();
        File::create_new(&file).unwrap().set_len(size).unwrap();
        let (program, blocks) = match kind {
            Kind::Ext4 => ("mkfs.ext4", &["-q", "-b", BLOCK][..]),
            Kind::Xfs => ("mkfs.xfs", &["-q", "-s", "size=4096"][..]),
            Kind::Unjournaled => ("mkfs.ext4", &["-q", "-b", BLOCK, "-O", "^has_journal"][..]),
            Kind::Ext2 => ("mkfs.ext2", &["-q", "-b", BLOCK][..]),
        };
        let options = blocks.iter().chain(options).map(OsStr::new);
        tool(program, &options.chain([file.as_os_str()]).collect::<Vec<_>>());
        Self { kind, file }
    }

    /// Mounts the file system, which replays its journal.
    pub fn mount(&self, at: PathBuf) -> Mount {
        let device = Loop::new(&self.file);
        let mut mount = Mount::new(&[OsStr::new(&device.0)], at);
        mount.device = Some(device);
        mount
    }

    /// Repairs the file system, as a machine does at boot before it mounts it.
    pub fn repair(&self) {
        if self.kind != Kind::Xfs {
            let output = run("fsck.ext4", &["-y".as_ref(), self.file.as_os_str()]);
            // The codes 1 and 2 mean that errors were corrected (fsck(8)).
            assert!(output.status.code().is_some_and(|code| code < 4), "fsck.ext4: {}", output_text(&output));
        }
    }
}

/// A loop device, detached when it is dropped.
struct Loop(String);

impl Loop {
    fn new(file: &Path) -> Self {
        let args = ["--find", "--show", "--sector-size", BLOCK].map(OsStr::new);
        let output = run("losetup", &[&args[..], &[file.as_os_str()]].concat());
        assert!(output.status.success(), "losetup: {}", output_text(&output));
        let device = Self(String::from_utf8(output.stdout).unwrap().trim().to_owned());
        // One block per request. If the disk of the file is full, Linux (seen in 6.18) may write a part of a larger
        // request and report all of it as written, and the spool cannot detect that.
        let name = Path::new(&device.0).file_name().unwrap().display();
        fs::write(format!("/sys/block/{name}/queue/max_sectors_kb"), "4").unwrap();
        device
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        // If it is still in use, the kernel detaches it after its last user.
        run("losetup", &["-d", &self.0]);
    }
}

/// A mounted file system, unmounted when it is dropped, also if a test panics.
pub struct Mount {
    at: PathBuf,
    mounted: bool,
    /// Dropped after the file system is unmounted.
    device: Option<Loop>,
}

impl Mount {
    fn new(args: &[&OsStr], at: PathBuf) -> Self {
        if !at.exists() {
            fs::create_dir(&at).unwrap();
        }
        tool("mount", &[args, &[at.as_os_str()]].concat());
        Self { at, mounted: true, device: None }
    }

    pub(super) fn tmpfs(size: u64, at: PathBuf) -> Self {
        require_mount_privileges();
        let options = format!("size={size}");
        Self::new(&["-t", "tmpfs", "-o", &options, "tmpfs"].map(OsStr::new), at)
    }

    /// Mounts a directory at a second path.
    pub(super) fn bind(from: &Path, at: PathBuf) -> Self {
        require_mount_privileges();
        Self::new(&["--bind".as_ref(), from.as_os_str()], at)
    }

    /// Mounts an overlay whose changes are stored in `upper`.
    pub(super) fn overlay(lower: &Path, upper: &Path, at: PathBuf) -> Self {
        for folder in [lower, &upper.join("upper"), &upper.join("work")] {
            fs::create_dir_all(folder).unwrap();
        }
        let upper = upper.display();
        let options = format!("lowerdir={},upperdir={upper}/upper,workdir={upper}/work", lower.display());
        Self::new(&["-t", "overlay", "-o", &options, "overlay"].map(OsStr::new), at)
    }

    /// Changes the size of a tmpfs.
    pub(super) fn resize(&self, size: u64) {
        let options = format!("remount,size={size}");
        tool("mount", &["-o".as_ref(), options.as_ref(), self.at.as_os_str()]);
    }

    pub(super) fn used(&self) -> u64 {
        let stat = rustix::fs::statvfs(&self.at).unwrap();
        (stat.f_blocks - stat.f_bfree) * stat.f_frsize
    }

    /// Simulates a power failure: no later write reaches the disk, and the part of the journal in memory is lost,
    /// because `shutdown` without `-f` does not flush it.
    pub fn cut(&self) {
        tool("xfs_io", &["-x".as_ref(), "-c".as_ref(), "shutdown".as_ref(), self.at.as_os_str()]);
    }

    /// Limits the write rate of the disk, if the machine has control groups of version 1.
    pub(super) fn limit_writes(&self, bytes_per_second: u64) {
        let limits = Path::new("/sys/fs/cgroup/blkio/blkio.throttle.write_bps_device");
        let device = fs::metadata(&self.device.as_ref().expect("a mounted image").0).unwrap().rdev();
        let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
        if limits.exists() {
            fs::write(limits, format!("{major}:{minor} {bytes_per_second}")).unwrap();
        }
    }

    /// Unmounts the file system, which drops its cached pages. Retries, because a process of another test may have it
    /// open for a moment.
    pub fn unmount(mut self) {
        self.mounted = false;
        let at = self.at.clone();
        let mut error = String::new();
        eventually("the file system is unmounted", || {
            let output = run("umount", &[&at]);
            error = output_text(&output);
            (output.status.success() || error.contains("not mounted")).then_some(())
        });
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if self.mounted && !run("umount", &[&self.at]).status.success() {
            // Lazily: a process still has it open.
            run("umount", &[OsStr::new("-l"), self.at.as_os_str()]);
        }
    }
}

/// A world whose spool is on a file system with a journal, so that it has a write-ahead log.
pub struct Journaled {
    /// Unmounted before the directory of the world is removed.
    _disk: Option<Mount>,
    world: World,
}

impl Journaled {
    pub fn world() -> Self {
        let world = World::new();
        let folder = File::open(world.path("")).unwrap();
        if FileSystem::of(&folder).unwrap() == FileSystem::Journaling {
            return Self { _disk: None, world };
        }
        let image = Image::make(Kind::Ext4, world.path("image"), 1024 * MIB, &[]);
        Self { _disk: Some(image.mount(world.path("spool"))), world }
    }
}

impl Deref for Journaled {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}
