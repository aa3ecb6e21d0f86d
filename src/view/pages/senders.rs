//! The configured senders and endpoints.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};

use super::frame::{Page, PageKind, peer_text};
use super::now::role;
use crate::escape::Escaped;
use crate::quantity::ByteSize;
use crate::spool::EntryLocation;
use crate::view::overview::Overview;

/// The latest entry of each sender, by the name of the sender.
pub(in crate::view) type LastDelivery = BTreeMap<String, EntryLocation>;

pub(in crate::view) fn senders(page: &Page<'_>, overview: &Overview, last: &LastDelivery) -> Markup {
    let words = page.words();
    let status = overview.daemon.as_ref().ok();
    let content = html! {
        @if let Err(why) = &overview.daemon {
            p.message.warn { strong { (words.no_daemon) } ". " (words.no_daemon_help) " " (Escaped(why)) }
        }
        (endpoints(page, overview))
        section aria-labelledby="senders" {
            h2 #senders { (words.senders_only) }
            @let configured: BTreeSet<_> = status.iter().flat_map(|it| &it.endpoints).flat_map(|it| it.senders.iter().cloned()).collect();
            div.scroll { table {
                thead { tr {
                    th scope="col" { (words.sender) }
                    th scope="col" { (words.expiry) }
                    th scope="col" { (words.last_delivery) }
                } }
                tbody { @for name in configured.iter().chain(last.keys().filter(|name| !configured.contains(*name))) { tr {
                    th scope="row" { (Escaped(name)) }
                    td.long data-label=(words.expiry) {
                        @let own = status.iter().flat_map(|it| &it.certificates).filter(|it| it.name == *name && it.role != "server");
                        @if configured.contains(name) { ul { @for it in own { li {
                            (role(page, &it.role)) ": " (peer_text(&it.subject)) ", " (words.until) " " (page.time(&it.not_after)) " " code { (Escaped(&it.file)) }
                        } } } } @else if status.is_some() { (words.not_configured) }
                    }
                    td data-label=(words.last_delivery) { (delivery(page, last.get(name))) }
                } } }
            } }
            p.note { (words.last_delivery) ": " (words.among_latest) }
        }
    };
    page.framed(PageKind::Senders, None, content)
}

fn endpoints(page: &Page<'_>, overview: &Overview) -> Markup {
    let words = page.words();
    let configured = overview.daemon.as_ref().map(|status| status.endpoints.as_slice()).unwrap_or_default();
    let on_disk = overview.scan.as_ref().map(|scan| scan.endpoints.as_slice()).unwrap_or_default();
    let newest =
        |name: &str| on_disk.iter().find(|it| it.name.as_str() == name).and_then(|it| it.newest.as_ref());
    let others = on_disk.iter().filter(|it| configured.iter().all(|known| known.name != it.name.as_str()));
    html! {
        section aria-labelledby="endpoints" {
            h2 #endpoints { (words.endpoints) }
            div.scroll { table {
                thead { tr {
                    th scope="col" { (words.endpoint) }
                    th scope="col" { (words.path) }
                    th scope="col" { (words.senders_only) }
                    th.number scope="col" { (words.max_body) }
                    th scope="col" { (words.last_delivery) }
                } }
                tbody {
                    @for it in configured { tr {
                        th scope="row" { a href=(page.path(&format!("deliveries?endpoint={}", it.name))) { (Escaped(&it.name)) } }
                        td.long data-label=(words.path) { code { (Escaped(&it.path)) } }
                        td data-label=(words.senders_only) { (Escaped(&it.senders.join(", "))) }
                        td.number data-label=(words.max_body) { (ByteSize(it.max_body).rounded()) }
                        td data-label=(words.last_delivery) { (delivery(page, newest(&it.name))) }
                    } }
                    @for it in others { tr {
                        th scope="row" { a href=(page.path(&format!("deliveries?endpoint={}", it.name))) { (it.name) } }
                        td colspan="3" { @if overview.daemon.is_ok() { (words.not_configured) } }
                        td data-label=(words.last_delivery) { (delivery(page, it.newest.as_ref())) }
                    } }
                }
            } }
        }
    }
}

fn delivery(page: &Page<'_>, place: Option<&EntryLocation>) -> Markup {
    match place {
        None => html! { (page.words().never) },
        Some(place) => {
            html! { a href=(page.path(&format!("entry/{}", place.id))) { (page.timestamp(place.id.made_at())) } }
        }
    }
}
