//! The frame of every page: its head, the navigation, and small shared parts.

use http::StatusCode;
use maud::{DOCTYPE, Markup, html};

use crate::clock::Timestamp;
use crate::escape::{Escaped, Quoted};
use crate::metrics::Queue;
use crate::view::assets::Assets;
use crate::view::language::Language;
use crate::view::times::{Times, distance};
use crate::view::words::Words;

/// What the pages of one request have in common.
#[derive(Clone, Debug)]
pub(in crate::view) struct Page<'a> {
    pub(in crate::view) language: Language,
    /// The first component of all paths.
    pub(in crate::view) prefix: &'a str,
    /// The path and query of this page, below the prefix.
    pub(in crate::view) here: &'a str,
    pub(in crate::view) assets: &'a Assets,
    pub(in crate::view) times: &'a Times,
    pub(in crate::view) now: Timestamp,
    pub(in crate::view) read_only: bool,
}

/// The pages of the navigation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::view) enum PageKind {
    Now,
    Deliveries,
    Refused,
    Senders,
}

impl PageKind {
    const ALL: [Self; 4] = [Self::Now, Self::Deliveries, Self::Refused, Self::Senders];

    fn path(self) -> &'static str {
        match self {
            Self::Now => "",
            Self::Deliveries => "deliveries",
            Self::Refused => "refused",
            Self::Senders => "senders",
        }
    }

    fn title(self, words: &Words) -> &'static str {
        match self {
            Self::Now => words.now,
            Self::Deliveries => words.deliveries,
            Self::Refused => words.refused,
            Self::Senders => words.senders,
        }
    }
}

impl Page<'_> {
    pub(in crate::view) fn words(&self) -> &'static Words {
        self.language.words()
    }

    /// A path below the prefix.
    pub(in crate::view) fn path(&self, rest: &str) -> String {
        format!("/{}/{rest}", self.prefix)
    }

    /// A page of the navigation, or a page below one.
    pub(super) fn framed(&self, kind: PageKind, title: Option<&str>, content: Markup) -> Markup {
        let words = self.words();
        let title = title.unwrap_or_else(|| kind.title(words));
        self.document(
            title,
            None,
            html! {
                a.skip href="#main" { (words.main_content) }
                header {
                    strong.brand { "hookspool" }
                    nav aria-label="hookspool" {
                        @for page in PageKind::ALL {
                            a href=(self.path(page.path())) aria-current=[(page == kind).then_some("page")] {
                                (if page == PageKind::Senders { words.senders_only } else { page.title(words) })
                            }
                        }
                    }
                    (self.languages())
                }
                main #main tabindex="-1" {
                    h1 { (title) }
                    (content)
                }
            },
        )
    }

    /// A whole document. The browser goes on to `next` at once.
    fn document(&self, title: &str, next: Option<&str>, body: Markup) -> Markup {
        html! {
            (DOCTYPE)
            html lang=(self.language.code()) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    @if let Some(next) = next { meta http-equiv="refresh" content={ "0;url=" (next) }; }
                    title { (title) " – hookspool" }
                    link rel="stylesheet" href=(self.path(&self.assets.style.name));
                    script src=(self.path(&self.assets.script.name)) defer {}
                }
                body data-prefix=(self.path("")) { (body) }
            }
        }
    }

    /// Links to this page in the other languages.
    fn languages(&self) -> Markup {
        html! {
            nav.languages aria-label=(self.words().language) {
                @for language in Language::ALL {
                    @if language == self.language {
                        span lang=(language.code()) aria-current="true" { (language.name()) }
                    } @else {
                        @let separator = if self.here.contains('?') { "&" } else { "?" };
                        a href={ (self.path(self.here)) (separator) "lang=" (language.code()) } lang=(language.code()) hreflang=(language.code()) {
                            (language.name())
                        }
                    }
                }
            }
        }
    }

    /// What scripts show when live updates end.
    pub(super) fn stale(&self) -> Markup {
        html! { div role="alert" { p #stale.message.bad hidden { (self.words().stale) } } }
    }

    /// A time of a status document or envelope, with its distance from now.
    pub(super) fn time(&self, at: &str) -> Markup {
        match at.parse::<Timestamp>() {
            Ok(then) => self.timestamp(then),
            Err(_) => html! { (Escaped(at)) },
        }
    }

    /// A time with its date, its offset, and its distance from now.
    pub(super) fn timestamp(&self, at: Timestamp) -> Markup {
        html! {
            time datetime=(at) { (self.times.full(at, self.language)) }
            " " span.distance { "(" (distance(self.now, at, self.language)) ")" }
        }
    }

    pub(super) fn queue(&self, queue: Queue) -> &'static str {
        let words = self.words();
        match queue {
            Queue::New => words.queue_new,
            Queue::Taken => words.queue_taken,
            Queue::Done => words.queue_done,
            Queue::Failed => words.queue_failed,
        }
    }
}

/// A whole text of a peer.
pub(super) fn peer_text(text: &str) -> Markup {
    html! { (Quoted::inside(text)) }
}

/// Rows of a name and a value; empty values are left out.
pub(super) fn facts<'a>(rows: impl IntoIterator<Item = (&'a str, Markup)>) -> Markup {
    html! {
        dl {
            @for (name, value) in rows.into_iter().filter(|(_, value)| !value.0.is_empty()) {
                div { dt { (name) } dd { (value) } }
            }
        }
    }
}

/// A page with a message, for a request that has no other answer. Without a session, it has no navigation.
pub(in crate::view) fn message(
    page: &Page<'_>,
    status: StatusCode,
    title: &str,
    text: &str,
    has_session: bool,
) -> Markup {
    let content =
        html! { p.message.bad[status.is_client_error() || status.is_server_error()] { (Escaped(text)) } };
    if has_session {
        return page.framed(PageKind::Deliveries, Some(title), content);
    }
    page.document(title, None, html! { main #main { h1 { (title) } (content) } })
}

/// The answer to a one-time link. The browser sends the cookie, which is strict, only with a request that this page makes.
pub(in crate::view) fn opening(page: &Page<'_>) -> Markup {
    let (words, first) = (page.words(), page.path(""));
    let content = html! { main #main { h1 { (words.opening) } p { a href=(first) { (words.open) } } } };
    page.document(words.opening, Some(&first), content)
}
