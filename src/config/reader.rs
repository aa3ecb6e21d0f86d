//! Reads one table: reports unknown keys, and returns values of the expected type.

use std::time::Duration;

use super::defaults::TIMEOUT_MAX;
use super::findings::Findings;
use super::keys::{State, TableKeys};
use super::raw::{Node, Span, Table, Value};
use crate::quantity::{ByteSize, HumanDuration};

/// A string and its position.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a> {
    pub(super) text: &'a str,
    pub(super) span: &'a Span,
}

/// The result of reading a key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Field<T> {
    /// The key is missing.
    Missing,
    /// The value is invalid, which has been reported.
    Bad,
    /// The value is valid.
    Is(T),
}

impl<T> Field<T> {
    /// The value, or the default if the key is missing or its value is invalid. In the latter case the reported error
    /// prevents the use of the settings.
    pub(super) fn or(self, default: T) -> T {
        match self {
            Self::Is(value) => value,
            Self::Missing | Self::Bad => default,
        }
    }

    pub(super) fn ok(self) -> Option<T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Missing | Self::Bad => None,
        }
    }

    pub(super) fn and_then<U>(self, next: impl FnOnce(T) -> Option<U>) -> Field<U> {
        match self {
            Self::Missing => Field::Missing,
            Self::Bad => Field::Bad,
            Self::Is(value) => next(value).map_or(Field::Bad, Field::Is),
        }
    }
}

/// A table of webhooks.toml with the keys that it may contain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    table: &'a Table,
    keys: &'static TableKeys,
    /// The header of the table, the position of findings about missing keys.
    pub(super) span: &'a Span,
}

impl<'a> Reader<'a> {
    /// Creates a reader. Reports unknown keys and those that are not supported in this version.
    pub(super) fn new(
        table: &'a Table,
        span: &'a Span,
        keys: &'static TableKeys,
        findings: &mut Findings,
    ) -> Self {
        for entry in &table.entries {
            match keys.keys.iter().find(|key| key.name == entry.key).map(|key| &key.state) {
                Some(State::Built(_)) => {}
                Some(State::NotBuilt(why)) => {
                    findings
                        .error(&entry.key_span, format!("`{}` is not in this version", entry.key))
                        .hint(format!("remove it: {why}"));
                }
                None => unknown(keys, &entry.key, &entry.key_span, findings),
            }
        }
        Self { table, keys, span }
    }

    /// An example value for the key.
    pub(super) fn example(&self, key: &str) -> &'static str {
        self.keys.example(key)
    }

    pub(super) fn node(&self, key: &str) -> Option<&'a Node> {
        self.table.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    pub(super) fn text(&self, key: &str, findings: &mut Findings) -> Field<Text<'a>> {
        self.read(key, "a string", findings, Value::as_text)
            .and_then(|(text, span)| Some(Text { text, span }))
    }

    pub(super) fn integer(&self, key: &str, findings: &mut Findings) -> Field<(Option<i64>, &'a Span)> {
        self.read(key, "an integer", findings, Value::as_integer)
    }

    pub(super) fn boolean(&self, key: &str, findings: &mut Findings) -> Field<bool> {
        self.read(key, "a boolean", findings, Value::as_boolean).and_then(|(value, _)| Some(value))
    }

    /// A list of strings; one string is a list of one. A string that occurs twice is reported.
    pub(super) fn texts(&self, key: &str, findings: &mut Findings) -> Field<(Vec<Text<'a>>, &'a Span)> {
        let Some(node) = self.node(key) else { return Field::Missing };
        let items = node.value.as_list().unwrap_or(std::slice::from_ref(node));
        let mut texts: Vec<Text<'a>> = Vec::new();
        let mut bad = false;
        for item in items {
            let Value::Text(text) = &item.value else {
                self.wrong_type(key, "a string or a list of strings", item, findings);
                bad = true;
                continue;
            };
            if texts.iter().any(|known| known.text == text) {
                findings
                    .error(&item.span, format!("`{text}` occurs twice in `{key}`"))
                    .hint("remove one of the two");
                continue;
            }
            texts.push(Text { text, span: &item.span });
        }
        if bad { Field::Bad } else { Field::Is((texts, &node.span)) }
    }

    /// Like [`Reader::texts`], but an empty list is an error.
    pub(super) fn some_texts(&self, key: &str, findings: &mut Findings) -> Field<(Vec<Text<'a>>, &'a Span)> {
        self.texts(key, findings).and_then(|(texts, span)| {
            if texts.is_empty() {
                findings
                    .error(span, format!("`{key}` is empty; at least one value is expected"))
                    .hint(format!("write one, as in `{key} = {}`", self.example(key)));
                return None;
            }
            Some((texts, span))
        })
    }

    pub(super) fn table(&self, key: &str, findings: &mut Findings) -> Field<(&'a Table, &'a Span)> {
        self.read(key, "a table", findings, Value::as_table)
    }

    pub(super) fn time(&self, key: &str, default: Duration, findings: &mut Findings) -> Duration {
        self.text(key, findings)
            .and_then(|found| match found.text.parse::<HumanDuration>() {
                Ok(HumanDuration(time)) if time > Duration::ZERO && time <= TIMEOUT_MAX => Some(time),
                Ok(_) => {
                    findings
                        .error(
                            found.span,
                            format!(
                                "`{}` is out of range: more than `0s` and at most `1d` is expected",
                                found.text
                            ),
                        )
                        .hint(format!("the default is `{}`", HumanDuration(default)));
                    None
                }
                Err(fault) => {
                    findings.error(found.span, format!("`{key}` is not a time: {fault}")).hint(format!(
                        "write a whole number and a unit, as in `{key} = {}`",
                        self.keys.example(key)
                    ));
                    None
                }
            })
            .or(default)
    }

    pub(super) fn size(
        &self,
        key: &str,
        bounds: (ByteSize, ByteSize),
        default: ByteSize,
        findings: &mut Findings,
    ) -> ByteSize {
        self.text(key, findings)
            .and_then(|found| match found.text.parse::<ByteSize>() {
                Ok(size) if bounds.0 <= size && size <= bounds.1 => Some(size),
                Ok(_) => {
                    findings
                        .error(
                            found.span,
                            format!(
                                "`{}` is out of range: between `{}` and `{}` is expected",
                                found.text, bounds.0, bounds.1
                            ),
                        )
                        .hint(format!("the default is `{default}`"));
                    None
                }
                Err(fault) => {
                    findings.error(found.span, format!("`{key}` is not a size: {fault}")).hint(format!(
                        "write a whole number and a unit, as in `{key} = {}`",
                        self.keys.example(key)
                    ));
                    None
                }
            })
            .or(default)
    }

    /// One of a fixed set of words.
    pub(super) fn word<T: Copy>(
        &self,
        key: &str,
        words: &[(&str, T)],
        default: T,
        findings: &mut Findings,
    ) -> T {
        self.text(key, findings)
            .and_then(|found| {
                let known = words.iter().find(|(word, _)| *word == found.text).map(|(_, value)| *value);
                if known.is_none() {
                    findings
                        .error(found.span, format!("`{}` is not a value of `{key}`", found.text))
                        .hint(format!("write {}", choices(words.iter().map(|(word, _)| *word))));
                }
                known
            })
            .or(default)
    }

    fn read<T>(
        &self,
        key: &str,
        expected: &str,
        findings: &mut Findings,
        pick: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Field<(T, &'a Span)> {
        let Some(node) = self.node(key) else { return Field::Missing };
        match pick(&node.value) {
            Some(value) => Field::Is((value, &node.span)),
            None => {
                self.wrong_type(key, expected, node, findings);
                Field::Bad
            }
        }
    }

    fn wrong_type(&self, key: &str, expected: &str, node: &Node, findings: &mut Findings) {
        findings
            .error(&node.span, format!("{} where `{key}` expects {expected}", node.value.kind()))
            .hint(format!("write it as in `{key} = {}`", self.example(key)));
    }
}

fn unknown(keys: &TableKeys, key: &str, span: &Span, findings: &mut Findings) {
    let message = format!("`{key}` is not a key of {}", keys.name);
    let near = nearest(key, keys.keys.iter().map(|key| key.name));
    findings.error(span, message).hint(match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("use {}", choices(keys.built())),
    });
}

/// The candidate that differs from a word only by a typing error.
pub(super) fn nearest<'c>(word: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    // At most a third of the letters, and at least one.
    let allowed = (word.chars().count() / 3).clamp(1, 3);
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(&word.to_lowercase(), candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Formats words as `` `a`, `b` or `c` ``.
pub(super) fn choices<'c>(words: impl Iterator<Item = &'c str>) -> String {
    let words: Vec<_> = words.map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}
