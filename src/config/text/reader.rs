//! Reads one table: reports unknown keys, and returns values of the expected type.
//!
//! An accessor that returns no `Result` is for a key with a default. For a wrong value it reports an error, which
//! prevents the use of the settings, and returns a placeholder. The other accessors return `Ok(None)` if the key is
//! missing and has no default.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use super::defaults::default;
use super::findings::{Findings, Location, Reported};
use super::raw::{Entry, Node, Table, Value};
use crate::config::schema::{Fallback, Key, LATER, TableSchema};
use crate::quantity::{ByteSize, HumanDuration};

/// A string and its position.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a> {
    pub(crate) text: &'a str,
    pub(crate) at: Location<'a>,
}

impl Text<'_> {
    /// Rejects a path that begins with `~`, which only a shell replaces with a home directory.
    pub(crate) fn without_tilde(self) -> Result<(), Reported> {
        if !self.text.starts_with('~') {
            return Ok(());
        }
        Err(self.at.error(
            "the path begins with `~`, which is not replaced with a home directory here",
            "write the path in full, as in `/home/USER/…`; a file or directory that is called `~` is `./~`",
        ))
    }

    /// Whether the text cannot be a path.
    pub(crate) fn is_empty_or_has_nul(self) -> bool {
        self.text.is_empty() || self.text.contains('\0')
    }
}

/// A table of webhooks.toml with the keys that it may contain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    table: &'a Table,
    schema: &'static TableSchema,
    /// The header of the table, the position of findings about missing keys.
    pub(crate) at: Location<'a>,
}

/// A table without keys, which is read instead of a missing one.
static NO_KEYS: Table = Table { entries: Vec::new() };

impl<'a> Reader<'a> {
    /// A reader of the whole text.
    pub(crate) fn top(table: &'a Table, schema: &'static TableSchema, findings: &'a Findings) -> Self {
        Self::new(table, schema, Location { span: &(0..0), findings })
    }

    /// The same table, whose findings are reported elsewhere.
    pub(crate) fn reporting_to(self, findings: &'a Findings) -> Self {
        Self { at: Location { findings, ..self.at }, ..self }
    }

    /// A reader of this table. Unknown keys, and those of a later version, are reported at once.
    fn new(table: &'a Table, schema: &'static TableSchema, at: Location<'a>) -> Self {
        let later = || LATER.iter().filter(|(table, _, _)| *table == schema.name);
        for entry in table.entries.iter().filter(|entry| schema.key(&entry.key).is_none()) {
            let (key, at) = (&entry.key, Location { span: &entry.key_span, ..at });
            if let Some((_, _, reason)) = later().find(|(_, name, _)| name == key) {
                at.error(format!("`{key}` is not supported in this version"), format!("remove it: {reason}"));
                continue;
            }
            let hint = match nearest(key, schema.names().chain(later().map(|(_, name, _)| *name))) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("use {}", choices(schema.names())),
            };
            at.error(format!("`{key}` is not a key of {}", schema.name), hint);
        }
        Self { table, schema, at }
    }

    /// A table such as `[server]`; an empty one if it is missing or is not a table.
    pub(crate) fn section(&self, schema: &'static TableSchema) -> Self {
        let written = self.written_section(schema).ok().flatten();
        written.unwrap_or(Self { table: &NO_KEYS, schema, at: self.at })
    }

    /// A table such as `[tls]`; `Ok(None)` if it is missing.
    pub(crate) fn written_section(&self, schema: &'static TableSchema) -> Result<Option<Self>, Reported> {
        let name = schema.name.trim_matches(['[', ']']);
        let Some(node) = self.table.get(name) else { return Ok(None) };
        let at = self.at_node(node);
        let table = node.value.as_table().ok_or_else(|| {
            at.error(
                format!("{} where the table `{name}` is expected", node.value.kind()),
                format!("write `[{name}]` once, on a separate line, and its keys below"),
            )
        })?;
        Ok(Some(Self::new(table, schema, at)))
    }

    /// The tables of a list such as `[[sender]]`, at least one.
    pub(crate) fn sections(&self, key: &str, schema: &'static TableSchema) -> Result<Vec<Self>, Reported> {
        let name = schema.name;
        let node = self.table.get(key).ok_or_else(|| {
            Location { span: &(0..0), ..self.at }.missing(
                format!("there is no `{name}`; at least one is required"),
                format!("add `{name}` and its keys below, as in the distributed webhooks.toml"),
            )
        })?;
        let items = node.value.as_list().unwrap_or_default();
        let tables: Option<Vec<_>> = items.iter().map(|item| Some((item.value.as_table()?, item))).collect();
        let tables = tables.filter(|tables| !tables.is_empty()).ok_or_else(|| {
            self.at_node(node).error(
                format!("{} where a list of `{name}` is expected", node.value.kind()),
                format!("write `{name}`, with two brackets, before the keys of each"),
            )
        })?;
        Ok(tables.into_iter().map(|(table, item)| Self::new(table, schema, self.at_node(item))).collect())
    }

    /// A table that is written as a value, such as `response = { status = 200 }`.
    pub(crate) fn inline(&self, key: &str, schema: &'static TableSchema) -> Result<Option<Self>, Reported> {
        let table = self.read(key, "a table", Value::as_table)?;
        Ok(table.map(|(table, at)| Self::new(table, schema, at)))
    }

    /// An example value for the key.
    pub(crate) fn example(&self, key: &str) -> &'static str {
        self.schema.key(key).map_or("…", |key| key.example)
    }

    /// Whether the key is written.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.get(key).is_some()
    }

    /// The position of a key's value, or else of the table.
    pub(crate) fn position(&self, key: &str) -> Location<'a> {
        self.table.get(key).map_or(self.at, |node| self.at_node(node))
    }

    pub(crate) fn text(&self, key: &str) -> Result<Option<Text<'a>>, Reported> {
        let text = self.read(key, "a string", Value::as_text)?;
        Ok(text.map(|(text, at)| Text { text, at }))
    }

    /// A string that must not be missing.
    pub(crate) fn required(
        &self,
        key: &str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Result<Text<'a>, Reported> {
        self.text(key)?.ok_or_else(|| self.at.missing(message, hint))
    }

    pub(crate) fn integer(&self, key: &str) -> Result<Option<(Option<i64>, Location<'a>)>, Reported> {
        self.read(key, "an integer", Value::as_integer)
    }

    /// A list of strings, which may be empty.
    pub(crate) fn texts(&self, key: &str) -> Vec<Text<'a>> {
        let of = |node| self.list(key, node);
        let written = self.table.get(key).and_then(|node| of(node).ok());
        written.or_else(|| of(default(self.schema, key)?).ok()).unwrap_or_default()
    }

    /// A list of at least one string.
    pub(crate) fn some_texts(&self, key: &str) -> Result<Option<Vec<Text<'a>>>, Reported> {
        let Some(node) = self.node(key) else { return Ok(None) };
        let texts = self.list(key, node)?;
        if texts.is_empty() {
            return Err(self.position(key).error(
                format!("`{key}` is empty; at least one value is expected"),
                format!("write one, as in `{key} = {}`", self.example(key)),
            ));
        }
        Ok(Some(texts))
    }

    /// The strings of a list; one string is a list of one. A string that occurs twice is reported.
    fn list(&self, key: &str, node: &'a Node) -> Result<Vec<Text<'a>>, Reported> {
        let mut texts: Vec<Text<'a>> = Vec::new();
        let mut outcome = Ok(());
        for item in node.value.as_list().unwrap_or(std::slice::from_ref(node)) {
            let at = self.at_node(item);
            let Value::Text(text) = &item.value else {
                outcome = Err(self.wrong_type(key, "a string or a list of strings", item));
                continue;
            };
            if texts.iter().any(|known| known.text == text) {
                at.error(format!("`{text}` occurs twice in `{key}`"), "remove one of the two");
                continue;
            }
            texts.push(Text { text, at });
        }
        outcome.map(|()| texts)
    }

    /// The arguments of a command: a list of strings, which may repeat.
    pub(crate) fn arguments(&self, key: &str) -> Result<Option<Vec<Text<'a>>>, Reported> {
        let Some(node) = self.node(key) else { return Ok(None) };
        let items = node.value.as_list().unwrap_or(std::slice::from_ref(node)).iter();
        let text = |item: &'a Node| {
            let text = item.value.as_text().ok_or_else(|| self.wrong_type(key, "a list of strings", item))?;
            Ok(Text { text, at: self.at_node(item) })
        };
        items.map(text).collect::<Result<_, _>>().map(Some)
    }

    /// A table with any keys, such as `headers`, and these keys.
    pub(crate) fn any_keys(&self, key: &str) -> Result<Option<(Self, Vec<Text<'a>>)>, Reported> {
        let Some((table, at)) = self.read(key, "a table", Value::as_table)? else { return Ok(None) };
        let name = |entry: &'a Entry| Text { text: &entry.key, at: Location { span: &entry.key_span, ..at } };
        let names = table.entries.iter().map(name).collect();
        Ok(Some((Self { table, schema: self.schema, at }, names)))
    }

    /// Whether the value of a key is a table.
    pub(crate) fn has_table(&self, key: &str) -> bool {
        self.table.get(key).is_some_and(|node| node.value.as_table().is_some())
    }

    /// A number within the bounds of the schema; 0 if it is wrong.
    pub(crate) fn number(&self, key: &str) -> usize {
        let Ok(Some((number, at))) = self.integer(key) else { return 0 };
        let (min, max) = self.range::<i64>(key).unwrap_or((0, i64::MAX));
        let fits = number.filter(|number| (min..=max).contains(number));
        fits.and_then(|number| usize::try_from(number).ok()).unwrap_or_else(|| {
            let hint = format!("the default is {}", self.default_text(key));
            at.error(format!("`{key}` is not between {min} and {max}"), hint);
            0
        })
    }

    /// A boolean; false if the value is wrong.
    pub(crate) fn boolean(&self, key: &str) -> bool {
        matches!(self.read(key, "a boolean", Value::as_boolean), Ok(Some((true, _))))
    }

    pub(crate) fn time(&self, key: &str) -> Duration {
        self.value(key, |found| self.parse_time(key, found))
    }

    /// A time, or `None` for this word.
    pub(crate) fn time_or(&self, key: &str, word: &str) -> Option<Duration> {
        self.value(key, |found| (found.text != word).then(|| self.parse_time(key, found)).transpose())
    }

    fn parse_time(&self, key: &str, found: Text<'_>) -> Result<Duration, Reported> {
        let HumanDuration(time) = self.quantity(key, found, "a time")?;
        let max = self.range(key).map(|(_, HumanDuration(max))| max);
        if time > Duration::ZERO && max.is_none_or(|max| time <= max) {
            return Ok(time);
        }
        let bounds = max.map_or(String::new(), |max| format!(" and at most `{}`", HumanDuration(max)));
        Err(self.out_of_range(key, found, &format!("more than `0s`{bounds}")))
    }

    pub(crate) fn size(&self, key: &str) -> ByteSize {
        self.value(key, |found| self.parse_size(key, found))
    }

    /// A size with its position; `None` if the key is missing.
    pub(crate) fn optional_size(&self, key: &str) -> Option<(ByteSize, Location<'a>)> {
        let found = self.text(key).ok().flatten()?;
        Some((self.parse_size(key, found).ok()?, found.at))
    }

    fn parse_size(&self, key: &str, found: Text<'_>) -> Result<ByteSize, Reported> {
        let size = self.quantity(key, found, "a size")?;
        match self.range::<ByteSize>(key) {
            Some((min, max)) if size < min || max < size => {
                Err(self.out_of_range(key, found, &format!("between `{min}` and `{max}`")))
            }
            Some(_) | None => Ok(size),
        }
    }

    fn quantity<T: FromStr<Err: Display>>(
        &self,
        key: &str,
        found: Text<'_>,
        kind: &str,
    ) -> Result<T, Reported> {
        found.text.parse().map_err(|fault| {
            let hint = format!("write a whole number and a unit, as in `{key} = {}`", self.example(key));
            found.at.error(format!("`{key}` is not {kind}: {fault}"), hint)
        })
    }

    fn out_of_range(&self, key: &str, found: Text<'_>, expected: &str) -> Reported {
        let hint = match self.schema.key(key) {
            Some(Key { default: Fallback::Absent(meaning), .. }) => format!("without it, there is {meaning}"),
            Some(_) | None => format!("the default is `{}`", self.default_text(key)),
        };
        found.at.error(format!("`{}` is out of range: {expected} is expected", found.text), hint)
    }

    /// One of a fixed set of words.
    pub(crate) fn word<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> T {
        self.value(key, |found| {
            let known = words.iter().find(|(word, _)| *word == found.text);
            known.map(|(_, value)| *value).ok_or_else(|| {
                let hint = format!("write {}", choices(words.iter().map(|(word, _)| *word)));
                found.at.error(format!("`{}` is not a value of `{key}`", found.text), hint)
            })
        })
    }

    /// Converts the text of a key, or else of its default.
    pub(crate) fn value<T>(&self, key: &str, convert: impl Fn(Text<'a>) -> Result<T, Reported>) -> T {
        let written = self.text(key).and_then(|found| found.map(&convert).transpose()).ok().flatten();
        let default = || {
            let node = default(self.schema, key)?;
            convert(Text { text: node.value.as_text()?, at: self.at_node(node) }).ok()
        };
        #[expect(clippy::expect_used, reason = "a test reads the defaults of all tables")]
        written.or_else(default).expect("the schema has a default of this kind")
    }

    fn at_node<'n>(&self, node: &'n Node) -> Location<'n>
    where
        'a: 'n,
    {
        Location { span: &node.span, findings: self.at.findings }
    }

    /// The bounds of a key, from the schema.
    fn range<T: FromStr>(&self, key: &str) -> Option<(T, T)> {
        let (min, max) = self.schema.key(key)?.range?;
        min.parse().ok().zip(max.parse().ok())
    }

    /// The default of a key, for a hint.
    fn default_text(&self, key: &str) -> &'static str {
        match self.schema.key(key) {
            Some(Key { default: Fallback::Value(value), .. }) => value.trim_matches('"'),
            Some(_) | None => "…",
        }
    }

    /// The value of a key as it is written, or else its default.
    fn node(&self, key: &str) -> Option<&'a Node> {
        self.table.get(key).or_else(|| default(self.schema, key))
    }

    fn read<T>(
        &self,
        key: &str,
        expected: &str,
        pick: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<(T, Location<'a>)>, Reported> {
        let Some(node) = self.node(key) else { return Ok(None) };
        let value = pick(&node.value).ok_or_else(|| self.wrong_type(key, expected, node))?;
        Ok(Some((value, self.at_node(node))))
    }

    fn wrong_type(&self, key: &str, expected: &str, node: &Node) -> Reported {
        self.at_node(node).error(
            format!("{} where `{key}` expects {expected}", node.value.kind()),
            format!("write it as in `{key} = {}`", self.example(key)),
        )
    }
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
