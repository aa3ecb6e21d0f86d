//! Why an HTTP request was not successful, in one line without secrets.

use std::error::Error;
use std::io;
use std::time::Duration;

use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use hyper_util::client::legacy;
use jiff::fmt::rfc2822;
use rustls::{CertificateError, Error as TlsError};

use crate::client::without_credentials;
use crate::clock::Timestamp;
use crate::escape::Escaped;
use crate::tls::client::is_disconnect;

/// The most characters of a response's body in a reason.
pub(super) const BODY_CHARS_MAX: usize = 200;
/// A shorter text is not redacted, because it may occur by chance.
const SECRET_BYTES_MIN: usize = 8;

/// A segment of a path that is this long may be a secret, such as a token; shorter ones are names.
const SECRET_SEGMENT_BYTES_MIN: usize = 16;

/// The texts that a reason never contains, for one request. A server may repeat parts of the request in its response.
pub(super) struct Confidential<'a>(Vec<&'a str>);

impl<'a> Confidential<'a> {
    /// The query of the request, its values, long segments of the path, and the words of the configured headers.
    pub(super) fn of(path: &'a str, headers: &'a HeaderMap) -> Self {
        let query = path.split_once('?').map(|(_, query)| query);
        let values = query.into_iter().flat_map(|query| query.split('&'));
        let values = values.map(|value| value.split_once('=').map_or(value, |(_, value)| value));
        let segments = path.split('?').next().into_iter().flat_map(|path| path.split('/'));
        let segments = segments.filter(|segment| segment.len() >= SECRET_SEGMENT_BYTES_MIN);
        let words = headers.values().filter_map(|value| value.to_str().ok());
        let words = words.flat_map(|value| std::iter::once(value).chain(value.split_whitespace()));
        let mut all: Vec<_> = query.into_iter().chain(values).chain(segments).chain(words).collect();
        all.retain(|text| text.len() >= SECRET_BYTES_MIN);
        // A part is replaced after the whole that contains it.
        all.sort_by_key(|text| std::cmp::Reverse(text.len()));
        Self(all)
    }

    fn redact(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }
}

/// The reason of a response: `422 Unprocessable Entity: BODY`, or where it redirects to.
pub(super) fn of_response(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    confidential: &Confidential<'_>,
) -> String {
    let title = match status.canonical_reason() {
        Some(title) => format!("{} {title}", status.as_u16()),
        None => status.as_u16().to_string(),
    };
    if let Some(location) = headers.get(LOCATION).filter(|_| status.is_redirection()) {
        let location = without_credentials(&String::from_utf8_lossy(location.as_bytes()));
        let location = confidential.redact(&location);
        return format!("{title}: it redirects to `{}`, and redirects are not followed", Escaped(&location));
    }
    let body = confidential.redact(&String::from_utf8_lossy(body));
    let mut shown: String = body.trim().chars().take(BODY_CHARS_MAX).collect();
    if shown.len() < body.trim().len() {
        shown.push('…');
    }
    if shown.is_empty() { title } else { format!("{title}: {}", Escaped(&shown)) }
}

/// How long a response asks to wait (RFC 9110, section 10.2.3): seconds, or a date, which is compared with `now`.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that is too large to parse is longer than any maximum.
        return Some(Duration::from_secs(value.parse::<u32>().unwrap_or(u32::MAX).into()));
    }
    let at = rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO))
}

/// A request without a response: whether the server cannot be reached, and the reason.
pub(super) fn of_error(error: &legacy::Error, server: &str) -> (bool, String) {
    let cause = Escaped(&root(error).to_string()).to_string();
    let io = io_error(error);
    let tls = io.and_then(io::Error::get_ref).and_then(|inner| inner.downcast_ref::<TlsError>());
    if error.is_connect() {
        // Two private CAs may have the same name and different keys.
        let is_unknown = tls.is_some_and(|error| {
            *error == CertificateError::UnknownIssuer.into()
                || *error == CertificateError::BadSignature.into()
        });
        let hint = if is_unknown { "; if the server has a private CA, name its file in `ca`" } else { "" };
        return (true, format!("cannot connect to {server}: {cause}{hint}"));
    }
    if is_incomplete(error) {
        return (false, format!("{server} closed the connection without a complete response"));
    }
    if tls.is_some() || io.is_some_and(is_disconnect) {
        // A server that rejects a large request early also resets the connection, so only a TLS error means that no
        // entry can be delivered.
        return (tls.is_some(), format!("the connection to {server} was closed without a response: {cause}"));
    }
    (false, format!("no valid HTTP response from {server}: {cause}"))
}

/// Whether the connection ended before a response arrived.
pub(super) fn is_disconnected(error: &legacy::Error) -> bool {
    !error.is_connect() && (is_incomplete(error) || io_error(error).is_some_and(is_disconnect))
}

/// Whether the server closed the connection in the usual way. It was reached, and the request may be the cause.
fn is_incomplete(error: &legacy::Error) -> bool {
    let http = chain(error).find_map(|error| error.downcast_ref::<hyper::Error>());
    http.is_some_and(|error| error.is_incomplete_message() || error.is_canceled())
        || io_error(error).is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
}

fn io_error(error: &legacy::Error) -> Option<&io::Error> {
    chain(error).find_map(|error| error.downcast_ref())
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

fn root<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    chain(error).last().unwrap_or(error)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn header(name: http::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::try_from(value).expect("a value"))])
    }

    fn reason(status: u16, headers: &HeaderMap, body: &[u8]) -> String {
        let configured = header(http::header::AUTHORIZATION, "Bearer t0ps3cret");
        let confidential = Confidential::of("/webhooks/pix?token=s3cr3t-token&a=1", &configured);
        of_response(StatusCode::from_u16(status).expect("a status"), headers, body, &confidential)
    }

    #[test]
    fn reason_is_the_status_and_the_beginning_of_the_body() {
        let none = HeaderMap::new();
        assert_eq!(reason(500, &none, b""), "500 Internal Server Error");
        assert_eq!(reason(599, &none, b" \n"), "599");
        assert_eq!(
            reason(422, &none, b"no txid\nat line 1\n"),
            r"422 Unprocessable Entity: no txid\u{a}at line 1"
        );
        let long = reason(400, &none, "ç".repeat(300).as_bytes());
        assert_eq!(long, format!("400 Bad Request: {}…", "ç".repeat(BODY_CHARS_MAX)));
    }

    #[test]
    fn reason_contains_no_secret_that_the_server_repeats() {
        let none = HeaderMap::new();
        assert_eq!(
            reason(404, &none, b"Cannot POST /webhooks/pix?token=s3cr3t-token&amp;a=1 with Bearer t0ps3cret"),
            "404 Not Found: Cannot POST /webhooks/pix?token=***&amp;a=1 with ***"
        );
        assert_eq!(reason(404, &none, b"token=s3cr3t-token&a=1 t0ps3cret"), "404 Not Found: *** ***");
    }

    #[test]
    fn redirect_names_its_target_without_query_and_credentials() {
        let location = header(LOCATION, "https://user:pw@login.example/in?next=s3cr3t-token#x");
        assert_eq!(
            reason(302, &location, b"<html>"),
            "302 Found: it redirects to `https://login.example/in`, and redirects are not followed"
        );
        assert_eq!(reason(304, &HeaderMap::new(), b""), "304 Not Modified");
    }

    proptest! {
        #[test]
        fn reason_is_one_short_line(status in 100_u16..=999, body in any::<Vec<u8>>(), text in "\\PC{0,900}") {
            for body in [&body[..], text.as_bytes(), "\u{1b}\r\n\u{202e}".repeat(99).as_bytes()] {
                let reason = reason(status, &HeaderMap::new(), body);
                prop_assert!(!reason.contains(char::is_control), "{reason}");
                let count = reason.chars().count();
                prop_assert!(count <= 50 + BODY_CHARS_MAX * 10, "{count}");
            }
        }

        #[test]
        fn seconds_and_dates_are_understood(seconds in any::<u32>(), now in 0_i64..4_000_000_000) {
            let now_at = Timestamp::from_second(now).expect("a time");
            let wait = Duration::from_secs(seconds.into());
            prop_assert_eq!(retry_after(&header(RETRY_AFTER, &seconds.to_string()), now_at), Some(wait));
            let date = |at| rfc2822::DateTimePrinter::new()
                .timestamp_to_rfc9110_string(&Timestamp::from_second(at).expect("a time"))
                .expect("a date");
            let later = header(RETRY_AFTER, &date(now + i64::from(seconds)));
            prop_assert_eq!(retry_after(&later, now_at), Some(wait));
            let earlier = header(RETRY_AFTER, &date(now - i64::from(seconds)));
            prop_assert_eq!(retry_after(&earlier, now_at), Some(Duration::ZERO));
        }

        #[test]
        fn any_other_value_is_ignored(text in "[ -~]{0,40}") {
            prop_assume!(text.trim().parse::<u64>().is_err());
            let digits = text.trim().bytes().all(|byte| byte.is_ascii_digit()) && !text.trim().is_empty();
            let found = retry_after(&header(RETRY_AFTER, &text), Timestamp::UNIX_EPOCH);
            prop_assert_eq!(found.is_some(), digits);
        }
    }

    #[test]
    fn dates_have_the_form_of_rfc_9110() {
        let now = "1994-11-06T08:48:37Z".parse().expect("a time");
        let date = header(RETRY_AFTER, "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(retry_after(&date, now), Some(Duration::from_secs(60)));
        assert_eq!(
            retry_after(&header(RETRY_AFTER, &"9".repeat(40)), now),
            Some(Duration::from_secs(u32::MAX.into()))
        );
        assert_eq!(retry_after(&header(RETRY_AFTER, "soon"), now), None);
    }
}
