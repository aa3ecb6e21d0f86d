//! `[admin]` and the listener of `[forward]`, which only this machine can reach.

use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;

use super::server::{inherited, report_repeated, socket_address};
use super::spool;
use crate::admin::{Address, Settings};
use crate::config::context::ValidationContext;
use crate::config::text::{Reader, Reported, Text};
use crate::server::{Listen, accepts_ipv4};

/// The longest path that fits `sockaddr_un`, in bytes, without the final NUL (unix(7)).
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// The addresses of another table, whose name is given.
pub(crate) type Taken<'t> = (&'static str, &'t [Address]);

/// The addresses of `[server]` as those of this listener.
pub(crate) fn addresses_of(server: &[Listen]) -> Vec<Address> {
    let address = |listen: &Listen| match listen {
        Listen::Address(address) => Address::Tcp(*address),
        Listen::Inherited(which) => Address::Inherited(which.clone()),
    };
    server.iter().map(address).collect()
}

/// The settings of `[admin]` or `[forward]`, and the name and number of the group. `taken` are the addresses of other
/// tables.
pub(crate) fn admin(
    table: &Reader<'_>,
    taken: &[Taken<'_>],
    context: &ValidationContext,
) -> (Settings, Option<(String, u32)>) {
    let mut listen: Vec<Address> = Vec::new();
    for text in table.texts("listen") {
        let Ok(address) = address(text, context) else { continue };
        let other = taken.iter().find(|(_, addresses)| conflicts(&address, addresses));
        match (&address, other) {
            (Address::Tcp(tcp), _) if tcp.port() == 0 => {}
            (Address::Tcp(_) | Address::Unix(_), Some((table, _))) => {
                text.at.error(
                    format!("`{}` is also an address of `{table}`", text.text),
                    "give each listener its own, or turn this one off with `listen = []`",
                );
            }
            (Address::Inherited(_), Some((table, _))) => {
                text.at.error(
                    format!("`{}` is also a socket of `{table}`", text.text),
                    "give each a name with FileDescriptorName= in its socket unit, and write `systemd:NAME`",
                );
            }
            (_, None) => {
                if listen.contains(&address) {
                    report_repeated(text);
                }
            }
        }
        listen.push(address);
    }
    let group = group(table, context);
    (Settings { listen, group: group.as_ref().map(|(_, number)| *number) }, group)
}

/// Whether an address equals one of another listener, or is covered by its `0.0.0.0` or `[::]`.
fn conflicts(address: &Address, taken: &[Address]) -> bool {
    let Address::Tcp(address) = address else { return taken.contains(address) };
    let tcp = |address: &Address| if let Address::Tcp(tcp) = address { Some(*tcp) } else { None };
    let covers = |other: SocketAddr| {
        let same_family = other.is_ipv4() == address.is_ipv4();
        other.ip().is_unspecified() && (same_family || accepts_ipv4(other, taken.iter().filter_map(tcp)))
    };
    let mut of_port = taken.iter().filter_map(tcp).filter(|other| other.port() == address.port());
    of_port.any(|other| other == *address || covers(other))
}

/// The group of the sockets. Members of the spool's group are consumers, which need not control the daemon.
fn group(table: &Reader<'_>, context: &ValidationContext) -> Option<(String, u32)> {
    let named = table.text("group").ok().flatten().filter(|named| !named.text.is_empty())?;
    let number = spool::group(named, context).ok()??;
    if context.files.spool_group == Some(number) {
        named.at.warning(
            format!(
                "`{}` is also `[spool] group`, so every consumer can use these sockets, also to reload",
                named.text
            ),
            "remove `group` from this table, or name a group whose members administer hookspool",
        );
    }
    Some((named.text.to_owned(), number))
}

fn address(text: Text<'_>, context: &ValidationContext) -> Result<Address, Reported> {
    if let Some(path) = text.text.strip_prefix("unix:") {
        return unix(path, text, context);
    }
    if let Some(which) = inherited(text) {
        return which.map(Address::Inherited);
    }
    let address = socket_address(text)?;
    if !address.ip().is_loopback() {
        return Err(text.at.error(
            format!("`{address}` is not a loopback address, and the admin listener has no authentication"),
            "write `127.0.0.1:9464` or `[::1]:9464`, or a socket as `unix:run/admin.sock`",
        ));
    }
    Ok(Address::Tcp(address))
}

fn unix(path: &str, text: Text<'_>, context: &ValidationContext) -> Result<Address, Reported> {
    const MAX: usize = SOCKET_PATH_BYTES_MAX;
    Text { text: path, ..text }.without_tilde()?;
    let resolved = context.files.resolve(path);
    let message = if path.is_empty() || path.contains('\0') {
        format!("`{}` is not the path of a socket", text.text)
    } else if resolved.as_os_str().as_bytes().len() > MAX {
        format!(
            "the path of the socket, with its directory, is longer than the system's limit of {MAX} bytes"
        )
    } else {
        return Ok(Address::Unix(resolved));
    };
    Err(text.at.error(message, "write a short path, as in `unix:run/admin.sock`"))
}
