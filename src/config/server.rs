//! `[server]`: where to listen, and how long to wait.

use std::net::SocketAddr;

use super::defaults as default;
use super::judge::{Judge, section};
use super::keys;
use super::raw::Node;
use super::reader::{Field, Reader, Text};
use crate::live::Limits;
use crate::server::Settings;

pub(super) fn server(node: Option<&Node>, judge: &mut Judge) -> (Settings, Limits) {
    let (table, span) = section(node, "server", judge);
    let reader = Reader::new(table, span, &keys::SERVER, &mut judge.findings);
    let listen = listen(&reader, judge);
    judge.beyond_loopback = listen.iter().any(|address| !address.ip().is_loopback());
    let findings = &mut judge.findings;
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

fn listen(reader: &Reader<'_>, judge: &mut Judge) -> Vec<SocketAddr> {
    match reader.some_texts("listen", &mut judge.findings) {
        Field::Missing => default::LISTEN.parse().into_iter().collect(),
        Field::Bad => Vec::new(),
        Field::Is((texts, _)) => {
            let mut addresses: Vec<SocketAddr> = Vec::new();
            for text in texts {
                let Some(address) = address(text, judge) else { continue };
                if addresses.contains(&address) && address.port() != 0 {
                    judge
                        .findings
                        .error(
                            text.span,
                            format!("`{}` is the same address as another one of the list", text.text),
                        )
                        .hint("remove one of the two");
                }
                addresses.push(address);
            }
            addresses
        }
    }
}

fn address(text: Text<'_>, judge: &mut Judge) -> Option<SocketAddr> {
    if text.text == "systemd" || text.text.starts_with("systemd:") {
        judge
            .findings
            .error(text.span, format!("`{}` is not in this version", text.text))
            .hint("write an address: sockets are not taken over from systemd yet");
        return None;
    }
    socket_address(text, judge)
}

/// An IP address with a port.
pub(super) fn socket_address(text: Text<'_>, judge: &mut Judge) -> Option<SocketAddr> {
    let parsed = text.text.parse().ok();
    if parsed.is_none() {
        judge.findings.error(text.span, format!("`{}` is not an IP address with a port", text.text)).hint(
            "write both, as in `127.0.0.1:8443`, `0.0.0.0:8443` or `[::]:8443`; names are not looked up",
        );
    }
    parsed
}
