//! The paths of the page, and who may request them.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    ACCEPT_LANGUAGE, ALLOW, CACHE_CONTROL, CONTENT_DISPOSITION, COOKIE, HeaderValue, LOCATION, SET_COOKIE,
};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use tokio::task::spawn_blocking;

use super::actions::{MoveFault, carry_out, last_deliveries, place, read};
use super::assets::Asset;
use super::body::{Body, full, page as page_response, response, text};
use super::language::Language;
use super::origin::{From, origin_of};
use super::pages::{EntryPage, Move, Page, confirm, entry, message, now, opening, refused, senders};
use super::search::Filter;
use super::sessions::{SESSION_TIME_MAX, ViewSession};
use super::state::ViewState;
use super::stream::{LivePart, Renderer, deliveries, events};
use crate::envelope::EntryId;
use crate::metrics::Queue;
use crate::spool::{EntryLocation, endpoints};

/// The cookie of the session.
const SESSION_COOKIE: &str = "hookspool";
/// The cookie of the language.
const LANGUAGE_COOKIE: &str = "language";
/// The most bytes of a form.
const FORM_BYTES_MAX: usize = 4 << 10;

/// Answers one request.
pub(super) async fn answer(state: Arc<ViewState>, request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let from = match origin_of(&head.method, &head.headers) {
        Ok(from) => from,
        Err(foreign) => return text(StatusCode::FORBIDDEN, &foreign.to_string()),
    };
    let Some(path) = state.sessions.below(head.uri.path()) else {
        return text(StatusCode::NOT_FOUND, "not found");
    };
    let query: Vec<(String, String)> = pairs(head.uri.query().unwrap_or_default().as_bytes());
    let here = head.uri.path_and_query().and_then(|it| state.sessions.below(it.as_str())).unwrap_or_default();
    let language = language(&head.headers, &query);
    let request = Routed { state: &state, headers: &head.headers, path, query: &query, here, language };
    let mut response = match head.method {
        Method::GET | Method::HEAD => request.get(from, head.method == Method::HEAD).await,
        Method::POST => request.post(body).await,
        _ => {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only GET, HEAD and POST");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
            response
        }
    };
    if query.iter().any(|(name, _)| name == "lang") {
        let cookie = format!(
            "{LANGUAGE_COOKIE}={}; Path=/{}; HttpOnly; SameSite=Strict",
            language.code(),
            state.sessions.prefix()
        );
        set_cookie(&mut response, &cookie);
    }
    response
}

/// A request below the prefix.
struct Routed<'a> {
    state: &'a Arc<ViewState>,
    headers: &'a HeaderMap,
    path: &'a str,
    query: &'a [(String, String)],
    here: &'a str,
    language: Language,
}

impl Routed<'_> {
    fn page(&self) -> Page<'_> {
        let ViewState { sessions, assets, clock, settings, .. } = &**self.state;
        Page {
            language: self.language,
            prefix: sessions.prefix(),
            here: self.here,
            assets,
            times: &settings.times,
            now: clock.now(),
            read_only: settings.read_only,
        }
    }

    fn renderer(&self) -> Renderer {
        Renderer { state: Arc::clone(self.state), language: self.language }
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    fn session(&self) -> Option<ViewSession> {
        cookies(self.headers, SESSION_COOKIE).find_map(|cookie| self.state.sessions.session(cookie))
    }

    /// What is shown to a request without a session, or from another site.
    fn no_session(&self, text: &str) -> Response<Body> {
        let (status, title) = (StatusCode::FORBIDDEN, self.language.words().no_session);
        page_response(status, message(&self.page(), status, title, text, false))
    }

    /// A page with a message.
    fn message(&self, status: StatusCode, title: &str, text: &str) -> Response<Body> {
        page_response(status, message(&self.page(), status, title, text, true))
    }

    fn not_found(&self) -> Response<Body> {
        let words = self.language.words();
        self.message(StatusCode::NOT_FOUND, words.not_found, words.not_found_help)
    }

    async fn get(&self, from: From, is_head: bool) -> Response<Body> {
        let words = self.language.words();
        // The style sheet of the pages without a session.
        if let Some(asset) = self.state.assets.named(self.path) {
            return file(asset);
        }
        if let Some(token) = self.parameter("token").filter(|_| self.path.is_empty()) {
            return self.open(token, is_head);
        }
        let Some(session) = self.session().filter(|_| from == From::Page) else {
            return self.no_session(words.no_session_help);
        };
        match self.path {
            "" => page_response(StatusCode::OK, now(&self.page(), &*self.state.overviews.current().await)),
            "deliveries" => self.deliveries().await,
            "refused" => {
                page_response(StatusCode::OK, refused(&self.page(), &*self.state.overviews.current().await))
            }
            "senders" => self.senders().await,
            "events/now" => events(self.renderer(), LivePart::Now, &session),
            "events/entries" => events(self.renderer(), LivePart::Entries, &session),
            path => match entry_path(path) {
                Some((id, rest)) => self.entry(id, rest, &session).await,
                None => self.not_found(),
            },
        }
    }

    /// Opens a session with a one-time link. HEAD requests, which programs send to look at links, do not use it up.
    fn open(&self, token: &str, is_head: bool) -> Response<Body> {
        let words = self.language.words();
        match self.state.sessions.open(token).filter(|_| !is_head) {
            Some(cookie) => {
                let mut response = page_response(StatusCode::OK, opening(&self.page()));
                let (prefix, age) = (self.state.sessions.prefix(), SESSION_TIME_MAX.as_secs());
                let cookie = format!(
                    "{SESSION_COOKIE}={cookie}; Path=/{prefix}; Max-Age={age}; HttpOnly; SameSite=Strict"
                );
                set_cookie(&mut response, &cookie);
                response
            }
            None => self.no_session(words.link_used),
        }
    }

    async fn deliveries(&self) -> Response<Body> {
        let words = self.language.words();
        let parameters = self.query.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let filter = match Filter::parse(parameters) {
            Ok(filter) => filter,
            Err(name) => return self.message(StatusCode::BAD_REQUEST, words.bad_filter, name),
        };
        let Ok(permit) = Arc::clone(&self.state.searches).try_acquire_owned() else {
            return self.message(StatusCode::SERVICE_UNAVAILABLE, words.error, words.too_many_searches);
        };
        match self.on_disk(|state| endpoints(&state.disk, &state.layout)).await {
            Ok(endpoints) => deliveries(self.renderer(), &self.page(), filter, &endpoints, permit),
            Err(error) => {
                self.message(StatusCode::INTERNAL_SERVER_ERROR, words.cannot_list, &error.to_string())
            }
        }
    }

    async fn senders(&self) -> Response<Body> {
        let overview = self.state.overviews.current().await;
        match self.on_disk(last_deliveries).await {
            Ok(last) => page_response(StatusCode::OK, senders(&self.page(), &overview, &last)),
            Err(error) => {
                let words = self.language.words();
                self.message(StatusCode::INTERNAL_SERVER_ERROR, words.cannot_list, &error.to_string())
            }
        }
    }

    /// The page of an entry, its payload, or the question before a move.
    async fn entry(&self, id: EntryId, rest: &str, session: &ViewSession) -> Response<Body> {
        let words = self.language.words();
        let found = self
            .on_disk(move |state| Ok(place(state, id)?.map(|place| (place.clone(), read(state, place)))))
            .await;
        let (place, read) = match found {
            Ok(Some(found)) => found,
            Ok(None) => return self.not_found(),
            Err(error) => {
                return self.message(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    words.cannot_list,
                    &error.to_string(),
                );
            }
        };
        if let Some(it) = Move::named(rest) {
            return self.question(&place, it, session);
        }
        match (rest, read) {
            ("", Ok(page)) => page_response(StatusCode::OK, entry(&self.page(), &page)),
            ("payload", Ok(EntryPage { fault: None, payload, .. })) => download(id, payload),
            ("payload", Ok(EntryPage { fault, .. })) => {
                self.message(StatusCode::CONFLICT, words.not_intact, fault.as_deref().unwrap_or_default())
            }
            ("" | "payload", Err(fault)) => {
                self.message(StatusCode::CONFLICT, words.unreadable, &fault.to_string())
            }
            (_, _) => self.not_found(),
        }
    }

    fn question(&self, place: &EntryLocation, it: Move, session: &ViewSession) -> Response<Body> {
        let words = self.language.words();
        if self.state.settings.read_only {
            return self.message(StatusCode::FORBIDDEN, words.error, words.read_only);
        }
        if !it.is_from(place.queue) {
            return self.message(StatusCode::CONFLICT, words.error, words.was_moved);
        }
        page_response(StatusCode::OK, confirm(&self.page(), place, session, it))
    }

    /// Moves an entry.
    async fn post(&self, body: Incoming) -> Response<Body> {
        let words = self.language.words();
        let Some(session) = self.session() else {
            return self.no_session(words.no_session_help);
        };
        let moved = entry_path(self.path).and_then(|(id, rest)| Some((id, Move::named(rest)?)));
        let Some((id, it)) = moved else { return self.not_found() };
        if self.state.settings.read_only {
            return self.message(StatusCode::FORBIDDEN, words.error, words.read_only);
        }
        let form = Limited::new(body, FORM_BYTES_MAX).collect().await.map(|body| pairs(&body.to_bytes()));
        let form = form.unwrap_or_default();
        let field = |name: &str| form.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str());
        let from = field("from").and_then(Queue::named);
        let Some(from) =
            from.filter(|_| field("form_token").is_some_and(|token| session.form_token.is(token)))
        else {
            return self.message(StatusCode::FORBIDDEN, words.error, words.bad_form);
        };
        match self
            .on_disk(move |state| Ok(carry_out(state, id, from, it)))
            .await
            .unwrap_or_else(|error| Err(MoveFault::Io(error)))
        {
            Ok(()) => see_other(&self.page().path(&format!("entry/{id}"))),
            Err(fault) => {
                let (status, detail) = (
                    fault.status(),
                    match fault {
                        MoveFault::Held => words.being_processed.to_owned(),
                        MoveFault::Moved => words.was_moved.to_owned(),
                        MoveFault::Io(error) => error.to_string(),
                    },
                );
                self.message(status, words.cannot_move, &detail)
            }
        }
    }

    /// Runs a function that reads the spool on a thread for such work.
    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&ViewState) -> std::io::Result<T> + Send + 'static,
    ) -> std::io::Result<T> {
        let state = Arc::clone(self.state);
        spawn_blocking(move || work(&state)).await.unwrap_or_else(|error| Err(std::io::Error::other(error)))
    }
}

/// `entry/ID` or `entry/ID/REST`.
fn entry_path(path: &str) -> Option<(EntryId, &str)> {
    let rest = path.strip_prefix("entry/")?;
    let (id, rest) = rest.split_once('/').unwrap_or((rest, ""));
    Some((id.parse().ok()?, rest))
}

fn file(asset: &Asset) -> Response<Body> {
    let mut response =
        response(StatusCode::OK, asset.content_type, full(Bytes::from_static(asset.content.as_bytes())));
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("private, max-age=86400, immutable"));
    response
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

fn set_cookie(response: &mut Response<Body>, cookie: &str) {
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
}

/// The values of a cookie (RFC 6265, section 4.2).
fn cookies<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    let pairs = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'));
    pairs.filter_map(move |pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

/// The language that was chosen, or that the browser prefers.
fn language(headers: &HeaderMap, query: &[(String, String)]) -> Language {
    let chosen = query.iter().filter(|(name, _)| name == "lang").map(|(_, value)| value.as_str());
    let preferred = || headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    chosen
        .chain(cookies(headers, LANGUAGE_COOKIE))
        .find_map(Language::named)
        .unwrap_or_else(|| Language::accepted(preferred()))
}

/// The pairs of a query or form.
fn pairs(encoded: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(encoded).into_owned().collect()
}
