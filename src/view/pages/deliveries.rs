//! The list of deliveries. Its rows are sent while they are found.

use maud::{Markup, PreEscaped, html};

use super::frame::{Page, PageKind};
use crate::envelope::EntryId;
use crate::escape::Escaped;
use crate::metrics::Queue;
use crate::policy::Name;
use crate::quantity::ByteSize;
use crate::spool::{IdEnd, QUEUES_IN_ORDER};
use crate::view::search::{Filter, Found};
use crate::view::times::grouped;

/// The digits of an ID that are shown, as in `spool list`.
const ID_DIGITS: usize = 16;
/// The columns of the table.
const COLUMNS: usize = 7;
/// Where the rows are inserted. No text can contain it, because `<` is escaped in texts.
const ROWS: &str = "<!--rows-->";

/// The parts of the page before and after its rows.
#[derive(Debug)]
pub(in crate::view) struct ListPage {
    pub(in crate::view) head: String,
    pub(in crate::view) tail: String,
}

/// How a list ended.
#[derive(Clone, Copy, Debug)]
pub(in crate::view) enum ListEnd {
    /// The page is full; the last entry that was examined.
    Full(EntryId),
    /// There are no more entries.
    Complete,
    /// The time limit was reached; the last entry that was examined.
    TimedOut(Option<EntryId>),
}

/// The page without its rows.
pub(in crate::view) fn list(page: &Page<'_>, filter: &Filter, endpoints: &[Name]) -> ListPage {
    let words = page.words();
    let live = filter.is_live().then(|| filter.endpoint.as_ref().map_or("*", Name::as_str));
    let content = html! {
        (page.stale())
        (form(page, filter, endpoints))
        div.scroll { table.deliveries {
            thead { tr {
                th scope="col" { (words.received) }
                th scope="col" { (words.endpoint) }
                th scope="col" { (words.sender) }
                th scope="col" { (words.event) }
                th scope="col" { (words.queue) }
                th.number scope="col" { (words.size) }
                th scope="col" { (words.entry) }
            } }
            tbody #rows data-live=[live.map(|_| "entries")] data-endpoint=[live] data-queue=[filter.queue.map(Queue::word)] { (PreEscaped(ROWS)) }
        } }
    };
    let whole = page.framed(PageKind::Deliveries, None, content).into_string();
    let (head, tail) = whole.split_once(ROWS).unwrap_or((&whole, ""));
    ListPage { head: head.to_owned(), tail: tail.to_owned() }
}

fn form(page: &Page<'_>, filter: &Filter, endpoints: &[Name]) -> Markup {
    let words = page.words();
    html! {
        form.filter action=(page.path("deliveries")) method="get" role="search" {
            label.wide { (words.search) input type="search" name="q" value=(filter.text) placeholder=(words.search_hint) autocomplete="off"; }
            label { (words.endpoint) select name="endpoint" {
                option value="" { (words.all) }
                @for name in endpoints {
                    option value=(name) selected[filter.endpoint.as_ref() == Some(name)] { (name) }
                }
            } }
            label { (words.queue) select name="queue" {
                option value="" { (words.all) }
                @for queue in QUEUES_IN_ORDER {
                    option value=(queue.word()) selected[filter.queue == Some(queue)] { (page.queue(queue)) }
                }
            } }
            label { (words.sender) input name="sender" value=(filter.sender) autocomplete="off"; }
            label { (words.event) input name="event" value=(filter.event) autocomplete="off"; }
            label { (words.day) input type="date" name="day" value=(filter.day); }
            div.buttons {
                button type="submit" { (words.filter) }
                a href=(page.path("deliveries")) { (words.clear) }
                button #stop type="button" hidden { (words.stop) }
            }
        }
        script src=(page.path(&page.assets.stop.name)) {}
    }
}

/// One row.
pub(in crate::view) fn row(page: &Page<'_>, found: &Found) -> Markup {
    let Found { place, facts } = found;
    let id = place.id.to_string();
    let end = IdEnd::of(place.id, ID_DIGITS);
    let columns = match facts {
        Ok(facts) => html! {
            td { (Escaped(&facts.sender)) }
            td { (Escaped(facts.event.as_deref().unwrap_or_default())) }
            td { (queue(page, place.queue)) }
            td.number { (ByteSize(facts.payload.length).rounded()) }
        },
        Err(fault) => html! {
            td colspan="2" { span.bad { (page.words().unreadable) ": " (Escaped(&fault.to_string())) } }
            td { (queue(page, place.queue)) }
            td {}
        },
    };
    html! {
        tr data-id=(id) data-endpoint=(place.endpoint) data-queue=(place.queue.word()) {
            td { time datetime=(place.id.made_at()) { (page.times.full(place.id.made_at(), page.language)) } }
            td { (place.endpoint) }
            (columns)
            td { a href=(page.path(&format!("entry/{id}"))) title=(id) { (end) } }
        }
    }
}

fn queue(page: &Page<'_>, queue: Queue) -> Markup {
    html! { span class={ "queue " (queue.word()) } { (page.queue(queue)) } }
}

impl ListPage {
    /// How many entries have been read. Each such row is hidden by the next row.
    pub(in crate::view) fn progress(page: &Page<'_>, read: u64) -> Markup {
        html! { tr.progress { td colspan=(COLUMNS) { (grouped(read, page.language)) " " (page.words().entries_read) "…" } } }
    }

    /// The last row: where to go on.
    pub(in crate::view) fn end(page: &Page<'_>, filter: &Filter, end: &ListEnd, shown: usize) -> Markup {
        let words = page.words();
        let further = match end {
            ListEnd::Full(last) | ListEnd::TimedOut(Some(last)) => {
                let older = Filter { before: Some(*last), ..filter.clone() };
                Some(page.path(&format!("deliveries?{}", query(&older))))
            }
            ListEnd::Complete | ListEnd::TimedOut(None) => None,
        };
        let text = match end {
            ListEnd::TimedOut(_) => words.stopped_at_limit,
            ListEnd::Complete if shown == 0 => words.nothing_found,
            ListEnd::Complete => words.end_of_list,
            ListEnd::Full(_) => "",
        };
        html! {
            tr.end { td colspan=(COLUMNS) {
                (text) " "
                @if filter.before.is_some() {
                    a rel="first" href=(page.path(&format!("deliveries?{}", query(&Filter { before: None, ..filter.clone() })))) { (words.newest) }
                    " "
                }
                @if let Some(path) = further { a rel="next" href=(path) { (words.older) } }
            } }
        }
    }

    /// The last row after an error.
    pub(in crate::view) fn failed(page: &Page<'_>, error: &str) -> Markup {
        html! { tr.end { td colspan=(COLUMNS) { p.message.bad { (page.words().cannot_list) ": " (Escaped(error)) } } } }
    }
}

/// The parameters of a filter, percent-encoded.
fn query(filter: &Filter) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(filter.parameters()).finish()
}
