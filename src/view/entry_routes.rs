//! The pages of one entry, and the moves that their buttons request.

use http::header::{CONTENT_DISPOSITION, HeaderValue, LOCATION};
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

use super::actions::{MoveFault, carry_out, place, read};
use super::body::{Body, full, page as page_response, response, text};
use super::pages::{EntryPage, Move, confirm, entry};
use super::request::{ViewRequest, pairs};
use super::sessions::ViewSession;
use crate::envelope::EntryId;
use crate::metrics::Queue;
use crate::spool::EntryLocation;

/// The most bytes of a form.
const FORM_BYTES_MAX: usize = 4 << 10;

/// The page of an entry, its payload, or the question before a move.
pub(super) async fn get_entry(
    request: &ViewRequest<'_>,
    id: EntryId,
    rest: &str,
    session: &ViewSession,
) -> Response<Body> {
    let words = request.language.words();
    let found = request
        .on_disk(move |state| Ok(place(state, id)?.map(|place| (place.clone(), read(state, place)))))
        .await;
    let (place, read) = match found {
        Ok(Some(found)) => found,
        Ok(None) => return request.not_found(),
        Err(error) => {
            return request.message(StatusCode::INTERNAL_SERVER_ERROR, words.cannot_list, &error.to_string());
        }
    };
    if let Some(it) = Move::named(rest) {
        return question(request, &place, it, session);
    }
    match (rest, read) {
        ("", Ok(page)) => page_response(StatusCode::OK, entry(&request.page(), &page)),
        ("payload", Ok(EntryPage { fault: None, payload, .. })) => download(id, payload),
        ("payload", Ok(EntryPage { fault, .. })) => {
            request.message(StatusCode::CONFLICT, words.not_intact, fault.as_deref().unwrap_or_default())
        }
        ("" | "payload", Err(fault)) => {
            request.message(StatusCode::CONFLICT, words.unreadable, &fault.to_string())
        }
        (_, _) => request.not_found(),
    }
}

fn question(
    request: &ViewRequest<'_>,
    place: &EntryLocation,
    it: Move,
    session: &ViewSession,
) -> Response<Body> {
    let words = request.language.words();
    if request.state.settings.read_only {
        return request.message(StatusCode::FORBIDDEN, words.error, words.read_only);
    }
    if !it.is_from(place.queue) {
        return request.message(StatusCode::CONFLICT, words.error, words.was_moved);
    }
    page_response(StatusCode::OK, confirm(&request.page(), place, session, it))
}

/// Moves an entry.
pub(super) async fn post_entry(request: &ViewRequest<'_>, body: Incoming) -> Response<Body> {
    let words = request.language.words();
    let Some(session) = request.session() else {
        return request.no_session(words.no_session_help);
    };
    let moved = entry_path(request.path).and_then(|(id, rest)| Some((id, Move::named(rest)?)));
    let Some((id, it)) = moved else { return request.not_found() };
    if request.state.settings.read_only {
        return request.message(StatusCode::FORBIDDEN, words.error, words.read_only);
    }
    let form = Limited::new(body, FORM_BYTES_MAX).collect().await.map(|body| pairs(&body.to_bytes()));
    let form = form.unwrap_or_default();
    let field = |name: &str| form.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str());
    let from = field("from").and_then(Queue::named);
    let Some(from) = from.filter(|_| field("form_token").is_some_and(|token| session.form_token.is(token)))
    else {
        return request.message(StatusCode::FORBIDDEN, words.error, words.bad_form);
    };
    match request
        .on_disk(move |state| Ok(carry_out(state, id, from, it)))
        .await
        .unwrap_or_else(|error| Err(MoveFault::Io(error)))
    {
        Ok(()) => see_other(&request.page().path(&format!("entry/{id}"))),
        Err(fault) => {
            let status = fault.status();
            let (title, detail) = match fault {
                MoveFault::Held => (words.cannot_move, words.being_processed.to_owned()),
                MoveFault::Moved => (words.cannot_move, words.was_moved.to_owned()),
                MoveFault::Io(error) => (words.cannot_move, error.to_string()),
                MoveFault::NotSynced(error) => (words.error, format!("{}: {error}", words.not_synced)),
            };
            request.message(status, title, &detail)
        }
    }
}

/// `entry/ID` or `entry/ID/REST`.
pub(super) fn entry_path(path: &str) -> Option<(EntryId, &str)> {
    let rest = path.strip_prefix("entry/")?;
    let (id, rest) = rest.split_once('/').unwrap_or((rest, ""));
    Some((id.parse().ok()?, rest))
}

/// A payload, byte for byte. Its type is not the sender's, so that no browser renders it.
fn download(id: EntryId, payload: Vec<u8>) -> Response<Body> {
    let mut response = response(StatusCode::OK, "application/octet-stream", full(payload));
    if let Ok(value) = HeaderValue::try_from(format!("attachment; filename=\"{id}.payload\"")) {
        response.headers_mut().insert(CONTENT_DISPOSITION, value);
    }
    response
}

fn see_other(path: &str) -> Response<Body> {
    let mut response = text(StatusCode::SEE_OTHER, "moved");
    if let Ok(path) = HeaderValue::try_from(path) {
        response.headers_mut().insert(LOCATION, path);
    }
    response
}
