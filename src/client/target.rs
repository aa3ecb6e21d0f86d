//! Where a request goes: the parts of an https URL.

use http::Uri;
use rustls_pki_types::ServerName;

/// The port of https.
const HTTPS_PORT: u16 = 443;

/// An https URL, taken apart.
#[derive(Clone, Debug)]
pub struct Target {
    /// Host and port to call, an IPv6 address in brackets.
    pub address: String,
    /// The URL as it goes into an HTTP/2 request.
    pub uri: Uri,
    /// What the server's certificate must be for.
    pub server_name: ServerName<'static>,
    /// The value of `Host`.
    pub host: String,
    /// Path and query, as HTTP/1.1 sends them.
    pub path_and_query: String,
}

/// Why a text is not such a URL.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TargetFault {
    /// It is not a URL.
    #[error("`{0}` is not a URL: expected `https://HOST[:PORT]/PATH`")]
    Form(String),
    /// It has another scheme.
    #[error("`{0}` is not https; hookspool sends over TLS alone")]
    Scheme(String),
    /// It carries a user name or password, which would go nowhere.
    #[error(
        "the URL carries a user name; a certificate says who we are, so leave out what stands before `@`"
    )]
    UserInfo,
    /// The host is neither a name nor an address.
    #[error("`{0}` is neither a DNS name nor an IP address")]
    Host(String),
}

impl Target {
    /// Takes a URL apart.
    ///
    /// # Errors
    /// When it is not an https URL with a host.
    pub fn parse(url: &str) -> Result<Self, TargetFault> {
        let form = || TargetFault::Form(without_credentials(url));
        let uri: Uri = url.parse().map_err(|_| form())?;
        let scheme = uri.scheme_str().ok_or_else(form)?;
        if scheme != "https" {
            return Err(TargetFault::Scheme(without_credentials(url)));
        }
        let authority = uri.authority().ok_or_else(form)?;
        if authority.as_str().contains('@') {
            return Err(TargetFault::UserInfo);
        }
        let host = authority.host();
        let port = match authority.port_u16() {
            Some(port) => port,
            None if authority.as_str() == host => HTTPS_PORT,
            None => return Err(form()),
        };
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let server_name =
            ServerName::try_from(bare.to_owned()).map_err(|_| TargetFault::Host(host.to_owned()))?;
        Ok(Self {
            address: format!("{host}:{port}"),
            host: if port == HTTPS_PORT { host.to_owned() } else { format!("{host}:{port}") },
            path_and_query: uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned(),
            server_name,
            uri,
        })
    }
}

/// A URL without its query and user information, both of which can contain a secret.
pub fn without_credentials(url: &str) -> String {
    let bare = url.split(['?', '#']).next().unwrap_or_default();
    match (bare.split_once("://"), bare.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://{rest}"),
        (None, Some((_, rest))) => rest.to_owned(),
        (_, None) => bare.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_keeps_secrets() {
        for url in [
            "http://a/x?hmac=s3cret",
            "https://a:99999/x?hmac=s3cret#s3cret",
            "a/x?s3cret",
            "http://u:s3cret@a/x",
            "u:s3cret@a",
            "https://a/ x?s3cret",
        ] {
            let fault = Target::parse(url).expect_err("not a target").to_string();
            assert!(!fault.contains("s3cret") && fault.contains('a'), "{fault}");
        }
    }

    #[test]
    fn a_url_is_taken_apart() {
        let check = |url: &str, address: &str, host: &str, path: &str| {
            let target = Target::parse(url).expect("a target");
            assert_eq!((&*target.address, &*target.host, &*target.path_and_query), (address, host, path));
        };
        check("https://a.example", "a.example:443", "a.example", "/");
        check("https://a.example:443/x", "a.example:443", "a.example", "/x");
        check("https://localhost:8443//pix?a=/b", "localhost:8443", "localhost:8443", "//pix?a=/b");
        check("https://[::1]:8443/p", "[::1]:8443", "[::1]:8443", "/p");
        check("https://127.0.0.1/", "127.0.0.1:443", "127.0.0.1", "/");
    }

    #[test]
    fn addresses_are_told_from_names() {
        let name = |url: &str| Target::parse(url).expect("a target").server_name;
        assert!(matches!(name("https://[::1]:8443/"), ServerName::IpAddress(_)));
        assert!(matches!(name("https://127.0.0.1/"), ServerName::IpAddress(_)));
        assert!(matches!(name("https://localhost/"), ServerName::DnsName(_)));
    }

    #[test]
    fn what_is_not_an_https_url_is_refused() {
        assert!(matches!(Target::parse("http://a/"), Err(TargetFault::Scheme(_))));
        assert!(matches!(Target::parse("localhost:8443"), Err(TargetFault::Form(_))));
        assert!(matches!(Target::parse("/x"), Err(TargetFault::Form(_))));
        assert!(matches!(Target::parse(""), Err(TargetFault::Form(_))));
        assert!(matches!(Target::parse("https://a:99999/"), Err(TargetFault::Form(_))));
        assert!(matches!(Target::parse("https://u:p@a/"), Err(TargetFault::UserInfo)));
        assert!(matches!(Target::parse("https://a_%/"), Err(TargetFault::Form(_) | TargetFault::Host(_))));
    }
}
