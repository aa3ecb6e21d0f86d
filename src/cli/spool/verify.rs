//! `hookspool spool verify`: reads every entry and compares length and digest.

use std::io;
use std::path::PathBuf;

use serde::Serialize;

use super::context::{SpoolContext, bar, failed, say};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{print, print_json};
use crate::cli::spool_args::SpoolVerifyArgs;
use crate::escape::Escaped;
use crate::spool::{EntryFault, EntryLocation, Lease, LeaseError, Queue, check_entry, entries, set_aside};

/// The document. The names are a promise.
#[derive(Debug, Default, Serialize)]
struct Document {
    /// Entries that are whole.
    whole: u64,
    faults: Vec<Fault>,
}

#[derive(Debug, Serialize)]
struct Fault {
    id: String,
    endpoint: String,
    queue: &'static str,
    fault: String,
    /// Where it was moved to; null where it was left: it is being processed, or it cannot be read.
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
            look_at(context, &place, &mut document)?;
        }
    }
    bar.finish_and_clear();
    let printed = if args.json {
        print_json(&document)
    } else {
        print(&format!("{} whole, {} not\n", document.whole, document.faults.len()))
    };
    let has_moved = document.faults.iter().any(|fault| fault.moved_to.is_some());
    printed.map_err(|failure| if has_moved { failure.after_change() } else { failure })?;
    Ok(if document.faults.is_empty() { Exit::Fine } else { Exit::No })
}

/// Moves what is not whole to `corrupt`; one that is taken only with its lease in hand.
fn aside(context: &SpoolContext, place: &EntryLocation) -> Result<PathBuf, LeaseError> {
    let _lease = match place.queue {
        Queue::Taken => Some(Lease::take(&context.disk, &context.layout, place)?),
        Queue::New | Queue::Done | Queue::Failed => None,
    };
    let moved = set_aside(&context.disk, &context.layout, place);
    moved.map_err(
        |error| if error.kind() == io::ErrorKind::NotFound { LeaseError::Moved } else { error.into() },
    )
}

fn look_at(context: &SpoolContext, place: &EntryLocation, document: &mut Document) -> Result<(), Failure> {
    let path = place.path(&context.layout);
    let fault = match check_entry(&context.disk, &path) {
        Ok(_) => {
            document.whole += 1;
            return Ok(());
        }
        // A consumer has moved it on.
        Err(EntryFault::Io(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(fault) => fault,
    };
    let moved_to = match matches!(fault, EntryFault::NotIntact(_)).then(|| aside(context, place)) {
        Some(Ok(to)) => Some(to.display().to_string()),
        Some(Err(LeaseError::Moved)) => return Ok(()),
        Some(Err(LeaseError::Io(why))) => return Err(failed("move to corrupt", &path, why)),
        Some(Err(LeaseError::Held)) | None => None,
    };
    say(&format!(
        "`{}` is not whole: {fault}; {}",
        Escaped(&path.display().to_string()),
        moved_to.as_ref().map_or("left there".to_owned(), |to| format!("moved to `{}`", Escaped(to))),
    ));
    document.faults.push(Fault {
        id: place.id.to_string(),
        endpoint: place.endpoint.to_string(),
        queue: place.queue.folder(),
        fault: fault.to_string(),
        moved_to,
    });
    Ok(())
}
