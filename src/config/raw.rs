//! The shape of a TOML text; every key and value keeps its place. The only file that knows TOML.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Bytes of the text, from and to.
pub(super) type Span = Range<usize>;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) value: Value,
    pub(super) span: Span,
}

/// The kinds of value that webhooks.toml is made of.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Boolean,
    Integer(i64),
    List(Vec<Item>),
    Section(Section),
    Text(String),
    /// Something that no key takes, in the words of TOML.
    Other(&'static str),
}

/// A table: `[name]`, one of `[[name]]`, or `{ … }`.
#[derive(Clone, Debug, Default)]
pub(super) struct Section {
    pub(super) entries: Vec<Entry>,
    /// Of its header, or of the whole inline table.
    pub(super) span: Span,
}

/// One `key = value`.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) item: Item,
}

/// A place where the text is not TOML.
#[derive(Clone, Debug)]
pub(super) struct SyntaxFault {
    pub(super) span: Span,
    pub(super) message: String,
}

/// Reads what can be read, and all places that cannot.
pub(super) fn parse(text: &str) -> (Section, Vec<SyntaxFault>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let faults = errors
        .iter()
        .map(|error| SyntaxFault {
            span: error.span().unwrap_or(text.len()..text.len()),
            message: error.message().lines().collect::<Vec<_>>().join("; "),
        })
        .collect();
    (section(&table), faults)
}

impl Value {
    /// What the value is, for a message.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Boolean => "a boolean",
            Self::Integer(_) => "a number",
            Self::List(_) => "a list",
            Self::Section(_) => "a table",
            Self::Text(_) => "a text",
            Self::Other(kind) => kind,
        }
    }
}

fn section(table: &Spanned<DeTable<'_>>) -> Section {
    let mut entries: Vec<_> = table
        .get_ref()
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            key_span: key.span(),
            item: Item { value: convert(value), span: value.span() },
        })
        .collect();
    entries.sort_by_key(|entry| entry.key_span.start);
    Section { entries, span: table.span() }
}

fn convert(value: &Spanned<DeValue<'_>>) -> Value {
    match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Boolean(_) => Value::Boolean,
        DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) => Value::Integer(number),
            Err(_) => Value::Other("a number of more than 64 bits"),
        },
        DeValue::Float(_) => Value::Other("a fraction"),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Array(items) => {
            Value::List(items.iter().map(|item| Item { value: convert(item), span: item.span() }).collect())
        }
        DeValue::Table(table) => Value::Section(section(&Spanned::new(value.span(), table.clone()))),
    }
}
