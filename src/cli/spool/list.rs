//! `hookspool spool list`: lists the entries of a queue, oldest first, or of `corrupt`.
//!
//! Each row is printed as soon as it is read, because a queue may contain millions of entries.

use std::io::{self, Write};

use indicatif::ProgressBar;

use super::context::{SpoolContext, bar};
use super::entry_file::EntryFile;
use super::row::EntryRow;
use super::table::EntryTable;
use crate::cli::exit::{Exit, Failure};
use crate::cli::spool_args::{EntryFolder, SpoolListArgs};
use crate::metrics::Queue;
use crate::policy::Name;
use crate::spool::{EntryLocation, IDS_MAX, Ordered, corrupt_entries, entries};

pub(super) fn list(context: &SpoolContext, args: &SpoolListArgs) -> Result<Exit, Failure> {
    let since = context.since(args.since);
    let mut out = io::BufWriter::new(io::stdout().lock());
    context.endpoints(args.endpoint.as_ref())?;
    let mut table = if args.json { None } else { EntryTable::on_terminal() };
    // The rows on the terminal show the progress.
    let bar = if table.is_some() { ProgressBar::hidden() } else { bar(count(context, args)?, "listing") };
    let mut rows = 0_u64;
    let mut write = |text: &str| out.write_all(text.as_bytes()).map_err(Failure::output);
    if let Some(table) = &mut table {
        write(&table.header())?;
    }
    if args.json {
        write("{\"entries\": [")?;
    }
    for file in files(context, args)? {
        let file = file.map_err(|error| context.unlisted(error))?;
        bar.inc(1);
        if since.is_some_and(|since| file.id.made_at() < since) {
            continue;
        }
        let Some(row) = EntryRow::read(context, file).filter(|row| is_wanted(row, args)) else { continue };
        let separator = if rows == 0 { "\n" } else { ",\n" };
        match args.json {
            true => write(&format!("{separator}{}", row.json()?))?,
            false => write(&row.text(table.as_mut()))?,
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

fn is_wanted(row: &EntryRow, args: &SpoolListArgs) -> bool {
    let is = |wanted: Option<&Name>, found: Option<&str>| {
        wanted.is_none_or(|wanted| found == Some(wanted.as_str()))
    };
    is(args.endpoint.as_ref(), row.endpoint.as_deref()) && is(args.sender.as_ref(), row.sender())
}
