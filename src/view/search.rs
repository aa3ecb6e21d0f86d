//! Finds entries by what their names, envelopes and payloads contain, the newest first.

use std::io::{self, BufRead};

use super::times::Times;
use crate::envelope::EntryId;
use crate::metrics::Queue;
use crate::policy::Name;
use crate::spool::{
    Disk, EntryFault, EntryLocation, EnvelopeFacts, IdRange, Layout, QUEUES_IN_ORDER, Volume as _, endpoints,
    newest, open_file, open_in_any_queue,
};

/// The entries of the first pass over the names, if most of them match, and if not.
const LIST_PASS: usize = 64;
const SEARCH_PASS: usize = 1 << 14;
/// The factor for each further pass: a search of a million entries should not need a hundred passes.
const PASS_FACTOR: usize = 8;
const PASS_MAX: usize = 1 << 18;
/// The most bytes of each value.
const VALUE_BYTES_MAX: usize = 512;

/// The filters of the list. Empty texts are none.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Filter {
    pub(super) endpoint: Option<Name>,
    pub(super) queue: Option<Queue>,
    pub(super) sender: String,
    pub(super) event: String,
    /// As in RFC 3339, or empty.
    pub(super) day: String,
    /// What the payload contains.
    pub(super) text: String,
    /// Only entries with a lower ID.
    pub(super) before: Option<EntryId>,
}

impl Filter {
    /// Reads the parameters of a request.
    ///
    /// # Errors
    /// The name of the parameter that is not valid.
    pub(super) fn parse<'a>(
        parameters: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, &'static str> {
        let mut filter = Self::default();
        for (name, value) in parameters {
            let value = value.trim();
            match name {
                _ if value.is_empty() => {}
                _ if value.len() > VALUE_BYTES_MAX => return Err("length"),
                "endpoint" => filter.endpoint = Some(value.parse().map_err(|_| "endpoint")?),
                "queue" => filter.queue = Some(Queue::named(value).ok_or("queue")?),
                "sender" => value.clone_into(&mut filter.sender),
                "event" => value.clone_into(&mut filter.event),
                "day" => match value.parse::<jiff::civil::Date>() {
                    Ok(_) => value.clone_into(&mut filter.day),
                    Err(_) => return Err("day"),
                },
                "q" => value.clone_into(&mut filter.text),
                "before" => filter.before = Some(value.parse().map_err(|_| "before")?),
                _ => {}
            }
        }
        Ok(filter)
    }

    /// The parameters, for a link.
    pub(super) fn parameters(&self) -> Vec<(&'static str, String)> {
        [
            ("endpoint", self.endpoint.as_ref().map(ToString::to_string).unwrap_or_default()),
            ("queue", self.queue.map(|queue| queue.word().to_owned()).unwrap_or_default()),
            ("sender", self.sender.clone()),
            ("event", self.event.clone()),
            ("day", self.day.clone()),
            ("q", self.text.clone()),
            ("before", self.before.map(|id| id.to_string()).unwrap_or_default()),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect()
    }

    /// Whether entries have to be opened to know whether they match.
    pub(super) fn opens_entries(&self) -> bool {
        !self.sender.is_empty() || !self.event.is_empty() || !self.text.is_empty()
    }

    /// Whether a new delivery belongs on top of the list, and the page can tell by its endpoint alone.
    pub(super) fn is_live(&self) -> bool {
        let Self { endpoint: _, queue, day, before, .. } = self;
        !self.opens_entries()
            && day.is_empty()
            && before.is_none()
            && queue.is_none_or(|queue| queue == Queue::New)
    }

    fn range(&self, times: &Times) -> IdRange {
        let day = self.day.parse().ok().and_then(|day| times.day(day));
        let (from, end) = day.map(|(begin, end)| (EntryId::first_of(begin), EntryId::first_of(end))).unzip();
        let below = [self.before, end].into_iter().flatten().min();
        IdRange { from, below }
    }

    fn matches(&self, facts: &EnvelopeFacts) -> bool {
        let is = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
        is(&self.sender, &facts.sender) && is(&self.event, facts.event.as_deref().unwrap_or_default())
    }
}

/// An entry of the list.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) place: EntryLocation,
    /// The envelope, or why it cannot be read.
    pub(super) facts: Result<EnvelopeFacts, EntryFault>,
}

/// Calls `read` before each entry is examined, the newest first, and `found` if it matches, until one of them returns
/// false or there are no more. Returns whether there are no more.
///
/// # Errors
/// If the queues cannot be listed.
pub(super) fn search(
    disk: &Disk,
    layout: &Layout,
    filter: &Filter,
    times: &Times,
    mut found: impl FnMut(Found) -> bool,
    mut read: impl FnMut(EntryId) -> bool,
) -> io::Result<bool> {
    let all = endpoints(disk, layout)?;
    let of = all.into_iter().filter(|name| filter.endpoint.as_ref().is_none_or(|wanted| wanted == name));
    let queues: Vec<_> = of
        .flat_map(|name| QUEUES_IN_ORDER.into_iter().map(move |queue| (name.clone(), queue)))
        .filter(|(_, queue)| filter.queue.is_none_or(|wanted| wanted == *queue))
        .collect();
    let mut range = filter.range(times);
    let mut count = if filter.opens_entries() { SEARCH_PASS } else { LIST_PASS };
    loop {
        let (page, is_last) = newest(disk, layout, &queues, range, count)?;
        range.below = page.last().map(|place| place.id).or(range.below);
        for place in page {
            if !read(place.id) {
                return Ok(false);
            }
            if let Some(entry) = examine(disk, layout, filter, place)
                && !found(entry)
            {
                return Ok(false);
            }
        }
        if is_last {
            return Ok(true);
        }
        count = (count * PASS_FACTOR).min(PASS_MAX);
    }
}

/// Opens an entry, and compares it with the filter. `None` if it does not match, or was moved to a queue that is not
/// listed.
pub(super) fn examine(disk: &Disk, layout: &Layout, filter: &Filter, place: EntryLocation) -> Option<Found> {
    let is_gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let opened = match disk.read(&place.path(layout)) {
        Err(error) if is_gone(&error) && filter.queue.is_none() => {
            open_in_any_queue(disk, layout, &place.endpoint, place.id)
        }
        opened => opened.map(|file| (place.clone(), file)),
    };
    match opened.map(|(place, file)| (open_file(file, &place.path(layout)), place)) {
        Ok((Ok(mut entry), place)) => {
            let text = filter.text.as_bytes();
            let matches = filter.matches(&entry.facts)
                && (text.is_empty() || contains(&mut entry.payload, text).unwrap_or(false));
            matches.then_some(Found { place, facts: Ok(entry.facts) })
        }
        Err(error) if is_gone(&error) => None,
        // An entry that cannot be read is shown, unless something in it was asked for.
        Ok((Err(fault), place)) => (!filter.opens_entries()).then_some(Found { place, facts: Err(fault) }),
        Err(error) => (!filter.opens_entries()).then_some(Found { place, facts: Err(error.into()) }),
    }
}

/// Whether a text occurs. Reads piece by piece, so that the size of the payload does not matter.
fn contains(payload: &mut impl BufRead, text: &[u8]) -> io::Result<bool> {
    let finder = memchr::memmem::Finder::new(text);
    let mut kept = Vec::new();
    loop {
        let piece = payload.fill_buf()?;
        if piece.is_empty() {
            return Ok(false);
        }
        kept.extend_from_slice(piece);
        let read = piece.len();
        payload.consume(read);
        if finder.find(&kept).is_some() {
            return Ok(true);
        }
        // The text may continue in the next piece.
        kept.drain(..kept.len().saturating_sub(text.len() - 1));
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;

    use super::*;
    use crate::spool::{make_queues, test_draft};

    fn parse(parameters: &[(&str, &str)]) -> Result<Filter, &'static str> {
        Filter::parse(parameters.iter().copied())
    }

    #[test]
    fn parameters_are_parsed_and_printed() {
        let id = EntryId::fresh();
        let text = id.to_string();
        let given = [
            ("endpoint", "pix"),
            ("queue", "failed"),
            ("sender", "efi"),
            ("event", "pix"),
            ("day", "2026-11-23"),
            ("q", "E123"),
            ("before", text.as_str()),
        ];
        let filter = parse(&given).expect("valid");
        assert_eq!(filter.parameters(), given.map(|(name, value)| (name, value.to_owned())));
        assert_eq!(parse(&[("q", " "), ("queue", ""), ("other", "x")]), Ok(Filter::default()));
        for (name, value) in
            [("endpoint", "../x"), ("queue", "corrupt"), ("day", "23.11.2026"), ("before", "1")]
        {
            assert_eq!(parse(&[(name, value)]), Err(name));
        }
        assert_eq!(parse(&[("q", &"x".repeat(VALUE_BYTES_MAX + 1))]), Err("length"));
    }

    #[test]
    fn only_lists_of_what_waits_are_live() {
        for (parameter, is_live) in [
            (("endpoint", "pix"), true),
            (("queue", "new"), true),
            (("queue", "done"), false),
            (("q", "x"), false),
            (("sender", "efi"), false),
            (("event", "pix"), false),
            (("day", "2026-11-23"), false),
        ] {
            assert_eq!(parse(&[parameter]).map(|filter| filter.is_live()), Ok(is_live), "{parameter:?}");
        }
    }

    #[test]
    fn an_entry_is_found_in_the_queue_to_which_it_was_moved_unless_one_queue_is_listed() {
        let folder = tempfile::tempdir().expect("a folder");
        let disk = Disk::open(folder.path(), None).expect("a spool");
        let (layout, endpoint): (_, Name) =
            (Layout::new(folder.path().into()), "pix".parse().expect("a name"));
        make_queues(&disk, &layout, std::slice::from_ref(&endpoint)).expect("queues");
        let draft = test_draft("pix", b"payload");
        let of = |queue| EntryLocation { id: draft.id(), endpoint: endpoint.clone(), queue };
        let examine = |parameters: &[_]| {
            examine(&disk, &layout, &parse(parameters).expect("valid"), of(Queue::New))
                .map(|found| found.place.queue)
        };
        assert_eq!(examine(&[]), None);
        std::fs::write(of(Queue::Done).path(&layout), draft.pieces().concat()).expect("written");
        assert_eq!((examine(&[]), examine(&[("queue", "new")])), (Some(Queue::Done), None));
        assert_eq!((examine(&[("q", "load")]), examine(&[("q", "other")])), (Some(Queue::Done), None));
        // What cannot be read is shown only if nothing in it was asked for.
        std::fs::write(of(Queue::Done).path(&layout), "x").expect("written");
        assert_eq!((examine(&[]), examine(&[("q", "x")])), (Some(Queue::Done), None));
    }

    proptest! {
        #[test]
        fn a_text_is_found_wherever_pieces_end(
            before in "[ab]{0,40}", text in "[ab]{1,6}", after in "[ab]{0,40}", piece in 1_usize..9
        ) {
            let payload = format!("{before}{text}{after}");
            let find = |text: &str| {
                contains(&mut BufReader::with_capacity(piece, payload.as_bytes()), text.as_bytes()).expect("read")
            };
            prop_assert!(find(&text));
            prop_assert_eq!(find("abba"), payload.contains("abba"));
            prop_assert!(!find("c"));
        }
    }
}
