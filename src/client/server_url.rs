//! The parts of an https URL that a request needs.

use http::Uri;
use rustls_pki_types::ServerName;

/// The default port of https.
const HTTPS_PORT: u16 = 443;

/// A parsed https URL.
#[derive(Clone, Debug)]
pub struct ServerUrl {
    /// Host and port to connect to, an IPv6 address in brackets.
    pub address: String,
    /// The URL in the form of an HTTP/2 request.
    pub uri: Uri,
    /// The name that the server's certificate must be valid for.
    pub server_name: ServerName<'static>,
    /// The value of the `Host` header.
    pub host: String,
    /// Path and query, in the form of an HTTP/1.1 request.
    pub path_and_query: String,
}

/// Why a URL cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ServerUrlFault {
    /// The text is not a URL with a host.
    #[error("`{0}` is not a URL: expected `https://HOST[:PORT]/PATH`")]
    Form(String),
    /// The scheme is not https.
    #[error("`{0}` is not https; hookspool sends only over TLS")]
    Scheme(String),
    /// The URL contains a user name, which is not supported.
    #[error(
        "the URL contains a user name; the client authenticates with a certificate, so remove the text before `@`"
    )]
    UserInfo,
    /// The host is neither a DNS name nor an IP address.
    #[error("`{0}` is neither a DNS name nor an IP address")]
    Host(String),
}

impl ServerUrl {
    /// Parses a URL.
    ///
    /// # Errors
    /// If it is not an https URL with a host.
    pub fn parse(url: &str) -> Result<Self, ServerUrlFault> {
        let form = || ServerUrlFault::Form(without_credentials(url));
        let uri: Uri = url.parse().map_err(|_| form())?;
        let scheme = uri.scheme_str().ok_or_else(form)?;
        if scheme != "https" {
            return Err(ServerUrlFault::Scheme(without_credentials(url)));
        }
        let authority = uri.authority().ok_or_else(form)?;
        if authority.as_str().contains('@') {
            return Err(ServerUrlFault::UserInfo);
        }
        let host = authority.host();
        let port = match authority.port_u16() {
            Some(port) => port,
            None if authority.as_str() == host => HTTPS_PORT,
            None => return Err(form()),
        };
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let server_name =
            ServerName::try_from(bare.to_owned()).map_err(|_| ServerUrlFault::Host(host.to_owned()))?;
        Ok(Self {
            address: format!("{host}:{port}"),
            host: if port == HTTPS_PORT { host.to_owned() } else { format!("{host}:{port}") },
            path_and_query: uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned(),
            server_name,
            uri,
        })
    }
}

/// A URL without its query and user information, because both can contain a secret.
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
    fn errors_do_not_contain_secrets() {
        for url in [
            "http://a/x?hmac=s3cret",
            "https://a:99999/x?hmac=s3cret#s3cret",
            "a/x?s3cret",
            "http://u:s3cret@a/x",
            "u:s3cret@a",
            "https://a/ x?s3cret",
        ] {
            let fault = ServerUrl::parse(url).expect_err("not a target").to_string();
            assert!(!fault.contains("s3cret") && fault.contains('a'), "{fault}");
        }
    }

    #[test]
    fn a_url_is_split_into_its_parts() {
        let check = |url: &str, address: &str, host: &str, path: &str| {
            let target = ServerUrl::parse(url).expect("a target");
            assert_eq!((&*target.address, &*target.host, &*target.path_and_query), (address, host, path));
        };
        check("https://a.example", "a.example:443", "a.example", "/");
        check("https://a.example:443/x", "a.example:443", "a.example", "/x");
        check("https://localhost:8443//pix?a=/b", "localhost:8443", "localhost:8443", "//pix?a=/b");
        check("https://[::1]:8443/p", "[::1]:8443", "[::1]:8443", "/p");
        check("https://127.0.0.1/", "127.0.0.1:443", "127.0.0.1", "/");
    }

    #[test]
    fn addresses_and_names_are_distinguished() {
        let name = |url: &str| ServerUrl::parse(url).expect("a target").server_name;
        assert!(matches!(name("https://[::1]:8443/"), ServerName::IpAddress(_)));
        assert!(matches!(name("https://127.0.0.1/"), ServerName::IpAddress(_)));
        assert!(matches!(name("https://localhost/"), ServerName::DnsName(_)));
    }

    #[test]
    fn other_urls_are_rejected() {
        assert!(matches!(ServerUrl::parse("http://a/"), Err(ServerUrlFault::Scheme(_))));
        assert!(matches!(ServerUrl::parse("localhost:8443"), Err(ServerUrlFault::Form(_))));
        assert!(matches!(ServerUrl::parse("/x"), Err(ServerUrlFault::Form(_))));
        assert!(matches!(ServerUrl::parse(""), Err(ServerUrlFault::Form(_))));
        assert!(matches!(ServerUrl::parse("https://a:99999/"), Err(ServerUrlFault::Form(_))));
        assert!(matches!(ServerUrl::parse("https://u:p@a/"), Err(ServerUrlFault::UserInfo)));
        assert!(matches!(
            ServerUrl::parse("https://a_%/"),
            Err(ServerUrlFault::Form(_) | ServerUrlFault::Host(_))
        ));
    }
}
