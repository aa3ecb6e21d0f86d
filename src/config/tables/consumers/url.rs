//! The parts of a target's URL. No finding quotes a URL, because it may contain a password.

use std::net::{IpAddr, Ipv6Addr};

use rustls_pki_types::DnsName;

use super::TargetOf;
use crate::config::text::{Location, Reported, Text, choices};

/// A URL without user info and fragment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Url<'a> {
    pub(super) scheme: &'a str,
    /// The host and the port.
    pub(super) authority: &'a str,
    /// The path and query; may be empty.
    pub(super) path: &'a str,
}

impl<'a> Url<'a> {
    /// Splits a URL with one of these schemes. `remedy` is a hint about a user name or a password.
    pub(super) fn split(
        text: Text<'a>,
        key: &str,
        of: TargetOf<'_>,
        schemes: &[&str],
        remedy: &str,
    ) -> Result<Self, Reported> {
        let (at, shown) = (text.at, of.shown);
        let known = |scheme: &&str| schemes.contains(scheme);
        let Some((scheme, rest)) = text.text.split_once("://").filter(|(scheme, _)| known(scheme)) else {
            let schemes: Vec<_> = schemes.iter().map(|scheme| format!("{scheme}://")).collect();
            let hint = format!("begin it with {}", choices(schemes.iter().map(String::as_str)));
            return Err(at.error(format!("{shown}: `{key}` is not a URL of this kind of target"), hint));
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(at.error(
                format!("{shown}: `{key}` contains a user name, a password or a token"),
                format!("remove everything before the `@`: {remedy}"),
            ));
        }
        if authority.contains('{') {
            return Err(at.error(
                format!("{shown}: `{key}` contains a placeholder in its host or port"),
                "placeholders are replaced only in the path and query: a sender must not choose the server",
            ));
        }
        if path.contains('#') {
            let hint = "remove the `#` and what follows it: a fragment is never sent";
            return Err(at.error(format!("{shown}: `{key}` contains a fragment"), hint));
        }
        Ok(Self { scheme, authority, path })
    }

    /// The host, an IPv6 address in brackets, and the port.
    pub(super) fn host_and_port(&self, default_port: u16) -> Option<(String, u16)> {
        let bracket = self.authority.find(']').map_or(0, |end| end + 1);
        let (host, port) = match self.authority.get(bracket..)?.find(':') {
            Some(colon) => {
                let (host, port) = self.authority.split_at(bracket + colon);
                let digits = port.get(1..).filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()))?;
                (host, digits.parse().ok().filter(|port| *port > 0)?)
            }
            None => (self.authority, default_port),
        };
        let v6 = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let is_valid = match v6 {
            Some(v6) => v6.parse::<Ipv6Addr>().is_ok(),
            None => DnsName::try_from(host).is_ok() || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv4()),
        };
        is_valid.then(|| (host.to_ascii_lowercase(), port))
    }
}

/// Whether a connection to a host stays on this machine. Names are not looked up.
pub(super) fn is_loopback(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    address.map_or(host == "localhost" || host.ends_with(".localhost"), |address| address.is_loopback())
}

/// Reports a connection to another host without TLS.
pub(super) fn warn_of_plain_text(at: Location<'_>, shown: &str, host: &str, tls: &str) {
    at.warning(
        format!(
            "{shown}: the connection to `{host}` is not encrypted, so the payload is readable on the network"
        ),
        format!("use TLS: {tls}"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host_and_port(authority: &str) -> Option<(String, u16)> {
        Url { scheme: "http", authority, path: "" }.host_and_port(80)
    }

    #[test]
    fn host_is_a_name_or_an_address_with_an_optional_port() {
        for (authority, host, port) in [
            ("127.0.0.1:3000", "127.0.0.1", 3000),
            ("App.internal", "app.internal", 80),
            ("[::1]", "[::1]", 80),
            ("[2001:db8::1]:8443", "[2001:db8::1]", 8443),
            ("my_app:1", "my_app", 1),
        ] {
            assert_eq!(host_and_port(authority), Some((host.to_owned(), port)), "{authority}");
        }
        let bad = [
            "", ":80", "a:", "a:0", "a:65536", "a:+1", "::1", "[::1", "[a]", "a b", "a:b:1", "[::1]x:1", "é",
        ];
        for authority in bad {
            assert_eq!(host_and_port(authority), None, "{authority}");
        }
    }

    #[test]
    fn only_addresses_and_names_of_this_machine_are_loopback() {
        for host in ["localhost", "app.localhost", "127.0.0.1", "127.9.9.9", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["localhost.example", "10.0.0.1", "[::2]", "xlocalhost", "0.0.0.0"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
