//! `hookspool spool stats`: how many entries of an endpoint there are, and how often deliveries arrived.
//!
//! Each queue is listed once, and only envelopes are read. An entry that is moved in the meantime may be counted twice.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;

use serde::Serialize;

use super::context::{SpoolContext, bar};
use super::delivery_times::DeliveryTimes;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{print, print_json};
use crate::cli::spool_args::SpoolStatsArgs;
use crate::clock::{Timestamp, distance, rfc3339_micros};
use crate::metrics::Queue;
use crate::spool::{EntryFault, EntryLocation, EnvelopeFacts, entries, open_entry};

/// The shortest period over which deliveries per hour are computed, unless `--since` is shorter.
const HOUR_MILLIS: u128 = 3_600_000;

/// In the order in which an entry moves through them, so that few are missed or counted twice.
const QUEUES: [Queue; 4] = [Queue::New, Queue::Taken, Queue::Done, Queue::Failed];

/// The document that `--json` prints. The names of the keys must not change.
#[derive(Debug, Serialize)]
struct Document {
    endpoint: String,
    /// Entries that were received before this time are not counted; null if all are.
    since: Option<String>,
    /// By the name of the queue.
    queues: BTreeMap<&'static str, QueueFigures>,
    entries: u64,
    /// The bytes of all payloads, as their envelopes state them.
    bytes: u64,
    /// The entries whose payload was already stored, according to `duplicate_of`.
    duplicates: u64,
    /// The entries whose envelope cannot be read. They are counted without their bytes.
    unreadable: u64,
    first_at: Option<String>,
    last_at: Option<String>,
    deliveries_per_hour: Option<f64>,
    /// Each hour with deliveries, in UTC.
    hours: Vec<Hour>,
    longest_gap: Option<Gap>,
}

#[derive(Debug, Default, Serialize)]
struct QueueFigures {
    entries: u64,
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct Hour {
    from: String,
    deliveries: u64,
}

/// The longest time between two deliveries without one.
#[derive(Debug, Serialize)]
struct Gap {
    from: String,
    to: String,
    seconds: f64,
    /// The same, as in `3h 9m`.
    #[serde(skip)]
    length: String,
}

/// What is counted while the queues are listed.
#[derive(Debug)]
struct Figures {
    queues: BTreeMap<&'static str, QueueFigures>,
    duplicates: u64,
    unreadable: u64,
    arrivals: DeliveryTimes,
}

pub(super) fn stats(context: &SpoolContext, args: &SpoolStatsArgs) -> Result<Exit, Failure> {
    context.endpoints(Some(&args.endpoint))?;
    let since = context.since(args.since);
    let mut figures = Figures::new();
    for queue in QUEUES {
        let listed = || {
            entries(&context.disk, &context.layout, &args.endpoint, queue)
                .map_err(|error| context.unlisted(error))
        };
        let bar =
            bar(u64::try_from(listed()?.count()).unwrap_or(u64::MAX), format!("counting {}", queue.word()));
        for place in listed()? {
            let place = place.map_err(|error| context.unlisted(error))?;
            bar.inc(1);
            if since.is_some_and(|since| place.id.made_at() < since) {
                continue;
            }
            match open_entry(&context.disk, &place.path(&context.layout)) {
                Ok(entry) => figures.add(&place, Some(&entry.facts)),
                // A consumer has moved it to another queue.
                Err(EntryFault::Io(error)) if error.kind() == io::ErrorKind::NotFound => {}
                Err(_) => figures.add(&place, None),
            }
        }
        bar.finish_and_clear();
    }
    let document = figures.document(args.endpoint.as_str(), since, context.now);
    match args.json {
        true => print_json(&document)?,
        false => print(&page(&document, context.now))?,
    }
    Ok(Exit::Success)
}

impl Figures {
    fn new() -> Self {
        Self {
            queues: QUEUES.iter().map(|queue| (queue.word(), QueueFigures::default())).collect(),
            duplicates: 0,
            unreadable: 0,
            arrivals: DeliveryTimes::new(),
        }
    }

    fn add(&mut self, place: &EntryLocation, facts: Option<&EnvelopeFacts>) {
        let queue = self.queues.entry(place.queue.word()).or_default();
        queue.entries += 1;
        queue.bytes = queue.bytes.saturating_add(facts.map_or(0, |facts| facts.payload.length));
        self.duplicates += u64::from(facts.is_some_and(|facts| facts.duplicate_of.is_some()));
        self.unreadable += u64::from(facts.is_none());
        self.arrivals.add(place.id.made_at().as_millisecond());
    }

    fn document(self, endpoint: &str, since: Option<Timestamp>, now: Timestamp) -> Document {
        let Self { queues, duplicates, unreadable, arrivals } = self;
        let entries = queues.values().map(|queue| queue.entries).sum();
        let bytes = queues.values().fold(0_u64, |bytes, queue| bytes.saturating_add(queue.bytes));
        let first = arrivals.first().map(time);
        let millis = |since: Timestamp| u128::try_from(now.duration_since(since).as_millis()).unwrap_or(0);
        let period = match (since, first) {
            (Some(since), _) => millis(since),
            (None, Some(first)) => millis(first).max(HOUR_MILLIS),
            (None, None) => 0,
        };
        let gap = |(from, to): (i64, i64)| {
            let length = time(to).duration_since(time(from));
            Gap {
                from: rfc3339_micros(time(from)),
                to: rfc3339_micros(time(to)),
                seconds: length.as_secs_f64(),
                length: format!("{length:#}"),
            }
        };
        Document {
            endpoint: endpoint.to_owned(),
            since: since.map(rfc3339_micros),
            entries,
            bytes,
            queues,
            duplicates,
            unreadable,
            first_at: first.map(rfc3339_micros),
            last_at: arrivals.last().map(|last| rfc3339_micros(time(last))),
            deliveries_per_hour: per_hour(entries, period),
            hours: arrivals
                .hours()
                .map(|(from, deliveries)| Hour { from: time(from).to_string(), deliveries })
                .collect(),
            longest_gap: arrivals.longest_gap().map(gap),
        }
    }
}

/// Deliveries per hour in a period of this many milliseconds, with one decimal; none if it is empty.
fn per_hour(deliveries: u64, period: u128) -> Option<f64> {
    let tenths = (u128::from(deliveries) * HOUR_MILLIS * 10 + period / 2).checked_div(period)?;
    Some(f64::from(u32::try_from(tenths).unwrap_or(u32::MAX)) / 10.0)
}

fn time(millisecond: i64) -> Timestamp {
    Timestamp::from_millisecond(millisecond).unwrap_or(Timestamp::MAX)
}

fn page(document: &Document, now: Timestamp) -> String {
    let since = document.since.as_ref().map_or(String::new(), |since| format!(", since {since}"));
    let mut out = format!("deliveries to {}{since}\n", document.endpoint);
    let count = |entries: u64| if entries == 1 { "1 entry".to_owned() } else { format!("{entries} entries") };
    let mut line = |name: &str, text: String| {
        let _ = writeln!(out, "  {name:<11} {text}");
    };
    for queue in QUEUES {
        if let Some(QueueFigures { entries, bytes }) = document.queues.get(queue.word()) {
            line(queue.word(), format!("{}, {bytes} bytes", count(*entries)));
        }
    }
    line("all", format!("{}, {} bytes", count(document.entries), document.bytes));
    line("duplicates", count(document.duplicates));
    if document.unreadable > 0 {
        line(
            "unreadable",
            format!("{}; `hookspool spool verify` shows the defects", count(document.unreadable)),
        );
    }
    if let Some(per_hour) = document.deliveries_per_hour {
        let most = document.hours.iter().rev().max_by_key(|hour| hour.deliveries);
        let most = most.map_or(String::new(), |hour| {
            format!("; the most in the hour from {}: {}", hour.from, hour.deliveries)
        });
        line("per hour", format!("{per_hour:.1}{most}"));
    }
    if let Some(Gap { from, to, length, .. }) = &document.longest_gap {
        line("longest gap", format!("{length}, from {from} to {to}"));
    }
    if let Some(last) = &document.last_at {
        let ago =
            last.parse::<Timestamp>().map_or(String::new(), |last| format!(" ({})", distance(now, last)));
        line("last", format!("{last}{ago}"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::EntryId;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// An entry that was received at this time.
    fn place(queue: Queue, received: &str) -> EntryLocation {
        let [_, _, milliseconds @ ..] = at(received).as_millisecond().to_be_bytes();
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&milliseconds);
        EntryLocation { id: EntryId::from_bytes(bytes), endpoint: "pix".parse().unwrap(), queue }
    }

    fn facts(length: u64, duplicate: bool) -> EnvelopeFacts {
        let mut envelope = serde_json::json!({
            "id": "", "received_at": "", "endpoint": "pix", "sender": "efi", "event": null,
            "payload": { "length": length, "sha256": "", "content_type": null },
        });
        if duplicate {
            envelope["duplicate_of"] = "first".into();
        }
        serde_json::from_value(envelope).unwrap()
    }

    #[test]
    fn page_shows_counts_bytes_duplicates_rate_and_gap() {
        let mut figures = Figures::new();
        for (queue, received, facts) in [
            (Queue::New, "2026-11-23T13:30:00Z", Some(facts(10, true))),
            (Queue::Done, "2026-11-23T10:00:00Z", Some(facts(900, false))),
            (Queue::Done, "2026-11-23T10:10:00Z", Some(facts(90, false))),
            (Queue::Failed, "2026-11-23T10:20:00.5Z", None),
        ] {
            figures.add(&place(queue, received), facts.as_ref());
        }
        let now = at("2026-11-23T14:00:00Z");
        let document = figures.document("pix", Some(at("2026-11-22T14:00:00Z")), now);
        assert_eq!(
            page(&document, now),
            "deliveries to pix, since 2026-11-22T14:00:00.000000Z\n  \
            new         1 entry, 10 bytes\n  \
            taken       0 entries, 0 bytes\n  \
            done        2 entries, 990 bytes\n  \
            failed      1 entry, 0 bytes\n  \
            all         4 entries, 1000 bytes\n  \
            duplicates  1 entry\n  \
            unreadable  1 entry; `hookspool spool verify` shows the defects\n  \
            per hour    0.2; the most in the hour from 2026-11-23T10:00:00Z: 3\n  \
            longest gap 3h 9m 59s 500ms, from 2026-11-23T10:20:00.500000Z to 2026-11-23T13:30:00.000000Z\n  \
            last        2026-11-23T13:30:00.000000Z (30 minutes ago)\n"
        );
    }

    #[test]
    fn period_begins_with_the_first_entry_and_has_at_least_an_hour_without_since() {
        let rate = |since, now: &str| {
            let mut figures = Figures::new();
            for received in ["2026-11-23T10:00:00Z", "2026-11-23T10:00:01Z"] {
                figures.add(&place(Queue::New, received), Some(&facts(1, false)));
            }
            figures.document("pix", since, at(now)).deliveries_per_hour
        };
        assert_eq!(rate(None, "2026-11-23T10:00:02Z"), Some(2.0));
        assert_eq!(rate(None, "2026-11-23T14:00:00Z"), Some(0.5));
        assert_eq!(rate(Some(at("2026-11-23T10:00:00Z")), "2026-11-23T10:10:00Z"), Some(12.0));
        let none = Figures::new().document("pix", None, at("2026-11-23T10:00:00Z"));
        assert_eq!((none.deliveries_per_hour, none.entries), (None, 0));
        assert!(none.longest_gap.is_none() && none.hours.is_empty());
    }
}
