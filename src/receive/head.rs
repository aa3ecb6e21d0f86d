//! Checks of a request's head that apply to every endpoint. The HTTP library does not make them.

use http::header::{EXPECT, HOST, HeaderMap, TRANSFER_ENCODING};
use http::uri::Scheme;
use http::{Uri, Version};

use super::error::DeliveryError;

/// The limit of header fields of a request. On HTTP/1.1 it is that of the HTTP library.
pub const HEADER_FIELDS_MAX: usize = 100;

/// Discards the header fields of a request that has too many, except those that decide which error it gets. Thousands of
/// fields take few bytes on HTTP/2, but much memory. Returns whether there were too many.
pub fn discard_excessive(headers: &mut HeaderMap) -> bool {
    let has_too_many = headers.len() > HEADER_FIELDS_MAX;
    if has_too_many {
        let mut kept = HeaderMap::new();
        for name in [EXPECT, HOST, TRANSFER_ENCODING] {
            for value in headers.get_all(&name).iter().take(2) {
                kept.append(&name, value.clone());
            }
        }
        *headers = kept;
    }
    has_too_many
}

/// Checks the scheme, the authority and the transfer codings, and nothing else, because it runs for every request.
///
/// # Errors
/// 400 if the head is invalid, otherwise 501 if a transfer coding is not supported.
pub(super) fn check(uri: &Uri, version: Version, headers: &HeaderMap) -> Result<(), DeliveryError> {
    if uri.scheme().is_some_and(|scheme| *scheme != Scheme::HTTPS) {
        return Err(DeliveryError::BadRequest("the scheme of the URL is not https"));
    }
    check_host(uri, version, headers).map_err(DeliveryError::BadRequest)?;
    check_transfer_codings(headers)
}

/// Checks the authority and `Host` (RFC 9112, section 3.2, and RFC 9113, section 8.3.1).
fn check_host(uri: &Uri, version: Version, headers: &HeaderMap) -> Result<(), &'static str> {
    let mut hosts = headers.get_all(HOST).iter().map(|value| value.as_bytes());
    let host = hosts.next();
    let is_http2 = version == Version::HTTP_2;
    let authority = uri.authority().map(|authority| authority.as_str().as_bytes());
    // An HTTP/2 request may have no authority at all.
    if hosts.next().is_some() || version == Version::HTTP_11 && host.is_none() {
        return Err("there is not exactly one Host header field");
    }
    let Some(host) = host else { return Ok(()) };
    if host.is_empty() || !host.iter().copied().all(is_allowed_in_authority) {
        return Err("Host is empty or contains a byte that is not allowed in it (RFC 3986, section 3.2)");
    }
    let differs = |authority| !without_port(host).eq_ignore_ascii_case(without_port(authority));
    if is_http2 && authority.is_some_and(differs) {
        return Err("Host differs from :authority");
    }
    Ok(())
}

/// RFC 3986, section 3.2.
fn is_allowed_in_authority(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:@[]".contains(&byte)
}

/// Without the default port of https.
fn without_port(authority: &[u8]) -> &[u8] {
    authority.strip_suffix(b":443").unwrap_or(authority)
}

/// The library decodes `chunked` if it is the last coding, and nothing else (RFC 9112, section 6.1).
fn check_transfer_codings(headers: &HeaderMap) -> Result<(), DeliveryError> {
    let (mut chunked, mut others) = (0, 0);
    for value in headers.get_all(TRANSFER_ENCODING) {
        for coding in value.as_bytes().split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
            match coding {
                [] => {}
                _ if coding.eq_ignore_ascii_case(b"chunked") => chunked += 1,
                _ => others += 1,
            }
        }
    }
    match (chunked, others) {
        (2.., _) => Err(DeliveryError::BadRequest("the transfer coding chunked is applied twice")),
        (_, 1..) => Err(DeliveryError::NotImplemented),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;
