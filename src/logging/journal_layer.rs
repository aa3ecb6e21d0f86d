//! Converts events to entries of the journal. The field `endpoint` becomes `HOOKSPOOL_ENDPOINT`, and so on.

use std::fmt;
use std::io::Write as _;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_appender::non_blocking::NonBlocking;
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::layer::Context;

use super::journal::JournalEntry;
use super::text::TextFields;

/// The program name that `journalctl` shows and `journalctl -t` selects.
const IDENTIFIER: &str = "hookspool";

/// Writes each event to the queue as one entry.
#[derive(Debug)]
pub(super) struct JournalLayer(pub(super) NonBlocking);

impl<S: Subscriber> Layer<S> for JournalLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = EventFields(JournalEntry::default());
        // The message contains all fields, because `systemctl status` and `journalctl` show only the message by
        // default.
        let mut line = String::new();
        let _ = TextFields.format_fields(Writer::new(&mut line), event);
        fields.0.field("MESSAGE", &line);
        fields.0.field("PRIORITY", priority(event.metadata().level()));
        fields.0.field("SYSLOG_IDENTIFIER", IDENTIFIER);
        event.record(&mut fields);
        // A full queue drops the entry and counts it.
        let _ = self.0.clone().write_all(fields.0.bytes());
    }
}

/// The priority as in syslog(3).
fn priority(level: &Level) -> &'static str {
    match *level {
        Level::ERROR => "3",
        Level::WARN => "4",
        Level::INFO => "6",
        Level::DEBUG | Level::TRACE => "7",
    }
}

struct EventFields(JournalEntry);

impl Visit for EventFields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => {}
            // Metadata of the bridge from the `log` crate.
            name if name.starts_with("log.") => {}
            name => self.0.field(&journal_name(name), value),
        }
    }
}

fn journal_name(name: &str) -> String {
    let capital = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let name = name.strip_prefix("r#").unwrap_or(name);
    "HOOKSPOOL_".chars().chain(name.chars().map(capital)).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use tracing_appender::non_blocking::NonBlockingBuilder;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::logging::journal::Journal;

    #[test]
    fn each_event_is_one_datagram_with_its_fields() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("socket");
        let receiver = UnixDatagram::bind(&path).expect("a socket");
        let journal = Journal::at(&path).expect("a bound socket");
        let (queue, worker) = NonBlockingBuilder::default().finish(journal);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(JournalLayer(queue)), || {
            tracing::info!(endpoint = "pix", sender = %"efi", bytes = 3, none = None::<&str>, "stored");
            tracing::error!(r#type = ?Some("x"), "two\nlines");
        });
        drop(worker);
        let mut received = [0; 512];
        let mut next = || {
            let length = receiver.recv(&mut received).expect("a datagram");
            String::from_utf8_lossy(&received[..length]).into_owned()
        };
        assert_eq!(
            next(),
            "MESSAGE=stored endpoint=pix sender=efi bytes=3\nPRIORITY=6\nSYSLOG_IDENTIFIER=hookspool\nHOOKSPOOL_ENDPOINT=pix\nHOOKSPOOL_SENDER=efi\nHOOKSPOOL_BYTES=3\n"
        );
        assert_eq!(
            next(),
            "MESSAGE=two\\u{a}lines type=\"Some(\\\"x\\\")\"\nPRIORITY=3\nSYSLOG_IDENTIFIER=hookspool\nHOOKSPOOL_TYPE=Some(\"x\")\n"
        );
    }
}
