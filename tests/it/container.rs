//! The image of docs/container.md, built and run without a registry.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::wire::Wire;
use crate::world::{World, program};

/// The user of the image.
const USER: u32 = 990;

/// The image, and a container of it.
struct Image(tempfile::TempDir);

impl Image {
    fn build() -> Self {
        let image = Self(tempfile::tempdir().unwrap());
        let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
        let built = Command::new("sh")
            .arg(repository.join("tests/it/container.sh"))
            .arg(image.0.path())
            .arg(program())
            .arg(repository.join("docs/container.md"))
            .output()
            .unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        image
    }

    fn buildah(&self) -> Command {
        let mut buildah = Command::new("buildah");
        for (option, name) in [("--root", "storage"), ("--runroot", "run")] {
            buildah.arg(option).arg(self.0.path().join(name));
        }
        buildah.args(["--storage-driver", "vfs"]);
        buildah
    }

    /// The program in the container, with these directories of the host mounted.
    fn hookspool(&self, mounts: &[(PathBuf, &Path)]) -> Command {
        let mut run = self.buildah();
        run.args(["run", "--isolation", "chroot"]);
        for (host, inside) in mounts {
            run.arg("--volume").arg(format!("{}:{}", host.display(), inside.display()));
        }
        run.args(["hookspool", "--", "/usr/bin/hookspool"]);
        run
    }
}

/// The last of a chain of processes, each the only child of a thread of the previous one.
fn last_descendant(pid: u32) -> u32 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let children = tasks.filter_map(|task| fs::read_to_string(task.unwrap().path().join("children")).ok());
    let children: String = children.collect();
    let child = children.split_whitespace().next().and_then(|child| child.parse().ok());
    child.map_or(pid, last_descendant)
}

impl Drop for Image {
    fn drop(&mut self) {
        // Removes the mounts as well.
        let _ = self.buildah().args(["rm", "--all"]).output();
    }
}

fn give_to_user(path: &Path) {
    chown(path, Some(USER), Some(USER)).unwrap();
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| give_to_user(&entry.unwrap().path()));
    }
}

#[test]
fn the_documented_image_stores_deliveries_on_the_mounted_volume() {
    let (image, world) = (Image::build(), World::new());
    let volume = world.path("volume");
    fs::create_dir(&volume).unwrap();
    let text = fs::read_to_string(world.path("webhooks.toml")).unwrap();
    let text = text.replace("[spool]", "[spool]\ndirectory = \"/var/lib/hookspool/spool\"");
    fs::write(world.path("webhooks.toml"), text).unwrap();
    give_to_user(&world.path(""));
    // Configuration and certificates, at the path that the test uses, and the volume of the spool.
    let (config, spool) = (world.path(""), Path::new("/var/lib/hookspool"));
    let mut daemon = world.start_by(image.hookspool(&[(config.clone(), &config), (volume.clone(), spool)]));
    let answer = Wire::connect(&world, &daemon, "client").post("/webhooks/pix", b"{}").unwrap();
    assert_eq!(answer.status, 200);
    let entries: Vec<_> = fs::read_dir(volume.join("spool/pix/new")).unwrap().map(Result::unwrap).collect();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].metadata().unwrap().uid(), USER);
    let pid = last_descendant(daemon.child.id());
    assert!(Command::new("kill").arg(pid.to_string()).status().unwrap().success());
    let ended = daemon.wait();
    assert!(ended.success(), "{ended}: {}", daemon.log_text());
}
