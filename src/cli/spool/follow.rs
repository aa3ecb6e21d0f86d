//! `hookspool spool follow`: prints entries as they arrive. It claims nothing and only reads.

use std::io;
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use tokio::sync::mpsc;

use super::context::{SpoolContext, report};
use super::entry_file::EntryFile;
use super::row::EntryRow;
use super::table::EntryTable;
use crate::arrivals::{EntryArrival, EntryArrivals};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::print;
use crate::cli::runtime::{block_on, ending_signal};
use crate::cli::spool_args::SpoolFollowArgs;
use crate::envelope::EntryId;
use crate::metrics::Queue;
use crate::policy::Name;
use crate::spool::{EntryLocation, open_file, open_in_any_queue};

pub(super) fn follow(context: SpoolContext, args: &SpoolFollowArgs) -> Result<Exit, Failure> {
    let endpoints = context.endpoints(args.endpoint.as_ref())?;
    if endpoints.is_empty() {
        return Err(Failure::Refused(
            "the spool has no endpoint yet; `hookspool run` creates them".to_owned(),
        ));
    }
    let is_json = args.json;
    // A slow reader blocks the thread that prints, but not the one that receives the signals.
    let (ended, mut end) = mpsc::channel(1);
    let reader_gone = ended.clone();
    start("print", move || {
        let _ = ended.blocking_send(block_on(print_arrivals(&context, endpoints, is_json)).flatten());
    })?;
    start("output", move || {
        let _ = reader_gone.blocking_send(wait_until_output_is_closed());
    })?;
    block_on(async {
        tokio::select! {
            Some(ended) = end.recv() => ended,
            received = ending_signal() => received.map_err(|why| cannot("receive signals", why)),
        }
    })
    .flatten()
    .map(|()| Exit::Success)
}

/// Starts a thread that may still be blocked when the command ends.
fn start(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    let started = thread::Builder::new().name(name.to_owned()).spawn(run);
    started.map(drop).map_err(|why| cannot("start a thread", why))
}

fn cannot(act: &str, why: io::Error) -> Failure {
    Failure::Io { what: format!("cannot {act}"), why }
}

/// Prints a row for each entry that arrives, until that fails.
async fn print_arrivals(context: &SpoolContext, endpoints: Vec<Name>, is_json: bool) -> Result<(), Failure> {
    let mut arrivals =
        EntryArrivals::watch(&context.layout, endpoints).map_err(|why| cannot("watch the queues", why))?;
    let mut table = if is_json { None } else { EntryTable::on_terminal() };
    if let Some(table) = &mut table {
        print(&table.header())?;
    }
    loop {
        for arrival in arrivals.next().await.map_err(|why| cannot("watch the queues", why))? {
            match arrival {
                EntryArrival::Entry(endpoint, id) if is_json => {
                    print(&(row(context, endpoint, id).json()? + "\n"))?;
                }
                EntryArrival::Entry(endpoint, id) => {
                    print(&row(context, endpoint, id).text(table.as_mut()))?;
                }
                EntryArrival::Overflow => report(
                    "some entries are not printed: too many arrived at once; `hookspool spool list` shows those that wait",
                ),
            }
        }
    }
}

/// The row of an entry that arrived, in whatever queue it is now.
fn row(context: &SpoolContext, endpoint: Name, id: EntryId) -> EntryRow {
    let SpoolContext { disk, layout, .. } = context;
    match open_in_any_queue(disk, layout, &endpoint, id) {
        Ok((place, opened)) => {
            let opened = open_file(opened, &place.path(layout));
            EntryRow::of_opened(EntryFile::in_queue(&place, disk, layout), opened)
        }
        Err(error) => {
            let is_removed = error.kind() == io::ErrorKind::NotFound;
            let error = if is_removed { io::Error::new(error.kind(), "it was removed") } else { error };
            let place = EntryLocation { id, endpoint, queue: Queue::New };
            EntryRow::of_opened(EntryFile::in_queue(&place, disk, layout), Err(error.into()))
        }
    }
}

/// Waits until the reader of standard output has closed it. A write would report that too, but only when the next entry
/// arrives.
fn wait_until_output_is_closed() -> Result<(), Failure> {
    let output = io::stdout();
    loop {
        match poll(&mut [PollFd::new(&output, PollFlags::empty())], None) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(()),
            Err(error) => return Err(cannot("watch standard output", error.into())),
        }
    }
}
