//! Which requests come from the page itself.
//!
//! A hostile site can make a browser send requests to loopback, also under a host name of its own that resolves to it
//! (DNS rebinding). Such a request has a foreign `Host`, a foreign `Origin`, or a `Sec-Fetch-Site` that contains where it comes
//! from (<https://www.w3.org/TR/fetch-metadata/>).

use http::header::{HOST, HeaderName, ORIGIN};
use http::{HeaderMap, Method};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// The hosts under which the page is opened. Ports vary: a forwarded port may have another number.
const HOSTS: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];

/// Where a request comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum From {
    /// The page itself, or the address bar, a bookmark or a program.
    Page,
    /// A link on another site. Only a one-time link may be opened in this way.
    Elsewhere,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum ForeignRequest {
    #[error("the host must be 127.0.0.1, [::1] or localhost")]
    Host,
    #[error("the request comes from another site")]
    Origin,
}

/// Determines where a request comes from.
///
/// # Errors
/// If it was sent to another host, or by a page of another site.
pub(super) fn origin_of(method: &Method, headers: &HeaderMap) -> Result<From, ForeignRequest> {
    let host = only(headers, &HOST).ok_or(ForeignRequest::Host)?;
    if !is_own_host(host) {
        return Err(ForeignRequest::Host);
    }
    let site = only(headers, &SEC_FETCH_SITE);
    let is_reading = matches!(*method, Method::GET | Method::HEAD);
    match headers.contains_key(ORIGIN).then(|| only(headers, &ORIGIN)) {
        // With the referrer policy of the pages, browsers send `null` with a form.
        Some(Some("null")) if site == Some("same-origin") => {}
        Some(Some(origin)) if origin.strip_prefix("http://") == Some(host) => {}
        Some(_) => return Err(ForeignRequest::Origin),
        None if is_reading => {}
        None => return Err(ForeignRequest::Origin),
    }
    match site {
        None | Some("same-origin" | "none") if !headers.contains_key(SEC_FETCH_SITE) || site.is_some() => {
            Ok(From::Page)
        }
        _ if is_reading => Ok(From::Elsewhere),
        _ => Err(ForeignRequest::Origin),
    }
}

/// The value of a header that occurs once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

fn is_own_host(host: &str) -> bool {
    HOSTS.iter().any(|own| {
        let rest =
            host.get(..own.len()).filter(|start| start.eq_ignore_ascii_case(own)).map(|_| &host[own.len()..]);
        rest.is_some_and(|rest| {
            rest.is_empty() || rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(method: Method, lines: &[(&'static str, &str)]) -> Result<From, ForeignRequest> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().expect("a value"));
        }
        origin_of(&method, &headers)
    }

    #[test]
    fn only_the_three_hosts_with_any_port_are_accepted() {
        for host in ["127.0.0.1", "127.0.0.1:9466", "[::1]:1", "LocalHost:80", "localhost"] {
            assert_eq!(origin(Method::GET, &[("host", host)]), Ok(From::Page), "{host}");
        }
        let foreign = [
            "",
            "bank.example",
            "127.0.0.1.bank.example",
            "localhost.",
            "127.0.0.1:",
            "127.0.0.1:x",
            "127.0.0.2",
            "::1",
            "[::1",
            "localhost:9466:1",
            "a@localhost",
            "127.0.0.1:99999",
        ];
        for host in foreign {
            assert_eq!(origin(Method::GET, &[("host", host)]), Err(ForeignRequest::Host), "{host}");
        }
        assert_eq!(origin(Method::GET, &[]), Err(ForeignRequest::Host));
        let twice = [("host", "localhost"), ("host", "localhost")];
        assert_eq!(origin(Method::GET, &twice), Err(ForeignRequest::Host));
    }

    #[test]
    fn an_origin_must_be_the_host_and_a_form_must_have_one() {
        let host = ("host", "localhost:9466");
        for method in [Method::GET, Method::POST] {
            let own = [host, ("origin", "http://localhost:9466")];
            assert_eq!(origin(method.clone(), &own), Ok(From::Page));
            for foreign in [
                "null",
                "http://localhost:9467",
                "https://localhost:9466",
                "http://bank.example",
                "",
                "localhost:9466",
            ] {
                assert_eq!(
                    origin(method.clone(), &[host, ("origin", foreign)]),
                    Err(ForeignRequest::Origin),
                    "{foreign}"
                );
            }
        }
        assert_eq!(origin(Method::POST, &[host]), Err(ForeignRequest::Origin));
        let form = [host, ("origin", "null"), ("sec-fetch-site", "same-origin")];
        assert_eq!(origin(Method::POST, &form), Ok(From::Page));
        let twice = [host, ("origin", "http://localhost:9466"), ("origin", "http://bank.example")];
        assert_eq!(origin(Method::POST, &twice), Err(ForeignRequest::Origin));
    }

    #[test]
    fn what_another_site_causes_is_known_as_such() {
        let host = ("host", "localhost:9466");
        for site in ["cross-site", "same-site", "", "other"] {
            let read = origin(Method::GET, &[host, ("sec-fetch-site", site)]);
            assert_eq!(read, Ok(From::Elsewhere), "{site}");
            let own = ("origin", "http://localhost:9466");
            assert_eq!(
                origin(Method::POST, &[host, own, ("sec-fetch-site", site)]),
                Err(ForeignRequest::Origin)
            );
        }
        assert_eq!(origin(Method::GET, &[host, ("sec-fetch-site", "none")]), Ok(From::Page));
    }
}
