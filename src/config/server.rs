//! `[server]`: where to listen, and how long to wait.

use std::net::SocketAddr;

use super::context::{ValidationContext, section};
use super::defaults as default;
use super::keys;
use super::raw::Node;
use super::reader::{Field, Reader, Text};
use crate::live::Limits;
use crate::server::{Listen, Settings};
use crate::systemd::activation::SocketSelector;

pub(super) fn server(node: Option<&Node>, context: &mut ValidationContext) -> (Settings, Limits) {
    let (table, span) = section(node, "server", context);
    let reader = Reader::new(table, span, &keys::SERVER, &mut context.findings);
    let listen = listen(&reader, context);
    // Where systemd's sockets are is for their unit to say: they may be anywhere.
    context.beyond_loopback = listen.iter().any(|place| match place {
        Listen::Address(address) => !address.ip().is_loopback(),
        Listen::Inherited(_) => true,
    });
    let findings = &mut context.findings;
    let limits = Limits {
        max_connections: reader
            .integer("max_connections", findings)
            .and_then(|(number, span)| {
                let fits = number.filter(|n| (1..=default::MAX_CONNECTIONS_MAX).contains(n));
                let fits = fits.and_then(|n| usize::try_from(n).ok());
                if fits.is_none() {
                    findings
                        .error(
                            span,
                            format!(
                                "`max_connections` is not between 1 and {}",
                                default::MAX_CONNECTIONS_MAX
                            ),
                        )
                        .hint(format!("the default is {}", default::MAX_CONNECTIONS));
                }
                fits
            })
            .or(default::MAX_CONNECTIONS),
        handshake_timeout: reader.time("handshake_timeout", default::HANDSHAKE_TIMEOUT, findings),
        header_timeout: reader.time("header_timeout", default::HEADER_TIMEOUT, findings),
        body_timeout: reader.time("body_timeout", default::BODY_TIMEOUT, findings),
        idle_timeout: reader.time("idle_timeout", default::IDLE_TIMEOUT, findings),
        drain_timeout: reader.time("drain_timeout", default::DRAIN_TIMEOUT, findings),
    };
    (Settings { listen }, limits)
}

fn listen(reader: &Reader<'_>, context: &mut ValidationContext) -> Vec<Listen> {
    match reader.some_texts("listen", &mut context.findings) {
        Field::Missing => default::LISTEN.parse().map(Listen::Address).into_iter().collect(),
        Field::Bad => Vec::new(),
        Field::Is((texts, _)) => {
            let mut places: Vec<Listen> = Vec::new();
            for text in texts {
                let place = match inherited(text, context) {
                    Some(which) => which.map(Listen::Inherited),
                    None => socket_address(text, context).map(Listen::Address),
                };
                let Some(place) = place else { continue };
                let any_port = matches!(place, Listen::Address(address) if address.port() == 0);
                if places.contains(&place) && !any_port {
                    context
                        .findings
                        .error(
                            text.span,
                            format!("`{}` is the same address as another one of the list", text.text),
                        )
                        .hint("remove one of the two");
                }
                places.push(place);
            }
            places
        }
    }
}

/// `systemd` or `systemd:NAME`, if it is one of them; what is wrong with the name has been said.
pub(super) fn inherited(text: Text<'_>, context: &mut ValidationContext) -> Option<Option<SocketSelector>> {
    let which = SocketSelector::parse(text.text)?;
    // What FileDescriptorName= takes (systemd.socket(5)).
    let sound = match &which {
        SocketSelector::Rest => true,
        SocketSelector::Named(name) => {
            (1..=255).contains(&name.len()) && name.bytes().all(|c| c.is_ascii_graphic() && c != b':')
        }
    };
    if !sound {
        context
            .findings
            .error(text.span, format!("`{}` names no socket", text.text))
            .hint("write `systemd:NAME` with the FileDescriptorName= of the socket unit, or `systemd` alone");
    }
    Some(sound.then_some(which))
}

/// An IP address with a port.
pub(super) fn socket_address(text: Text<'_>, context: &mut ValidationContext) -> Option<SocketAddr> {
    let parsed = text.text.parse().ok();
    if parsed.is_none() {
        context.findings.error(text.span, format!("`{}` is not an IP address with a port", text.text)).hint(
            "write both, as in `127.0.0.1:8443`, `0.0.0.0:8443` or `[::]:8443`; names are not looked up",
        );
    }
    parsed
}
