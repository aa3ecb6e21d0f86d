//! The paths of the page, and who may request them.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, HeaderValue, SET_COOKIE};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;

use super::actions::last_deliveries;
use super::assets::Asset;
use super::body::{Body, full, page as page_response, response, text};
use super::entry_routes::{entry_path, get_entry, post_entry};
use super::origin::{From, origin_of};
use super::pages::{now, opening, refused, senders as senders_page};
use super::request::{LANGUAGE_COOKIE, SESSION_COOKIE, ViewRequest, language, pairs, without_language};
use super::search::Filter;
use super::sessions::SESSION_TIME_MAX;
use super::state::ViewState;
use super::stream::{LivePart, deliveries as list, events};
use crate::spool::endpoints;

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
    let here = without_language(path, &query);
    let language = language(&head.headers, &query);
    let request =
        ViewRequest { state: &state, headers: &head.headers, path, query: &query, here: &here, language };
    let mut response = match head.method {
        Method::GET | Method::HEAD => get(&request, from, head.method == Method::HEAD).await,
        Method::POST => post_entry(&request, body).await,
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

async fn get(request: &ViewRequest<'_>, from: From, is_head: bool) -> Response<Body> {
    let words = request.language.words();
    // The style sheet of the pages without a session.
    if let Some(asset) = request.state.assets.named(request.path) {
        return file(asset);
    }
    if let Some(token) = request.parameter("token").filter(|_| request.path.is_empty()) {
        return open(request, token, is_head);
    }
    let Some(session) = request.session().filter(|_| from == From::Page) else {
        return request.no_session(words.no_session_help);
    };
    match request.path {
        "" => page_response(StatusCode::OK, now(&request.page(), &*request.state.overviews.current().await)),
        "deliveries" => deliveries(request).await,
        "refused" => {
            page_response(StatusCode::OK, refused(&request.page(), &*request.state.overviews.current().await))
        }
        "senders" => senders(request).await,
        "events/now" => events(request.renderer(), LivePart::Now, &session),
        "events/entries" => events(request.renderer(), LivePart::Entries, &session),
        path => match entry_path(path) {
            Some((id, rest)) => get_entry(request, id, rest, &session).await,
            None => request.not_found(),
        },
    }
}

/// Opens a session with a one-time link. HEAD requests, which programs send to look at links, do not use it up.
fn open(request: &ViewRequest<'_>, token: &str, is_head: bool) -> Response<Body> {
    let words = request.language.words();
    let session = if is_head { None } else { request.state.sessions.open(token) };
    match session {
        Some(cookie) => {
            let mut response = page_response(StatusCode::OK, opening(&request.page()));
            let (prefix, age) = (request.state.sessions.prefix(), SESSION_TIME_MAX.as_secs());
            let cookie = format!(
                "{SESSION_COOKIE}={cookie}; Path=/{prefix}; Max-Age={age}; HttpOnly; SameSite=Strict"
            );
            set_cookie(&mut response, &cookie);
            response
        }
        None => request.no_session(words.link_used),
    }
}

async fn deliveries(request: &ViewRequest<'_>) -> Response<Body> {
    let words = request.language.words();
    let parameters = request.query.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let filter = match Filter::parse(parameters) {
        Ok(filter) => filter,
        Err(name) => return request.message(StatusCode::BAD_REQUEST, words.bad_filter, name),
    };
    let Ok(permit) = Arc::clone(&request.state.searches).try_acquire_owned() else {
        return request.message(StatusCode::SERVICE_UNAVAILABLE, words.error, words.too_many_searches);
    };
    match request.on_disk(|state| endpoints(&state.disk, &state.layout)).await {
        Ok(endpoints) => list(request.renderer(), &request.page(), filter, &endpoints, permit),
        Err(error) => {
            request.message(StatusCode::INTERNAL_SERVER_ERROR, words.cannot_list, &error.to_string())
        }
    }
}

async fn senders(request: &ViewRequest<'_>) -> Response<Body> {
    let words = request.language.words();
    let Ok(permit) = Arc::clone(&request.state.searches).try_acquire_owned() else {
        return request.message(StatusCode::SERVICE_UNAVAILABLE, words.error, words.too_many_searches);
    };
    let overview = request.state.overviews.current().await;
    let read = move |state: &ViewState| {
        // Kept until the entries are read, also if the browser has disconnected.
        let _permit = permit;
        last_deliveries(state)
    };
    match request.on_disk(read).await {
        Ok(last) => page_response(StatusCode::OK, senders_page(&request.page(), &overview, &last)),
        Err(error) => {
            request.message(StatusCode::INTERNAL_SERVER_ERROR, words.cannot_list, &error.to_string())
        }
    }
}

fn file(asset: &Asset) -> Response<Body> {
    let mut response =
        response(StatusCode::OK, asset.content_type, full(Bytes::from_static(asset.content.as_bytes())));
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("private, max-age=86400, immutable"));
    response
}

fn set_cookie(response: &mut Response<Body>, cookie: &str) {
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
}
