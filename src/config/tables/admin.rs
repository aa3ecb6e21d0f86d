//! `[admin]`: the admin listener, which only this machine can reach.

use std::os::unix::ffi::OsStrExt;

use super::server::{inherited, socket_address};
use crate::admin::{Address, Settings};
use crate::config::context::{ValidationContext, section};
use crate::config::schema;
use crate::config::text::findings::Findings;
use crate::config::text::raw::Node;
use crate::config::text::reader::{Field, Reader, Text};
use crate::server::Listen;

/// The longest path that fits `sockaddr_un`, in bytes, without the final NUL (unix(7)).
const SOCKET_PATH_BYTES_MAX: usize = 107;

pub(crate) fn admin(
    node: Option<&Node>,
    taken: &[Listen],
    context: &mut ValidationContext,
    findings: &mut Findings,
) -> Settings {
    let (table, span) = section(node, "admin", findings);
    let reader = Reader::new(table, span, &schema::ADMIN, findings);
    let texts = match reader.texts("listen", findings) {
        Field::Is((texts, _)) => texts,
        Field::Missing | Field::Bad => reader.default_texts("listen"),
    };
    let mut listen: Vec<Address> = Vec::new();
    for text in texts {
        let Some(address) = address(text, context, findings) else { continue };
        match &address {
            Address::Tcp(tcp) if tcp.port() != 0 && taken.contains(&Listen::Address(*tcp)) => {
                findings
                    .error(text.span, format!("`{}` is also an address of `[server]`", text.text))
                    .hint("give the admin listener another port, or turn it off with `listen = []`");
            }
            Address::Inherited(which) if taken.contains(&Listen::Inherited(which.clone())) => {
                findings.error(text.span, format!("`{}` is also a socket of `[server]`", text.text)).hint(
                    "give each a name with FileDescriptorName= in its socket unit, and write `systemd:NAME`",
                );
            }
            Address::Tcp(tcp) if tcp.port() == 0 => {}
            Address::Tcp(_) | Address::Unix(_) | Address::Inherited(_) if listen.contains(&address) => {
                findings
                    .error(
                        text.span,
                        format!("`{}` is the same address as another one in the list", text.text),
                    )
                    .hint("remove one of the two");
            }
            Address::Tcp(_) | Address::Unix(_) | Address::Inherited(_) => {}
        }
        listen.push(address);
    }
    Settings { listen }
}

fn address(text: Text<'_>, context: &mut ValidationContext, findings: &mut Findings) -> Option<Address> {
    if let Some(path) = text.text.strip_prefix("unix:") {
        return unix(path, text, context, findings);
    }
    if let Some(which) = inherited(text, findings) {
        return which.map(Address::Inherited);
    }
    let address = socket_address(text, findings)?;
    if !address.ip().is_loopback() {
        findings
            .error(
                text.span,
                format!(
                    "`{address}` is not a loopback address, and the admin listener has no authentication"
                ),
            )
            .hint("write `127.0.0.1:9464` or `[::1]:9464`, or a socket as `unix:run/admin.sock`");
        return None;
    }
    Some(Address::Tcp(address))
}

fn unix(
    path: &str,
    text: Text<'_>,
    context: &mut ValidationContext,
    findings: &mut Findings,
) -> Option<Address> {
    let resolved = context.files.resolve(path);
    let length = resolved.as_os_str().as_bytes().len();
    let message = if path.is_empty() || path.contains('\0') {
        format!("`{}` is not the path of a socket", text.text)
    } else if length > SOCKET_PATH_BYTES_MAX {
        format!(
            "the path of the socket, with its directory, is longer than the system's limit of {} bytes",
            SOCKET_PATH_BYTES_MAX
        )
    } else {
        return Some(Address::Unix(resolved));
    };
    findings.error(text.span, message).hint("write a short path, as in `unix:run/admin.sock`");
    None
}
