//! Resolves the path of a file with all its symlinks, and collects every name whose replacement would make the path
//! lead to another file.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

/// The most symlinks that are followed; the kernel has the same limit (path_resolution(7)).
const SYMLINKS_MAX: usize = 40;

/// The names on the paths of a set of files.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct PathTrace {
    /// Each name, with the directory that contains it.
    pub(super) names: BTreeSet<PathBuf>,
    /// Those directories with their device and inode, because they may be replaced by other directories.
    pub(super) folders: BTreeSet<(PathBuf, u64, u64)>,
}

impl PathTrace {
    /// Traces the current paths of all these files.
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
        let mut directory = PathBuf::from("/");
        let mut remaining: Vec<PathStep> = path_steps(&absolute);
        let mut symlinks = 0;
        while let Some(step) = remaining.pop() {
            let name = match step {
                PathStep::Root => {
                    directory = PathBuf::from("/");
                    continue;
                }
                PathStep::Up => {
                    directory.pop();
                    continue;
                }
                PathStep::Down(name) => directory.join(name),
            };
            self.names.insert(name.clone());
            match fs::read_link(&name) {
                Ok(target) if symlinks < SYMLINKS_MAX => {
                    symlinks += 1;
                    remaining.extend(path_steps(&target));
                }
                // Too many symlinks, so this is probably a loop. A missing name is recorded, because it may be created.
                Ok(_) => return,
                Err(_) => directory = name,
            }
        }
    }
}

enum PathStep {
    Root,
    Up,
    Down(OsString),
}

/// The steps of a path, in reverse order.
fn path_steps(path: &Path) -> Vec<PathStep> {
    path.components()
        .rev()
        .filter_map(|component| match component {
            Component::RootDir => Some(PathStep::Root),
            Component::ParentDir => Some(PathStep::Up),
            Component::Normal(name) => Some(PathStep::Down(name.to_owned())),
            Component::CurDir | Component::Prefix(_) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn every_symlink_on_the_path_is_traced() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("a path");
        // The layout of Kubernetes: tls.crt -> ..data/tls.crt, ..data -> ..1.
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
    fn symlink_loop_ends_and_missing_names_are_traced() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("a path");
        symlink("b", root.join("a")).expect("a symlink");
        symlink("a", root.join("b")).expect("a symlink");
        let trace = PathTrace::to(&[root.join("a"), root.join("none/file")]);
        assert!(trace.names.contains(&root.join("b")) && trace.names.contains(&root.join("none/file")));
    }

    #[test]
    fn replaced_directory_changes_the_trace() {
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
