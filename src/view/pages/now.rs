//! The first page: what happens now.

use maud::{Markup, html};

use super::chart::{per_minute, remaining};
use super::frame::{Page, PageKind, facts, peer_text};
use super::refused::latest_refusals;
use crate::admin::Status;
use crate::clock::Timestamp;
use crate::escape::Escaped;
use crate::forwarder::ForwardStatus;
use crate::metrics::Queue;
use crate::quantity::ByteSize;
use crate::spool::QUEUES_IN_ORDER;
use crate::tls::expiry::ShownCertificate;
use crate::view::overview::Overview;
use crate::view::scan::Scan;
use crate::view::times::{distance, grouped};

/// The number of refusals on this page.
const REFUSALS: usize = 3;

pub(in crate::view) fn now(page: &Page<'_>, overview: &Overview) -> Markup {
    page.framed(
        PageKind::Now,
        None,
        html! { (page.stale()) div #now data-live="now" { (now_content(page, overview)) } },
    )
}

/// The part of the page that is replaced while it is open.
pub(in crate::view) fn now_content(page: &Page<'_>, overview: &Overview) -> Markup {
    let words = page.words();
    html! {
        (health(page, overview))
        @match &overview.scan {
            Ok(scan) => {
                (waiting(page, scan))
                section aria-labelledby="per-minute" { h2 #per-minute { (words.per_minute) } (per_minute(page, scan)) }
            }
            Err(error) => p.message.bad { (words.cannot_list) ": " (Escaped(error)) },
        }
        @if let Some(forward) = &overview.forward { (consumers(page, forward)) }
        @if let Ok(status) = &overview.daemon {
            (expiry(page, &status.certificates))
            (refusals(page, status))
        }
    }
}

fn health(page: &Page<'_>, overview: &Overview) -> Markup {
    let words = page.words();
    let disk = overview.disk.map(|(free, all)| {
        format!("{} {} / {}", ByteSize(free).rounded(), words.free, ByteSize(all).rounded())
    });
    html! {
        @match &overview.daemon {
            Ok(status) => {
                @if status.ready { p.message.good { strong { (words.ready) } } }
                @for reason in &status.not_ready {
                    p.message.bad { strong { (words.not_ready) } ": " (Escaped(&reason.code)) ". " (peer_text(&reason.detail)) }
                }
                @for degraded in &status.degraded {
                    p.message.warn { strong { (words.degraded) } ": " (peer_text(degraded)) }
                }
                (facts([
                    (words.connections, html! { (status.connections) }),
                    (words.disk, html! { (disk.unwrap_or_default()) }),
                    (words.corrupt, html! { @if status.spool.corrupt_entries > 0 { strong { (status.spool.corrupt_entries) } } }),
                ]))
            }
            Err(why) => {
                p.message.warn { strong { (words.no_daemon) } ". " (words.no_daemon_help) " " (Escaped(why)) }
                (facts([(words.disk, html! { (disk.unwrap_or_default()) })]))
            }
        }
    }
}

fn waiting(page: &Page<'_>, scan: &Scan) -> Markup {
    let words = page.words();
    html! {
        section aria-labelledby="waiting" {
            h2 #waiting { (words.deliveries) }
            @if scan.endpoints.is_empty() { p { (words.none_yet) } } @else { div.scroll { table.counts {
                thead { tr {
                    th scope="col" { (words.endpoint) }
                    @for queue in QUEUES_IN_ORDER { th.number scope="col" { (page.queue(queue)) } }
                    th scope="col" { (words.oldest) " (" (words.queue_new) ")" }
                } }
                tbody { @for endpoint in &scan.endpoints { tr {
                    th scope="row" { a href=(page.path(&format!("deliveries?endpoint={}", endpoint.name))) { (endpoint.name) } }
                    @for queue in QUEUES_IN_ORDER {
                        @let count = endpoint.count(queue);
                        td.number.bad[queue == Queue::Failed && count > 0] data-label=(page.queue(queue)) { (grouped(count, page.language)) }
                    }
                    td data-label=(words.oldest) { @if let Some(at) = endpoint.oldest_new { (page.timestamp(at)) } }
                } } }
            } } }
            p.note { (words.counted) " " (distance(page.now, scan.at, page.language)) }
        }
    }
}

fn consumers(page: &Page<'_>, forward: &Result<std::sync::Arc<ForwardStatus>, String>) -> Markup {
    let words = page.words();
    let status = match forward {
        Ok(status) => status,
        Err(why) => {
            return html! { section aria-labelledby="consumers" {
                h2 #consumers { (words.consumers) }
                p.message.warn { strong { (words.no_forward) } ": " (Escaped(why)) }
            } };
        }
    };
    let age = |seconds: u64| {
        let then = page.now.checked_sub(std::time::Duration::from_secs(seconds)).unwrap_or(page.now);
        distance(page.now, then, page.language)
    };
    html! {
        section aria-labelledby="consumers" {
            h2 #consumers { (words.consumers) }
            @for degraded in &status.degraded { p.message.warn { strong { (words.degraded) } ": " (peer_text(degraded)) } }
            div.scroll { table {
                thead { tr {
                    th scope="col" { (words.consumer) }
                    th scope="col" { (words.target) }
                    th.number scope="col" { (words.waiting) }
                    th.number scope="col" { (words.in_flight) }
                    th.number scope="col" { (words.retrying) }
                    th scope="col" { (words.oldest) }
                    th scope="col" { (words.last_error) }
                } }
                tbody { @for it in &status.consumers { tr {
                    th scope="row" { (Escaped(&it.name)) " (" (Escaped(&it.kind)) ")" }
                    td.short.bad[!it.target_up] data-label=(words.target) { (if it.target_up { words.target_up } else { words.target_down }) }
                    td.number data-label=(words.waiting) { (grouped(it.waiting, page.language)) }
                    td.number data-label=(words.in_flight) { (it.in_flight) }
                    td.number data-label=(words.retrying) { (it.retrying) }
                    td.short data-label=(words.oldest) { @if let Some(seconds) = it.oldest_seconds { (age(seconds)) } }
                    td.long data-label=(words.last_error) { @if let Some(error) = &it.last_error { (Escaped(&error.reason)) " " (page.time(&error.at)) } }
                } } }
            } }
        }
    }
}

/// What ends first is on top.
fn expiry(page: &Page<'_>, certificates: &[ShownCertificate]) -> Markup {
    let words = page.words();
    let ending = |it: &ShownCertificate| it.not_after.parse::<Timestamp>().unwrap_or(Timestamp::MAX);
    let mut certificates: Vec<_> = certificates.iter().collect();
    certificates.sort_by_key(|it| ending(it));
    html! {
        section aria-labelledby="expiry" {
            h2 #expiry { (words.expiry) }
            div.scroll { table {
                thead { tr {
                    th scope="col" { (words.role) }
                    th scope="col" { (words.name) }
                    th scope="col" { (words.subject) }
                    th scope="col" { (words.expires) }
                } }
                tbody { @for it in certificates {
                    @let seconds = ending(it).as_second() - page.now.as_second();
                    tr {
                        th scope="row" { (role(page, &it.role)) }
                        td data-label=(words.name) { (Escaped(&it.name)) }
                        td.long data-label=(words.subject) { (peer_text(&it.subject)) }
                        td.bad[seconds < 0] data-label=(words.expires) { (page.time(&it.not_after)) (remaining(seconds)) }
                    }
                } }
            } }
            p.note { (words.bars) }
        }
    }
}

pub(super) fn role(page: &Page<'_>, role: &str) -> String {
    let words = page.words();
    match role {
        "server" => words.role_server.to_owned(),
        "anchor" => words.role_anchor.to_owned(),
        "crl" => words.role_crl.to_owned(),
        other => Escaped(other).to_string(),
    }
}

fn refusals(page: &Page<'_>, status: &Status) -> Markup {
    let words = page.words();
    let latest = latest_refusals(status);
    html! {
        section aria-labelledby="recent-refusals" {
            h2 #recent-refusals { (words.recent_refusals) }
            @if latest.is_empty() { p { (words.none) } }
            ul { @for refusal in latest.iter().take(REFUSALS) {
                li { a href=(page.path("refused")) { (Escaped(&refusal.reason)) } " " (page.time(&refusal.last_at)) ": " (Escaped(&refusal.detail)) }
            } }
        }
    }
}
