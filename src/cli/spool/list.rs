//! `hookspool spool list`: lists the entries of a queue, oldest first, or of `corrupt`.
//!
//! Each row is printed as soon as it is read, because a queue may contain millions of entries.

use std::io::{self, Write};

use serde::Serialize;

use super::context::{SpoolContext, bar};
use super::entry_file::EntryFile;
use crate::cli::exit::{Exit, Failure};
use crate::cli::spool_args::{EntryFolder, SpoolListArgs};
use crate::escape::Escaped;
use crate::metrics::Queue;
use crate::policy::Name;
use crate::spool::{
    EntryFault, EntryLocation, EnvelopeFacts, FailureNote, IDS_MAX, Ordered, corrupt_entries, entries,
};

/// One entry of the document that `--json` prints, `{"entries": [..]}`. The names of the keys must not change.
#[derive(Debug, Serialize)]
struct Row {
    id: String,
    /// In `corrupt`, that of the envelope; null if that cannot be read.
    endpoint: Option<String>,
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

pub(super) fn list(context: &SpoolContext, args: &SpoolListArgs) -> Result<Exit, Failure> {
    let since = context.since(args.since);
    let mut out = io::BufWriter::new(io::stdout().lock());
    let bar = bar(count(context, args)?, "listing");
    let mut rows = 0_u64;
    let mut write = |text: &str| out.write_all(text.as_bytes()).map_err(Failure::output);
    if args.json {
        write("{\"entries\": [")?;
    }
    for file in files(context, args)? {
        let file = file.map_err(|error| context.unlisted(error))?;
        bar.inc(1);
        if since.is_some_and(|since| file.id.made_at() < since) {
            continue;
        }
        let Some(row) = row(context, file).filter(|row| is_wanted(row, args)) else { continue };
        let separator = if rows == 0 { "\n" } else { ",\n" };
        match args.json {
            true => write(&format!("{separator}{}", json(&row)?))?,
            false => write(&line(&row))?,
        }
        rows += 1;
    }
    if args.json {
        write("\n]}\n")?;
    }
    bar.finish_and_clear();
    out.flush().map_err(Failure::output)?;
    Ok(Exit::Success)
}

/// The number of files in the queues, for the progress bar.
fn count(context: &SpoolContext, args: &SpoolListArgs) -> Result<u64, Failure> {
    let SpoolContext { disk, layout, .. } = context;
    let endpoints = context.endpoints(args.endpoint.as_ref())?;
    let count = match args.queue {
        EntryFolder::Corrupt => corrupt_entries(disk, layout).map(Iterator::count),
        EntryFolder::Queue(queue) => {
            endpoints.iter().map(|endpoint| Ok(entries(disk, layout, endpoint, queue)?.count())).sum()
        }
    };
    count.map(|count| u64::try_from(count).unwrap_or(u64::MAX)).map_err(|error| context.unlisted(error))
}

/// The files of a queue, oldest first, or of `corrupt`, in no order.
fn files<'a>(
    context: &'a SpoolContext,
    args: &SpoolListArgs,
) -> Result<Box<dyn Iterator<Item = io::Result<EntryFile>> + 'a>, Failure> {
    let SpoolContext { disk, layout, .. } = context;
    Ok(match args.queue {
        EntryFolder::Queue(queue) => {
            let places = oldest_first(context, args, queue)?;
            Box::new(places.map(|place| Ok(EntryFile::in_queue(&place?, disk, layout))))
        }
        EntryFolder::Corrupt => {
            let found = corrupt_entries(disk, layout).map_err(|error| context.unlisted(error))?;
            Box::new(found.map(|entry| Ok(EntryFile::in_corrupt(entry?, layout))))
        }
    })
}

/// The entries of the selected endpoints, merged in the order of their IDs.
fn oldest_first(
    context: &SpoolContext,
    args: &SpoolListArgs,
    queue: Queue,
) -> Result<impl Iterator<Item = io::Result<EntryLocation>> + use<>, Failure> {
    let endpoints = context.endpoints(args.endpoint.as_ref())?;
    let at_once = IDS_MAX / endpoints.len().max(1);
    let mut queues: Vec<_> = endpoints
        .iter()
        .map(|endpoint| Ordered::new(&context.disk, &context.layout, endpoint, queue, at_once).peekable())
        .collect();
    Ok(std::iter::from_fn(move || {
        // An error comes first, because it ends the command.
        let key = |place: &io::Result<EntryLocation>| place.as_ref().ok().map(|place| place.id);
        let next = queues.iter_mut().filter_map(|queue| Some((key(queue.peek()?), queue)));
        next.min_by_key(|(id, _)| *id).and_then(|(_, queue)| queue.next())
    }))
}

fn is_wanted(row: &Row, args: &SpoolListArgs) -> bool {
    let is = |wanted: Option<&Name>, found: Option<&str>| {
        wanted.is_none_or(|wanted| found == Some(wanted.as_str()))
    };
    is(args.endpoint.as_ref(), row.endpoint.as_deref())
        && is(args.sender.as_ref(), row.facts.as_ref().map(|facts| facts.sender.as_str()))
}

fn json(row: &Row) -> Result<String, Failure> {
    serde_json::to_string(row).map_err(|error| Failure::output(error.into()))
}

/// The row of an entry; `None` if a consumer has moved the entry in the meantime.
fn row(context: &SpoolContext, file: EntryFile) -> Option<Row> {
    let mut endpoint = file.endpoint.as_ref().map(ToString::to_string);
    let is_gone = |fault: &EntryFault| matches!(fault, EntryFault::Io(error) if error.kind() == io::ErrorKind::NotFound);
    let (facts, fault) = match file.open(&context.disk) {
        Ok(entry) => {
            (Some(entry.facts), endpoint.is_none().then(|| file.check(&context.disk).err()).flatten())
        }
        Err(fault) => (None, Some(fault)),
    };
    if fault.as_ref().is_some_and(is_gone) {
        return None;
    }
    let facts =
        facts.map(|EnvelopeFacts { received_at, sender, event, payload, endpoint: named, .. }| {
            endpoint.get_or_insert(named);
            Facts { received_at, sender, event, length: payload.length, sha256: payload.sha256 }
        });
    Some(Row {
        id: file.id.to_string(),
        endpoint,
        queue: file.folder,
        path: file.path.display().to_string(),
        facts,
        fault: fault.map(|fault| fault.to_string()),
        why: file.why,
    })
}

fn line(Row { id, endpoint, queue, facts, fault, why, .. }: &Row) -> String {
    let place = format!("{}/{queue}", Escaped(endpoint.as_deref().unwrap_or("-")));
    let fault = fault.as_ref().map_or(String::new(), |fault| format!("  not intact: {fault}"));
    let why = why.as_ref().map_or(String::new(), |why| format!("  {why}"));
    let Some(Facts { received_at, sender, event, length, .. }) = facts else {
        return format!("{id}  {place}{fault}{why}\n");
    };
    let size = if *length == 0 { "empty payload".to_owned() } else { format!("{length} bytes") };
    format!(
        "{id}  {}  {place}  {}  {}  {size}{fault}{why}\n",
        Escaped(received_at),
        Escaped(sender),
        Escaped(event.as_deref().unwrap_or("-")),
    )
}
