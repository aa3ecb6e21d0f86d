//! The settings of the page.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::times::Times;
use crate::admin::Address;

/// What the page shows, and where.
#[derive(Clone, Debug)]
pub struct Settings {
    /// A loopback address.
    pub listen: SocketAddr,
    /// Whether the page has no buttons that move entries.
    pub read_only: bool,
    /// How times are shown.
    pub times: Times,
    /// The spool.
    pub spool: crate::spool::Settings,
    /// The addresses of the daemon's admin listener.
    pub daemon: Vec<Address>,
    /// The addresses of the admin listener of `forward`, if webhooks.toml has a `[[consumer]]`.
    pub forward: Option<Vec<Address>>,
}

/// Why the page does not listen on an address.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ListenError {
    /// It is not an address.
    #[error("`{0}` is not an address and port; write `127.0.0.1:9466`")]
    NotAnAddress(String),
    /// Others than this machine could connect to it.
    #[error(
        "`{0}` is neither 127.0.0.1 nor [::1], and the page is not encrypted: listen on 127.0.0.1 and forward the port, on your computer: ssh -L {port}:127.0.0.1:{port} USER@HOST",
        port = .0.port()
    )]
    NotLoopback(SocketAddr),
}

/// Parses the value of `--listen`.
///
/// # Errors
/// If it is not a loopback address with a port.
pub fn listen_address(text: &str) -> Result<SocketAddr, ListenError> {
    let address = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}").parse(),
        None => text.parse::<SocketAddr>(),
    };
    let address = address.map_err(|_| ListenError::NotAnAddress(text.to_owned()))?;
    let is_own = |ip: IpAddr| ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST;
    if is_own(address.ip()) { Ok(address) } else { Err(ListenError::NotLoopback(address)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_are_accepted() {
        for text in ["127.0.0.1:9466", "[::1]:0", "localhost:80"] {
            assert!(listen_address(text).is_ok(), "{text}");
        }
        for text in ["", "9466", "127.0.0.1", "bank.example:80", "localhost:x"] {
            assert_eq!(listen_address(text), Err(ListenError::NotAnAddress(text.to_owned())));
        }
        for text in
            ["0.0.0.0:9466", "[::]:9466", "192.0.2.1:9466", "[::ffff:127.0.0.1]:9466", "127.0.0.2:9466"]
        {
            let error = listen_address(text).expect_err("refused").to_string();
            assert!(error.contains("ssh -L 9466:127.0.0.1:9466 "), "{error}");
        }
    }
}
