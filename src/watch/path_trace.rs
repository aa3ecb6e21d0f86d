//! The path of a file with all its symlinks: every name that, if it were replaced, would make the path lead to another
//! file.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

/// How many symlinks are followed, as the kernel has it (path_resolution(7)).
const SYMLINKS_MAX: usize = 40;

/// The names on the paths of a set of files.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct PathTrace {
    /// Each in the directory that it was found in.
    pub(super) names: BTreeSet<PathBuf>,
    /// Those directories with their device and inode, because another directory may replace them.
    pub(super) folders: BTreeSet<(PathBuf, u64, u64)>,
}

impl PathTrace {
    /// The current paths of all these files.
    pub(super) fn to(files: &[PathBuf]) -> Self {
        let mut trace = Self::default();
        for file in files {
            trace.follow(file);
        }
        trace.folders = trace
            .names
            .iter()
            .filter_map(|name| name.parent())
            .filter_map(|folder| {
                let metadata = fs::metadata(folder).ok()?;
                Some((folder.to_owned(), metadata.dev(), metadata.ino()))
            })
            .collect();
        trace
    }

    fn follow(&mut self, file: &Path) {
        let Ok(absolute) = std::path::absolute(file) else { return };
        let mut place = PathBuf::from("/");
        let mut ahead: Vec<Step> = steps(&absolute);
        let mut symlinks = 0;
        while let Some(step) = ahead.pop() {
            let name = match step {
                Step::Root => {
                    place = PathBuf::from("/");
                    continue;
                }
                Step::Up => {
                    place.pop();
                    continue;
                }
                Step::Down(name) => place.join(name),
            };
            self.names.insert(name.clone());
            match fs::read_link(&name) {
                Ok(target) if symlinks < SYMLINKS_MAX => {
                    symlinks += 1;
                    ahead.extend(steps(&target));
                }
                // What is missing may come; what loops leads nowhere.
                Ok(_) => return,
                Err(_) => place = name,
            }
        }
    }
}

enum Step {
    Root,
    Up,
    Down(OsString),
}

/// The steps of a path, the first one last.
fn steps(path: &Path) -> Vec<Step> {
    path.components()
        .rev()
        .filter_map(|component| match component {
            Component::RootDir => Some(Step::Root),
            Component::ParentDir => Some(Step::Up),
            Component::Normal(name) => Some(Step::Down(name.to_owned())),
            Component::CurDir | Component::Prefix(_) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn every_symlink_on_the_way_is_a_name_on_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("a path");
        // As Kubernetes has it: tls.crt -> ..data/tls.crt, ..data -> ..1.
        fs::create_dir(root.join("..1")).expect("a folder");
        fs::write(root.join("..1/tls.crt"), "x").expect("a file");
        symlink("..1", root.join("..data")).expect("a symlink");
        symlink("..data/tls.crt", root.join("tls.crt")).expect("a symlink");
        let trace = PathTrace::to(&[root.join("tls.crt")]);
        for name in ["tls.crt", "..data", "..1", "..1/tls.crt"] {
            assert!(trace.names.contains(&root.join(name)), "{name}: {trace:?}");
        }
        let folders: BTreeSet<_> = trace.folders.iter().map(|(folder, _, _)| folder.clone()).collect();
        assert!(folders.contains(&root) && folders.contains(&root.join("..1")), "{trace:?}");
        fs::create_dir(root.join("..2")).expect("a folder");
        fs::remove_file(root.join("..data")).expect("removed");
        symlink("..2", root.join("..data")).expect("a symlink");
        assert!(PathTrace::to(&[root.join("tls.crt")]).names.contains(&root.join("..2/tls.crt")));
    }

    #[test]
    fn a_loop_ends_and_what_is_missing_is_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("a path");
        symlink("b", root.join("a")).expect("a symlink");
        symlink("a", root.join("b")).expect("a symlink");
        let trace = PathTrace::to(&[root.join("a"), root.join("none/file")]);
        assert!(trace.names.contains(&root.join("b")) && trace.names.contains(&root.join("none/file")));
    }

    #[test]
    fn a_folder_that_is_replaced_makes_another_way() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("a path");
        fs::create_dir(root.join("certs")).expect("a folder");
        let file = [root.join("certs/a.pem")];
        let before = PathTrace::to(&file);
        assert_eq!(before, PathTrace::to(&file));
        fs::create_dir(root.join("next")).expect("a folder");
        fs::rename(root.join("certs"), root.join("old")).expect("a rename");
        fs::rename(root.join("next"), root.join("certs")).expect("a rename");
        assert_ne!(before, PathTrace::to(&file));
    }
}
