//! Compares all log messages with a list, because operators search and filter by these texts.
//!
//! `UPDATE_EXPECT=1` regenerates the list.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const LIST: &str = "tests/log_messages.txt";
const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The contents of all source files below `src`, without their tests.
fn sources(directory: &Path) -> Vec<String> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            texts.extend(sources(&path));
        } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
            let text = fs::read_to_string(path).unwrap();
            texts.push(text.split("#[cfg(test)]").next().unwrap().to_owned());
        }
    }
    texts
}

/// The arguments of each call of a logging macro, with the level.
fn calls(text: &str) -> Vec<(&'static str, &str)> {
    let mut found = Vec::new();
    for level in LEVELS {
        let call = format!("tracing::{level}!(");
        for (at, _) in text.match_indices(&call) {
            let arguments = &text[at + call.len()..];
            found.push((level, &arguments[..end(arguments)]));
        }
    }
    found
}

/// The position of the closing parenthesis of a call.
fn end(text: &str) -> usize {
    let (mut depth, mut in_string, mut escaped) = (1, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            '(' if !in_string => depth += 1,
            ')' if !in_string => {
                depth -= 1;
                if depth == 0 {
                    return at;
                }
            }
            _ => {}
        }
    }
    panic!("no end: {text}")
}

/// The message, which is the last string of a call.
fn message(arguments: &str) -> &str {
    let arguments = arguments.trim_end().trim_end_matches(',');
    let body = arguments.strip_suffix('"').unwrap_or_else(|| panic!("no message at the end: {arguments}"));
    &body[body.rfind('"').expect("a string") + 1..]
}

#[test]
fn every_log_message_is_in_the_list() {
    let sources = sources(&root().join("src"));
    let lines: BTreeSet<_> = sources
        .iter()
        .flat_map(|text| calls(text))
        .map(|(level, arguments)| format!("{level}: {}\n", message(arguments)))
        .collect();
    assert!(lines.len() > 50, "{lines:#?}");
    let list: String = lines.into_iter().collect();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(root().join(LIST), &list).unwrap();
    }
    assert_eq!(fs::read_to_string(root().join(LIST)).unwrap(), list, "UPDATE_EXPECT=1 writes {LIST} again");
    // A message is in lower case and does not end with a period.
    for line in list.lines() {
        let (_, message) = line.split_once(": ").unwrap();
        let first = message.split(' ').next().unwrap();
        let is_name = first.chars().all(|c| c.is_ascii_uppercase() || c == '_') || first == "ID";
        assert!(is_name || !first.starts_with(char::is_uppercase), "{message}");
        assert!(!message.ends_with('.') && !message.contains("whoever"), "{message}");
    }
}
