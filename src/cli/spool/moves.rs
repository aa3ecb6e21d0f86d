//! `hookspool spool done|fail|requeue|purge`: entries on their way.

use std::io;

use super::desk::{Desk, bar, failed, say};
use crate::cli::args::{SpoolMoveArgs, SpoolPurgeArgs, SpoolRequeueArgs};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::print;
use crate::policy::Name;
use crate::quantity::Span;
use crate::spool::{Place, Queue, Volume as _, older, transfer};

pub(super) fn done(desk: &Desk, args: &SpoolMoveArgs) -> Result<Exit, Failure> {
    each(&args.entries, |named| go(desk, named, &[Queue::Taken], Queue::Done))
}

pub(super) fn fail(desk: &Desk, args: &SpoolMoveArgs) -> Result<Exit, Failure> {
    each(&args.entries, |named| go(desk, named, &[Queue::Taken], Queue::Failed))
}

pub(super) fn requeue(desk: &Desk, args: &SpoolRequeueArgs) -> Result<Exit, Failure> {
    let Some(queue) = args.queue else {
        let from = [Queue::Taken, Queue::Failed, Queue::Done];
        return each(&args.entries, |named| go(desk, named, &from, Queue::New));
    };
    let moved = of_age(desk, args.endpoint.as_ref(), queue.0, args.older, "requeueing", |place| {
        transfer(&desk.disk, &desk.layout, place, Queue::New).map(drop)
    })?;
    print(&format!("{moved} put back into `new`\n"))?;
    Ok(Exit::Fine)
}

pub(super) fn purge(desk: &Desk, args: &SpoolPurgeArgs) -> Result<Exit, Failure> {
    let removed = of_age(desk, args.endpoint.as_ref(), args.queue.0, Some(args.older), "purging", |place| {
        desk.disk.remove(&place.path(&desk.layout))
    })?;
    print(&format!("{removed} removed from `{}`\n", args.queue.0.folder()))?;
    Ok(Exit::Fine)
}

/// Does it for each that is named; one that fails is said, and the others have their turn.
pub(super) fn each(
    entries: &[String],
    mut act: impl FnMut(&str) -> Result<(), Failure>,
) -> Result<Exit, Failure> {
    let mut failures: Vec<Failure> = entries.iter().filter_map(|named| act(named).err()).collect();
    let Some(last) = failures.pop() else { return Ok(Exit::Fine) };
    for failure in &failures {
        say(&failure.to_string());
    }
    Err(last)
}

fn go(desk: &Desk, named: &str, from: &[Queue], to: Queue) -> Result<(), Failure> {
    let place = desk.entry_in(named, from)?;
    let what = format!("move to `{}`", to.folder());
    transfer(&desk.disk, &desk.layout, &place, to)
        .map(drop)
        .map_err(|why| failed(&what, &place.path(&desk.layout), why))
}

/// Acts on all entries of a queue that have been there for long enough, and counts them.
fn of_age(
    desk: &Desk,
    endpoint: Option<&Name>,
    queue: Queue,
    age: Option<Span>,
    what: &'static str,
    act: impl Fn(&Place) -> io::Result<()>,
) -> Result<u64, Failure> {
    let age = (age.map(|age| age.0).unwrap_or_default(), desk.now);
    let mut count = 0;
    for endpoint in desk.endpoints(endpoint)? {
        // Counted before the first one moves: what is put back must not be met again.
        let found = older(&desk.disk, &desk.layout, &endpoint, queue, age);
        let places: Result<Vec<_>, _> =
            found.and_then(Iterator::collect).map_err(|error| desk.unlisted(error));
        let places = places?;
        let bar = bar(u64::try_from(places.len()).unwrap_or(u64::MAX), what);
        for place in bar.wrap_iter(places.iter()) {
            match act(place) {
                Ok(()) => count += 1,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(why) => return Err(failed("move", &place.path(&desk.layout), why)),
            }
        }
        bar.finish_and_clear();
    }
    Ok(count)
}
