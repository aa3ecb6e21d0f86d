//! webhooks.toml as a tree in which every key and value has its position. The only module that uses the TOML crate.

use std::ops::Range;

use toml::de::{DeTable, DeValue, Error};

use crate::escape::CodePoint;

/// A range of the text, in bytes.
pub(crate) type Span = Range<usize>;

/// A value and its position.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) span: Span,
}

/// A TOML value, with the details that webhooks.toml uses.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Text(String),
    /// `None` if the number is out of range.
    Integer(Option<i64>),
    Boolean(bool),
    List(Vec<Node>),
    Table(Table),
    /// A value of a type that no key has, with the name of the type.
    Other(&'static str),
}

/// A table with its entries in the order of the text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    pub(crate) entries: Vec<Entry>,
}

impl Table {
    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }
}

/// A key with its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) node: Node,
}

/// A syntax error.
#[derive(Clone, Debug)]
pub(crate) struct SyntaxFault {
    pub(crate) message: String,
    pub(crate) hint: &'static str,
    pub(crate) span: Span,
    /// How much of the text cannot be relied on.
    pub(crate) reach: Reach,
}

/// How much of the text after a syntax error cannot be relied on.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Reach {
    /// Only the value is damaged.
    Value,
    /// The text that follows is parsed, but may be assigned to the wrong table.
    Tables,
    /// The text that follows cannot be parsed.
    Everything,
}

/// Parses as much of a text as possible. Returns at most one error per line, and none that only follow from another.
pub(crate) fn parse(text: &str) -> (Table, Vec<SyntaxFault>) {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut faults: Vec<_> = errors.iter().map(|error| fault(text, error)).collect();
    faults.sort_by_key(|fault| fault.span.start);
    (table(document.get_ref()), without_consequences(text, faults))
}

/// The parser's error, with a better message for common mistakes.
fn fault(text: &str, error: &Error) -> SyntaxFault {
    let parser = error.message();
    let span = error.span().unwrap_or(0..0);
    // The parser takes a string without quotes for a number or a boolean because of its first letters.
    let is_bare_word = parser.starts_with("invalid float") || parser.starts_with("invalid boolean");
    let span = if is_bare_word { whole_value(text, &span) } else { span };
    let at = text.get(span.clone()).unwrap_or_default();
    let is_nested = parser.contains("array") && !parser.contains("array table")
        || parser.contains("inline table")
        || parser.contains("multi-line");
    let message = if parser.starts_with("invalid basic string, expected `\"`") {
        "this string is not terminated"
    } else {
        parser
    };
    let twice = format!("`{at}` occurs twice in this table");
    let (message, hint, reach) = if parser.starts_with("duplicate key") {
        let hint = "keep one of the two; several tables of one kind are written as `[[…]]`";
        (&*twice, hint, Reach::Value)
    } else if is_bare_word || parser.starts_with("string values must be quoted") {
        let is_missing = at.is_empty() && !is_bare_word;
        let quotes = "this is not a value: a string needs quotes";
        let message = if is_missing { "there is no value after the `=`" } else { quotes };
        (message, "write it as in `key = \"value\"`", Reach::Value)
    } else if is_nested {
        let hint = "close what was opened here or above; the rest is checked once this can be parsed";
        (message, hint, Reach::Everything)
    } else {
        (message, "correct this line; the lines after it are checked once it can be parsed", Reach::Tables)
    };
    let Some((c, span)) = misleading_character(text, &span) else {
        return SyntaxFault { message: message.to_owned(), hint, span, reach };
    };
    let hint = if c.is_smart_quote() {
        "replace it with `\"`; word processors and web pages write this character instead"
    } else {
        "delete it, or replace it with a space; it is invisible in most editors"
    };
    SyntaxFault { message: format!("{c} is not allowed here"), hint, span, reach }
}

/// The first invisible character or typographic quote on the line of an error, outside of strings and comments.
fn misleading_character(text: &str, span: &Span) -> Option<(CodePoint, Span)> {
    let start = text.get(..span.start)?.rfind('\n').map_or(0, |at| at + 1);
    let line = text.get(start..)?.lines().next()?;
    let mut quote = None;
    for (at, c) in line.char_indices() {
        let (at, point) = (start + at, CodePoint(c));
        match (quote, c) {
            (None, '#') => return None,
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            (Some(_), _) | (None, '\t') => {}
            (None, _) if point.is_invisible() || point.is_smart_quote() => {
                return Some((point, at..at + c.len_utf8()));
            }
            (None, _) => {}
        }
    }
    None
}

/// The entire value that contains the position of an error.
fn whole_value(text: &str, span: &Span) -> Span {
    let (Some(before), Some(after)) = (text.get(..span.start), text.get(span.start..)) else {
        return span.clone();
    };
    let start = before.rfind(['=', ',', '[', '{', '\n', ' ', '\t']).map_or(0, |at| at + 1);
    let length = after.find([',', ']', '}', '#', '\n', '\r', ' ', '\t']).unwrap_or(after.len());
    start..span.start + length
}

fn without_consequences(text: &str, faults: Vec<SyntaxFault>) -> Vec<SyntaxFault> {
    let mut kept: Vec<SyntaxFault> = Vec::new();
    for fault in faults {
        let worst = kept.iter().map(|fault| fault.reach).max();
        // The parser reports an unterminated string again at the start of the next line.
        let same_line = kept.last_mut().filter(|last| {
            let between = text.get(last.span.start..fault.span.start).unwrap_or_default();
            !between.contains('\n') || between.trim().is_empty()
        });
        match (same_line, worst) {
            // The first error has the position, the worst one determines the reach.
            (Some(first), _) if fault.reach == Reach::Everything => first.reach = Reach::Everything,
            (Some(_), _) | (None, Some(Reach::Everything)) => {}
            (None, Some(Reach::Tables)) if fault.reach == Reach::Value => {}
            (None, _) => kept.push(fault),
        }
    }
    kept
}

fn table(table: &DeTable<'_>) -> Table {
    let mut entries: Vec<_> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().clone().into_owned(),
            key_span: key.span(),
            node: Node { value: convert(value.get_ref()), span: value.span() },
        })
        .collect();
    entries.sort_by_key(|entry| entry.key_span.start);
    Table { entries }
}

fn convert(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.clone().into_owned()),
        DeValue::Integer(number) => Value::Integer(i64::from_str_radix(number.as_str(), number.radix()).ok()),
        DeValue::Float(_) => Value::Other("a float"),
        DeValue::Boolean(value) => Value::Boolean(*value),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Array(items) => Value::List(
            items.iter().map(|item| Node { value: convert(item.get_ref()), span: item.span() }).collect(),
        ),
        DeValue::Table(inner) => Value::Table(table(inner)),
    }
}

impl Value {
    pub(crate) fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(crate) fn as_integer(&self) -> Option<Option<i64>> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }

    pub(crate) fn as_boolean(&self) -> Option<bool> {
        if let Self::Boolean(value) = self { Some(*value) } else { None }
    }

    pub(crate) fn as_list(&self) -> Option<&[Node]> {
        if let Self::List(items) = self { Some(items) } else { None }
    }

    pub(crate) fn as_table(&self) -> Option<&Table> {
        if let Self::Table(table) = self { Some(table) } else { None }
    }

    /// The type, with its article.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Boolean(_) => "a boolean",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(kind) => kind,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_mistake_is_reported_once() {
        for text in [
            "a = [\"b\", 'c]\n[tls]\nkey = \"x\"\n",
            "a = \"x\nb = 1\n",
            "[[endpoint]\na = 1\n",
            "x = {a=1, b=2",
        ] {
            assert_eq!(parse(text).1.len(), 1, "{text}: {:?}", parse(text).1);
        }
    }

    #[test]
    fn a_word_without_quotes_is_reported_as_a_string_without_quotes() {
        for word in ["info", "trace", "nano", "false1", "127.0.0.1:8443", "10s"] {
            let (table, faults) = parse(&format!("a = {word}\nb = [{word}]\n[t]\nc = 1\n"));
            let messages: Vec<_> = faults.iter().map(|fault| fault.message.as_str()).collect();
            let expected = "this is not a value: a string needs quotes";
            assert_eq!(messages, [expected; 2], "{word}");
            assert!(
                table.entries.iter().any(|entry| entry.key == "t"),
                "{word}: the text that follows is parsed"
            );
        }
    }

    #[test]
    fn an_invisible_character_is_reported_with_its_code_point() {
        for (text, c, at) in [
            ("a\u{a0}= 1\n", "U+00A0 (no-break space)", 1..3),
            ("a = \u{a0}1\n", "U+00A0 (no-break space)", 4..6),
            ("[t]\nke\u{200b}y = \"x\"\n", "U+200B (zero-width space)", 6..9),
            ("a = 1\n\u{feff}b = 2\n", "U+FEFF (byte order mark)", 6..9),
            ("a = \u{201c}x\u{201d}\n", "U+201C (left double quotation mark)", 4..7),
            ("a = [\"x\", \u{2018}y\u{2019}]\n", "U+2018 (left single quotation mark)", 10..13),
        ] {
            let (_, faults) = parse(text);
            let [fault] = &faults[..] else { unreachable!("{text}: {faults:?}") };
            assert_eq!(
                (fault.message.as_str(), &fault.span),
                (&*format!("{c} is not allowed here"), &at),
                "{text}"
            );
        }
        // In a string or a comment it is not the error.
        for text in ["a = \"\u{a0}\" x\n", "a = b # \u{201c}\n", "a = \"\u{201c}\n"] {
            let (_, faults) = parse(text);
            assert!(faults.iter().all(|fault| !fault.message.contains("U+")), "{text}: {faults:?}");
        }
    }

    #[test]
    fn two_mistakes_on_two_lines_are_reported_both() {
        assert_eq!(parse("a = /x\nb = /y\n").1.len(), 2);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*|[\\[\\]{}\"'=.,a\n #0-9\\\\]{0,60}") {
            let _ = parse(&text);
        }
    }
}
