//! `[server]`: the addresses, the timeouts, the limit of connections and the trusted proxies.

use std::net::SocketAddr;

use ipnet::IpNet;

use super::networks::networks;
use crate::config::text::{Reader, Reported, Text};
use crate::live::Limits;
use crate::server::{Listen, Settings};
use crate::systemd::activation::SocketSelector;

pub(crate) fn server(table: &Reader<'_>) -> (Settings, Limits, Vec<IpNet>) {
    let listen = listen(table);
    let limits = Limits {
        max_connections: table.number("max_connections"),
        max_connections_per_address: table.number("max_connections_per_address"),
        max_handshakes: table.number("max_handshakes"),
        handshake_timeout: table.time("handshake_timeout"),
        header_timeout: table.time("header_timeout"),
        body_timeout: table.time("body_timeout"),
        idle_timeout: table.time("idle_timeout"),
        max_connection_age: table.time_or("max_connection_age", "off"),
        drain_timeout: table.time("drain_timeout"),
    };
    (Settings { listen }, limits, networks(table.texts("trusted_proxies")))
}

fn listen(table: &Reader<'_>) -> Vec<Listen> {
    let mut places: Vec<Listen> = Vec::new();
    for text in table.some_texts("listen").ok().flatten().unwrap_or_default() {
        let place = match inherited(text) {
            Some(which) => which.map(Listen::Inherited),
            None => socket_address(text).map(Listen::Address),
        };
        let Ok(place) = place else { continue };
        let any_port = matches!(place, Listen::Address(address) if address.port() == 0);
        if places.contains(&place) && !any_port {
            report_repeated(text);
        }
        places.push(place);
    }
    places
}

/// Reports an address that is equal to another one in the list, although the texts differ.
pub(crate) fn report_repeated(text: Text<'_>) {
    let message = format!("`{}` is the same address as another one in the list", text.text);
    text.at.error(message, "remove one of the two");
}

/// Parses `systemd` or `systemd:NAME`; `None` for any other text.
pub(crate) fn inherited(text: Text<'_>) -> Option<Result<SocketSelector, Reported>> {
    let which = SocketSelector::parse(text.text)?;
    // The names that FileDescriptorName= accepts (systemd.socket(5)).
    let sound = match &which {
        SocketSelector::Rest => true,
        SocketSelector::Named(name) => {
            (1..=255).contains(&name.len()) && name.bytes().all(|c| c.is_ascii_graphic() && c != b':')
        }
    };
    Some(sound.then_some(which).ok_or_else(|| {
        text.at.error(
            format!("`{}` names no socket", text.text),
            "write `systemd:NAME` with the FileDescriptorName= of the socket unit, or `systemd` alone",
        )
    }))
}

/// An IP address with a port.
pub(crate) fn socket_address(text: Text<'_>) -> Result<SocketAddr, Reported> {
    text.text.parse().map_err(|_| {
        text.at.error(
            format!("`{}` is not an IP address with a port", text.text),
            "write both, as in `127.0.0.1:8443`, `0.0.0.0:8443` or `[::]:8443`; names are not looked up",
        )
    })
}
