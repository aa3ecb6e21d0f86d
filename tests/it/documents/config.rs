//! Puts the part of a configuration that a document shows into a complete one.

/// A header such as `[tls]`, with the lines below it.
struct Table {
    header: String,
    lines: Vec<String>,
}

impl Table {
    fn keys(&self) -> Vec<&str> {
        self.lines.iter().filter_map(|line| key(line)).collect()
    }

    fn name(&self) -> Option<&String> {
        self.lines.iter().find(|line| key(line) == Some("name"))
    }
}

fn key(line: &str) -> Option<&str> {
    let (key, _) = line.split_once('=')?;
    let key = key.trim();
    key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_').then_some(key)
}

fn tables(text: &str, first: &str) -> Vec<Table> {
    let mut tables = vec![Table { header: first.to_owned(), lines: Vec::new() }];
    for line in text.lines().map(|line| line.split_once("  #").map_or(line, |(code, _)| code.trim_end())) {
        match line.starts_with('[') {
            true => tables.push(Table { header: line.to_owned(), lines: Vec::new() }),
            false => tables.last_mut().unwrap().lines.push(line.to_owned()),
        }
    }
    tables.retain(|table| !table.header.is_empty() || !table.keys().is_empty());
    tables
}

/// Adds `part` to `whole`. A key replaces the key of the same table, and an element of a list of tables the element
/// with the same name. Keys before the first header of `part` belong to the table `first`.
pub fn with(whole: &str, part: &str, first: &str) -> String {
    let mut all = tables(whole, "");
    for table in tables(part, first) {
        if table.keys().is_empty() {
            continue;
        }
        let same = all.iter_mut().find(|other| {
            other.header == table.header && (table.name().is_none() || table.name() == other.name())
        });
        match same {
            Some(same) => {
                same.lines.retain(|line| key(line).is_none_or(|key| !table.keys().contains(&key)));
                same.lines.splice(0..0, table.lines.iter().cloned());
            }
            None => all.push(table),
        }
    }
    all.iter().map(|table| format!("{}\n{}\n", table.header, table.lines.join("\n"))).collect()
}
