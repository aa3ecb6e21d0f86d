//! Formats an event for the message of a journal entry: its fields as `name=value`, quoted so that no value can look
//! like another field.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;

use crate::escape::Quoted;

/// Writes the message unquoted, and every value in quotes unless it is one word.
#[derive(Clone, Copy, Debug)]
pub(super) struct TextFields;

impl<'writer> FormatFields<'writer> for TextFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut line = Line { writer, is_started: false, outcome: Ok(()) };
        fields.record(&mut line);
        line.outcome
    }
}

struct Line<'writer> {
    writer: Writer<'writer>,
    is_started: bool,
    outcome: fmt::Result,
}

impl Line<'_> {
    fn write(&mut self, field: &Field, value: &str) -> fmt::Result {
        let name = field.name();
        // Metadata of the bridge from the `log` crate.
        if name.starts_with("log.") {
            return Ok(());
        }
        if std::mem::replace(&mut self.is_started, true) {
            self.writer.write_char(' ')?;
        }
        match name {
            "message" => write!(self.writer, "{}", Quoted::inside(value)),
            _ => write!(self.writer, "{name}={}", Quoted::word(value)),
        }
    }
}

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.outcome = self.outcome.and_then(|()| self.write(field, value));
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What was logged.
    #[derive(Clone, Default)]
    pub(in crate::logging) struct Buffer(pub(in crate::logging) Arc<Mutex<Vec<u8>>>);

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no panic").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(log: impl FnOnce()) -> String {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let lines = tracing_subscriber::fmt()
            .fmt_fields(TextFields)
            .without_time()
            .with_target(false)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(lines, log);
        let bytes = buffer.0.lock().expect("no panic").clone();
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn untrusted_values_cannot_add_fields() {
        let untrusted = "x admitted=true sender=\"efi\"\n\\";
        let line = written(|| tracing::info!(subject = %untrusted, path = untrusted, count = 3, "refused"));
        let value = r#""x admitted=true sender=\"efi\"\u{a}\\""#;
        assert_eq!(line, format!(" INFO refused subject={value} path={value} count=3\n"));
        for (value, shown) in [("two words", "\"two words\""), ("a=b", "\"a=b\""), ("\\", r#""\\""#)] {
            assert_eq!(written(|| tracing::info!(value, "x")), format!(" INFO x value={shown}\n"));
        }
        let line = written(|| tracing::info!(address = %"127.0.0.1:1", empty = "", some = ?Some(1), "x"));
        assert_eq!(line, " INFO x address=127.0.0.1:1 empty=\"\" some=Some(1)\n");
    }
}
