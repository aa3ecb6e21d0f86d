//! Formats the text log for people, on a screen of 100 columns.
//!
//! An event at level info is one line, cut at the screen's edge. Of an event at another level nothing is omitted: if it
//! does not fit on one line, its fields follow on indented lines, under the names that they have in JSON. No value can
//! start a line or look like another field: all text is escaped, and rows that continue a value are indented.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::clock::Clock;
use crate::columns::{cut, width, wrap};
use crate::envelope::EntryId;
use crate::escape::Quoted;
use crate::quantity::{ByteSize, HumanDuration};

/// The columns of a screen.
const COLUMNS: usize = 100;
/// The columns of the time, and the indentation of the lines that follow it.
const MARGIN: usize = 9;
/// The fewest columns of a value on a line of its own, for fields with long names.
const VALUE_COLUMNS: usize = 40;

/// Events of which only values are shown: the message, the word that replaces it, and the fields.
const SHORT: &[(&str, &str, &[&str])] = &[
    ("delivery stored", "stored", &["endpoint", "sender", "bytes", "milliseconds"]),
    ("entry forwarded", "forwarded", &["consumer", "endpoint", "detail", "attempt", "milliseconds"]),
    ("stopped", "stopped", &["seconds"]),
];
/// The fields that are on the line of the message if others follow on lines of their own.
const FIRST: &[&str] =
    &["reason", "peer", "place", "endpoint", "consumer", "id", "role", "name", "senders", "vouched"];
/// The field that is not wrapped, because people copy it into webhooks.toml.
const ADMIT: &str = "admit";
/// The field that the message implies.
const STAGE: &str = "stage";

/// Formats the events. A line with the date precedes the first event of each day.
#[derive(Debug)]
pub(super) struct TextLines {
    clock: Clock,
    /// The day of the last event, since the epoch.
    day: AtomicI64,
}

impl TextLines {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, day: AtomicI64::new(i64::MIN) }
    }
}

impl<S, N> FormatEvent<S, N> for TextLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let now = self.clock.now();
        let day = now.as_second().div_euclid(86_400);
        let color = writer.has_ansi_escapes();
        let paint = |style: &str, text: &str| {
            if color { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
        };
        if self.day.swap(day, Ordering::Relaxed) != day {
            writeln!(writer, "{}", paint("2", &now.strftime("%Y-%m-%d UTC").to_string()))?;
        }
        write!(writer, "{} ", paint("2", &now.strftime("%H:%M:%S").to_string()))?;
        let mut fields = Fields::default();
        event.record(&mut fields);
        let (word, style) = match *event.metadata().level() {
            Level::INFO => return writeln!(writer, "{}", fields.in_one_line()),
            Level::ERROR => ("error", "1;31"),
            Level::WARN => ("warn", "1;33"),
            Level::DEBUG => ("debug", "34"),
            Level::TRACE => ("trace", "35"),
        };
        write!(writer, "{} ", paint(style, word))?;
        let (first, details) = fields.in_lines(COLUMNS - MARGIN - word.len() - 1);
        let names = details.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
        let columns = COLUMNS.saturating_sub(MARGIN + names + 2).max(VALUE_COLUMNS);
        writeln!(writer, "{}", wrap(&first, COLUMNS - MARGIN - word.len() - 1).join(&continued(0)))?;
        for (name, value) in &details {
            let rows = if *name == ADMIT { vec![value.as_str()] } else { wrap(value, columns) };
            let name = paint("2", &format!("{name:names$}"));
            writeln!(writer, "{:MARGIN$}{name}  {}", "", rows.join(&continued(names + 2)))?;
        }
        Ok(())
    }
}

/// The end of a row that is continued this far behind the margin.
fn continued(indent: usize) -> String {
    format!("\n{:1$}", "", MARGIN + indent)
}

/// The message, escaped, and the other fields.
#[derive(Default)]
struct Fields {
    message: String,
    values: Vec<(&'static str, String)>,
}

impl Fields {
    fn add(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message = Quoted::inside(value).to_string(),
            // Metadata of the bridge from the `log` crate.
            name if name == STAGE || name.starts_with("log.") => {}
            name => self.values.push((name.strip_prefix("r#").unwrap_or(name), value.to_owned())),
        }
    }

    /// The line of an event at level info, without its time. It ends with the end of the entry's ID: the beginning is
    /// only the time.
    fn in_one_line(&self) -> String {
        let id = self.values.iter().find_map(|(name, value)| {
            let id = value.parse::<EntryId>().ok().filter(|_| *name == "id")?;
            Some(format!("  …{}", id.to_string().get(19..)?.replace('-', "")))
        });
        let line = match SHORT.iter().find(|(message, ..)| *message == self.message) {
            Some((_, word, names)) => names
                .iter()
                .filter_map(|name| self.values.iter().find(|(found, _)| found == name))
                .filter(|value| !matches!(value, ("attempt", number) if number == "1"))
                .fold((*word).to_owned(), |line, (name, value)| format!("{line}  {}", column(name, value))),
            None => {
                let others = self.values.iter().filter(|(name, _)| id.is_none() || *name != "id");
                others.fold(self.message.clone(), |line, value| line + &named(value))
            }
        };
        let id = id.unwrap_or_default();
        cut(&line, COLUMNS - MARGIN - width(&id)) + &id
    }

    /// The first line of an event at another level, and its details, escaped, with their names.
    fn in_lines(&self, columns: usize) -> (String, Vec<(&'static str, String)>) {
        let all = self.values.iter().fold(self.message.clone(), |line, value| line + &named(value));
        if width(&all) <= columns {
            return (all, Vec::new());
        }
        let (mut first, mut details) = (self.message.clone(), Vec::new());
        for value in &self.values {
            let text = named(value);
            if FIRST.contains(&value.0) && width(&first) + width(&text) <= columns {
                first += &text;
            } else {
                details.push((value.0, Quoted::inside(&value.1).to_string()));
            }
        }
        (first, details)
    }
}

/// A field behind the message.
fn named((name, value): &(&str, String)) -> String {
    format!(" {name}={}", Quoted::word(value))
}

/// A value in a line without names, where two spaces separate the values.
fn column(name: &str, value: &str) -> String {
    let is_plain = |word: &str| !word.is_empty() && !word.contains(char::is_whitespace);
    let value = if value.split(' ').all(is_plain) { Quoted::inside(value) } else { Quoted::word(value) };
    if name == "attempt" { format!("{name} {value}") } else { value.to_string() }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        let text = match field.name() {
            "milliseconds" => HumanDuration(Duration::from_millis(value)).rounded(),
            name if name == "bytes" || name.ends_with("_bytes") => ByteSize(value).rounded(),
            _ => value.to_string(),
        };
        self.add(field, &text);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        let seconds = match field.name() {
            "milliseconds" => Some(value / 1e3),
            "seconds" => Some(value),
            _ => None,
        };
        let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let text = time.map_or_else(|| value.to_string(), |time| HumanDuration(time).rounded());
        self.add(field, &text);
    }
}

#[cfg(test)]
#[path = "lines_tests.rs"]
mod tests;
