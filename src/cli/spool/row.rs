//! One entry as `list` and `follow` print it: a JSON object, a row of a table, or a line for scripts.

use std::fs::File;
use std::io;

use serde::Serialize;

use super::context::SpoolContext;
use super::entry_file::EntryFile;
use super::table::{Cells, EntryTable};
use crate::cli::exit::Failure;
use crate::clock::Timestamp;
use crate::escape::Escaped;
use crate::quantity::ByteSize;
use crate::spool::{EntryFault, EnvelopeFacts, FailureNote, IdEnd, OpenEntry};

/// One entry of the document that `list --json` prints, `{"entries": [..]}`, and one line of `follow --json`. The names
/// of the keys must not change.
#[derive(Debug, Serialize)]
pub(super) struct EntryRow {
    id: String,
    /// In `corrupt`, that of the envelope; null if that cannot be read.
    pub(super) endpoint: Option<String>,
    queue: &'static str,
    path: String,
    #[serde(flatten)]
    facts: Option<Facts>,
    /// Why the entry is not intact. The payload is read only in `corrupt`.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
    /// Why `forward` gave up the entry; only in `failed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<FailureNote>,
    /// The end of the ID, for people.
    #[serde(skip)]
    id_end: IdEnd,
}

/// The contents of the envelope.
#[derive(Debug, Serialize)]
struct Facts {
    received_at: String,
    sender: String,
    event: Option<String>,
    length: u64,
    sha256: String,
}

impl EntryRow {
    /// Reads the row of an entry; `None` if a consumer has moved the entry in the meantime.
    pub(super) fn read(context: &SpoolContext, file: EntryFile) -> Option<Self> {
        let is_gone = |fault: &EntryFault| matches!(fault, EntryFault::Io(error) if error.kind() == io::ErrorKind::NotFound);
        let is_corrupt = file.endpoint.is_none();
        let (facts, fault) = match file.open(&context.disk) {
            Ok(entry) => (Some(entry.facts), is_corrupt.then(|| file.check(&context.disk).err()).flatten()),
            Err(fault) => (None, Some(fault)),
        };
        if fault.as_ref().is_some_and(is_gone) { None } else { Some(Self::of(file, facts, fault)) }
    }

    /// The row of an entry that was opened.
    pub(super) fn of_opened(file: EntryFile, opened: Result<OpenEntry<File>, EntryFault>) -> Self {
        match opened {
            Ok(entry) => Self::of(file, Some(entry.facts), None),
            Err(fault) => Self::of(file, None, Some(fault)),
        }
    }

    fn of(file: EntryFile, facts: Option<EnvelopeFacts>, fault: Option<EntryFault>) -> Self {
        let mut endpoint = file.endpoint.as_ref().map(ToString::to_string);
        let facts =
            facts.map(|EnvelopeFacts { received_at, sender, event, payload, endpoint: named, .. }| {
                endpoint.get_or_insert(named);
                Facts { received_at, sender, event, length: payload.length, sha256: payload.sha256 }
            });
        Self {
            id: file.id.to_string(),
            endpoint,
            queue: file.folder,
            path: file.path.display().to_string(),
            facts,
            fault: fault.map(|fault| fault.to_string()),
            why: file.why,
            id_end: IdEnd::of(file.id, usize::MAX),
        }
    }

    pub(super) fn sender(&self) -> Option<&str> {
        self.facts.as_ref().map(|facts| facts.sender.as_str())
    }

    pub(super) fn json(&self) -> Result<String, Failure> {
        serde_json::to_string(self).map_err(|error| Failure::output(error.into()))
    }

    /// The text for people: a row of the table, with the reasons on lines of their own; without a table, a line.
    pub(super) fn text(&self, table: Option<&mut EntryTable>) -> String {
        let fault = self.fault.as_ref().map(|fault| format!("not intact: {fault}"));
        let why = self.why.as_ref().map(ToString::to_string);
        let reasons = fault.into_iter().chain(why);
        match table {
            Some(table) => {
                let lines = reasons.map(|reason| format!("    {reason}\n"));
                table.line(&self.cells(), self.id_end) + &lines.collect::<String>()
            }
            None => self.line() + &reasons.map(|reason| format!("  {reason}")).collect::<String>() + "\n",
        }
    }

    fn cells(&self) -> Cells {
        let text = |text: Option<&str>| Escaped(text.unwrap_or("-")).to_string();
        let facts = self.facts.as_ref();
        let received = facts.map(|facts| facts.received_at.as_str());
        let seconds = received.and_then(|at| at.parse().ok()).map(|at: Timestamp| format!("{at:.0}"));
        [
            seconds.unwrap_or_else(|| text(received)),
            self.queue.to_owned(),
            text(self.endpoint.as_deref()),
            text(self.sender()),
            text(facts.and_then(|facts| facts.event.as_deref())),
            facts.map_or("-".to_owned(), |facts| ByteSize(facts.length).rounded()),
        ]
    }

    /// The line for scripts, without the reasons. Its columns must not change.
    fn line(&self) -> String {
        let place = format!("{}/{}", Escaped(self.endpoint.as_deref().unwrap_or("-")), self.queue);
        let Some(Facts { received_at, sender, event, length, .. }) = &self.facts else {
            return format!("{}  {place}", self.id);
        };
        let size = if *length == 0 { "empty payload".to_owned() } else { format!("{length} bytes") };
        format!(
            "{}  {}  {place}  {}  {}  {size}",
            self.id,
            Escaped(received_at),
            Escaped(sender),
            Escaped(event.as_deref().unwrap_or("-")),
        )
    }
}
