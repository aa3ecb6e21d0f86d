//! Compares the output that a document shows with what was printed.

/// Parts that differ in each run: `h` is a hex digit, `d` a decimal digit, any other character itself.
const SHAPES: &[(&str, &str)] = &[
    ("hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh", "DIGEST"),
    ("hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh", "ID"),
    ("dddd-dd-ddTdd:dd:dd.ddddddZ", "TIME"),
    ("dddd-dd-ddTdd:dd:ddZ", "TIME"),
    ("dd:dd:ddZ", "TIME"),
    ("127.0.0.1:ddddd", "PEER"),
];

fn matches(text: &str, shape: &str) -> bool {
    let mut characters = text.chars();
    shape.chars().all(|wanted| {
        characters.next().is_some_and(|found| match wanted {
            'h' => found.is_ascii_hexdigit(),
            'd' => found.is_ascii_digit(),
            _ => found == wanted,
        })
    })
}

/// Removes the version that some builds of OpenSSL print before an error, and replaces the number of warnings, which
/// depends on the file system.
fn without_environment(line: &str) -> String {
    let line = match line.split_once("OpenSSL/") {
        Some((before, rest)) => format!("{before}{}", rest.split_once(": ").map_or(rest, |(_, rest)| rest)),
        None => line.to_owned(),
    };
    match line.strip_suffix(" warnings").or(line.strip_suffix(" warning")) {
        Some(counted) => format!("{} WARNINGS", counted.trim_end_matches(|c: char| c.is_ascii_digit())),
        None => line,
    }
}

/// Replaces IDs, times, digests, the ports of clients, and the digits before ` days`, ` ms` and ` s`.
fn normal(line: &str) -> String {
    let line = without_environment(line.trim_end());
    let (mut rest, mut result) = (line.as_str(), String::new());
    while let Some(first) = rest.chars().next() {
        let digits = rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').count();
        let unit = [" days", " ms", " s "].iter().any(|unit| digits > 0 && rest[digits..].starts_with(unit));
        if let Some((shape, name)) = SHAPES.iter().find(|(shape, _)| matches(rest, shape)) {
            result.push_str(name);
            rest = &rest[shape.len()..];
        } else if unit {
            result.push('N');
            rest = &rest[digits..];
        } else {
            result.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    result
}

/// Whether the lines are as shown. A line `...` matches any number of lines.
fn equal(shown: &[String], printed: &[String]) -> bool {
    match shown.split_first() {
        None => printed.is_empty(),
        Some((line, rest)) if line == "..." => {
            (0..=printed.len()).any(|skipped| equal(rest, &printed[skipped..]))
        }
        Some((line, rest)) => printed.first() == Some(line) && equal(rest, &printed[1..]),
    }
}

pub fn same(shown: &str, printed: &str) -> bool {
    let lines = |text: &str| text.trim().lines().map(normal).collect::<Vec<_>>();
    equal(&lines(shown), &lines(printed))
}

#[test]
fn only_variable_parts_are_normalized() {
    assert!(same("at 2026-11-23T19:49:39Z, in 365 days", "at 2027-01-02T03:04:05Z, in 9 days\n"));
    assert!(same(
        "{\"id\":\"01a209e5-0f6a-7499-9320-a41957822a68\"}",
        "{\"id\":\"01a209e5-0f6a-7499-9320-a41957822a69\"}"
    ));
    assert!(same("a\n...\nz", "a\nb\nc\nz") && same("a\n...", "a"));
    assert!(!same("a\n...\nz", "a\nb"));
    assert!(!same("149.90", "149.91") && !same("218", "219") && !same("", "x") && !same("x", ""));
    assert!(!same("127.0.0.1:8443", "127.0.0.1:9464"));
}
