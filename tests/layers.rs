//! Enforces the architecture: a module uses only modules of lower layers.
//!
//! The layers are the groups of `pub mod` lines in `src/lib.rs`; inside a directory, the order of the lines in its
//! `mod.rs` counts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests may panic")]

#[path = "layers/documents.rs"]
mod documents;
#[path = "layers/limits.rs"]
mod limits;
#[path = "layers/limits_of_code.rs"]
mod limits_of_code;
#[path = "layers/source.rs"]
mod source;
#[path = "layers/types.rs"]
mod types;

use std::collections::BTreeMap;

use source::{Tree, code, modules, tree};

/// Names that only certain files may contain.
const OWNERS: &[(&str, &[&str])] = &[
    ("warp::", &["server/routes.rs"]),
    ("toml::", &["config/text/raw.rs"]),
    ("use notify::", &["watch/file_watch.rs"]),
    ("fs::rename(", &["devpki/files.rs"]),
    ("openat(", &["spool/disk.rs", "spool/walk.rs", "sandbox/restrict.rs"]),
    ("renameat(", &["spool/disk.rs"]),
    ("sync_data(", &["spool/disk.rs"]),
    ("syncfs(", &["spool/disk.rs"]),
    ("Timestamp::now", &["clock.rs"]),
    ("sd_notify::", &["systemd/manager.rs"]),
    ("listenfd::", &["systemd/activation.rs"]),
    ("Receipt {", &["spool/writer.rs"]),
    ("Payload {", &["policy/payload.rs"]),
    ("Peer::new(", &["tls/handshake_decision.rs", "tls/verifier_properties.rs"]),
    ("HandshakeSignatureValid::assertion", &["tls/signature.rs", "tls/client/server_verifier.rs"]),
    ("static mut", &[]),
];

/// The names after each `prefix` in a line, for `crate::a::b` and `crate::{a, b}`.
fn named_after(line: &str, prefix: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    line.match_indices(prefix)
        .flat_map(|(at, _)| {
            let rest = &line[at + prefix.len()..];
            match rest.strip_prefix('{') {
                Some(list) => list.split(',').map(|part| word(part.trim())).collect(),
                None => vec![word(rest)],
            }
        })
        .collect()
}

/// All uses in the wrong direction, with path and line.
fn faults(tree: &Tree) -> Vec<String> {
    let layers: BTreeMap<_, _> = modules(&tree["lib.rs"]).into_iter().collect();
    let mut faults = Vec::new();
    for (path, text) in tree.iter().filter(|(path, _)| *path != "lib.rs" && *path != "main.rs") {
        let own = path.split(['/', '.']).next().unwrap().to_owned();
        let Some(own_layer) = layers.get(&own) else {
            faults.push(format!("{path}: `{own}` is in no layer"));
            continue;
        };
        for (line, code) in code(text) {
            for used in named_after(code, "crate::") {
                if layers.get(&used).is_some_and(|layer| used != own && layer >= own_layer) {
                    faults.push(format!("{path}:{line}: `{own}` uses `{used}`, which is not below it"));
                }
            }
        }
        faults.extend(faults_inside(tree, path, text));
    }
    faults
}

/// Uses of modules whose line comes later in the `mod.rs` of a directory that the file is in.
fn faults_inside(tree: &Tree, path: &str, text: &str) -> Vec<String> {
    let parts: Vec<_> = path.split('/').collect();
    (1..parts.len()).flat_map(|depth| faults_at(tree, &parts, depth, text)).collect()
}

/// As [`faults_inside`], for the directory of the first `depth` parts of the path.
fn faults_at(tree: &Tree, parts: &[&str], depth: usize, text: &str) -> Vec<String> {
    let (folder, path) = (parts[..depth].join("/"), parts.join("/"));
    let Some(map) = tree.get(&format!("{folder}/mod.rs")) else { return Vec::new() };
    let order: Vec<_> = modules(map).into_iter().map(|(name, _)| name).collect();
    let position = |name: &str| order.iter().position(|other| other == name);
    let Some(own) = position(parts[depth].trim_end_matches(".rs")) else { return Vec::new() };
    let from_root = format!("crate::{}::", folder.replace('/', "::"));
    // `mod.rs` is the module of its directory, one level above its siblings.
    let levels = parts.len() - depth - usize::from(path.ends_with("/mod.rs"));
    let from_here = "super::".repeat(levels);
    code(text)
        .flat_map(|(line, code)| {
            let is_deeper = code.contains(&format!("super::{from_here}"));
            let relative = if is_deeper { Vec::new() } else { named_after(code, &from_here) };
            let used = [relative, named_after(code, &from_root)].concat();
            let later = used.into_iter().filter(|used| position(used).is_some_and(|used| used > own));
            let fault = |used| format!("{path}:{line}: uses `{used}`, which comes later in {folder}/mod.rs");
            later.map(fault).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn a_module_uses_only_lower_layers() {
    let faults = faults(&tree());
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn every_file_has_a_module_comment_and_at_most_450_lines() {
    for (path, text) in tree() {
        assert!(text.starts_with("//!"), "{path} does not begin with a module comment");
        assert!(text.lines().count() <= 450, "{path} has more than 450 lines");
    }
}

#[test]
fn restricted_names_occur_only_in_their_files() {
    for (path, text) in tree() {
        for (name, owners) in OWNERS {
            let found = code(&text).find(|(_, line)| line.contains(name));
            if let (Some((line, _)), false) = (found, owners.contains(&path.as_str())) {
                panic!("{path}:{line}: only {owners:?} may use `{name}`");
            }
        }
    }
}

#[test]
fn uses_in_the_wrong_direction_are_detected() {
    let plant = |path: &str, line: &str| {
        let mut tree = Tree::from([
            (
                "lib.rs".to_owned(),
                "// 0\npub mod clock;\n\n// 1\npub mod policy;\npub mod spool;\n".to_owned(),
            ),
            ("clock.rs".to_owned(), "//! x\n".to_owned()),
            ("policy.rs".to_owned(), "use crate::clock::Clock;\n".to_owned()),
            ("spool/mod.rs".to_owned(), "mod layout;\nmod wal;\nmod commit;\n".to_owned()),
            ("spool/layout.rs".to_owned(), "use crate::clock::Clock;\n".to_owned()),
            ("spool/commit.rs".to_owned(), "use super::layout::Layout;\n".to_owned()),
            ("spool/wal/mod.rs".to_owned(), "mod mark;\n".to_owned()),
            ("spool/wal/mark.rs".to_owned(), "use crate::spool::layout::Layout;\n".to_owned()),
        ]);
        assert!(faults(&tree).is_empty(), "{:?}", faults(&tree));
        tree.entry(path.to_owned()).or_default().push_str(line);
        faults(&tree)
    };
    assert_eq!(plant("clock.rs", "use crate::policy::Peer;").len(), 1, "upward");
    assert_eq!(plant("policy.rs", "use crate::spool::Draft;").len(), 1, "sideways");
    assert_eq!(plant("policy.rs", "use crate::{clock, spool};").len(), 1, "in a list");
    assert_eq!(plant("policy.rs", "fn f() { crate::spool::open() }").len(), 1, "without a use");
    assert_eq!(plant("spool/layout.rs", "use super::commit::Receipt;").len(), 1, "later in its directory");
    assert_eq!(plant("spool/layout.rs", "use crate::spool::commit::Receipt;").len(), 1, "with the full path");
    assert_eq!(plant("spool/wal/mark.rs", "use crate::spool::commit::Receipt;").len(), 1, "later above");
    assert_eq!(
        plant("spool/wal/mark.rs", "use super::super::commit::Receipt;").len(),
        1,
        "later above, relative"
    );
    assert_eq!(plant("spool/wal/mod.rs", "use super::commit::Receipt;").len(), 1, "later than the directory");
    assert_eq!(plant("stray.rs", "//! x").len(), 1, "in no layer");
    assert!(plant("clock.rs", "// crate::policy::Peer").is_empty(), "a comment is not a use");
}
