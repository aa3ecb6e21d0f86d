//! `hookspool spool requeue --queue corrupt`: returns the entries that are intact after all, for example after an error
//! of the disk.

use std::io;

use super::context::{SpoolContext, bar, failed, report};
use super::entry_file::EntryFile;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::print;
use crate::cli::spool_args::SpoolRequeueArgs;
use crate::clock::Timestamp;
use crate::escape::Escaped;
use crate::policy::Name;
use crate::quantity::HumanDuration;
use crate::spool::{
    CorruptEntry, EntryFault, EnvelopeFacts, Volume as _, corrupt_entries, find, return_from_corrupt,
};

pub(super) fn requeue(context: &SpoolContext, args: &SpoolRequeueArgs) -> Result<Exit, Failure> {
    let endpoints = context.endpoints(None)?;
    // Fails if the spool does not have the endpoint.
    context.endpoints(args.endpoint.as_ref())?;
    let listed = || corrupt_entries(&context.disk, &context.layout).map_err(|error| context.unlisted(error));
    let bar = bar(u64::try_from(listed()?.count()).unwrap_or(u64::MAX), "requeueing");
    let (mut returned, mut left) = (0_u64, 0_u64);
    for entry in listed()? {
        let entry = entry.map_err(|error| context.unlisted(error))?;
        bar.inc(1);
        if !is_wanted(context, args, &entry) {
            continue;
        }
        match endpoint_to_return_to(context, &endpoints, &entry)? {
            Ok(endpoint) => {
                match return_from_corrupt(&context.disk, &context.layout, &entry, &endpoint) {
                    Ok(()) => returned += 1,
                    // Another command has moved it.
                    Err(why) if why.kind() == io::ErrorKind::NotFound => {}
                    Err(why) => return Err(failed("return to `new`", &entry.path, why)),
                }
            }
            Err(defect) => {
                bar.suspend(|| {
                    report(&format!("`{}`: {defect}", Escaped(&entry.path.display().to_string())))
                });
                left += 1;
            }
        }
    }
    bar.finish_and_clear();
    let rest = if left == 0 { String::new() } else { format!(", {left} left in `corrupt`") };
    print(&format!("{returned} returned to `new`{rest}\n")).map_err(Failure::after_change)?;
    Ok(if left == 0 { Exit::Success } else { Exit::Negative })
}

/// Whether the flags select an entry. One whose envelope cannot be read has no endpoint and no sender.
fn is_wanted(context: &SpoolContext, args: &SpoolRequeueArgs, entry: &CorruptEntry) -> bool {
    let moved_at = || context.disk.facts(&entry.path).map_or(context.now, |facts| facts.changed);
    let is_older =
        |age: HumanDuration| context.now.checked_sub(age.0).is_ok_and(|since: Timestamp| moved_at() <= since);
    let envelope = || -> Option<EnvelopeFacts> {
        EntryFile::in_corrupt(entry.clone(), &context.layout)
            .open(&context.disk)
            .ok()
            .map(|entry| entry.facts)
    };
    let is = |wanted: Option<&Name>, found: fn(EnvelopeFacts) -> String| {
        wanted.is_none_or(|wanted| envelope().map(found).as_deref() == Some(wanted.as_str()))
    };
    args.older.is_none_or(is_older)
        && context.since(args.since).is_none_or(|since| entry.id.made_at() >= since)
        && is(args.endpoint.as_ref(), |facts| facts.endpoint)
        && is(args.sender.as_ref(), |facts| facts.sender)
}

/// The endpoint of an entry that is intact after all, or why the entry stays in `corrupt`.
fn endpoint_to_return_to(
    context: &SpoolContext,
    endpoints: &[Name],
    entry: &CorruptEntry,
) -> Result<Result<Name, String>, Failure> {
    let facts = match EntryFile::in_corrupt(entry.clone(), &context.layout).check(&context.disk) {
        Ok(facts) => facts,
        Err(EntryFault::NotIntact(fault)) => return Ok(Err(fault.to_string())),
        Err(EntryFault::Io(why)) => return Ok(Err(format!("it cannot be read: {why}"))),
    };
    let Some(endpoint) = endpoints.iter().find(|endpoint| endpoint.as_str() == facts.endpoint) else {
        return Ok(Err(format!("the spool has no endpoint `{}`", Escaped(&facts.endpoint))));
    };
    let others =
        find(&context.disk, &context.layout, entry.id).map_err(|error: io::Error| context.unlisted(error))?;
    Ok(match others.first() {
        None => Ok(endpoint.clone()),
        Some(other) => Err(format!(
            "it is intact, but an entry with its ID is in `{}/{}`",
            other.endpoint,
            other.queue.word()
        )),
    })
}
