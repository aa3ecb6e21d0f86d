//! `hookspool spool verify`: reads every entry and compares length and digest.

use std::io;
use std::path::PathBuf;

use serde::Serialize;

use super::context::{SpoolContext, bar, failed, report};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{print, print_json};
use crate::cli::spool_args::SpoolVerifyArgs;
use crate::escape::Escaped;
use crate::metrics::Queue;
use crate::spool::{EntryFault, EntryLocation, Lease, LeaseError, check_entry, entries, set_aside};

/// The document that `--json` prints. The names of the keys must not change.
#[derive(Debug, Default, Serialize)]
struct Document {
    /// The number of intact entries.
    whole: u64,
    faults: Vec<Fault>,
}

#[derive(Debug, Serialize)]
struct Fault {
    id: String,
    endpoint: String,
    queue: &'static str,
    fault: String,
    /// The path that it was moved to; null if it is being processed or cannot be read.
    moved_to: Option<String>,
}

pub(super) fn verify(context: &SpoolContext, args: &SpoolVerifyArgs) -> Result<Exit, Failure> {
    let queues = args.queue.map_or(Queue::ALL.to_vec(), |queue| vec![queue.0]);
    let endpoints = context.endpoints(args.endpoint.as_ref())?;
    let each = || endpoints.iter().flat_map(|endpoint| queues.iter().map(move |queue| (endpoint, *queue)));
    let mut total = 0;
    for (endpoint, queue) in each() {
        let found = entries(&context.disk, &context.layout, endpoint, queue);
        total += u64::try_from(found.map_err(|error| context.unlisted(error))?.count()).unwrap_or(u64::MAX);
    }
    let bar = bar(total, "verifying");
    let mut document = Document::default();
    for (endpoint, queue) in each() {
        let found = entries(&context.disk, &context.layout, endpoint, queue);
        for place in found.map_err(|error| context.unlisted(error))? {
            let place = place.map_err(|error| context.unlisted(error))?;
            bar.inc(1);
            verify_entry(context, &place, &mut document)?;
        }
    }
    bar.finish_and_clear();
    let printed = if args.json {
        print_json(&document)
    } else {
        print(&format!("{} intact, {} not intact\n", document.whole, document.faults.len()))
    };
    let has_moved = document.faults.iter().any(|fault| fault.moved_to.is_some());
    printed.map_err(|failure| if has_moved { failure.after_change() } else { failure })?;
    Ok(if document.faults.is_empty() { Exit::Success } else { Exit::Negative })
}

/// Moves an entry that is not intact to `corrupt`. An entry in `taken` is moved only under its lease.
fn move_to_corrupt(context: &SpoolContext, place: &EntryLocation) -> Result<PathBuf, LeaseError> {
    let _lease = match place.queue {
        Queue::Taken => Some(Lease::take(&context.disk, &context.layout, place)?),
        Queue::New | Queue::Done | Queue::Failed => None,
    };
    let moved = set_aside(&context.disk, &context.layout, place);
    moved.map_err(
        |error| if error.kind() == io::ErrorKind::NotFound { LeaseError::Moved } else { error.into() },
    )
}

fn verify_entry(
    context: &SpoolContext,
    place: &EntryLocation,
    document: &mut Document,
) -> Result<(), Failure> {
    let path = place.path(&context.layout);
    let fault = match check_entry(&context.disk, &path) {
        Ok(_) => {
            document.whole += 1;
            return Ok(());
        }
        // A consumer has moved it in the meantime.
        Err(EntryFault::Io(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(fault) => fault,
    };
    let moved_to = match matches!(fault, EntryFault::NotIntact(_)).then(|| move_to_corrupt(context, place)) {
        Some(Ok(to)) => Some(to.display().to_string()),
        Some(Err(LeaseError::Moved)) => return Ok(()),
        Some(Err(LeaseError::Io(why))) => return Err(failed("move to corrupt", &path, why)),
        Some(Err(LeaseError::Held)) | None => None,
    };
    report(&format!(
        "`{}` is not intact: {fault}; {}",
        Escaped(&path.display().to_string()),
        moved_to.as_ref().map_or("left in place".to_owned(), |to| format!("moved to `{}`", Escaped(to))),
    ));
    document.faults.push(Fault {
        id: place.id.to_string(),
        endpoint: place.endpoint.to_string(),
        queue: place.queue.word(),
        fault: fault.to_string(),
        moved_to,
    });
    Ok(())
}
