//! The source files as text.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The paths below `src`, with the contents of the files.
pub(crate) type Tree = BTreeMap<String, String>;

/// All files below `src` except separate files of tests.
pub(crate) fn tree() -> Tree {
    fn walk(folder: &Path, root: &Path, tree: &mut Tree) {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, tree);
            } else if path.to_str().is_some_and(|path| path.ends_with(".rs") && !path.ends_with("_tests.rs"))
            {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                tree.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut tree = Tree::new();
    walk(&root, &root, &mut tree);
    tree
}

/// The names of modules in the order of their lines, each with its group.
pub(crate) fn modules(text: &str) -> Vec<(String, usize)> {
    let mut group = 0;
    let mut found = Vec::new();
    for line in text.lines() {
        let line = line.trim();
        if line.is_empty() {
            group += 1;
        }
        let declared = line.strip_prefix("pub ").unwrap_or(line).strip_prefix("mod ");
        if let Some(name) = declared.and_then(|name| name.strip_suffix(';')) {
            found.push((name.to_owned(), group));
        }
    }
    found
}

/// The lines of code, without tests, comments and documentation.
pub(crate) fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let end = text.find("#[cfg(test)]").unwrap_or(text.len());
    let lines = text[..end].lines().enumerate().map(|(index, line)| (index + 1, line));
    lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
}
