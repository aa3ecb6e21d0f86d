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

/// The lines of code, without comments, documentation and items for tests.
pub(crate) fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    std::iter::from_fn(move || {
        loop {
            let (number, line) = lines.next()?;
            let content = line.trim_start();
            if content == "#[cfg(test)]" {
                skip_item(&mut lines, line.len() - content.len());
            } else if !content.starts_with("//") {
                return Some((number, line));
            }
        }
    })
}

/// Skips an item at this indentation: it ends with a brace there, or with a semicolon before any brace.
fn skip_item<'a>(lines: &mut impl Iterator<Item = (usize, &'a str)>, indentation: usize) {
    let end = format!("{}}}", " ".repeat(indentation));
    let mut has_body = false;
    for (_, line) in lines {
        has_body |= line.ends_with('{');
        if line == end || (!has_body && (line.ends_with(';') || line.ends_with('}'))) {
            return;
        }
    }
}

#[test]
fn items_for_tests_are_not_code_and_what_follows_is() {
    let text = "a;\n#[cfg(test)]\n#[path = \"x.rs\"]\nmod x;\nb;\n    #[cfg(test)]\n    fn c() {\n        d\n    }\n\
                // e\nf;\n#[cfg(test)]\nmod tests {\n    g\n}\n";
    assert_eq!(code(text).map(|(_, line)| line).collect::<Vec<_>>(), ["a;", "b;", "f;"]);
}
