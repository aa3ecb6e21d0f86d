//! `hookspool spool take`: claims entries, and processes them with a command.

use std::collections::BTreeMap;
use std::io::{self, Seek as _};

use super::context::{SpoolContext, bar, failed, report};
use super::handler::{self, HandlerResult};
use super::moves::{Moves, each, reported};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{was_closed, write};
use crate::cli::spool_args::SpoolTakeArgs;
use crate::envelope::EntryId;
use crate::escape::Escaped;
use crate::metrics::Queue;
use crate::policy::Name;
use crate::spool::{
    EntryFault, EntryLocation, EnvelopeFacts, HANDLER_KILLS_MAX, IDS_MAX, Lease, LeaseError, Ordered,
    check_file, set_aside,
};

/// The number of IDs that are read to claim one entry; other processes may have claimed the oldest ones.
const CANDIDATES: usize = 64;

pub(super) fn take(context: &SpoolContext, args: &SpoolTakeArgs) -> Result<Exit, Failure> {
    let Some(endpoint) = &args.endpoint else {
        return each(&args.entries, |named| {
            let place = context.entry_in(named, &[Queue::New])?;
            match claim(context, &place)? {
                Some(claimed) => publish(context, claimed),
                None => Err(Failure::Refused(format!("the entry `{}` could not be taken", place.id))),
            }
        });
    };
    context.endpoints(Some(endpoint))?;
    if args.exec.is_empty() && was_closed() {
        let why = io::Error::other("it is closed, and the path of an entry is printed there");
        return Err(Failure::Io { what: "cannot write to standard output".to_owned(), why });
    }
    let limit = if args.all { u64::MAX } else { args.batch.unwrap_or(1) };
    let is_one = !args.all && args.batch.is_none();
    let run = Run { context, endpoint, command: &args.exec, limit };
    let tally = run.pass()?;
    if is_one { tally.result_of_one(endpoint) } else { Ok(tally.result_of_many()) }
}

/// The entries that one run may fail to read before it gives up, because all of them may have the same fault.
const UNREADABLE_MAX: usize = 100;

/// An entry that has been claimed and verified.
struct Claimed {
    lease: Lease,
    facts: EnvelopeFacts,
}

/// Claims an entry. `None` if another process holds the lease or has moved the entry, or if the entry is not intact
/// and was moved to `corrupt`.
fn claim(context: &SpoolContext, place: &EntryLocation) -> Result<Option<Claimed>, Failure> {
    let path = place.path(&context.layout);
    let claimed = Lease::take(&context.disk, &context.layout, place).and_then(|mut lease| {
        lease.transfer(&context.disk, &context.layout, Queue::Taken)?;
        Ok(lease)
    });
    let lease = match claimed {
        Ok(lease) => lease,
        Err(LeaseError::Moved | LeaseError::Held) => return Ok(None),
        Err(LeaseError::Io(why)) => return Err(failed("take", &path, why)),
    };
    let rewound = lease.file().rewind().map_err(EntryFault::Io);
    match rewound.and_then(|()| check_file(lease.file(), &lease.place().path(&context.layout))) {
        Ok(facts) => Ok(Some(Claimed { lease, facts })),
        Err(EntryFault::NotIntact(fault)) => {
            let to = set_aside(&context.disk, &context.layout, lease.place())
                .map_err(|why| failed("move to corrupt", &path, why))?;
            report(&format!(
                "`{}` is not intact: {fault}; moved to `{}`",
                Escaped(&path.display().to_string()),
                Escaped(&to.display().to_string())
            ));
            Ok(None)
        }
        Err(EntryFault::Io(why)) => {
            move_on(context, lease, Queue::New)?;
            Err(failed("read", &path, why))
        }
    }
}

/// Prints the path of a claimed entry, for a caller that processes it without a lease. If the path cannot be
/// printed, the entry returns to `new`, because no one would process it.
fn publish(context: &SpoolContext, claimed: Claimed) -> Result<(), Failure> {
    let (endpoint, id) = (claimed.lease.place().endpoint.clone(), claimed.lease.place().id);
    let mut moves = Moves::new(context);
    moves.record(&endpoint, (Queue::New, Queue::Taken))?;
    moves.sync()?;
    let path = claimed.lease.place().path(&context.layout);
    write(&format!("{}\n", path.display())).or_else(|why| {
        move_on(context, claimed.lease, Queue::New)?;
        moves.record(&endpoint, (Queue::Taken, Queue::New))?;
        moves.sync()?;
        Err(Failure::Io {
            what: format!("cannot print the path of `{id}`, which was returned to `new`"),
            why,
        })
    })
}

fn move_on(context: &SpoolContext, mut lease: Lease, to: Queue) -> Result<(), Failure> {
    let path = lease.place().path(&context.layout);
    lease.transfer(&context.disk, &context.layout, to).map_err(|error| match error {
        LeaseError::Io(why) => failed(&format!("move to `{}`", to.word()), &path, why),
        LeaseError::Moved | LeaseError::Held => {
            failed(&format!("move to `{}`", to.word()), &path, io::Error::new(io::ErrorKind::NotFound, error))
        }
    })
}

/// The outcomes of the entries of a run.
#[derive(Debug, Default)]
struct Tally {
    done: u64,
    waiting: u64,
    failed: u64,
    /// Why the last unsuccessful entry was not done.
    why: Option<String>,
}

impl Tally {
    fn result_of_one(self, endpoint: &Name) -> Result<Exit, Failure> {
        match (self.why, self.done) {
            (Some(why), _) => Err(Failure::Refused(why)),
            (None, 0) => Err(Failure::Refused(format!("no entry of `{endpoint}` is waiting"))),
            (None, _) => Ok(Exit::Success),
        }
    }

    fn result_of_many(&self) -> Exit {
        match self {
            Self { failed: 1.., .. } => Exit::Negative,
            Self { waiting: 1.., .. } => Exit::TryAgain,
            Self { done: 1.., .. } => Exit::Success,
            Self { .. } => Exit::Negative,
        }
    }
}

/// One pass over the entries in `new`.
struct Run<'a> {
    context: &'a SpoolContext,
    endpoint: &'a Name,
    command: &'a [std::ffi::OsString],
    /// The largest number of entries to claim.
    limit: u64,
}

impl Run<'_> {
    fn pass(&self) -> Result<Tally, Failure> {
        let at_once = if self.limit == 1 { CANDIDATES } else { IDS_MAX };
        let waiting =
            Ordered::new(&self.context.disk, &self.context.layout, self.endpoint, Queue::New, at_once);
        let mut tally = Tally::default();
        let mut moves = Moves::new(self.context);
        // Entries whose handler was ended by a signal, and how often. They are retried after the others.
        let mut killed: BTreeMap<EntryId, u32> = BTreeMap::new();
        let mut claimed = 0;
        let mut unreadable = Vec::new();
        let bar = bar(if self.limit == u64::MAX { 0 } else { self.limit }, "taking");
        for place in waiting {
            if claimed == self.limit {
                break;
            }
            let place = place.map_err(|error| self.context.unlisted(error))?;
            let entry = match claim(self.context, &place) {
                Ok(Some(entry)) => entry,
                Ok(None) => continue,
                // One entry that cannot be read does not keep the younger ones back.
                Err(failure) if self.limit != 1 && unreadable.len() < UNREADABLE_MAX => {
                    unreadable.push(failure);
                    continue;
                }
                Err(failure) => return Err(failure),
            };
            claimed += 1;
            bar.inc(1);
            if !self.process(entry, &mut tally, &mut moves, &mut killed)? {
                bar.finish_and_clear();
                return moves.sync().map(|()| tally);
            }
        }
        bar.finish_and_clear();
        if self.limit != 1 {
            self.retry_killed(&mut tally, &mut moves, &mut killed)?;
        }
        moves.sync()?;
        reported(unreadable).map(|_| tally)
    }

    fn retry_killed(
        &self,
        tally: &mut Tally,
        moves: &mut Moves<'_>,
        killed: &mut BTreeMap<EntryId, u32>,
    ) -> Result<(), Failure> {
        while let Some(id) = killed.keys().next().copied() {
            let place = EntryLocation { id, endpoint: self.endpoint.clone(), queue: Queue::New };
            let Some(entry) = claim(self.context, &place)? else {
                killed.remove(&id);
                continue;
            };
            tally.waiting = tally.waiting.saturating_sub(1);
            let times = killed.get(&id).copied();
            if !self.process(entry, tally, moves, killed)? {
                return Ok(());
            }
            if killed.get(&id).copied() == times {
                killed.remove(&id);
            }
        }
        Ok(())
    }

    /// Processes a claimed entry. Returns false if this process received a signal to end.
    fn process(
        &self,
        Claimed { lease, facts }: Claimed,
        tally: &mut Tally,
        moves: &mut Moves<'_>,
        killed: &mut BTreeMap<EntryId, u32>,
    ) -> Result<bool, Failure> {
        if self.command.is_empty() {
            publish(self.context, Claimed { lease, facts })?;
            tally.done += 1;
            return Ok(true);
        }
        let id = lease.place().id;
        let name =
            Escaped(&self.command.first().map(|name| name.to_string_lossy()).unwrap_or_default()).to_string();
        let result = match handler::run(self.context, &lease, &facts, self.command) {
            Ok(result) => result,
            Err(why) => {
                move_on(self.context, lease, Queue::New)?;
                moves.record(self.endpoint, (Queue::Taken, Queue::New))?;
                moves.sync()?;
                return Err(Failure::Refused(format!(
                    "cannot run `{name}`: {why}; `{id}` was returned to `new`"
                )));
            }
        };
        let to = self.queue_after(id, &result, killed);
        move_on(self.context, lease, to)?;
        moves.record(self.endpoint, (Queue::Taken, to))?;
        match to {
            Queue::Done => tally.done += 1,
            Queue::New => tally.waiting += 1,
            Queue::Failed | Queue::Taken => tally.failed += 1,
        }
        if to != Queue::Done {
            let why = format!("`{name}` ended with {}: `{id}` is in `{}`", result.status, to.word());
            if self.limit != 1 {
                report(&why);
            }
            tally.why = Some(why);
        }
        Ok(!result.is_interrupted)
    }

    /// The queue that an entry is moved to; `failed` if signals ended its handlers [`HANDLER_KILLS_MAX`] times.
    fn queue_after(&self, id: EntryId, result: &HandlerResult, killed: &mut BTreeMap<EntryId, u32>) -> Queue {
        if !result.is_killed() || result.is_interrupted {
            return result.queue();
        }
        let times = killed.entry(id).or_default();
        *times += 1;
        if *times < HANDLER_KILLS_MAX {
            return result.queue();
        }
        killed.remove(&id);
        Queue::Failed
    }
}
