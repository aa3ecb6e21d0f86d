//! ARCHITECTURE.md and the documents say what the code and Cargo.toml say.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::source::{modules, tree};

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The text between a heading and the next one.
pub(crate) fn section<'a>(document: &'a str, heading: &str) -> &'a str {
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

#[test]
fn every_exit_code_is_documented() {
    let code = read("src/cli/exit.rs");
    let (_, table) = code.split_once("Self::from(match exit {").unwrap();
    let codes = table.split("})").next().unwrap().lines().filter_map(|line| line.split("=> ").nth(1));
    let codes: BTreeSet<_> = codes.map(|code| code.trim_end_matches(',').to_owned()).collect();
    let operating = read("docs/operating.md");
    let listed = section(&operating, "## Exit codes").split("\n\n").find(|text| text.contains('·')).unwrap();
    let listed = listed.split('·').filter_map(|part| part.split_whitespace().next());
    assert_eq!(listed.map(str::to_owned).collect::<BTreeSet<_>>(), codes);
    let pages = tempfile::tempdir().unwrap();
    let made = Command::new(env!("CARGO_BIN_EXE_hookspool")).arg("man").arg(pages.path()).status().unwrap();
    assert!(made.success());
    let manual = fs::read_to_string(pages.path().join("hookspool.1")).unwrap();
    let (_, section) = manual.split_once(".SH \"EXIT STATUS\"").unwrap();
    let section = section.split(".SH").next().unwrap();
    let shown = section.lines().filter_map(|line| line.strip_prefix("\\fB")?.strip_suffix("\\fR"));
    assert_eq!(shown.map(str::to_owned).collect::<BTreeSet<_>>(), codes);
}

/// The anchors of the headings of a document.
fn anchors(document: &str) -> BTreeSet<String> {
    let headings = document.lines().filter(|line| line.starts_with('#'));
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    let anchor =
        |heading: &str| heading.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-");
    headings.map(|heading| anchor(heading.trim_start_matches('#').trim())).collect()
}

#[test]
fn links_between_documents_lead_to_a_heading() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = [root.to_owned(), root.join("docs"), root.join("tests")]
        .into_iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    let mut links = 0;
    for file in files.filter(|file| file.extension().is_some_and(|extension| extension == "md")) {
        let text = fs::read_to_string(&file).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { file.clone() } else { file.parent().unwrap().join(path) };
            assert!(target.exists(), "{}: {link}", file.display());
            let found = || anchors(&fs::read_to_string(&target).unwrap()).contains(anchor);
            assert!(anchor.is_empty() || found(), "{}: {link}", file.display());
            links += 1;
        }
    }
    assert!(links > 100, "{links}");
}
