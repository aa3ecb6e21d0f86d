//! `[server]`: the addresses, the timeouts and the limit of connections.

use std::net::SocketAddr;

use crate::config::context::section;
use crate::config::schema;
use crate::config::text::findings::Findings;
use crate::config::text::raw::Node;
use crate::config::text::reader::{Field, Reader, Text};
use crate::live::Limits;
use crate::server::{Listen, Settings};
use crate::systemd::activation::SocketSelector;

pub(crate) fn server(node: Option<&Node>, findings: &mut Findings) -> (Settings, Limits) {
    let (table, span) = section(node, "server", findings);
    let reader = Reader::new(table, span, &schema::SERVER, findings);
    let listen = listen(&reader, findings);
    let limits = Limits {
        max_connections: reader.number("max_connections", findings),
        handshake_timeout: reader.time("handshake_timeout", findings),
        header_timeout: reader.time("header_timeout", findings),
        body_timeout: reader.time("body_timeout", findings),
        idle_timeout: reader.time("idle_timeout", findings),
        max_connection_age: reader.time_or("max_connection_age", "off", findings),
        drain_timeout: reader.time("drain_timeout", findings),
    };
    (Settings { listen }, limits)
}

fn listen(reader: &Reader<'_>, findings: &mut Findings) -> Vec<Listen> {
    match reader.some_texts("listen", findings) {
        Field::Missing | Field::Bad => Vec::new(),
        Field::Is((texts, _)) => {
            let mut places: Vec<Listen> = Vec::new();
            for text in texts {
                let place = match inherited(text, findings) {
                    Some(which) => which.map(Listen::Inherited),
                    None => socket_address(text, findings).map(Listen::Address),
                };
                let Some(place) = place else { continue };
                let any_port = matches!(place, Listen::Address(address) if address.port() == 0);
                if places.contains(&place) && !any_port {
                    findings
                        .error(
                            text.span,
                            format!("`{}` is the same address as another one in the list", text.text),
                        )
                        .hint("remove one of the two");
                }
                places.push(place);
            }
            places
        }
    }
}

/// Parses `systemd` or `systemd:NAME`; `None` for any other text. An invalid name is reported.
pub(crate) fn inherited(text: Text<'_>, findings: &mut Findings) -> Option<Option<SocketSelector>> {
    let which = SocketSelector::parse(text.text)?;
    // The names that FileDescriptorName= accepts (systemd.socket(5)).
    let sound = match &which {
        SocketSelector::Rest => true,
        SocketSelector::Named(name) => {
            (1..=255).contains(&name.len()) && name.bytes().all(|c| c.is_ascii_graphic() && c != b':')
        }
    };
    if !sound {
        findings
            .error(text.span, format!("`{}` names no socket", text.text))
            .hint("write `systemd:NAME` with the FileDescriptorName= of the socket unit, or `systemd` alone");
    }
    Some(sound.then_some(which))
}

/// An IP address with a port.
pub(crate) fn socket_address(text: Text<'_>, findings: &mut Findings) -> Option<SocketAddr> {
    let parsed = text.text.parse().ok();
    if parsed.is_none() {
        findings.error(text.span, format!("`{}` is not an IP address with a port", text.text)).hint(
            "write both, as in `127.0.0.1:8443`, `0.0.0.0:8443` or `[::]:8443`; names are not looked up",
        );
    }
    parsed
}
