//! Reads one table: reports unknown keys, and returns values of the expected type.

use std::str::FromStr;
use std::time::Duration;

use super::defaults::default;
use super::findings::Findings;
use super::raw::{Node, Span, Table, Value};
use crate::config::schema::{self, Fallback};
use crate::quantity::{ByteSize, HumanDuration};

/// A string and its position.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a> {
    pub(crate) text: &'a str,
    pub(crate) span: &'a Span,
}

/// The result of reading a key.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Field<T> {
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
    pub(crate) fn or(self, default: T) -> T {
        match self {
            Self::Is(value) => value,
            Self::Missing | Self::Bad => default,
        }
    }

    pub(crate) fn ok(self) -> Option<T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Missing | Self::Bad => None,
        }
    }

    pub(crate) fn and_then<U>(self, next: impl FnOnce(T) -> Option<U>) -> Field<U> {
        match self {
            Self::Missing => Field::Missing,
            Self::Bad => Field::Bad,
            Self::Is(value) => next(value).map_or(Field::Bad, Field::Is),
        }
    }
}

/// A table of webhooks.toml with the keys that it may contain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    table: &'a Table,
    schema: &'static schema::TableSchema,
    /// The header of the table, the position of findings about missing keys.
    pub(crate) span: &'a Span,
}

impl<'a> Reader<'a> {
    /// A reader of this table. Unknown keys, and those of a later version, are reported at once.
    pub(crate) fn new(
        table: &'a Table,
        span: &'a Span,
        schema: &'static schema::TableSchema,
        findings: &mut Findings,
    ) -> Self {
        for entry in &table.entries {
            if schema.key(&entry.key).is_some() {
                continue;
            }
            match schema.later.iter().find(|(name, _)| *name == entry.key) {
                Some((name, reason)) => {
                    findings
                        .error(&entry.key_span, format!("`{name}` is not supported in this version"))
                        .hint(format!("remove it: {reason}"));
                }
                None => unknown(schema, &entry.key, &entry.key_span, findings),
            }
        }
        Self { table, schema, span }
    }

    /// An example value for the key.
    pub(crate) fn example(&self, key: &str) -> &'static str {
        self.schema.key(key).map_or("…", |key| key.example)
    }

    /// The value of a key as it is written; `None` if it is missing.
    pub(crate) fn written(&self, key: &str) -> Option<&'a Node> {
        self.table.get(key)
    }

    /// The value of a key as it is written, or else its default.
    fn node(&self, key: &str) -> Option<&'a Node> {
        self.written(key).or_else(|| default(self.schema, key))
    }

    /// The default of a key, for a hint.
    fn default_text(&self, key: &str) -> &'static str {
        match self.schema.key(key).map(|key| key.default) {
            Some(Fallback::Value(value)) => value.trim_matches('"'),
            Some(Fallback::Required | Fallback::Absent(_)) | None => "…",
        }
    }

    pub(crate) fn text(&self, key: &str, findings: &mut Findings) -> Field<Text<'a>> {
        self.read(key, "a string", findings, Value::as_text)
            .and_then(|(text, span)| Some(Text { text, span }))
    }

    pub(crate) fn integer(&self, key: &str, findings: &mut Findings) -> Field<(Option<i64>, &'a Span)> {
        self.read(key, "an integer", findings, Value::as_integer)
    }

    /// A number within the bounds of the schema; 0 if it is wrong, which is reported.
    pub(crate) fn number(&self, key: &str, findings: &mut Findings) -> usize {
        let (min, max) = self.range::<i64>(key).unwrap_or((0, i64::MAX));
        let read = self.integer(key, findings).and_then(|(number, span)| {
            let fits = number.filter(|number| (min..=max).contains(number));
            let fits = fits.and_then(|number| usize::try_from(number).ok());
            if fits.is_none() {
                findings
                    .error(span, format!("`{key}` is not between {min} and {max}"))
                    .hint(format!("the default is {}", self.default_text(key)));
            }
            fits
        });
        read.or(0)
    }

    /// A boolean; false if the value is wrong, which is reported.
    pub(crate) fn boolean(&self, key: &str, findings: &mut Findings) -> bool {
        self.read(key, "a boolean", findings, Value::as_boolean).ok().is_some_and(|(value, _)| value)
    }

    /// A list of strings; one string is a list of one. A string that occurs twice is reported.
    pub(crate) fn texts(&self, key: &str, findings: &mut Findings) -> Field<(Vec<Text<'a>>, &'a Span)> {
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

    /// The strings of a key's default.
    pub(crate) fn default_texts(&self, key: &str) -> Vec<Text<'a>> {
        let items = default(self.schema, key).and_then(|node| node.value.as_list()).unwrap_or_default();
        items.iter().filter_map(|node| Some(Text { text: node.value.as_text()?, span: &node.span })).collect()
    }

    /// Like [`Reader::texts`], but an empty list is an error.
    pub(crate) fn some_texts(&self, key: &str, findings: &mut Findings) -> Field<(Vec<Text<'a>>, &'a Span)> {
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

    pub(crate) fn table(&self, key: &str, findings: &mut Findings) -> Field<(&'a Table, &'a Span)> {
        self.read(key, "a table", findings, Value::as_table)
    }

    pub(crate) fn time(&self, key: &str, findings: &mut Findings) -> Duration {
        self.value(key, findings, |found, findings| self.parse_time(key, found, findings))
    }

    /// A time, or `None` for this word.
    pub(crate) fn time_or(&self, key: &str, word: &str, findings: &mut Findings) -> Option<Duration> {
        self.value(key, findings, |found, findings| {
            if found.text == word { Some(None) } else { self.parse_time(key, found, findings).map(Some) }
        })
    }

    fn parse_time(&self, key: &str, found: Text<'_>, findings: &mut Findings) -> Option<Duration> {
        let max = self.range(key).map(|(_, max)| max);
        match found.text.parse::<HumanDuration>() {
            Ok(time) if time.0 > Duration::ZERO && max.is_none_or(|max| time <= max) => Some(time.0),
            Ok(_) => {
                let bounds = max.map_or(String::new(), |max| format!(" and at most `{max}`"));
                findings
                    .error(
                        found.span,
                        format!("`{}` is out of range: more than `0s`{bounds} is expected", found.text),
                    )
                    .hint(format!("the default is `{}`", self.default_text(key)));
                None
            }
            Err(fault) => {
                findings
                    .error(found.span, format!("`{key}` is not a time: {fault}"))
                    .hint(format!("write a whole number and a unit, as in `{key} = {}`", self.example(key)));
                None
            }
        }
    }

    pub(crate) fn size(&self, key: &str, findings: &mut Findings) -> ByteSize {
        self.value(key, findings, |found, findings| match found.text.parse::<ByteSize>() {
            Ok(size) => match self.range::<ByteSize>(key) {
                Some((min, max)) if size < min || max < size => {
                    findings
                        .error(
                            found.span,
                            format!(
                                "`{}` is out of range: between `{min}` and `{max}` is expected",
                                found.text
                            ),
                        )
                        .hint(format!("the default is `{}`", self.default_text(key)));
                    None
                }
                Some(_) | None => Some(size),
            },
            Err(fault) => {
                findings
                    .error(found.span, format!("`{key}` is not a size: {fault}"))
                    .hint(format!("write a whole number and a unit, as in `{key} = {}`", self.example(key)));
                None
            }
        })
    }

    /// One of a fixed set of words.
    pub(crate) fn word<T: Copy>(&self, key: &str, words: &[(&str, T)], findings: &mut Findings) -> T {
        self.value(key, findings, |found, findings| {
            let known = words.iter().find(|(word, _)| *word == found.text).map(|(_, value)| *value);
            if known.is_none() {
                findings
                    .error(found.span, format!("`{}` is not a value of `{key}`", found.text))
                    .hint(format!("write {}", choices(words.iter().map(|(word, _)| *word))));
            }
            known
        })
    }

    /// The bounds of a key, from the schema.
    fn range<T: FromStr>(&self, key: &str) -> Option<(T, T)> {
        let (min, max) = self.schema.key(key)?.range?;
        min.parse().ok().zip(max.parse().ok())
    }

    /// Converts the text of a key, or else of its default, with `convert`. A wrong value is reported, which prevents
    /// the use of the settings.
    pub(crate) fn value<T>(
        &self,
        key: &str,
        findings: &mut Findings,
        convert: impl Fn(Text<'a>, &mut Findings) -> Option<T>,
    ) -> T {
        let written = self.text(key, findings).and_then(|found| convert(found, findings)).ok();
        let default = || {
            let node = default(self.schema, key)?;
            convert(Text { text: node.value.as_text()?, span: &node.span }, findings)
        };
        #[expect(clippy::expect_used, reason = "a test reads the defaults of all tables")]
        written.or_else(default).expect("the schema has a default of this kind")
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

fn unknown(schema: &schema::TableSchema, key: &str, span: &Span, findings: &mut Findings) {
    let message = format!("`{key}` is not a key of {}", schema.name);
    let later = schema.later.iter().map(|(name, _)| *name);
    let near = nearest(key, schema.names().chain(later));
    findings.error(span, message).hint(match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("use {}", choices(schema.names())),
    });
}

/// The candidate that differs from a word only by a typing error.
pub(crate) fn nearest<'c>(word: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    // At most a third of the letters, and at least one.
    let allowed = (word.chars().count() / 3).clamp(1, 3);
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(&word.to_lowercase(), candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Formats words as `` `a`, `b` or `c` ``.
pub(crate) fn choices<'c>(words: impl Iterator<Item = &'c str>) -> String {
    let words: Vec<_> = words.map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}
