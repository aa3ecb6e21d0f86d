//! `hookspool spool show`: shows one entry.

use std::io::{self, Write as _};

use serde::Serialize;
use serde_json::Value;

use super::context::{SpoolContext, failed};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{escaped_lines, print, print_json};
use crate::cli::spool_args::{SpoolFormat, SpoolShowArgs};
use crate::spool::{EntryFault, EntryLocation, check_entry, open_entry};

/// The document that `--json` prints. The names of the keys must not change.
#[derive(Debug, Serialize)]
struct Document {
    id: String,
    endpoint: String,
    queue: &'static str,
    path: String,
    /// Whether length and digest match the envelope.
    whole: bool,
    /// Why the entry is not intact.
    fault: Option<String>,
    envelope: Value,
}

pub(super) fn show(context: &SpoolContext, args: &SpoolShowArgs) -> Result<Exit, Failure> {
    let place = context.entry(&args.entry)?;
    let fault = match check_entry(&context.disk, &place.path(&context.layout)) {
        Ok(_) => None,
        Err(EntryFault::NotIntact(fault)) => Some(fault.to_string()),
        Err(EntryFault::Io(why)) => return Err(failed("read", &place.path(&context.layout), why)),
    };
    match (&args.format, args.json) {
        (Some(format), _) => raw(context, &place, *format)?,
        (None, true) => print_json(&document(context, &place, fault.clone())?)?,
        (None, false) => print(&page(context, &place, fault.as_deref())?)?,
    }
    match fault {
        None => Ok(Exit::Success),
        Some(fault) => Err(Failure::Refused(format!("the entry `{}` is not intact: {fault}", place.id))),
    }
}

/// Prints a part byte for byte, even to a terminal.
fn raw(context: &SpoolContext, place: &EntryLocation, format: SpoolFormat) -> Result<(), Failure> {
    let mut entry = open(context, place)?;
    let mut out = io::stdout().lock();
    let copied = match format {
        SpoolFormat::Envelope => out.write_all(&entry.line),
        SpoolFormat::Payload => io::copy(&mut entry.payload, &mut out).map(drop),
        SpoolFormat::Entry => {
            out.write_all(&entry.line).and_then(|()| io::copy(&mut entry.payload, &mut out)).map(drop)
        }
    };
    copied.and_then(|()| out.flush()).map_err(Failure::output)
}

fn document(
    context: &SpoolContext,
    place: &EntryLocation,
    fault: Option<String>,
) -> Result<Document, Failure> {
    let envelope = open_entry(&context.disk, &place.path(&context.layout)).ok();
    Ok(Document {
        id: place.id.to_string(),
        endpoint: place.endpoint.to_string(),
        queue: place.queue.word(),
        path: place.path(&context.layout).display().to_string(),
        whole: fault.is_none(),
        fault,
        envelope: envelope.and_then(|entry| serde_json::from_slice(&entry.line).ok()).unwrap_or(Value::Null),
    })
}

fn page(context: &SpoolContext, place: &EntryLocation, fault: Option<&str>) -> Result<String, Failure> {
    let path = place.path(&context.layout);
    let state = fault.map_or("intact".to_owned(), |fault| format!("NOT INTACT: {fault}"));
    let mut out = escaped_lines(&format!("{}\n{state}\n\n", path.display()));
    let Ok(mut entry) = open_entry(&context.disk, &path) else { return Ok(out) };
    let envelope: Value = serde_json::from_slice(&entry.line).unwrap_or(Value::Null);
    out += &escaped_lines(&format!("{envelope:#}\n\n"));
    let mut payload = Vec::new();
    io::copy(&mut entry.payload, &mut payload).map_err(|why| failed("read", &path, why))?;
    out += &escaped_lines(&String::from_utf8_lossy(&payload));
    out.push('\n');
    Ok(out)
}

fn open(
    context: &SpoolContext,
    place: &EntryLocation,
) -> Result<crate::spool::OpenEntry<std::fs::File>, Failure> {
    let path = place.path(&context.layout);
    open_entry(&context.disk, &path).map_err(|fault| match fault {
        EntryFault::Io(why) => failed("read", &path, why),
        EntryFault::NotIntact(fault) => {
            Failure::Refused(format!("the entry `{}` is not intact: {fault}", place.id))
        }
    })
}
