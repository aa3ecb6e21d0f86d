//! ARCHITECTURE.md and the documents say what the code and Cargo.toml say.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::source::{modules, tree};

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The text between a heading and the next one.
fn section<'a>(document: &'a str, heading: &str) -> &'a str {
    let (_, rest) = document.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    rest.split("\n## ").next().unwrap()
}

/// The words of a line of the layer diagram, without its number and its remark in parentheses.
fn layer(line: &str) -> BTreeSet<String> {
    let line = line.split('(').next().unwrap().split("webhooks.toml").next().unwrap();
    let names = line.get(19..).unwrap_or_default();
    names.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn the_layers_are_those_of_the_source() {
    let architecture = read("ARCHITECTURE.md");
    let drawn: Vec<_> = section(&architecture, "## Layers")
        .lines()
        .filter(|line| line.trim_start().starts_with(|c: char| c.is_ascii_digit()))
        .map(layer)
        .rev()
        .collect();
    let mut layers: Vec<BTreeSet<String>> = Vec::new();
    let mut last = None;
    for (name, group) in modules(&tree()["lib.rs"]) {
        if last != Some(group) {
            layers.push(BTreeSet::new());
        }
        last = Some(group);
        layers.last_mut().unwrap().insert(name);
    }
    assert_eq!(drawn, layers);
}

#[test]
fn every_dependency_has_a_reason_and_every_reason_a_dependency() {
    let cargo = read("Cargo.toml");
    let architecture = read("ARCHITECTURE.md");
    let of = |heading: &str| -> BTreeSet<String> {
        let keys = section(&cargo, heading).lines().take_while(|line| !line.starts_with('['));
        keys.filter_map(|line| Some(line.split_once('=')?.0.trim().to_owned())).collect()
    };
    let used: BTreeSet<_> = of("[dependencies]").union(&of("[dev-dependencies]")).cloned().collect();
    let rows = section(&architecture, "## Dependencies").lines().filter(|line| line.starts_with("| "));
    let named = rows
        .filter_map(|line| line.split('|').nth(1))
        .flat_map(|names| names.trim().trim_end_matches(" (tests)").split(", "));
    let named: BTreeSet<_> = named.map(str::to_owned).filter(|name| name != "crate").collect();
    assert_eq!(used, named);
}
