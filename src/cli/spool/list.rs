//! `hookspool spool list`: lists the entries of a queue, oldest first.
//!
//! Each row is printed as soon as it is read, because a queue may contain millions of entries.

use std::io::{self, Write};

use serde::Serialize;

use super::context::{SpoolContext, bar};
use crate::cli::exit::{Exit, Failure};
use crate::cli::spool_args::SpoolListArgs;
use crate::escape::Escaped;
use crate::spool::{EntryFault, EntryLocation, EnvelopeFacts, IDS_MAX, Ordered, entries, open_entry};

/// One entry of the document that `--json` prints, `{"entries": [..]}`. The names of the keys must not change.
#[derive(Debug, Serialize)]
struct Row {
    id: String,
    endpoint: String,
    queue: &'static str,
    path: String,
    #[serde(flatten)]
    details: Details,
}

/// The contents of the envelope; the payload is not read.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Details {
    Facts { received_at: String, sender: String, event: Option<String>, length: u64, sha256: String },
    Fault { fault: String },
}

pub(super) fn list(context: &SpoolContext, args: &SpoolListArgs) -> Result<Exit, Failure> {
    let since = args.since.and_then(|age| context.now.checked_sub(age.0).ok());
    let mut out = io::BufWriter::new(io::stdout().lock());
    let bar = bar(count(context, args)?, "listing");
    let mut rows = 0_u64;
    let mut write = |text: &str| out.write_all(text.as_bytes()).map_err(Failure::output);
    if args.json {
        write("{\"entries\": [")?;
    }
    for place in oldest_first(context, args)? {
        let place = place.map_err(|error| context.unlisted(error))?;
        bar.inc(1);
        if since.is_some_and(|since| place.id.made_at() < since) {
            continue;
        }
        let Some(row) = row(context, &place).filter(|row| is_wanted(row, args)) else { continue };
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
    let mut total = 0;
    for endpoint in context.endpoints(args.endpoint.as_ref())? {
        let found = entries(&context.disk, &context.layout, &endpoint, args.queue.0);
        total += u64::try_from(found.map_err(|error| context.unlisted(error))?.count()).unwrap_or(u64::MAX);
    }
    Ok(total)
}

/// The entries of the selected endpoints, merged in the order of their IDs.
fn oldest_first(
    context: &SpoolContext,
    args: &SpoolListArgs,
) -> Result<impl Iterator<Item = io::Result<EntryLocation>>, Failure> {
    let endpoints = context.endpoints(args.endpoint.as_ref())?;
    let at_once = IDS_MAX / endpoints.len().max(1);
    let mut queues: Vec<_> = endpoints
        .iter()
        .map(|endpoint| {
            Ordered::new(&context.disk, &context.layout, endpoint, args.queue.0, at_once).peekable()
        })
        .collect();
    Ok(std::iter::from_fn(move || {
        // An error comes first, because it ends the command.
        let key = |place: &io::Result<EntryLocation>| place.as_ref().ok().map(|place| place.id);
        let next = queues.iter_mut().filter_map(|queue| Some((key(queue.peek()?), queue)));
        next.min_by_key(|(id, _)| *id).and_then(|(_, queue)| queue.next())
    }))
}

fn is_wanted(row: &Row, args: &SpoolListArgs) -> bool {
    match (&args.sender, &row.details) {
        (None, _) => true,
        (Some(wanted), Details::Facts { sender, .. }) => sender == wanted.as_str(),
        (Some(_), Details::Fault { .. }) => false,
    }
}

fn json(row: &Row) -> Result<String, Failure> {
    serde_json::to_string(row).map_err(|error| Failure::output(error.into()))
}

/// The row of an entry; `None` if a consumer has moved the entry in the meantime.
fn row(context: &SpoolContext, place: &EntryLocation) -> Option<Row> {
    let path = place.path(&context.layout);
    let details = match open_entry(&context.disk, &path) {
        Ok(entry) => {
            let EnvelopeFacts { received_at, sender, event, payload, .. } = entry.facts;
            Details::Facts { received_at, sender, event, length: payload.length, sha256: payload.sha256 }
        }
        Err(EntryFault::Io(error)) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(fault) => Details::Fault { fault: fault.to_string() },
    };
    Some(Row {
        id: place.id.to_string(),
        endpoint: place.endpoint.to_string(),
        queue: place.queue.word(),
        path: path.display().to_string(),
        details,
    })
}

fn line(Row { id, endpoint, queue, details, .. }: &Row) -> String {
    match details {
        Details::Facts { received_at, sender, event, length, .. } => format!(
            "{id}  {}  {endpoint}/{queue}  {}  {}  {length} bytes\n",
            Escaped(received_at),
            Escaped(sender),
            Escaped(event.as_deref().unwrap_or("-")),
        ),
        Details::Fault { fault } => format!("{id}  {endpoint}/{queue}  not intact: {fault}\n"),
    }
}
