//! One-time links, and the sessions that they open.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand;
use tokio::time::Instant;

use crate::hex::Hex;

/// How long a session lasts.
pub(super) const SESSION_TIME_MAX: Duration = Duration::from_secs(12 * 3600);
/// The number of sessions. A further one ends the oldest.
const SESSIONS_MAX: usize = 16;
/// The bytes of a secret: 128 random bits.
const SECRET_BYTES: usize = 16;

/// The links and sessions of one process.
#[derive(Debug)]
pub struct Sessions {
    prefix: Secret,
    state: Mutex<OpenSessions>,
}

#[derive(Debug, Default)]
struct OpenSessions {
    /// The token of the latest link, until it is used.
    token: Option<Secret>,
    open: VecDeque<ViewSession>,
}

/// A session of a browser.
#[derive(Clone, Debug)]
pub(super) struct ViewSession {
    cookie: Secret,
    /// What a form of this session must contain.
    pub(super) form_token: Secret,
    end: Instant,
}

/// A random value in lowercase hex.
#[derive(Clone)]
pub(super) struct Secret(String);

impl Sessions {
    /// Creates a random prefix for all paths.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn new() -> Result<Self, Unspecified> {
        Ok(Self { prefix: Secret::random()?, state: Mutex::default() })
    }

    /// Creates a link for one use. It replaces an earlier one that was not used.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn link(&self, address: SocketAddr) -> Result<String, Unspecified> {
        let token = Secret::random()?;
        let link = format!("http://{address}/{}/?token={}", self.prefix.0, token.0);
        self.lock().token = Some(token);
        Ok(link)
    }

    /// The first component of all paths.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix.0
    }

    /// The rest of a path, if it begins with the prefix.
    pub(super) fn below<'a>(&self, path: &'a str) -> Option<&'a str> {
        let (prefix, rest) = path.strip_prefix('/')?.split_once('/')?;
        self.prefix.is(prefix).then_some(rest)
    }

    /// Opens a session with the token of a link, and returns the value of its cookie.
    pub(super) fn open(&self, token: &str) -> Option<String> {
        let session = ViewSession {
            cookie: Secret::random().ok()?,
            form_token: Secret::random().ok()?,
            end: Instant::now() + SESSION_TIME_MAX,
        };
        let mut state = self.lock();
        state.token.take_if(|expected| expected.is(token))?;
        let cookie = session.cookie.0.clone();
        state.open.push_back(session);
        if state.open.len() > SESSIONS_MAX {
            state.open.pop_front();
        }
        Some(cookie)
    }

    /// The session of a cookie.
    pub(super) fn session(&self, cookie: &str) -> Option<ViewSession> {
        let mut state = self.lock();
        let now = Instant::now();
        state.open.retain(|session| session.end > now);
        state.open.iter().find(|session| session.cookie.is(cookie)).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, OpenSessions> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ViewSession {
    /// When it ends.
    pub(super) fn end(&self) -> Instant {
        self.end
    }
}

impl Secret {
    fn random() -> Result<Self, Unspecified> {
        let mut bytes = [0; SECRET_BYTES];
        rand::fill(&mut bytes)?;
        Ok(Self(Hex(&bytes).to_string()))
    }

    /// Compares in constant time.
    pub(super) fn is(&self, other: &str) -> bool {
        verify_slices_are_equal(self.0.as_bytes(), other.as_bytes()).is_ok()
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(sessions: &Sessions) -> String {
        let link = sessions.link(([127, 0, 0, 1], 9466).into()).expect("a link");
        let start = format!("http://127.0.0.1:9466/{}/?token=", sessions.prefix());
        link.strip_prefix(&start).expect("the form of the contract").to_owned()
    }

    #[tokio::test(start_paused = true)]
    async fn a_link_works_once_and_only_the_latest() {
        let sessions = Sessions::new().expect("randomness");
        let (first, second) = (token(&sessions), token(&sessions));
        assert!(first.len() == 32 && sessions.open(&first).is_none() && sessions.open("").is_none());
        let cookie = sessions.open(&second).expect("a session");
        assert!(sessions.open(&second).is_none() && sessions.session(&second).is_none());
        assert!(sessions.session(&cookie).is_some());
        tokio::time::advance(SESSION_TIME_MAX).await;
        assert!(sessions.session(&cookie).is_none());
    }

    #[tokio::test]
    async fn the_oldest_session_ends_when_there_are_too_many() {
        let sessions = Sessions::new().expect("randomness");
        let cookies: Vec<_> = (0..=SESSIONS_MAX).filter_map(|_| sessions.open(&token(&sessions))).collect();
        let is_open = |cookie: &String| sessions.session(cookie).is_some();
        assert!(!is_open(&cookies[0]) && cookies[1..].iter().all(is_open));
    }

    #[test]
    fn paths_are_below_the_prefix() {
        let sessions = Sessions::new().expect("randomness");
        let path = |rest: &str| format!("/{}{rest}", sessions.prefix());
        assert_eq!(sessions.below(&path("/")), Some(""));
        assert_eq!(sessions.below(&path("/entry/1")), Some("entry/1"));
        for other in ["/", "", "/x/", "//", &path(""), &format!("/{}", path("/"))] {
            assert_eq!(sessions.below(other), None, "{other}");
        }
    }
}
