//! `hookspool spool show`: shows one entry.

use std::io::{self, Write as _};

use serde::Serialize;
use serde_json::Value;

use super::context::{SpoolContext, failed};
use super::entry_file::EntryFile;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{escaped_lines, print, print_json};
use crate::cli::spool_args::{SpoolFormat, SpoolShowArgs};
use crate::spool::{EntryFault, FailureNote, OpenEntry};

/// The document that `--json` prints. The names of the keys must not change.
#[derive(Debug, Serialize)]
struct Document {
    id: String,
    /// In `corrupt`, that of the envelope; null if that cannot be read.
    endpoint: Option<String>,
    queue: &'static str,
    path: String,
    /// Whether length and digest match the envelope.
    whole: bool,
    /// Why the entry is not intact.
    fault: Option<String>,
    /// Why `forward` gave up the entry; null except in `failed`.
    why: Option<FailureNote>,
    envelope: Value,
}

pub(super) fn show(context: &SpoolContext, args: &SpoolShowArgs) -> Result<Exit, Failure> {
    let file = context.file(&args.entry, args.queue)?;
    let fault = match file.check(&context.disk) {
        Ok(_) => None,
        Err(EntryFault::NotIntact(fault)) => Some(fault.to_string()),
        Err(EntryFault::Io(why)) => return Err(failed("read", &file.path, why)),
    };
    match (&args.format, args.json) {
        (Some(format), _) => raw(context, &file, *format)?,
        (None, true) => print_json(&document(context, &file, fault.clone()))?,
        (None, false) => print(&page(context, &file, fault.as_deref())?)?,
    }
    match fault {
        None => Ok(Exit::Success),
        Some(fault) => Err(Failure::Refused(format!("the entry `{}` is not intact: {fault}", file.id))),
    }
}

/// Prints a part byte for byte, even to a terminal.
fn raw(context: &SpoolContext, file: &EntryFile, format: SpoolFormat) -> Result<(), Failure> {
    let mut entry = open(context, file)?;
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

fn document(context: &SpoolContext, file: &EntryFile, fault: Option<String>) -> Document {
    let entry = file.open(&context.disk).ok();
    let endpoint = file.endpoint.as_ref().map(ToString::to_string);
    Document {
        id: file.id.to_string(),
        endpoint: endpoint.or_else(|| Some(entry.as_ref()?.facts.endpoint.clone())),
        queue: file.folder,
        path: file.path.display().to_string(),
        whole: fault.is_none(),
        fault,
        why: file.why.clone(),
        envelope: entry.and_then(|entry| serde_json::from_slice(&entry.line).ok()).unwrap_or(Value::Null),
    }
}

fn page(context: &SpoolContext, file: &EntryFile, fault: Option<&str>) -> Result<String, Failure> {
    let path = &file.path;
    let state = fault.map_or("intact".to_owned(), |fault| format!("NOT INTACT: {fault}"));
    let why = file.why.as_ref().map_or(String::new(), |why| format!("{why}\n"));
    let mut out = escaped_lines(&format!("{}\n{state}\n{why}\n", path.display()));
    let Ok(mut entry) = file.open(&context.disk) else { return Ok(out) };
    let envelope: Value = serde_json::from_slice(&entry.line).unwrap_or(Value::Null);
    out += &escaped_lines(&format!("{envelope:#}\n\n"));
    let mut payload = Vec::new();
    io::copy(&mut entry.payload, &mut payload).map_err(|why| failed("read", path, why))?;
    out += &escaped_lines(&String::from_utf8_lossy(&payload));
    out.push('\n');
    Ok(out)
}

fn open(context: &SpoolContext, file: &EntryFile) -> Result<OpenEntry<std::fs::File>, Failure> {
    file.open(&context.disk).map_err(|fault| match fault {
        EntryFault::Io(why) => failed("read", &file.path, why),
        EntryFault::NotIntact(fault) => {
            Failure::Refused(format!("the entry `{}` is not intact: {fault}", file.id))
        }
    })
}
