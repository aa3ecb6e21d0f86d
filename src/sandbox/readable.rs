//! The folders that files can be read in, once the process is restricted.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// How many symlinks are followed, as the kernel has it (path_resolution(7)).
const SYMLINKS_MAX: usize = 40;

/// Where files can be read: anywhere by default, or beneath some folders.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Readable(Option<BTreeSet<PathBuf>>);

impl Readable {
    pub(super) fn beneath(folders: BTreeSet<PathBuf>) -> Self {
        Self(Some(folders))
    }

    /// Whether a file can be read, its rights aside. What does not exist lies nowhere.
    pub fn holds(&self, file: &Path) -> bool {
        let Some(folders) = &self.0 else { return true };
        // Names are resolved without rights of Landlock's.
        fs::canonicalize(file).is_ok_and(|file| folders.iter().any(|folder| file.starts_with(folder)))
    }
}

/// The folders of a file: where its name really stands, where the symlink of that name leads, and so on.
///
/// A folder further up that is a symlink is resolved and not followed: were its next target's folder
/// granted as well, `/var/run` would grant all of `/`.
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
    fn every_folder_that_a_symlink_leads_through_is_one_of_the_files() {
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
    fn a_loop_ends_and_a_folder_that_is_a_symlink_is_resolved() {
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
    fn what_lies_beneath_is_told_by_where_it_really_is() {
        let world = tempfile::tempdir().expect("a folder");
        let root = world.path().canonicalize().expect("a path");
        for name in ["in", "out"] {
            fs::create_dir(root.join(name)).expect("a folder");
            fs::write(root.join(name).join("file"), "x").expect("a file");
        }
        symlink("../out/file", root.join("in/link")).expect("a symlink");
        let readable = Readable::beneath([root.join("in")].into());
        assert!(readable.holds(&root.join("in/file")) && readable.holds(&root.join("out/../in/file")));
        assert!(!readable.holds(&root.join("in/link")) && !readable.holds(&root.join("out/file")));
        assert!(Readable::default().holds(&root.join("out/file")));
    }
}
