//! `hookspool spool list`: what is in a queue, the oldest first.

use std::fmt::Write as _;

use serde::Serialize;

use super::desk::Desk;
use crate::cli::args::SpoolListArgs;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{print, print_json};
use crate::escape::Escaped;
use crate::spool::{EntryFault, EnvelopeFacts, Place, entries, open_entry};

/// The document. The names are a promise.
#[derive(Debug, Serialize)]
struct Document {
    entries: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    id: String,
    endpoint: String,
    queue: &'static str,
    path: String,
    #[serde(flatten)]
    said: Said,
}

/// What its envelope says; the payload is not read.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Said {
    Facts { received_at: String, sender: String, event: Option<String>, length: u64, sha256: String },
    Fault { fault: String },
}

pub(super) fn list(desk: &Desk, args: &SpoolListArgs) -> Result<Exit, Failure> {
    let rows: Vec<_> = places(desk, args)?
        .iter()
        .filter_map(|place| row(desk, place))
        .filter(|row| match (&args.sender, &row.said) {
            (None, _) => true,
            (Some(wanted), Said::Facts { sender, .. }) => sender == wanted.as_str(),
            (Some(_), Said::Fault { .. }) => false,
        })
        .collect();
    if args.json {
        print_json(&Document { entries: rows })?;
    } else {
        print(&page(&rows))?;
    }
    Ok(Exit::Fine)
}

fn places(desk: &Desk, args: &SpoolListArgs) -> Result<Vec<Place>, Failure> {
    let since = args.since.and_then(|age| desk.now.checked_sub(age.0).ok());
    let mut places = Vec::new();
    for endpoint in desk.endpoints(args.endpoint.as_ref())? {
        let found = entries(&desk.disk, &desk.layout, &endpoint, args.queue.0);
        for place in found.map_err(|error| desk.unlisted(error))? {
            let place = place.map_err(|error| desk.unlisted(error))?;
            if since.is_none_or(|since| place.id.made_at() >= since) {
                places.push(place);
            }
        }
    }
    places.sort_unstable();
    Ok(places)
}

/// None where a consumer has moved it on meanwhile.
fn row(desk: &Desk, place: &Place) -> Option<Row> {
    let path = place.path(&desk.layout);
    let said = match open_entry(&desk.disk, &path) {
        Ok(entry) => {
            let EnvelopeFacts { received_at, sender, event, payload, .. } = entry.facts;
            Said::Facts { received_at, sender, event, length: payload.length, sha256: payload.sha256 }
        }
        Err(EntryFault::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(fault) => Said::Fault { fault: fault.to_string() },
    };
    Some(Row {
        id: place.id.to_string(),
        endpoint: place.endpoint.to_string(),
        queue: place.queue.folder(),
        path: path.display().to_string(),
        said,
    })
}

fn page(rows: &[Row]) -> String {
    let mut out = String::new();
    for Row { id, endpoint, queue, said, .. } in rows {
        let _ = match said {
            Said::Facts { received_at, sender, event, length, .. } => writeln!(
                out,
                "{id}  {}  {endpoint}/{queue}  {}  {}  {length} bytes",
                Escaped(received_at),
                Escaped(sender),
                Escaped(event.as_deref().unwrap_or("-")),
            ),
            Said::Fault { fault } => writeln!(out, "{id}  {endpoint}/{queue}  not whole: {fault}"),
        };
    }
    out
}
