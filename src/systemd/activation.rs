//! Takes over sockets that systemd has bound and keeps open while the daemon restarts (sd_listen_fds(3)).

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use listenfd::ListenFd;

use super::environment::number;

/// The most sockets that are taken over. As many descriptors as `LISTEN_FDS` contains are examined.
const SOCKETS_MAX: u64 = 1024;
/// The greatest number of the first descriptor: the limit of Linux (`fs.nr_open`).
const FIRST_DESCRIPTOR_MAX: u64 = 1 << 30;

/// Selects sockets among those that systemd passes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SocketSelector {
    /// The sockets with this `FileDescriptorName=`, by default the name of the socket unit.
    Named(String),
    /// All sockets that no [`SocketSelector::Named`] selects.
    Rest,
}

impl SocketSelector {
    /// Parses `systemd` and `systemd:NAME`; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("systemd")? {
            "" => Some(Self::Rest),
            rest => rest.strip_prefix(':').map(|name| Self::Named(name.to_owned())),
        }
    }
}

impl fmt::Display for SocketSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => write!(f, "systemd:{name}"),
            Self::Rest => f.write_str("systemd"),
        }
    }
}

/// A listening, nonblocking socket.
#[derive(Debug)]
pub enum InheritedSocket {
    /// A TCP socket, IPv4 or IPv6.
    Tcp(TcpListener),
    /// A Unix stream socket. systemd removes its file.
    Unix(UnixListener),
}

/// A required socket was not passed by systemd.
#[derive(Debug, thiserror::Error)]
pub enum ActivationError {
    /// No socket is selected.
    #[error("systemd passes no socket for `{selector}`{}", .passed.hint())]
    NotPassed {
        /// The selector.
        selector: SocketSelector,
        /// The names of the sockets that were passed.
        passed: Passed,
    },
    /// A datagram socket, a file, or anything else.
    #[error("`{name}`, passed by systemd, is not a stream socket: use ListenStream= in the socket unit")]
    NotAStream {
        /// The name of the descriptor.
        name: String,
        /// The error of the system.
        source: io::Error,
    },
}

/// The names of the sockets that were passed.
#[derive(Debug)]
pub struct Passed(Vec<String>);

impl Passed {
    fn hint(&self) -> String {
        if self.0.is_empty() {
            return ": start the socket unit (`systemctl enable --now hookspool.socket`), or listen on an address"
                .to_owned();
        }
        format!("; it passes: {}", self.0.join(", "))
    }
}

/// The sockets that were passed and not taken yet.
#[derive(Debug, Default)]
pub struct Inherited {
    sockets: Vec<(String, InheritedSocket)>,
    /// The names that a [`SocketSelector::Named`] of the configuration selects.
    reserved: BTreeSet<String>,
}

impl Inherited {
    /// Takes over the sockets that systemd passed to this process. Must be called once, before a second thread is
    /// started, because it removes the variables from the environment.
    ///
    /// # Errors
    /// If a descriptor is not a listening stream socket.
    pub fn from_environment() -> Result<Self, ActivationError> {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let mut passed = if is_plausible() { ListenFd::from_env() } else { ListenFd::empty() };
        let mut sockets = Vec::new();
        for index in 0..passed.len() {
            let name = names.next().filter(|name| !name.is_empty()).unwrap_or("unknown").to_owned();
            match take(&mut passed, index) {
                Ok(Some(socket)) => sockets.push((name, socket)),
                Ok(None) => {}
                Err(source) => return Err(ActivationError::NotAStream { name, source }),
            }
        }
        Ok(Self { sockets, reserved: BTreeSet::new() })
    }

    /// Excludes the sockets that are selected by name from [`SocketSelector::Rest`].
    pub fn reserve<'w>(&mut self, wanted: impl Iterator<Item = &'w SocketSelector>) {
        self.reserved.extend(wanted.filter_map(|selector| match selector {
            SocketSelector::Named(name) => Some(name.clone()),
            SocketSelector::Rest => None,
        }));
    }

    /// Removes and returns the selected sockets, at least one.
    ///
    /// # Errors
    /// If no socket is selected.
    pub fn take(&mut self, selector: &SocketSelector) -> Result<Vec<InheritedSocket>, ActivationError> {
        let wanted = |name: &String| match selector {
            SocketSelector::Named(wanted) => name == wanted,
            SocketSelector::Rest => !self.reserved.contains(name),
        };
        let passed = || Passed(self.names().map(str::to_owned).collect());
        if !self.sockets.iter().any(|(name, _)| wanted(name)) {
            return Err(ActivationError::NotPassed { selector: selector.clone(), passed: passed() });
        }
        let (taken, remaining) =
            std::mem::take(&mut self.sockets).into_iter().partition(|(name, _)| wanted(name));
        self.sockets = remaining;
        let taken: Vec<(String, InheritedSocket)> = taken;
        Ok(taken.into_iter().map(|(_, socket)| socket).collect())
    }

    /// The names of the sockets that have not been taken.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.sockets.iter().map(|(name, _)| name.as_str())
    }
}

/// Whether a service manager can have set the numbers in the environment. Logs a warning if not.
fn is_plausible() -> bool {
    // An invalid number has been logged, and means that no socket was passed.
    let Some(count) = number("LISTEN_FDS") else { return true };
    let first = number("LISTEN_FDS_FIRST_FD");
    // Read only to log a value that is not a number. Such a value is not the ID of this process.
    number("LISTEN_PID");
    let plausible = count <= SOCKETS_MAX && first.is_none_or(|first| first <= FIRST_DESCRIPTOR_MAX);
    if !plausible {
        tracing::warn!(count, first, maximum = SOCKETS_MAX, "LISTEN_FDS ignored: out of range");
    }
    plausible
}

fn take(passed: &mut ListenFd, index: usize) -> io::Result<Option<InheritedSocket>> {
    if let Ok(Some(listener)) = passed.take_tcp_listener(index) {
        listener.set_nonblocking(true)?;
        return Ok(Some(InheritedSocket::Tcp(listener)));
    }
    let Some(listener) = passed.take_unix_listener(index)? else { return Ok(None) };
    listener.set_nonblocking(true)?;
    Ok(Some(InheritedSocket::Unix(listener)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inherited(names: &[&str]) -> Inherited {
        let socket = || InheritedSocket::Tcp(TcpListener::bind("127.0.0.1:0").expect("loopback has a port"));
        Inherited {
            sockets: names.iter().map(|name| ((*name).to_owned(), socket())).collect(),
            reserved: BTreeSet::new(),
        }
    }

    #[test]
    fn selectors_round_trip_as_text() {
        for text in ["systemd", "systemd:https", "systemd:hookspool.socket"] {
            assert_eq!(
                SocketSelector::parse(text).map(|selector| selector.to_string()).as_deref(),
                Some(text)
            );
        }
        for text in ["systemdx", "127.0.0.1:1", "", "systemd-https"] {
            assert_eq!(SocketSelector::parse(text), None, "{text}");
        }
    }

    #[test]
    fn rest_does_not_select_sockets_selected_by_name() {
        let mut sockets = inherited(&["hookspool.socket", "admin", "hookspool.socket"]);
        let admin = SocketSelector::Named("admin".to_owned());
        sockets.reserve([&SocketSelector::Rest, &admin].into_iter());
        assert_eq!(sockets.take(&SocketSelector::Rest).expect("two").len(), 2);
        assert_eq!(sockets.take(&admin).expect("one").len(), 1);
        assert_eq!(sockets.names().count(), 0);
    }

    #[test]
    fn one_name_can_select_several_sockets() {
        let mut sockets = inherited(&["https", "https", "other"]);
        assert_eq!(sockets.take(&SocketSelector::Named("https".to_owned())).expect("two").len(), 2);
        assert_eq!(sockets.names().collect::<Vec<_>>(), ["other"]);
    }

    #[test]
    fn missing_socket_is_reported_with_the_names_that_were_passed() {
        let selector = SocketSelector::Named("https".to_owned());
        let message =
            |sockets: &mut Inherited| sockets.take(&selector).expect_err("there is none").to_string();
        assert_eq!(
            message(&mut inherited(&["http", "admin"])),
            "systemd passes no socket for `systemd:https`; it passes: http, admin"
        );
        assert!(message(&mut inherited(&[])).contains("systemctl enable --now hookspool.socket"));
    }
}
