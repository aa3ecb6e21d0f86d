//! The directories in which files can be read after the process is restricted.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The most symlinks that are followed; the kernel has the same limit (path_resolution(7)).
const SYMLINKS_MAX: usize = 40;

/// Where files can be read: below some directories, or anywhere, which is the default.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Readable(Option<BTreeSet<PathBuf>>);

impl Readable {
    pub(super) fn below(folders: BTreeSet<PathBuf>) -> Self {
        Self(Some(folders))
    }

    /// Whether Landlock permits reading a file; false if it does not exist. The file's mode is not checked.
    pub fn contains(&self, file: &Path) -> bool {
        let Some(folders) = &self.0 else { return true };
        // Resolving a name needs no right of Landlock.
        fs::canonicalize(file).is_ok_and(|file| folders.iter().any(|folder| file.starts_with(folder)))
    }
}

/// The directories of a file: the resolved directory of its name, that of the symlink's target, and so on.
///
/// A symlink among the parent directories is resolved, but the directory that contains its target is not included:
/// otherwise `/var/run` would permit reading all of `/`.
pub(super) fn folders_of(file: &Path) -> BTreeSet<PathBuf> {
    let mut folders = BTreeSet::new();
    let mut file = file.to_owned();
    for _ in 0..SYMLINKS_MAX {
        let folder = match file.parent() {
            Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
            Some(folder) => folder,
            None => break,
        };
        let (Ok(folder), Some(name)) = (fs::canonicalize(folder), file.file_name()) else { break };
        let link = fs::read_link(folder.join(name));
        folders.insert(folder.clone());
        match link {
            Ok(target) => file = folder.join(target),
            Err(_) => break,
        }
    }
    folders
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn directory_of_every_symlink_is_included() {
        let world = tempfile::tempdir().expect("a folder");
        let root = world.path().canonicalize().expect("a path");
        for folder in ["live", "archive", "store"] {
            fs::create_dir(root.join(folder)).expect("a folder");
        }
        fs::write(root.join("store/cert2.pem"), "x").expect("a file");
        symlink("../store/cert2.pem", root.join("archive/cert1.pem")).expect("a symlink");
        symlink("../archive/cert1.pem", root.join("live/cert.pem")).expect("a symlink");
        let folders = folders_of(&root.join("live/cert.pem"));
        assert_eq!(folders, ["live", "archive", "store"].map(|name| root.join(name)).into());
    }

    #[test]
    fn symlink_loop_ends_and_parent_symlinks_are_resolved() {
        let world = tempfile::tempdir().expect("a folder");
        let root = world.path().canonicalize().expect("a path");
        symlink("b", root.join("a")).expect("a symlink");
        symlink("a", root.join("b")).expect("a symlink");
        assert_eq!(folders_of(&root.join("a")), [root.clone()].into());
        fs::create_dir_all(root.join("far/away")).expect("folders");
        symlink("far/away", root.join("near")).expect("a symlink");
        assert_eq!(folders_of(&root.join("near/cert.pem")), [root.join("far/away")].into());
    }

    #[test]
    fn paths_are_resolved_before_they_are_compared() {
        let world = tempfile::tempdir().expect("a folder");
        let root = world.path().canonicalize().expect("a path");
        for name in ["in", "out"] {
            fs::create_dir(root.join(name)).expect("a folder");
            fs::write(root.join(name).join("file"), "x").expect("a file");
        }
        symlink("../out/file", root.join("in/link")).expect("a symlink");
        let readable = Readable::below([root.join("in")].into());
        assert!(readable.contains(&root.join("in/file")) && readable.contains(&root.join("out/../in/file")));
        assert!(!readable.contains(&root.join("in/link")) && !readable.contains(&root.join("out/file")));
        assert!(Readable::default().contains(&root.join("out/file")));
    }
}
