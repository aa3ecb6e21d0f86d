//! `hookspool spool take`: claims entries, and works them off with a command.

use std::collections::BTreeMap;
use std::io::{self, Seek as _};

use super::context::{SpoolContext, bar, failed, say};
use super::handler::{self, Ended};
use super::moves::{Moves, each};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{was_closed, write};
use crate::cli::spool_args::SpoolTakeArgs;
use crate::envelope::EntryId;
use crate::escape::Escaped;
use crate::policy::Name;
use crate::spool::{
    EntryFault, EntryLocation, EnvelopeFacts, IDS_MAX, Lease, LeaseError, Ordered, Queue, check_file,
    set_aside,
};

/// How often a handler may be ended by a signal before its entry counts as failed.
const KILLED_MAX: u32 = 3;
/// IDs that are read to claim one entry: more than one, for others may hold the oldest.
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
    if is_one { tally.of_one(endpoint) } else { Ok(tally.of_many()) }
}

/// A claimed entry that is intact.
struct Claimed {
    lease: Lease,
    facts: EnvelopeFacts,
}

/// None if another process holds the lease or was faster, or the entry is not intact and was moved to `corrupt`.
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
            say(&format!(
                "`{}` is not whole: {fault}; moved to `{}`",
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

/// Prints the path of a claimed entry, for a caller that works on it without a lease. If the path cannot be
/// printed, nobody would work on the entry, so it returns to `new`.
fn publish(context: &SpoolContext, claimed: Claimed) -> Result<(), Failure> {
    let (endpoint, id) = (claimed.lease.place().endpoint.clone(), claimed.lease.place().id);
    let mut moves = Moves::new(context);
    moves.note(&endpoint, (Queue::New, Queue::Taken))?;
    moves.settle()?;
    let path = claimed.lease.place().path(&context.layout);
    write(&format!("{}\n", path.display())).or_else(|why| {
        move_on(context, claimed.lease, Queue::New)?;
        moves.note(&endpoint, (Queue::Taken, Queue::New))?;
        moves.settle()?;
        Err(Failure::Io { what: format!("cannot print the path of `{id}`, which is back in `new`"), why })
    })
}

fn move_on(context: &SpoolContext, mut lease: Lease, to: Queue) -> Result<(), Failure> {
    let path = lease.place().path(&context.layout);
    lease.transfer(&context.disk, &context.layout, to).map_err(|error| match error {
        LeaseError::Io(why) => failed(&format!("move to `{}`", to.folder()), &path, why),
        LeaseError::Moved | LeaseError::Held => failed(
            &format!("move to `{}`", to.folder()),
            &path,
            io::Error::new(io::ErrorKind::NotFound, error),
        ),
    })
}

/// What became of the entries of a run.
#[derive(Debug, Default)]
struct Tally {
    done: u64,
    waiting: u64,
    failed: u64,
    /// Why the last one was not done.
    why: Option<String>,
}

impl Tally {
    fn of_one(self, endpoint: &Name) -> Result<Exit, Failure> {
        match (self.why, self.done) {
            (Some(why), _) => Err(Failure::Refused(why)),
            (None, 0) => Err(Failure::Refused(format!("no entry of `{endpoint}` is waiting"))),
            (None, _) => Ok(Exit::Fine),
        }
    }

    fn of_many(&self) -> Exit {
        match self {
            Self { failed: 1.., .. } => Exit::No,
            Self { waiting: 1.., .. } => Exit::TryAgain,
            Self { done: 1.., .. } => Exit::Fine,
            Self { .. } => Exit::No,
        }
    }
}

/// One run over the entries that wait.
struct Run<'a> {
    context: &'a SpoolContext,
    endpoint: &'a Name,
    command: &'a [std::ffi::OsString],
    /// Entries that are claimed at most.
    limit: u64,
}

impl Run<'_> {
    fn pass(&self) -> Result<Tally, Failure> {
        let at_once = if self.limit == 1 { CANDIDATES } else { IDS_MAX };
        let waiting =
            Ordered::new(&self.context.disk, &self.context.layout, self.endpoint, Queue::New, at_once);
        let mut tally = Tally::default();
        let mut moves = Moves::new(self.context);
        // Those whose handler a signal has ended, and how often: they are tried again after the others.
        let mut killed: BTreeMap<EntryId, u32> = BTreeMap::new();
        let mut claimed = 0;
        let bar = bar(if self.limit == u64::MAX { 0 } else { self.limit }, "taking");
        for place in waiting {
            if claimed == self.limit {
                break;
            }
            let place = place.map_err(|error| self.context.unlisted(error))?;
            let Some(entry) = claim(self.context, &place)? else { continue };
            claimed += 1;
            bar.inc(1);
            if !self.work_off(entry, &mut tally, &mut moves, &mut killed)? {
                bar.finish_and_clear();
                return moves.settle().map(|()| tally);
            }
        }
        bar.finish_and_clear();
        if self.limit != 1 {
            self.try_killed_again(&mut tally, &mut moves, &mut killed)?;
        }
        moves.settle().map(|()| tally)
    }

    fn try_killed_again(
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
            if !self.work_off(entry, tally, moves, killed)? {
                return Ok(());
            }
            if killed.get(&id).copied() == times {
                killed.remove(&id);
            }
        }
        Ok(())
    }

    /// False if this process was told to end.
    fn work_off(
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
        let ended = match handler::run(self.context, &lease, &facts, self.command) {
            Ok(ended) => ended,
            Err(why) => {
                move_on(self.context, lease, Queue::New)?;
                moves.note(self.endpoint, (Queue::Taken, Queue::New))?;
                moves.settle()?;
                return Err(Failure::Refused(format!("cannot run `{name}`: {why}; `{id}` is back in `new`")));
            }
        };
        let to = self.verdict(id, &ended, killed);
        move_on(self.context, lease, to)?;
        moves.note(self.endpoint, (Queue::Taken, to))?;
        match to {
            Queue::Done => tally.done += 1,
            Queue::New => tally.waiting += 1,
            Queue::Failed | Queue::Taken => tally.failed += 1,
        }
        if to != Queue::Done {
            let why = format!("`{name}` ended with {}: `{id}` is in `{}`", ended.status, to.folder());
            if self.limit != 1 {
                say(&why);
            }
            tally.why = Some(why);
        }
        Ok(!ended.is_told_to_stop)
    }

    /// The queue that an entry goes to; after a handler was ended by signals too often, `failed`.
    fn verdict(&self, id: EntryId, ended: &Ended, killed: &mut BTreeMap<EntryId, u32>) -> Queue {
        if !ended.is_killed() || ended.is_told_to_stop {
            return ended.queue();
        }
        let times = killed.entry(id).or_default();
        *times += 1;
        if *times < KILLED_MAX {
            return ended.queue();
        }
        killed.remove(&id);
        Queue::Failed
    }
}
