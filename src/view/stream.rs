//! Responses that are produced while they are sent: the list of deliveries, and live updates as server-sent events
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).

use std::sync::Arc;
use std::time::Duration;

use http::{Response, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, broadcast, mpsc};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, interval, sleep_until};

use super::body::{Body, response, streamed};
use super::language::Language;
use super::pages::{ListEnd, ListPage, Page, list, now_content, row};
use super::search::{Filter, examine, search};
use super::sessions::ViewSession;
use super::state::ViewState;
use crate::policy::Name;
use crate::spool::EntryLocation;

/// The rows of one page.
const ROWS_MAX: usize = 50;
/// How long a search may take. The list then offers to go on.
const SEARCH_TIME_MAX: Duration = Duration::from_secs(600);
/// How often a search reports its progress.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(250);
/// The pieces of a response that may wait for the browser.
const PIECES_WAITING_MAX: usize = 16;
/// How often the first page is updated, so that a delivery appears within a second.
const UPDATE_INTERVAL: Duration = Duration::from_millis(400);

/// What is needed to render a piece of a page later.
#[derive(Clone, Debug)]
pub(super) struct Renderer {
    pub(super) state: Arc<ViewState>,
    pub(super) language: Language,
}

impl Renderer {
    fn page(&self) -> Page<'_> {
        self.state.page(self.language, "")
    }
}

/// The list of deliveries. If the browser disconnects, the search ends.
pub(super) fn deliveries(
    renderer: Renderer,
    page: &Page<'_>,
    filter: Filter,
    endpoints: &[Name],
    permit: OwnedSemaphorePermit,
) -> Response<Body> {
    let (pieces, body) = mpsc::channel(PIECES_WAITING_MAX);
    let ListPage { head, tail } = list(page, &filter, endpoints);
    spawn_blocking(move || {
        let _permit = permit;
        if pieces.blocking_send(head).is_ok() {
            let last = rows(&renderer, &filter, &pieces);
            let _ = pieces.blocking_send(last + &tail);
        }
    });
    response(StatusCode::OK, "text/html; charset=utf-8", streamed(body))
}

/// Sends the rows, and returns the last one.
fn rows(renderer: &Renderer, filter: &Filter, pieces: &mpsc::Sender<String>) -> String {
    let page = renderer.page();
    let ViewState { disk, layout, settings, .. } = &*renderer.state;
    let deadline = Instant::now() + SEARCH_TIME_MAX;
    let (mut shown, mut read) = (0_usize, 0_u64);
    let (mut last, mut reported, mut is_late) = (None, Instant::now(), false);
    let ended = search(
        disk,
        layout,
        filter,
        &settings.times,
        |found| {
            shown += 1;
            let is_sent = pieces.blocking_send(row(&page, &found).into_string()).is_ok();
            is_sent && shown < ROWS_MAX
        },
        |id| {
            let now = Instant::now();
            is_late = now >= deadline;
            if is_late {
                return false;
            }
            (read, last) = (read + 1, Some(id));
            if now < reported + PROGRESS_INTERVAL {
                return true;
            }
            reported = now;
            pieces.blocking_send(ListPage::progress(&page, read).into_string()).is_ok()
        },
    );
    let end = match (ended, last) {
        (Err(error), _) => return ListPage::failed(&page, &error.to_string()).into_string(),
        (Ok(_), last) if is_late => ListEnd::TimedOut(last),
        (Ok(false), Some(last)) => ListEnd::Full(last),
        (Ok(_), _) => ListEnd::Complete,
    };
    ListPage::end(&page, filter, &end, shown).into_string()
}

/// The part of a page that is updated while it is open.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum LivePart {
    /// The content of the first page, when it changes.
    Now,
    /// A row for each new entry.
    Entries,
}

/// Sends the updates of a part, until the browser disconnects or the session ends.
pub(super) fn events(renderer: Renderer, live: LivePart, session: &ViewSession) -> Response<Body> {
    let (pieces, body) = mpsc::channel(PIECES_WAITING_MAX);
    let end = session.end();
    let tasks = renderer.state.tasks.clone();
    tasks.spawn(async move {
        tokio::select! {
            () = async {
                match live {
                    LivePart::Now => now(&renderer, &pieces).await,
                    LivePart::Entries => entries(&renderer, &pieces).await,
                }
            } => {}
            () = pieces.closed() => {}
            () = sleep_until(end) => {}
        }
    });
    response(StatusCode::OK, "text/event-stream", streamed(body))
}

async fn now(renderer: &Renderer, pieces: &mpsc::Sender<String>) {
    let mut ticks = interval(UPDATE_INTERVAL);
    let mut sent = String::new();
    loop {
        ticks.tick().await;
        let overview = renderer.state.overviews.current().await;
        let content = now_content(&renderer.page(), &overview).into_string();
        if content != sent {
            if pieces.send(event("now", &content)).await.is_err() {
                return;
            }
            sent = content;
        }
    }
}

async fn entries(renderer: &Renderer, pieces: &mpsc::Sender<String>) {
    let mut arrivals = renderer.state.arrivals.subscribe();
    // The browser reports the connection as open only after the first bytes.
    let mut next = ": open\n\n".to_owned();
    while pieces.send(next).await.is_ok() {
        next = loop {
            match arrivals.recv().await {
                Ok(place) => {
                    if let Some(row) = arrived(renderer, place).await {
                        break event("entry", &row);
                    }
                }
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return,
            }
        };
    }
}

/// The row of an entry that has just arrived, wherever a consumer has moved it.
async fn arrived(renderer: &Renderer, place: EntryLocation) -> Option<String> {
    let renderer = renderer.clone();
    let read = spawn_blocking(move || {
        let ViewState { disk, layout, .. } = &*renderer.state;
        let found = examine(disk, layout, &Filter::default(), place)?;
        Some(row(&renderer.page(), &found).into_string())
    });
    read.await.ok().flatten()
}

/// An event with a name and lines of data.
fn event(name: &str, data: &str) -> String {
    let lines: String = data.lines().map(|line| format!("data: {line}\n")).collect();
    format!("event: {name}\n{lines}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_of_an_event_is_data() {
        assert_eq!(event("now", "a\nevent: b"), "event: now\ndata: a\ndata: event: b\n\n");
    }
}
