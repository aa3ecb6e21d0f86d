//! docs/limits.md says what the code and the schema say, and contains every limit.

use std::collections::{BTreeMap, BTreeSet};

use hookspool::config::schema::{Fallback, TABLES_OF_KEYS};

use super::documents::{read, section};
use super::limits_of_code::{DOCUMENTED, ELSEWHERE};
use super::source::{Tree, code, tree};

/// A constant is a limit if its name ends with one of these.
const ENDINGS: &[&str] = &[
    "_MAX",
    "_TIMEOUT",
    "_BYTES",
    "_EVERY",
    "INTERVAL",
    "_DEADLINE",
    "_DIVISOR",
    "_PER_TICK",
    "_PER_STEP",
    "_BACK_OFF",
    "BURST",
    "REPEAT",
    "BACKLOG",
    "_WITHIN",
    "_AFTER",
];

/// The kinds of keys that are limits.
const KINDS: &[&str] = &["number", "size", "time", "time or \"off\""];

/// The cells of the tables of numeric limits: for each name, the default, the unit, the reason, what happens, and the metric.
fn rows() -> BTreeMap<String, Vec<String>> {
    let page = read("docs/limits.md");
    let rows = section(&page, "## Numeric limits").lines().filter_map(|line| line.strip_prefix("| "));
    let mut found = BTreeMap::new();
    for row in rows.filter(|row| !row.starts_with("limit | ")) {
        let mut cells: Vec<_> = row.trim_end_matches(" |").split(" | ").map(str::to_owned).collect();
        assert_eq!(cells.len(), 6, "{row}");
        assert!(cells.iter().all(|cell| !cell.trim().is_empty()), "{row}");
        let name = cells.remove(0);
        assert!(found.insert(name.clone(), cells).is_none(), "{name} is documented twice");
    }
    found
}

/// The names of the constants of a file that are limits.
fn limits_in(text: &str) -> impl Iterator<Item = &str> {
    code(text).filter_map(|(_, line)| {
        let (_, declared) = line.split_once("const ")?;
        let (name, _) = declared.split_once(':')?;
        let is_name = name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
        (is_name && ENDINGS.iter().any(|ending| name.ends_with(ending))).then_some(name)
    })
}

/// The files and names of all limits, each as `file NAME`.
fn limits(tree: &Tree) -> BTreeSet<String> {
    tree.iter().flat_map(|(file, text)| limits_in(text).map(move |name| format!("{file} {name}"))).collect()
}

#[test]
fn documented_limits_are_those_of_the_code() {
    let (rows, tree) = (rows(), tree());
    for (row, value, file, constant) in DOCUMENTED {
        let cells = rows.get(*row).unwrap_or_else(|| panic!("no row `{row}`"));
        assert!(cells[..2].iter().any(|cell| has_words(cell, value)), "{row}: {value} is not documented");
        assert!(tree[*file].contains(&format!("const {constant};")), "{file}: not `{constant}`");
        if let (Some(documented), Some(actual)) = (quantity(value), constant_value(constant)) {
            assert_eq!(documented, actual, "{row}: `{value}` is not `{constant}`");
        }
    }
}

/// Whether a text contains others that are not parts of longer words or numbers.
fn has_words(text: &str, words: &str) -> bool {
    text.match_indices(words).any(|(at, _)| {
        let is_part = |c: char| c.is_alphanumeric() || c == ',';
        !text[..at].ends_with(is_part) && !text[at + words.len()..].starts_with(char::is_alphanumeric)
    })
}

/// The first number of a text, in bytes or milliseconds if it has such a unit.
fn quantity(text: &str) -> Option<u64> {
    let from = text.find(|c: char| c.is_ascii_digit())?;
    let (number, unit) = text[from..].split_once(' ').unwrap_or((&text[from..], ""));
    let number: u64 = number.replace(',', "").parse().ok()?;
    let factor = match unit.split(|c: char| !c.is_alphabetic()).next()? {
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "s" => 1_000,
        _ => 1,
    };
    Some(number * factor)
}

/// The value of a constant, in milliseconds if it is a time; `None` if it is neither a number nor a time.
fn constant_value(constant: &str) -> Option<u64> {
    let (_, value) = constant.split_once(" = ")?;
    let value = value.replace('_', "");
    let within = |start: &str| value.strip_prefix(start)?.strip_suffix(')')?.parse::<u64>().ok();
    let seconds = within("Duration::fromsecs(").map(|seconds| seconds * 1_000);
    let shifted = || {
        value
            .split_once(" << ")
            .and_then(|(n, bits)| Some(n.parse::<u64>().ok()? << bits.parse::<u32>().ok()?))
    };
    seconds.or_else(|| within("Duration::frommillis(")).or_else(shifted).or_else(|| value.parse().ok())
}

#[test]
fn every_limit_of_the_code_is_documented() {
    let all = limits(&tree());
    let documented: BTreeSet<_> = DOCUMENTED
        .iter()
        .map(|(_, _, file, constant)| format!("{file} {}", constant.split(':').next().unwrap()))
        .collect();
    let is_elsewhere = |limit: &&String| ELSEWHERE.iter().any(|(start, _)| limit.starts_with(start));
    let missing: Vec<_> = all.difference(&documented).filter(|limit| !is_elsewhere(limit)).collect();
    assert!(
        missing.is_empty(),
        "add a row to docs/limits.md and a line to tests/layers/limits_of_code.rs for {missing:#?}"
    );
    for (start, _) in ELSEWHERE {
        assert!(all.iter().any(|limit| limit.starts_with(start)), "{start} is no longer a limit");
    }
    let both: Vec<_> = documented.iter().filter(is_elsewhere).collect();
    assert!(both.is_empty(), "documented, and in the list of exceptions: {both:?}");
}

#[test]
fn every_key_that_is_a_limit_is_documented_with_its_default() {
    let rows = rows();
    for name in ["[server]", "[[sender]]", "[[endpoint]]"] {
        let table = TABLES_OF_KEYS.iter().find(|table| table.name == name).unwrap();
        for key in table.keys.iter().filter(|key| KINDS.contains(&key.kind)) {
            let row = format!("`{} {}`", table.name, key.name);
            assert!(rows.contains_key(&row), "docs/limits.md has no row {row}");
        }
    }
    for (name, cells) in rows.iter().filter(|(name, _)| name.starts_with("`[")) {
        let (table, key) = name.trim_matches('`').split_once(' ').unwrap();
        let key = TABLES_OF_KEYS.iter().find(|it| it.name == table).and_then(|table| table.key(key));
        let default = match key.unwrap_or_else(|| panic!("{name} is not a key")).default {
            Fallback::Value(value) => format!("`{value}`"),
            Fallback::Absent(meaning) => meaning.to_owned(),
            Fallback::Required => panic!("{name} has no default"),
        };
        assert_eq!(cells[0], default, "{name}");
    }
}

#[test]
fn metrics_of_limits_exist() {
    let monitoring = read("docs/monitoring.md");
    for (name, cells) in rows() {
        let metrics = cells[4].split('`').skip(1).step_by(2);
        assert!(cells[4] == "none" || metrics.clone().count() > 0, "{name}: {}", cells[4]);
        for metric in metrics {
            let row = monitoring.lines().find(|line| line.starts_with(&format!("| `hookspool_{metric}`")));
            let row = row.unwrap_or_else(|| panic!("{name}: {metric} is not in docs/monitoring.md"));
            let (_, after) = cells[4].split_once(&format!("`{metric}`")).unwrap();
            let labels = after.strip_prefix(" (").and_then(|after| after.split(')').next()).unwrap_or("");
            for label in labels.split(", ") {
                assert!(row.contains(label), "{name}: {metric} has no {label}");
            }
        }
    }
}

#[test]
fn values_are_compared_with_their_units() {
    let cases = [("16 KiB", "A: u8 = 16 << 10"), ("at most 64,000 bytes", "A: u8 = 64_000")];
    let times =
        [("one per 1 s", "A: D = Duration::from_secs(1)"), ("100 ms", "A: D = Duration::from_millis(100)")];
    for (documented, constant) in cases.into_iter().chain(times) {
        assert!(quantity(documented).is_some());
        assert_eq!(quantity(documented), constant_value(constant), "{documented}");
    }
    assert!(has_words("a burst of 50, then", "50") && !has_words("1,050", "50") && !has_words("500", "50"));
}

#[test]
fn new_limits_are_detected() {
    let text = "const ROWS_MAX: usize = 1;\n    pub(super) const A_TIMEOUT: Duration = X;\nconst NAME: &str = \"\";\n\
                const fn max() {}\n// const B_MAX: u8 = 1;\n#[cfg(test)]\nconst C_MAX: u8 = 1;\n";
    assert_eq!(limits_in(text).collect::<Vec<_>>(), ["ROWS_MAX", "A_TIMEOUT"]);
}
