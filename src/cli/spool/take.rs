//! `hookspool spool take`: claims entries, and works one off with a command.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom};
use std::path::Path;
use std::process::{Command, Stdio};

use super::desk::{Desk, failed, say};
use super::moves::each;
use crate::cli::args::SpoolTakeArgs;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::print;
use crate::escape::Escaped;
use crate::policy::Name;
use crate::spool::{
    EntryFault, EnvelopeFacts, Place, Queue, Volume as _, check_entry, oldest, open_entry, set_aside,
    transfer,
};

/// The command's exit code that asks for the entry to be tried again: EX_TEMPFAIL of sysexits(3).
const TRY_AGAIN: i32 = 75;

pub(super) fn take(desk: &Desk, args: &SpoolTakeArgs) -> Result<Exit, Failure> {
    let Some(endpoint) = &args.endpoint else {
        return each(&args.entries, |named| {
            let place = desk.entry_in(named, &[Queue::New])?;
            match claim(desk, &place)? {
                Some((taken, _)) => print(&format!("{}\n", taken.path(&desk.layout).display())),
                None => Err(Failure::Refused(format!("the entry `{}` could not be taken", place.id))),
            }
        });
    };
    let (taken, facts) = claim_oldest(desk, endpoint)?;
    match args.exec.split_first() {
        None => {
            print(&format!("{}\n", taken.path(&desk.layout).display()))?;
            Ok(Exit::Fine)
        }
        Some((program, arguments)) => work_off(desk, &taken, &facts, Command::new(program).args(arguments)),
    }
}

/// The oldest that is whole and that nobody else was faster to claim.
fn claim_oldest(desk: &Desk, endpoint: &Name) -> Result<(Place, EnvelopeFacts), Failure> {
    desk.endpoints(Some(endpoint))?;
    loop {
        let found = oldest(&desk.disk, &desk.layout, endpoint, Queue::New);
        let Some(place) = found.map_err(|error| desk.unlisted(error))? else {
            return Err(Failure::Refused(format!("no entry of `{endpoint}` is waiting")));
        };
        if let Some(claimed) = claim(desk, &place)? {
            return Ok(claimed);
        }
    }
}

/// None if somebody else was faster, or the entry is not whole and was set aside.
fn claim(desk: &Desk, place: &Place) -> Result<Option<(Place, EnvelopeFacts)>, Failure> {
    let path = place.path(&desk.layout);
    let taken = match transfer(&desk.disk, &desk.layout, place, Queue::Taken) {
        Ok(taken) => taken,
        Err(error) if error.kind() == io::ErrorKind::NotFound && desk.disk.facts(&path).is_err() => {
            return Ok(None);
        }
        Err(why) => return Err(failed("take", &path, why)),
    };
    match check_entry(&desk.disk, &taken.path(&desk.layout)) {
        Ok(facts) => Ok(Some((taken, facts))),
        Err(EntryFault::NotWhole(fault)) => {
            let to = set_aside(&desk.disk, &desk.layout, &taken)
                .map_err(|why| failed("move to corrupt", &taken.path(&desk.layout), why))?;
            say(&format!(
                "`{}` is not whole: {fault}; moved to `{}`",
                Escaped(&path.display().to_string()),
                Escaped(&to.display().to_string())
            ));
            Ok(None)
        }
        Err(EntryFault::Io(why)) => {
            move_on(desk, &taken, Queue::New)?;
            Err(failed("read", &path, why))
        }
    }
}

fn work_off(
    desk: &Desk,
    taken: &Place,
    facts: &EnvelopeFacts,
    command: &mut Command,
) -> Result<Exit, Failure> {
    let path = std::path::absolute(taken.path(&desk.layout)).unwrap_or(taken.path(&desk.layout));
    let ended = payload(desk, &path).and_then(|payload| {
        command
            .env("HOOKSPOOL_ID", &facts.id)
            .env("HOOKSPOOL_ENDPOINT", taken.endpoint.as_str())
            .env("HOOKSPOOL_SENDER", &facts.sender)
            .env("HOOKSPOOL_EVENT", facts.event.as_deref().unwrap_or_default())
            .env("HOOKSPOOL_RECEIVED_AT", &facts.received_at)
            .env("HOOKSPOOL_CONTENT_TYPE", facts.payload.content_type.as_deref().unwrap_or_default())
            .env("HOOKSPOOL_SHA256", &facts.payload.sha256)
            .env("HOOKSPOOL_PATH", &path)
            .stdin(Stdio::from(payload))
            .status()
    });
    let name = Escaped(&command.get_program().to_string_lossy()).to_string();
    let status = match ended {
        Ok(status) => status,
        Err(why) => {
            move_on(desk, taken, Queue::New)?;
            return Err(Failure::Refused(format!(
                "cannot run `{name}`: {why}; `{}` is back in `new`",
                taken.id
            )));
        }
    };
    if status.success() {
        move_on(desk, taken, Queue::Done)?;
        return Ok(Exit::Fine);
    }
    let to = if status.code() == Some(TRY_AGAIN) { Queue::New } else { Queue::Failed };
    move_on(desk, taken, to)?;
    Err(Failure::Refused(format!("`{name}` ended with {status}: `{}` is in `{}`", taken.id, to.folder())))
}

/// The entry's file, open where its payload begins: the command reads it without us between.
fn payload(desk: &Desk, path: &Path) -> io::Result<File> {
    let entry = open_entry(&desk.disk, path).map_err(io::Error::other)?;
    let begin = u64::try_from(entry.line.len()).map_err(io::Error::other)?;
    let mut file = entry.payload.into_inner();
    file.seek(SeekFrom::Start(begin))?;
    Ok(file)
}

fn move_on(desk: &Desk, taken: &Place, to: Queue) -> Result<(), Failure> {
    transfer(&desk.disk, &desk.layout, taken, to)
        .map(drop)
        .map_err(|why| failed(&format!("move to `{}`", to.folder()), &taken.path(&desk.layout), why))
}
