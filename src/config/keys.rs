//! Reading the keys of one table: each is asked for once, and what nobody asked for is a finding.

use std::fmt::Display;
use std::str::FromStr;

use super::findings::Findings;
use super::raw::{Entry, Item, Section, Span, Value};

/// A value that was read, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Span,
}

/// How alike an unknown key has to be to one that exists, from 0 to 1, to be a slip of the finger.
const ALIKE_ENOUGH: f64 = 0.75;

/// One table that is being read.
#[derive(Debug)]
pub(super) struct Keys<'a> {
    /// As a person would call it: `[server]`, `sender`.
    title: &'static str,
    section: &'a Section,
    findings: &'a Findings,
    asked: Vec<&'static str>,
}

impl<'a> Keys<'a> {
    pub(super) fn new(title: &'static str, section: &'a Section, findings: &'a Findings) -> Self {
        Self { title, section, findings, asked: Vec::new() }
    }

    /// Where the table begins, for findings about what is missing.
    pub(super) fn span(&self) -> &'a Span {
        &self.section.span
    }

    /// The key's entry, if it is there.
    pub(super) fn entry(&mut self, key: &'static str) -> Option<&'a Entry> {
        self.asked.push(key);
        self.section.entries.iter().find(|entry| entry.key == key)
    }

    /// A text.
    pub(super) fn text(&mut self, key: &'static str) -> Option<At<&'a str>> {
        let entry = self.entry(key)?;
        let Value::Text(text) = &entry.item.value else {
            return self.wrong_type(key, &entry.item, "a text in quotes");
        };
        Some(At { value: text, span: entry.item.span.clone() })
    }

    /// A text that means something, with the meaning's own words for what is wrong with it.
    pub(super) fn parsed<T>(&mut self, key: &'static str, hint: &str) -> Option<At<T>>
    where
        T: FromStr<Err: Display>,
    {
        let text = self.text(key)?;
        match text.value.parse() {
            Ok(value) => Some(At { value, span: text.span }),
            Err(error) => {
                self.findings.error(&text.span, format!("`{key}`: {error}"), hint);
                None
            }
        }
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = words.iter().find(|(word, _)| *word == text.value);
        if found.is_none() {
            let accepted = words.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
            self.findings.error(
                &text.span,
                format!("`{key}` cannot be `{}`", text.value),
                format!("write one of {accepted}"),
            );
        }
        found.map(|(_, value)| *value)
    }

    /// One text, or a list of them; an empty list is a finding, and yields nothing.
    pub(super) fn texts(&mut self, key: &'static str) -> Option<Vec<At<&'a str>>> {
        let entry = self.entry(key)?;
        let items = if let Value::List(items) = &entry.item.value {
            items.as_slice()
        } else if matches!(entry.item.value, Value::Text(_)) {
            std::slice::from_ref(&entry.item)
        } else {
            return self.wrong_type(key, &entry.item, "a text in quotes, or a list of them");
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            if let Value::Text(text) = &item.value {
                texts.push(At { value: text.as_str(), span: item.span.clone() });
            } else {
                self.report_type(key, item, "a text in quotes");
            }
        }
        // Half a list would only be reported a second time, by whoever misses the rest.
        (texts.len() == items.len()).then_some(texts)
    }

    /// A whole number within bounds.
    pub(super) fn number(&mut self, key: &'static str, min: i64, max: i64) -> Option<i64> {
        let entry = self.entry(key)?;
        let Value::Integer(number) = entry.item.value else {
            return self.wrong_type(key, &entry.item, "a whole number");
        };
        if (min..=max).contains(&number) {
            return Some(number);
        }
        self.findings.error(
            &entry.item.span,
            format!("`{key}` cannot be {number}"),
            format!("write a whole number from {min} to {max}"),
        );
        None
    }

    /// A table inside this one, or nothing where it is missing.
    pub(super) fn section(&mut self, key: &'static str) -> Option<&'a Section> {
        let entry = self.entry(key)?;
        let Value::Section(section) = &entry.item.value else {
            return self.wrong_type(key, &entry.item, &format!("a table: [{key}]"));
        };
        Some(section)
    }

    /// Tables of one name, `[[key]]`.
    pub(super) fn sections(&mut self, key: &'static str) -> Vec<&'a Section> {
        let Some(entry) = self.entry(key) else { return Vec::new() };
        let Value::List(items) = &entry.item.value else {
            self.report_type(key, &entry.item, &format!("[[{key}]]"));
            return Vec::new();
        };
        let mut sections = Vec::with_capacity(items.len());
        for item in items {
            if let Value::Section(section) = &item.value {
                sections.push(section);
            } else {
                self.report_type(key, item, &format!("[[{key}]]"));
            }
        }
        sections
    }

    /// A key of the contract whose behaviour is not built: accepting and ignoring it would deceive.
    pub(super) fn not_yet(&mut self, key: &'static str, why: &str) {
        if let Some(entry) = self.entry(key) {
            self.findings.error(
                &entry.key_span,
                format!("`{key}` is not in this version"),
                format!("remove it: {why}"),
            );
        }
    }

    /// Reports every key that nobody asked for.
    pub(super) fn close(self) {
        for entry in &self.section.entries {
            if !self.asked.contains(&entry.key.as_str()) {
                let alike = self
                    .asked
                    .iter()
                    .map(|key| (strsim::jaro_winkler(&entry.key, key), *key))
                    .max_by(|a, b| a.0.total_cmp(&b.0))
                    .filter(|(alike, _)| *alike >= ALIKE_ENOUGH);
                let hint = match alike {
                    Some((_, key)) => format!("did you mean `{key}`?"),
                    None => format!("the keys here are {}", self.asked.join(", ")),
                };
                self.findings.error(
                    &entry.key_span,
                    format!("`{}` is not a key of {}", entry.key, self.title),
                    hint,
                );
            }
        }
    }

    fn wrong_type<T>(&self, key: &str, item: &Item, expected: &str) -> Option<T> {
        self.report_type(key, item, expected);
        None
    }

    fn report_type(&self, key: &str, item: &Item, expected: &str) {
        self.findings.error(
            &item.span,
            format!("`{key}` is {}", item.value.kind()),
            format!("write {expected}"),
        );
    }
}
