//! A name means one thing, and a type's methods are in the type's file.

use std::collections::BTreeMap;

use super::source::{Tree, code, tree};

/// Names that several modules may use, each for its own type.
const SHARED: &[&str] = &["Settings"];
/// What declares a type.
const DECLARATIONS: &[&str] = &["struct ", "enum ", "trait ", "type ", "union "];

/// The name of the type that a line declares, and whether the line makes it public.
fn declared(line: &str) -> Option<(&str, bool)> {
    let line = line.trim_start();
    let (rest, public) = match line.strip_prefix("pub") {
        Some(rest) => (
            rest.strip_prefix('(').map_or(rest, |rest| rest.split_once(')').map_or("", |(_, rest)| rest)),
            true,
        ),
        None => (line, false),
    };
    let rest = rest.trim_start();
    let name = DECLARATIONS.iter().find_map(|word| rest.strip_prefix(word))?;
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
    Some((&name[..end], public))
}

/// The name of the type to which a line adds inherent methods: `impl<T> a::Name<T> {`.
fn inherent(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("impl")?;
    let rest = match rest.strip_prefix('<') {
        Some(generics) => {
            let mut depth = 1;
            let end = generics.find(|c| {
                depth += i32::from(c == '<') - i32::from(c == '>');
                depth == 0
            })?;
            &generics[end + 1..]
        }
        None => rest,
    };
    let path = rest.strip_prefix(' ')?;
    if path.contains(" for ") {
        return None;
    }
    let path = &path[..path.find(['<', ' ', '{']).unwrap_or(path.len())];
    path.rsplit("::").next()
}

/// Public names that two files declare, as `Name: files`.
fn doubles(tree: &Tree) -> Vec<String> {
    let mut files: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (path, text) in tree {
        let names = code(text).filter_map(|(_, line)| declared(line)).filter(|(_, public)| *public);
        for (name, _) in names.filter(|(name, _)| !SHARED.contains(name)) {
            files.entry(name.to_owned()).or_default().push(path);
        }
    }
    let twice = files.into_iter().filter(|(_, files)| files.len() > 1);
    twice.map(|(name, files)| format!("{name}: {}", files.join(", "))).collect()
}

/// Inherent methods outside of the type's file, as `path:line: name`. Such an `impl` uses a type without naming it
/// in a `use`, so two files can depend on each other unnoticed.
fn strays(tree: &Tree) -> Vec<String> {
    let mut strays = Vec::new();
    for (path, text) in tree {
        let own: Vec<_> = code(text).filter_map(|(_, line)| declared(line)).map(|(name, _)| name).collect();
        for (line, code) in code(text) {
            if let Some(name) = inherent(code).filter(|name| !own.contains(name)) {
                strays.push(format!("{path}:{line}: {name}"));
            }
        }
    }
    strays
}

#[test]
fn a_public_type_name_occurs_once() {
    let doubles = doubles(&tree());
    assert!(doubles.is_empty(), "\n{}", doubles.join("\n"));
}

#[test]
fn methods_of_a_type_are_in_its_file() {
    let strays = strays(&tree());
    assert!(strays.is_empty(), "\n{}", strays.join("\n"));
}

#[test]
fn planted_doubles_and_strays_are_found() {
    let tree = |files: &[(&str, &str)]| -> Tree {
        files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
    };
    let both = tree(&[
        ("a.rs", "pub struct Peer;\npub struct Settings;"),
        ("b.rs", "pub(super) enum Peer<T> {}\npub struct Settings;"),
    ]);
    assert_eq!(doubles(&both), ["Peer: a.rs, b.rs"]);
    assert!(
        doubles(&tree(&[("a.rs", "pub type Peer = u8;"), ("b.rs", "struct Peer;\n// pub struct Peer;")]))
            .is_empty()
    );
    let stray = tree(&[(
        "a.rs",
        "pub struct Peer;\nimpl Peer {}\nimpl fmt::Debug for Other {}\nimpl<T: Into<U>> crate::b::Other<T> {}",
    )]);
    assert_eq!(strays(&stray), ["a.rs:4: Other"]);
}
