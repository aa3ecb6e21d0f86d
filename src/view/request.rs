//! A request to the page, and the parts of responses that depend on it.

use std::io;
use std::sync::Arc;

use http::header::{ACCEPT_LANGUAGE, COOKIE};
use http::{HeaderMap, Response, StatusCode};
use tokio::task::spawn_blocking;

use super::body::{Body, page as page_response};
use super::language::Language;
use super::pages::{Page, message};
use super::sessions::ViewSession;
use super::state::ViewState;
use super::stream::Renderer;

/// The cookie of the session.
pub(super) const SESSION_COOKIE: &str = "hookspool";
/// The cookie of the language.
pub(super) const LANGUAGE_COOKIE: &str = "language";

/// A request below the prefix.
pub(super) struct ViewRequest<'a> {
    pub(super) state: &'a Arc<ViewState>,
    pub(super) headers: &'a HeaderMap,
    pub(super) path: &'a str,
    pub(super) query: &'a [(String, String)],
    pub(super) here: &'a str,
    pub(super) language: Language,
}

impl ViewRequest<'_> {
    pub(super) fn page(&self) -> Page<'_> {
        self.state.page(self.language, self.here)
    }

    pub(super) fn renderer(&self) -> Renderer {
        Renderer { state: Arc::clone(self.state), language: self.language }
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn session(&self) -> Option<ViewSession> {
        cookies(self.headers, SESSION_COOKIE).find_map(|cookie| self.state.sessions.session(cookie))
    }

    /// What is shown to a request without a session, or from another site.
    pub(super) fn no_session(&self, text: &str) -> Response<Body> {
        let (status, title) = (StatusCode::FORBIDDEN, self.language.words().no_session);
        page_response(status, message(&self.page(), status, title, text, false))
    }

    /// A page with a message.
    pub(super) fn message(&self, status: StatusCode, title: &str, text: &str) -> Response<Body> {
        page_response(status, message(&self.page(), status, title, text, true))
    }

    pub(super) fn not_found(&self) -> Response<Body> {
        let words = self.language.words();
        self.message(StatusCode::NOT_FOUND, words.not_found, words.not_found_help)
    }

    /// Runs a function that reads the spool on a thread for such work.
    pub(super) async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&ViewState) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let state = Arc::clone(self.state);
        spawn_blocking(move || work(&state)).await.unwrap_or_else(|error| Err(io::Error::other(error)))
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
pub(super) fn language(headers: &HeaderMap, query: &[(String, String)]) -> Language {
    let chosen = query.iter().filter(|(name, _)| name == "lang").map(|(_, value)| value.as_str());
    let preferred = || headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    chosen
        .chain(cookies(headers, LANGUAGE_COOKIE))
        .find_map(Language::named)
        .unwrap_or_else(|| Language::accepted(preferred()))
}

/// A path with its query, without the parameter that changes the language.
pub(super) fn without_language(path: &str, query: &[(String, String)]) -> String {
    let others = query.iter().filter(|(name, _)| name != "lang");
    let encoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(others).finish();
    if encoded.is_empty() { path.to_owned() } else { format!("{path}?{encoded}") }
}

/// The pairs of a query or form.
pub(super) fn pairs(encoded: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(encoded).into_owned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_keeps_its_query_in_the_other_language() {
        let here = |path, query: &str| without_language(path, &pairs(query.as_bytes()));
        assert_eq!(here("deliveries", "q=a%26b&lang=pt&day=2026-11-23"), "deliveries?q=a%26b&day=2026-11-23");
        assert_eq!((here("", "lang=en"), here("refused", "")), (String::new(), "refused".to_owned()));
    }
}
