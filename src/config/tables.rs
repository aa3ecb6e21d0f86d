//! The plain tables: [server], [spool], [admin] and [log].

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use super::defaults;
use super::files::Files;
use super::findings::Findings;
use super::keys::{At, Keys};
use super::raw::Section;
use crate::quantity::{ByteSize, Span as TimeSpan};
use crate::{admin, logging, server, spool};

/// The longest path a unix socket can have, in bytes (unix(7)).
const SOCKET_PATH_BYTES_MAX: usize = 107;
/// No wait may be longer than this.
const WAIT_MAX: Duration = Duration::from_secs(86_400);

/// `[server]`
pub(super) fn server(section: &Section, findings: &Findings) -> server::Settings {
    let mut keys = Keys::new("[server]", section, findings);
    keys.not_yet("trusted_proxies", "the PROXY protocol is not read yet");
    let connections = keys.number("max_connections", 1, 1_000_000);
    let settings = server::Settings {
        listen: listen(&mut keys, findings),
        max_connections: connections
            .and_then(|number| usize::try_from(number).ok())
            .unwrap_or(defaults::MAX_CONNECTIONS),
        handshake_timeout: wait(&mut keys, "handshake_timeout", defaults::HANDSHAKE_TIMEOUT, findings),
        header_timeout: wait(&mut keys, "header_timeout", defaults::HEADER_TIMEOUT, findings),
        body_timeout: wait(&mut keys, "body_timeout", defaults::BODY_TIMEOUT, findings),
        idle_timeout: wait(&mut keys, "idle_timeout", defaults::IDLE_TIMEOUT, findings),
        drain_timeout: wait(&mut keys, "drain_timeout", defaults::DRAIN_TIMEOUT, findings),
    };
    keys.close();
    settings
}

/// `[spool]`
pub(super) fn spool(section: &Section, files: &Files, findings: &Findings) -> spool::Settings {
    let mut keys = Keys::new("[spool]", section, findings);
    for key in ["keep_done", "keep_failed"] {
        keys.not_yet(key, "nothing is purged yet, so nothing is lost either");
    }
    let directory = keys.text("directory");
    if let Some(empty) = directory.as_ref().filter(|directory| directory.value.is_empty()) {
        findings.error(&empty.span, "`directory` is empty", "name a folder, as in \"spool\"");
    }
    let group = keys.text("group").filter(|group| !group.value.is_empty());
    let settings = spool::Settings {
        directory: files.resolve(directory.map_or(defaults::SPOOL_DIRECTORY, |directory| directory.value)),
        group: group.and_then(|group| group_id(&group, findings)),
        min_free: keys
            .parsed("min_free", "as in \"256 MiB\"")
            .map_or(ByteSize(defaults::MIN_FREE_BYTES), |size| size.value),
    };
    keys.close();
    settings
}

/// `[admin]`
pub(super) fn admin(section: &Section, files: &Files, findings: &Findings) -> admin::Settings {
    let mut keys = Keys::new("[admin]", section, findings);
    let listen = match keys.texts("listen") {
        Some(texts) => texts.iter().filter_map(|text| admin_address(text, files, findings)).collect(),
        None => defaults::ADMIN_LISTEN
            .iter()
            .filter_map(|text| admin_address(&At { value: text, span: 0..0 }, files, findings))
            .collect(),
    };
    keys.close();
    admin::Settings { listen }
}

/// `[log]`
pub(super) fn log(section: &Section, findings: &Findings) -> logging::Settings {
    use logging::{Format, Level};

    let mut keys = Keys::new("[log]", section, findings);
    let formats = [("auto", Format::Auto), ("json", Format::Json), ("text", Format::Text)];
    let format = match keys.text("format") {
        Some(text) if text.value == "journald" => {
            findings.error(
                &text.span,
                "`journald` is not in this version",
                "write \"auto\": under systemd the journal keeps the JSON lines",
            );
            None
        }
        Some(_) => keys.word("format", &formats),
        None => None,
    };
    let levels = [
        ("error", Level::Error),
        ("warn", Level::Warn),
        ("info", Level::Info),
        ("debug", Level::Debug),
        ("trace", Level::Trace),
    ];
    let level = keys.word("level", &levels).unwrap_or_default();
    keys.close();
    logging::Settings { format: format.unwrap_or_default(), level }
}

fn listen(keys: &mut Keys<'_>, findings: &Findings) -> Vec<SocketAddr> {
    let Some(texts) = keys.texts("listen") else {
        return defaults::LISTEN.parse().into_iter().collect();
    };
    if let (true, Some(entry)) = (texts.is_empty(), keys.entry("listen")) {
        findings.error(&entry.item.span, "`listen` is empty", "name an address, as in \"0.0.0.0:8443\"");
    }
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for text in &texts {
        if text.value == "systemd" || text.value.starts_with("systemd:") {
            findings.error(
                &text.span,
                format!("`{}` is not in this version", text.value),
                "write an address: sockets are not inherited yet",
            );
            continue;
        }
        match text.value.parse::<SocketAddr>() {
            Ok(address) if address.port() != 0 && addresses.contains(&address) => {
                findings.error(&text.span, format!("`{address}` is listed twice"), "remove one of the two")
            }
            Ok(address) => addresses.push(address),
            Err(_) => findings.error(
                &text.span,
                format!("`{}` is not an address", text.value),
                "write IP and port, as in \"0.0.0.0:8443\" or \"[::]:8443\"",
            ),
        }
    }
    addresses
}

fn wait(keys: &mut Keys<'_>, key: &'static str, default: Duration, findings: &Findings) -> Duration {
    let Some(At { value: TimeSpan(wait), span }) = keys.parsed::<TimeSpan>(key, "as in \"30s\" or \"5m\"")
    else {
        return default;
    };
    if wait.is_zero() || wait > WAIT_MAX {
        findings.error(
            &span,
            format!("`{key}` cannot be {}", TimeSpan(wait)),
            "write a time from \"1ms\" to \"1d\"",
        );
        return default;
    }
    wait
}

fn admin_address(text: &At<&str>, files: &Files, findings: &Findings) -> Option<admin::Address> {
    if let Some(path) = text.value.strip_prefix("unix:") {
        let path = files.resolve(path);
        if path.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
            findings.error(
                &text.span,
                format!("the socket's path is longer than {SOCKET_PATH_BYTES_MAX} bytes"),
                "use a shorter one, as in \"unix:/run/hookspool/admin.sock\"",
            );
            return None;
        }
        return Some(admin::Address::Unix(path));
    }
    match text.value.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => Some(admin::Address::Tcp(address)),
        Ok(address) => {
            findings.error(
                &text.span,
                format!("the admin door cannot listen on `{address}`"),
                "it speaks plain HTTP: use a loopback address or \"unix:PATH\"",
            );
            None
        }
        Err(_) => {
            findings.error(
                &text.span,
                format!("`{}` is not an address", text.value),
                "write a loopback address with its port, as in \"127.0.0.1:9464\", or \"unix:PATH\"",
            );
            None
        }
    }
}

/// A group's number: written as such, or looked up by its name (group(5)).
fn group_id(group: &At<&str>, findings: &Findings) -> Option<u32> {
    if let Ok(number) = group.value.parse() {
        return Some(number);
    }
    let table = fs::read_to_string("/etc/group").unwrap_or_default();
    let found = table.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(group.value)).then(|| fields.nth(1)?.parse().ok()).flatten()
    });
    if found.is_none() {
        findings.error(
            &group.span,
            format!("there is no group `{}`", group.value),
            format!("groupadd --system {}, or write the number of another one", group.value),
        );
    }
    found
}
