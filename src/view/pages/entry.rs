//! One entry, and the questions before it is moved.

use maud::{Markup, html};
use serde::Deserialize;

use super::frame::{Page, PageKind, facts, peer_text};
use crate::envelope::EntryId;
use crate::escape::Escaped;
use crate::metrics::Queue;
use crate::quantity::ByteSize;
use crate::spool::{EntryLocation, EnvelopeFacts, FailureNote};
use crate::view::payload::{Shown, shown};
use crate::view::sessions::ViewSession;

/// What the page shows.
#[derive(Debug)]
pub(in crate::view) struct EntryPage {
    pub(in crate::view) place: EntryLocation,
    /// Its envelope, as far as it could be read.
    pub(in crate::view) facts: Option<EnvelopeFacts>,
    pub(in crate::view) envelope: Vec<u8>,
    pub(in crate::view) payload: Vec<u8>,
    /// Why it is not intact.
    pub(in crate::view) fault: Option<String>,
    pub(in crate::view) note: Option<FailureNote>,
}

/// A move that a button requests.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::view) enum Move {
    Requeue,
    Done,
    Failed,
}

impl Move {
    const ALL: [Self; 3] = [Self::Requeue, Self::Done, Self::Failed];

    /// The word in the path.
    pub(in crate::view) fn word(self) -> &'static str {
        match self {
            Self::Requeue => "requeue",
            Self::Done => "done",
            Self::Failed => "fail",
        }
    }

    pub(in crate::view) fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.word() == word)
    }

    pub(in crate::view) fn target(self) -> Queue {
        match self {
            Self::Requeue => Queue::New,
            Self::Done => Queue::Done,
            Self::Failed => Queue::Failed,
        }
    }

    /// Whether an entry of this queue can be moved so; as in `hookspool spool requeue|done|fail`.
    pub(in crate::view) fn is_from(self, queue: Queue) -> bool {
        match self {
            Self::Requeue => queue != Queue::New,
            Self::Done | Self::Failed => queue == Queue::Taken,
        }
    }

    /// The text of the button, and the question.
    fn texts(self, page: &Page<'_>) -> (&'static str, &'static str) {
        let words = page.words();
        match self {
            Self::Requeue => (words.requeue, words.confirm_requeue),
            Self::Done => (words.mark_done, words.confirm_done),
            Self::Failed => (words.mark_failed, words.confirm_failed),
        }
    }
}

/// The keys of an envelope about the peer. A later release may add others.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Peer {
    address: String,
    subject: String,
    issuer: String,
    serial: String,
    sha256: String,
    not_before: String,
    not_after: String,
    tls_version: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WithPeer {
    peer: Peer,
}

pub(in crate::view) fn entry(page: &Page<'_>, entry: &EntryPage) -> Markup {
    let words = page.words();
    let id = entry.place.id;
    let content = html! {
        p.id { code { (id) } }
        @if let Some(note) = &entry.note { (given_up(page, note)) }
        @match &entry.fault {
            None => p.message.good { (words.intact) },
            Some(fault) => p.message.bad { strong { (words.not_intact) } ": " (peer_text(fault)) },
        }
        (summary(page, entry))
        (buttons(page, entry))
        section aria-labelledby="payload" {
            h2 #payload { (words.payload) }
            (text(page, &entry.payload))
            p { a href=(page.path(&format!("entry/{id}/payload"))) download { (words.download) } }
        }
        (certificate(page, &entry.envelope))
        section aria-labelledby="envelope" { h2 #envelope { (words.envelope) } (text(page, &entry.envelope)) }
    };
    page.framed(PageKind::Deliveries, Some(words.entry), content)
}

fn given_up(page: &Page<'_>, note: &FailureNote) -> Markup {
    let words = page.words();
    html! {
        p.message.bad {
            strong { (words.failed_because) } ": " (peer_text(&note.reason)) " – " (Escaped(&note.consumer)) ", "
            (note.attempts) " " (if note.attempts == 1 { words.attempt } else { words.attempts }) ", " (page.time(&note.at))
        }
    }
}

fn summary(page: &Page<'_>, entry: &EntryPage) -> Markup {
    let words = page.words();
    let place =
        html! { span class={ "queue " (entry.place.queue.word()) } { (page.queue(entry.place.queue)) } };
    let endpoint = html! { (entry.place.endpoint) };
    let Some(it) = &entry.facts else { return facts([(words.endpoint, endpoint), (words.queue, place)]) };
    let repeats = it.duplicate_of.as_deref().map(|id| match id.parse::<EntryId>() {
        Ok(id) => html! { (words.repeats) " " a href=(page.path(&format!("entry/{id}"))) { (id) } },
        Err(_) => html! { (Escaped(id)) },
    });
    html! {
        (facts([
            (words.received, page.time(&it.received_at)),
            (words.endpoint, endpoint),
            (words.sender, html! { (Escaped(&it.sender)) }),
            (words.event, html! { (Escaped(it.event.as_deref().unwrap_or_default())) }),
            (words.queue, place),
            (words.size, html! { (ByteSize(it.payload.length).rounded()) }),
        ]))
        @if let Some(repeats) = repeats { p.message.warn { (repeats) } }
    }
}

fn buttons(page: &Page<'_>, entry: &EntryPage) -> Markup {
    let moves = Move::ALL.into_iter().filter(|it| !page.read_only && it.is_from(entry.place.queue));
    html! {
        p.buttons { @for it in moves {
            a.button href=(page.path(&format!("entry/{}/{}", entry.place.id, it.word()))) { (it.texts(page).0) }
        } }
    }
}

fn text(page: &Page<'_>, bytes: &[u8]) -> Markup {
    let Shown { text, is_truncated } = shown(bytes);
    html! {
        pre tabindex="0" { code { (text) } }
        @if is_truncated { p.note { (page.words().truncated) } }
    }
}

fn certificate(page: &Page<'_>, envelope: &[u8]) -> Markup {
    let words = page.words();
    let peer = serde_json::from_slice::<WithPeer>(envelope).unwrap_or_default().peer;
    html! {
        section aria-labelledby="certificate" {
            h2 #certificate { (words.certificate) }
            (facts([
                (words.subject, peer_text(&peer.subject)),
                (words.issuer, peer_text(&peer.issuer)),
                (words.serial, peer_text(&peer.serial)),
                (words.valid, html! { (page.time(&peer.not_before)) " " (words.until) " " (page.time(&peer.not_after)) }),
                ("SHA-256", peer_text(&peer.sha256)),
                (words.address, peer_text(&peer.address)),
                ("TLS", peer_text(&peer.tls_version)),
            ]))
        }
    }
}

/// The question before a move.
pub(in crate::view) fn confirm(
    page: &Page<'_>,
    place: &EntryLocation,
    session: &ViewSession,
    it: Move,
) -> Markup {
    let words = page.words();
    let (title, question) = it.texts(page);
    let entry = page.path(&format!("entry/{}", place.id));
    let content = html! {
        p { (question) }
        (facts([
            (words.entry, html! { code { (place.id) } }),
            (words.endpoint, html! { (place.endpoint) }),
            (words.queue, html! { (page.queue(place.queue)) }),
            (words.received, page.timestamp(place.id.made_at())),
        ]))
        form.buttons method="post" action={ (entry) "/" (it.word()) } {
            input type="hidden" name="form_token" value=(session.form_token.reveal());
            input type="hidden" name="from" value=(place.queue.word());
            button type="submit" { (title) }
            a href=(entry) { (words.cancel) }
        }
    };
    page.framed(PageKind::Deliveries, Some(title), content)
}
