//! Sockets that systemd has bound for us and keeps open while we are restarted (sd_listen_fds(3)).

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use listenfd::ListenFd;

use super::environment::number;

/// The most sockets that are taken over. Every number up to the one in `LISTEN_FDS` is examined as a descriptor.
const SOCKETS_MAX: u64 = 1024;
/// The greatest number of a descriptor that sockets are taken over from: the limit of Linux (`fs.nr_open`).
const FIRST_DESCRIPTOR_MAX: u64 = 1 << 30;

/// Which of the sockets that systemd passes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Which {
    /// Those of this `FileDescriptorName=`: without one, the name of the socket unit.
    Named(String),
    /// All that no [`Which::Named`] asks for.
    Rest,
}

impl Which {
    /// Reads `systemd` and `systemd:NAME`; `None` if it is something else.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("systemd")? {
            "" => Some(Self::Rest),
            rest => rest.strip_prefix(':').map(|name| Self::Named(name.to_owned())),
        }
    }
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => write!(f, "systemd:{name}"),
            Self::Rest => f.write_str("systemd"),
        }
    }
}

/// A socket that listens and does not block.
#[derive(Debug)]
pub enum InheritedSocket {
    /// TCP, of either family.
    Tcp(TcpListener),
    /// A unix stream socket; its file is systemd's to remove.
    Unix(UnixListener),
}

/// A socket that systemd did not pass.
#[derive(Debug, thiserror::Error)]
pub enum ActivationError {
    /// None of that name.
    #[error("systemd passes no socket for `{which}`{}", .passed.hint())]
    NotPassed {
        /// What was asked for.
        which: Which,
        /// What there is.
        passed: Passed,
    },
    /// A datagram socket, a file, or anything else.
    #[error("what systemd passes as `{name}` is not a stream socket: write ListenStream= in the socket unit")]
    NotAStream {
        /// Its name.
        name: String,
        /// What the system says.
        source: io::Error,
    },
}

/// The names of what was passed.
#[derive(Debug)]
pub struct Passed(Vec<String>);

impl Passed {
    fn hint(&self) -> String {
        if self.0.is_empty() {
            return ": start the socket unit (`systemctl enable --now hookspool.socket`), or listen on an address"
                .to_owned();
        }
        format!("; there are: {}", self.0.join(", "))
    }
}

/// Everything that was passed and is not taken yet.
#[derive(Debug, Default)]
pub struct Inherited {
    sockets: Vec<(String, InheritedSocket)>,
    /// The names that somebody asks for, whatever the order in which they do.
    reserved: BTreeSet<String>,
}

impl Inherited {
    /// Takes over what systemd passed to this very process. To be called once, before there is a
    /// second thread: it takes the variables out of the environment.
    ///
    /// # Errors
    /// When something was passed that does not listen for streams.
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

    /// Keeps what somebody will ask for by name from those who take the rest.
    pub fn reserve<'w>(&mut self, wanted: impl Iterator<Item = &'w Which>) {
        self.reserved.extend(wanted.filter_map(|which| match which {
            Which::Named(name) => Some(name.clone()),
            Which::Rest => None,
        }));
    }

    /// Hands out the sockets that are asked for, at least one.
    ///
    /// # Errors
    /// When there is none.
    pub fn take(&mut self, which: &Which) -> Result<Vec<InheritedSocket>, ActivationError> {
        let wanted = |name: &String| match which {
            Which::Named(wanted) => name == wanted,
            Which::Rest => !self.reserved.contains(name),
        };
        let passed = || Passed(self.names().map(str::to_owned).collect());
        if !self.sockets.iter().any(|(name, _)| wanted(name)) {
            return Err(ActivationError::NotPassed { which: which.clone(), passed: passed() });
        }
        let (taken, left) = std::mem::take(&mut self.sockets).into_iter().partition(|(name, _)| wanted(name));
        self.sockets = left;
        let taken: Vec<(String, InheritedSocket)> = taken;
        Ok(taken.into_iter().map(|(_, socket)| socket).collect())
    }

    /// The names of what nobody has taken.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.sockets.iter().map(|(name, _)| name.as_str())
    }
}

/// Whether the numbers in the environment can be what a service manager wrote. Reports those that cannot.
fn is_plausible() -> bool {
    // What is not a number is already logged, and means that nothing was passed.
    let Some(count) = number("LISTEN_FDS") else { return true };
    let first = number("LISTEN_FDS_FIRST_FD");
    // Sockets are passed to the process with this ID. What is not a number is the ID of none.
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
    fn a_place_is_read_and_written() {
        for text in ["systemd", "systemd:https", "systemd:hookspool.socket"] {
            assert_eq!(Which::parse(text).map(|which| which.to_string()).as_deref(), Some(text));
        }
        for text in ["systemdx", "127.0.0.1:1", "", "systemd-https"] {
            assert_eq!(Which::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_rest_leaves_what_has_a_name_of_its_own() {
        let mut sockets = inherited(&["hookspool.socket", "admin", "hookspool.socket"]);
        let admin = Which::Named("admin".to_owned());
        sockets.reserve([&Which::Rest, &admin].into_iter());
        assert_eq!(sockets.take(&Which::Rest).expect("two").len(), 2);
        assert_eq!(sockets.take(&admin).expect("one").len(), 1);
        assert_eq!(sockets.names().count(), 0);
    }

    #[test]
    fn one_name_may_stand_for_several_sockets() {
        let mut sockets = inherited(&["https", "https", "other"]);
        assert_eq!(sockets.take(&Which::Named("https".to_owned())).expect("two").len(), 2);
        assert_eq!(sockets.names().collect::<Vec<_>>(), ["other"]);
    }

    #[test]
    fn what_is_not_there_is_said_beside_what_is() {
        let which = Which::Named("https".to_owned());
        let said = |sockets: &mut Inherited| sockets.take(&which).expect_err("there is none").to_string();
        assert_eq!(
            said(&mut inherited(&["http", "admin"])),
            "systemd passes no socket for `systemd:https`; there are: http, admin"
        );
        assert!(said(&mut inherited(&[])).contains("systemctl enable --now hookspool.socket"));
    }
}
