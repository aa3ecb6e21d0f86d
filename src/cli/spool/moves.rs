//! `hookspool spool done|fail|requeue|purge`: moves and removes entries.

use std::collections::BTreeSet;
use std::io;

use super::context::{SpoolContext, bar, failed, report};
use super::corrupt;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::print;
use crate::cli::spool_args::{EntryFolder, SpoolMoveArgs, SpoolPurgeArgs, SpoolRequeueArgs};
use crate::metrics::Queue;
use crate::policy::Name;
use crate::quantity::HumanDuration;
use crate::spool::{
    EntryFault, EntryLocation, Layout, LeaseError, MoveError, entries, move_entry, move_entry_durably, older,
    open_entry, remove_entry, sync_moves,
};

/// The number of moves after which the directories are synced, and so the most that a power failure undoes.
const UNSYNCED_MAX: usize = 1000;

pub(super) fn done(context: &SpoolContext, args: &SpoolMoveArgs) -> Result<Exit, Failure> {
    each(&args.entries, |named| move_named(context, named, &[Queue::Taken], Queue::Done, args.force))
}

pub(super) fn fail(context: &SpoolContext, args: &SpoolMoveArgs) -> Result<Exit, Failure> {
    each(&args.entries, |named| move_named(context, named, &[Queue::Taken], Queue::Failed, args.force))
}

pub(super) fn requeue(context: &SpoolContext, args: &SpoolRequeueArgs) -> Result<Exit, Failure> {
    match args.queue {
        Some(EntryFolder::Queue(queue)) => requeue_all(context, args, queue),
        Some(EntryFolder::Corrupt) => corrupt::requeue(context, args),
        None => {
            let from = [Queue::Taken, Queue::Failed, Queue::Done];
            each(&args.entries, |named| move_named(context, named, &from, Queue::New, args.force))
        }
    }
}

fn requeue_all(context: &SpoolContext, args: &SpoolRequeueArgs, queue: Queue) -> Result<Exit, Failure> {
    let since = context.since(args.since);
    let mut moves = Moves::new(context);
    let mut held = 0_u64;
    let mut failures = Vec::new();
    let moved = for_each_older(context, args.endpoint.as_ref(), queue, args.older, "requeueing", |place| {
        if since.is_some_and(|since| place.id.made_at() < since) {
            return Ok(false);
        }
        // One entry that cannot be read does not keep the others back.
        match is_from(context, place, args.sender.as_ref()) {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(failure) => {
                failures.push(failure);
                return Ok(false);
            }
        }
        let moved = move_entry(&context.disk, &context.layout, place, Queue::New, args.force);
        match moved {
            Ok(()) => moves.record(&place.endpoint, (queue, Queue::New)).map(|()| true),
            Err(LeaseError::Moved) => Ok(false),
            Err(LeaseError::Held) => {
                held += 1;
                Ok(false)
            }
            Err(LeaseError::Io(why)) => {
                failures.push(failed("move", &place.path(&context.layout), why));
                Ok(false)
            }
        }
    })?;
    moves.sync()?;
    let left = if held == 0 { String::new() } else { format!(", {held} left: being processed") };
    print(&format!("{moved} returned to `new`{left}\n"))?;
    reported(failures)
}

/// Whether the envelope of an entry names this sender. True without a sender, and false for an entry that was moved or
/// has no envelope.
fn is_from(context: &SpoolContext, place: &EntryLocation, sender: Option<&Name>) -> Result<bool, Failure> {
    let Some(sender) = sender else { return Ok(true) };
    let path = place.path(&context.layout);
    match open_entry(&context.disk, &path) {
        Ok(entry) => Ok(entry.facts.sender == sender.as_str()),
        Err(EntryFault::NotIntact(_)) => Ok(false),
        Err(EntryFault::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(EntryFault::Io(why)) => Err(failed("read", &path, why)),
    }
}

pub(super) fn purge(context: &SpoolContext, args: &SpoolPurgeArgs) -> Result<Exit, Failure> {
    let mut moves = Moves::new(context);
    let queue = args.queue.0;
    let removed =
        for_each_older(context, args.endpoint.as_ref(), queue, Some(args.older), "purging", |place| {
            match remove_entry(&context.disk, &context.layout, place) {
                Ok(()) => moves.record(&place.endpoint, (queue, queue)).map(|()| true),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
                Err(why) => Err(failed("remove", &place.path(&context.layout), why)),
            }
        })?;
    moves.sync()?;
    print(&format!("{removed} removed from `{}`\n", queue.word()))?;
    Ok(Exit::Success)
}

/// Collects moves until they are synced.
pub(super) struct Moves<'a> {
    context: &'a SpoolContext,
    touched: BTreeSet<(Name, Queue, Queue)>,
    count: usize,
}

impl<'a> Moves<'a> {
    pub(super) fn new(context: &'a SpoolContext) -> Self {
        Self { context, touched: BTreeSet::new(), count: 0 }
    }

    /// Records a move, and syncs after [`UNSYNCED_MAX`] moves.
    pub(super) fn record(&mut self, endpoint: &Name, (from, to): (Queue, Queue)) -> Result<(), Failure> {
        self.touched.insert((endpoint.clone(), from, to));
        self.count += 1;
        if self.count < UNSYNCED_MAX { Ok(()) } else { self.sync() }
    }

    /// Syncs the directories of all recorded moves. Nothing is reported before.
    pub(super) fn sync(&mut self) -> Result<(), Failure> {
        let SpoolContext { disk, layout, .. } = self.context;
        // What could not be synced stays recorded, and with it what comes after it.
        while let Some((endpoint, from, to)) = self.touched.first() {
            sync_moves(disk, layout, endpoint, (*from, *to))
                .map_err(|why| not_synced(layout, endpoint, why))?;
            self.touched.pop_first();
        }
        self.count = 0;
        Ok(())
    }
}

/// Runs `act` for each entry. A failure is reported and does not prevent the others.
pub(super) fn each(
    entries: &[String],
    mut act: impl FnMut(&str) -> Result<(), Failure>,
) -> Result<Exit, Failure> {
    reported(entries.iter().filter_map(|named| act(named).err()).collect())
}

/// Reports all failures but the last, which is returned.
pub(super) fn reported(mut failures: Vec<Failure>) -> Result<Exit, Failure> {
    let Some(last) = failures.pop() else { return Ok(Exit::Success) };
    for failure in &failures {
        report(&failure.to_string());
    }
    Err(last)
}

fn move_named(
    context: &SpoolContext,
    named: &str,
    from: &[Queue],
    to: Queue,
    force: bool,
) -> Result<(), Failure> {
    let place = context.entry_in(named, from)?;
    let SpoolContext { disk, layout, .. } = context;
    move_entry_durably(disk, layout, &place, to, force).map_err(|error| match error {
        MoveError::NotMoved(LeaseError::Io(why)) => {
            failed(&format!("move to `{}`", to.word()), &place.path(layout), why)
        }
        MoveError::NotMoved(LeaseError::Held) => Failure::Refused(format!(
            "the entry `{}` is being processed: wait for its handler, or move it anyway with --force",
            place.id
        )),
        MoveError::NotMoved(LeaseError::Moved) => {
            Failure::Refused(format!("the entry `{}` was moved by another process", place.id))
        }
        MoveError::NotSynced(why) => not_synced(layout, &place.endpoint, why),
    })
}

/// The failure of the syncs after a move.
fn not_synced(layout: &Layout, endpoint: &Name, why: io::Error) -> Failure {
    failed("sync the queues of", &layout.endpoint(endpoint), why)
}

/// Runs `act` for each entry that has been in a queue for at least `age`, and counts those for which it returns true.
fn for_each_older(
    context: &SpoolContext,
    endpoint: Option<&Name>,
    queue: Queue,
    age: Option<HumanDuration>,
    what: &'static str,
    mut act: impl FnMut(&EntryLocation) -> Result<bool, Failure>,
) -> Result<u64, Failure> {
    let age = (age.map(|age| age.0).unwrap_or_default(), context.now);
    let SpoolContext { disk, layout, .. } = context;
    let mut count = 0;
    for endpoint in context.endpoints(endpoint)? {
        let unlisted = |error| context.unlisted(error);
        let total = entries(disk, layout, &endpoint, queue).map_err(unlisted)?.count();
        let bar = bar(u64::try_from(total).unwrap_or(u64::MAX), what);
        for place in older(disk, layout, &endpoint, queue, age).map_err(unlisted)? {
            bar.inc(1);
            count += u64::from(act(&place.map_err(unlisted)?)?);
        }
        bar.finish_and_clear();
    }
    Ok(count)
}
