//! The subcommands and flags of `hookspool spool`.
#![allow(rustdoc::broken_intra_doc_links, reason = "help for a terminal, where brackets are no links")]

use std::ffi::OsString;

use clap::Subcommand;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::metrics::Queue;
use crate::policy::Name;
use crate::quantity::HumanDuration;

/// The directory of entries that are not intact, as it is written.
pub const CORRUPT: &str = "corrupt";

/// The subcommands of `spool`.
#[derive(Debug, Subcommand)]
pub enum SpoolCommand {
    /// List the entries of a queue, oldest first
    #[command(after_help = "\
On a terminal, prints a table that fits its width, with the end of each ID. Elsewhere, prints one line per
entry with the complete ID in front, for scripts.

Example:
  hookspool spool list --endpoint pix --queue failed --since 1d")]
    List(SpoolListArgs),
    /// Print entries as they arrive, until a signal or a closed output ends the command
    #[command(after_help = "\
Prints each entry that arrives at the endpoints that the spool has now, as `spool list` does. It claims
nothing. If a consumer moves an entry at once, it is printed nevertheless; an entry that returns to new
is not printed again.

Example:
  hookspool spool follow --endpoint pix")]
    Follow(SpoolFollowArgs),
    /// Show one entry
    #[command(after_help = "Example:\n  hookspool spool show 9320a41957822a68 --format payload")]
    Show(SpoolShowArgs),
    /// Read every entry and compare length and digest; entries that are not intact are moved to corrupt/
    #[command(after_help = "Example:\n  hookspool spool verify --endpoint pix")]
    Verify(SpoolVerifyArgs),
    /// Claim the oldest entry of an endpoint, or the given ones
    Take(SpoolTakeArgs),
    /// Move entries from taken to done
    #[command(after_help = "Example:\n  hookspool spool done 9320a41957822a68")]
    Done(SpoolMoveArgs),
    /// Move entries from taken to failed
    #[command(after_help = "Example:\n  hookspool spool fail 01a209e5-0f6a-7499-9320-a41957822a68")]
    Fail(SpoolMoveArgs),
    /// Return entries to new
    #[command(after_help = "Example:\n  hookspool spool requeue --queue failed --endpoint pix")]
    Requeue(SpoolRequeueArgs),
    /// Remove entries that are done or failed
    #[command(after_help = "Example:\n  hookspool spool purge --queue done --older 7d")]
    Purge(SpoolPurgeArgs),
    /// Count the entries of an endpoint, and measure how often deliveries arrive
    #[command(after_help = "\
Reads the envelope of each entry that is still in a queue. Entries that were purged or deleted are
not counted.

Example:
  hookspool spool stats --endpoint pix --since 1d")]
    Stats(SpoolStatsArgs),
}

/// `hookspool spool list`
#[derive(Debug, clap::Args)]
pub struct SpoolListArgs {
    /// Only this endpoint [default: all]
    #[arg(long, value_name = "NAME")]
    pub endpoint: Option<Name>,
    /// The queue; or corrupt, whose entries are listed in no order
    #[arg(long, value_name = "QUEUE", default_value = "new", value_parser = folder(FOLDERS))]
    pub queue: EntryFolder,
    /// Received at most this long ago, as in 1h
    #[arg(long, value_name = "AGE")]
    pub since: Option<HumanDuration>,
    /// Only this sender
    #[arg(long, value_name = "NAME")]
    pub sender: Option<Name>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// `hookspool spool follow`
#[derive(Debug, clap::Args)]
pub struct SpoolFollowArgs {
    /// Only this endpoint [default: all]
    #[arg(long, value_name = "NAME")]
    pub endpoint: Option<Name>,
    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
}

/// `hookspool spool show`
#[derive(Debug, clap::Args)]
pub struct SpoolShowArgs {
    /// The entry: its ID, the end of its ID (at least 4 digits), or its path
    #[arg(value_name = "ID|PATH")]
    pub entry: String,
    /// Only in this queue [default: all]
    #[arg(long, value_name = "QUEUE", value_parser = folder(FOLDERS))]
    pub queue: Option<EntryFolder>,
    /// Print this part byte for byte
    #[arg(long, value_enum, value_name = "PART", conflicts_with = "json")]
    pub format: Option<SpoolFormat>,
    /// Print one JSON document: its path, whether it is intact, and its envelope
    #[arg(long)]
    pub json: bool,
}

/// The part of an entry to print.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum SpoolFormat {
    /// The first line
    Envelope,
    /// Everything after it
    Payload,
    /// The whole file
    Entry,
}

/// `hookspool spool verify`
#[derive(Debug, clap::Args)]
pub struct SpoolVerifyArgs {
    /// Only this endpoint [default: all]
    #[arg(long, value_name = "NAME")]
    pub endpoint: Option<Name>,
    /// The queue [default: all]
    #[arg(long, value_name = "QUEUE", value_parser = one_of(Queue::ALL))]
    pub queue: Option<AnyQueue>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// `hookspool spool take`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Prints the path of each claimed entry. With --exec, runs CMD with the payload on its standard input and
HOOKSPOOL_ID, _ENDPOINT, _SENDER, _EVENT, _RECEIVED_AT, _CONTENT_TYPE, _SHA256 and _PATH in its
environment. If CMD exits with 0, the entry is done; with 75, or if a signal ends CMD, the entry returns
to new; otherwise it has failed. While CMD runs, no other process can take or move the entry.
Signals are passed on to CMD.

Exit status with --all or --batch: 0 if at least one entry was done and none failed, 75 if some have
returned to new, 1 if one failed or there was no entry.

Example:
  hookspool spool take --endpoint pix --all --exec ./book-the-payment")]
pub struct SpoolTakeArgs {
    /// The entries: their IDs, the ends of their IDs (at least 4 digits), or their paths
    #[arg(value_name = "ID|PATH", required_unless_present = "endpoint", conflicts_with = "endpoint")]
    pub entries: Vec<String>,
    /// The oldest entry of this endpoint, or several with --all or --batch
    #[arg(long, value_name = "NAME")]
    pub endpoint: Option<Name>,
    /// All entries in new, oldest first
    #[arg(long, requires = "endpoint", conflicts_with = "batch")]
    pub all: bool,
    /// At most N entries, oldest first
    #[arg(long, value_name = "N", requires = "endpoint", value_parser = clap::value_parser!(u64).range(1..))]
    pub batch: Option<u64>,
    /// Run this command for each entry; all following words are its arguments
    #[arg(long, num_args = 1.., allow_hyphen_values = true, value_name = "CMD", requires = "endpoint")]
    pub exec: Vec<OsString>,
}

/// `hookspool spool done`, `hookspool spool fail`
#[derive(Debug, clap::Args)]
pub struct SpoolMoveArgs {
    /// The entries: their IDs, the ends of their IDs (at least 4 digits), or their paths
    #[arg(value_name = "ID|PATH", required = true)]
    pub entries: Vec<String>,
    /// Include entries that are being processed
    #[arg(long)]
    pub force: bool,
}

/// `hookspool spool requeue`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
From corrupt, only entries that are intact after all are returned. Each other entry
is reported with its defect, and the exit status is 1. The endpoint and the sender are
those of the envelope.

Example:
  hookspool spool requeue --queue failed --endpoint pix --since 1d")]
pub struct SpoolRequeueArgs {
    /// The entries: their IDs, the ends of their IDs (at least 4 digits), or their paths
    #[arg(value_name = "ID|PATH", required_unless_present = "queue", conflicts_with = "queue")]
    pub entries: Vec<String>,
    /// All entries of a queue
    #[arg(long, value_name = "QUEUE", value_parser = folder(&FOLDERS[1..]))]
    pub queue: Option<EntryFolder>,
    /// Only this endpoint [default: all]
    #[arg(long, value_name = "NAME", requires = "queue", conflicts_with = "entries")]
    pub endpoint: Option<Name>,
    /// Only entries that have been in the queue for this long, as in 1h
    #[arg(long, value_name = "AGE", requires = "queue", conflicts_with = "entries")]
    pub older: Option<HumanDuration>,
    /// Only entries received at most this long ago, as in 1d
    #[arg(long, value_name = "AGE", requires = "queue", conflicts_with = "entries")]
    pub since: Option<HumanDuration>,
    /// Only entries of this sender
    #[arg(long, value_name = "NAME", requires = "queue", conflicts_with = "entries")]
    pub sender: Option<Name>,
    /// Include entries that are being processed
    #[arg(long)]
    pub force: bool,
}

/// `hookspool spool purge`
#[derive(Debug, clap::Args)]
pub struct SpoolPurgeArgs {
    /// The queue
    #[arg(long, value_name = "QUEUE", value_parser = one_of(&[Queue::Done, Queue::Failed]))]
    pub queue: AnyQueue,
    /// Entries that have been in the queue for this long, as in 7d
    #[arg(long, value_name = "AGE")]
    pub older: HumanDuration,
    /// Only this endpoint [default: all]
    #[arg(long, value_name = "NAME")]
    pub endpoint: Option<Name>,
}

/// `hookspool spool stats`
#[derive(Debug, clap::Args)]
pub struct SpoolStatsArgs {
    /// The endpoint
    #[arg(long, value_name = "NAME")]
    pub endpoint: Name,
    /// Only entries received at most this long ago, as in 1d [default: all]
    #[arg(long, value_name = "AGE")]
    pub since: Option<HumanDuration>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// A directory of entries that the command line names: a queue, or `corrupt`, which belongs to no endpoint.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EntryFolder {
    /// A queue.
    Queue(Queue),
    /// The entries that were found not to be intact.
    Corrupt,
}

impl std::str::FromStr for EntryFolder {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let queue = Queue::named(text).map(Self::Queue);
        let folder = queue.or_else(|| (text == CORRUPT).then_some(Self::Corrupt));
        folder.ok_or_else(|| "expected new, taken, done, failed or corrupt".to_owned())
    }
}

/// The directories of entries. Entries of all except the first can return to it.
const FOLDERS: &[&str] = &["new", "taken", "done", "failed", CORRUPT];

/// Creates a parser that accepts only these directories, and lists them for the help and the completions.
fn folder(names: &'static [&'static str]) -> impl TypedValueParser<Value = EntryFolder> {
    PossibleValuesParser::new(names).try_map(|name| name.parse::<EntryFolder>())
}

/// A queue that the command line names.
#[derive(Clone, Copy, Debug)]
pub struct AnyQueue(pub Queue);

/// Creates a parser that accepts only the names of these queues, and lists them for the help and the completions.
fn one_of(queues: &'static [Queue]) -> impl TypedValueParser<Value = AnyQueue> {
    let names = PossibleValuesParser::new(queues.iter().map(|queue| queue.word()));
    names.try_map(|name| Queue::named(&name).map(AnyQueue).ok_or("there is no such queue"))
}
