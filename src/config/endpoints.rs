//! `[[endpoint]]`: where senders deliver to.

use std::collections::BTreeSet;

use http::HeaderName;

use super::defaults;
use super::findings::Findings;
use super::keys::{At, Keys};
use super::raw::{Section, Span};
use super::senders::{Named, ReadSender, named};
use crate::policy::{Endpoint, Name, PathConflict, ResponseRule, SenderIndex};
use crate::quantity::ByteSize;

/// The longest path or suffix, in bytes.
const PATH_BYTES_MAX: usize = 1024;
/// A larger body than this is not a webhook; every one of them is held in memory.
const MAX_BODY_BYTES_MAX: u64 = 64 << 20;
/// Headers that are HTTP's own business, or a danger when sent back (RFC 9110, 7.6.1).
const NEVER_ECHOED: &[&str] = &[
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "host",
    "keep-alive",
    "proxy-connection",
    "retry-after",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// An endpoint, and where it stands.
pub(super) struct ReadEndpoint {
    pub(super) name: Option<Name>,
    pub(super) name_span: Span,
    pub(super) path_span: Span,
    pub(super) endpoint: Option<Endpoint>,
}

/// All `[[endpoint]]` tables, in their order.
pub(super) fn endpoints(
    sections: &[&Section],
    senders: &[ReadSender],
    findings: &Findings,
) -> Vec<ReadEndpoint> {
    let mut read: Vec<ReadEndpoint> = Vec::new();
    for section in sections {
        let endpoint = endpoint(section, senders, findings);
        let twin = read.iter().find(|other| other.name.is_some() && other.name == endpoint.name);
        if let (Some(twin), Some(name)) = (twin, &endpoint.name) {
            let line = findings.line(&twin.name_span);
            findings.error(
                &endpoint.name_span,
                format!("`{name}` is already the name of another endpoint (line {line})"),
                "give each endpoint its own name: it is also its folder in the spool",
            );
        }
        read.push(endpoint);
    }
    read
}

/// Puts conflicts of paths into words, at the path of the later endpoint.
pub(super) fn report_conflicts(conflicts: &[PathConflict], read: &[ReadEndpoint], findings: &Findings) {
    let mut seen = BTreeSet::new();
    for PathConflict { path, endpoints: (first, second) } in conflicts {
        let (Some(one), Some(other)) = (read.get(*first), read.get(*second)) else { continue };
        if !seen.insert((*first, *second)) {
            continue;
        }
        let owner = one.name.as_ref().map_or("?", Name::as_str);
        let (message, hint) = if first == second {
            (format!("`{path}` is accepted twice by this endpoint"), "see to its path and suffixes")
        } else {
            (
                format!(
                    "`{path}` is already a path of endpoint `{owner}` (line {})",
                    findings.line(&one.path_span)
                ),
                "give each endpoint its own path, or list both senders under one endpoint; suffixes count too",
            )
        };
        findings.error(&other.path_span, message, hint);
    }
}

fn endpoint(section: &Section, senders: &[ReadSender], findings: &Findings) -> ReadEndpoint {
    let mut keys = Keys::new("[[endpoint]]", section, findings);
    let Named { name, span: name_span, .. } = named(&mut keys, "endpoint", findings);
    keys.not_yet(
        "query_secret",
        "secrets in the URL are not looked at yet, and an ignored one would protect nothing",
    );
    keys.not_yet("from", "the network is not looked at yet, and an ignored list would protect nothing");
    let path = path(&mut keys, findings);
    let path_span = keys.entry("path").map_or_else(|| name_span.clone(), |entry| entry.item.span.clone());
    let suffixes = suffixes(&mut keys, findings);
    let listed = listed_senders(&mut keys, &name_span, senders, findings);
    let max_body = max_body(&mut keys, findings);
    let response = response(&mut keys, findings);
    keys.close();
    let endpoint = match (&name, path) {
        (Some(name), Some(path)) => {
            Some(Endpoint { name: name.clone(), path, suffixes, senders: listed, max_body, response })
        }
        (_, _) => None,
    };
    ReadEndpoint { name, name_span, path_span, endpoint }
}

fn path(keys: &mut Keys<'_>, findings: &Findings) -> Option<String> {
    match keys.text("path") {
        Some(path) => is_path(&path, "path", findings).then(|| path.value.to_owned()),
        None if keys.entry("path").is_none() => {
            findings.error(keys.span(), "this endpoint has no path", "give it one: path = \"/webhooks/pix\"");
            None
        }
        None => None,
    }
}

fn suffixes(keys: &mut Keys<'_>, findings: &Findings) -> Vec<String> {
    let texts = keys.texts("suffixes").unwrap_or_default();
    let (mut suffixes, mut seen) = (Vec::new(), BTreeSet::new());
    for text in &texts {
        if !seen.insert(text.value) {
            findings.error(&text.span, format!("`{}` is listed twice", text.value), "remove one of the two");
        } else if text.value.ends_with('/') {
            findings.error(
                &text.span,
                format!("the suffix `{}` ends with a slash", text.value),
                "write it without, as in \"/pix\"",
            );
        } else if is_path(text, "suffix", findings) {
            suffixes.push(text.value.to_owned());
        }
    }
    suffixes
}

/// Whether a request could ever have this path: paths are compared byte for byte, undecoded.
fn is_path(text: &At<&str>, what: &str, findings: &Findings) -> bool {
    let path = text.value;
    let fault = if !path.starts_with('/') {
        Some(("does not begin with a slash", "write it from the root, as in \"/webhooks/pix\""))
    } else if path.contains(['?', '#']) {
        Some(("holds a `?` or `#`", "leave the query out: every query is accepted"))
    } else if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        Some(("holds a blank, or what is not ASCII", "write it as it stands in a request, percent-encoded"))
    } else if path.contains("//") {
        Some(("holds `//`", "write one slash; a doubled one before a suffix is accepted anyway"))
    } else if path.len() > PATH_BYTES_MAX {
        Some(("is longer than 1024 bytes", "use a shorter one"))
    } else {
        None
    };
    if let Some((fault, hint)) = fault {
        findings.error(&text.span, format!("the {what} `{path}` {fault}"), hint);
    }
    fault.is_none()
}

fn listed_senders(
    keys: &mut Keys<'_>,
    span: &Span,
    senders: &[ReadSender],
    findings: &Findings,
) -> Vec<SenderIndex> {
    let Some(texts) = keys.texts("senders") else {
        if keys.entry("senders").is_none() {
            findings.error(
                span,
                "this endpoint has no senders: nobody could deliver",
                "list them: senders = [\"efi\"]",
            );
        }
        return Vec::new();
    };
    if let (true, Some(entry)) = (texts.is_empty(), keys.entry("senders")) {
        findings.error(
            &entry.item.span,
            "`senders` is empty: nobody could deliver",
            "list them: senders = [\"efi\"]",
        );
    }
    let mut listed = Vec::new();
    for text in &texts {
        let place = senders.iter().position(|s| s.written.as_deref() == Some(text.value));
        match place {
            Some(index) if listed.contains(&index) => {
                findings.error(
                    &text.span,
                    format!("`{}` is listed twice", text.value),
                    "remove one of the two",
                );
            }
            Some(index) => listed.push(index),
            None => findings.error(
                &text.span,
                format!("there is no sender `{}`", text.value),
                known(text.value, senders),
            ),
        }
    }
    listed
}

fn known(wanted: &str, senders: &[ReadSender]) -> String {
    let names: Vec<_> = senders.iter().filter_map(|sender| sender.name.as_ref()).map(Name::as_str).collect();
    match names.iter().find(|name| strsim::damerau_levenshtein(name, wanted) <= 2) {
        Some(alike) => format!("did you mean `{alike}`?"),
        None if names.is_empty() => "describe it in a [[sender]] table".to_owned(),
        None => format!("the senders are {}", names.join(", ")),
    }
}

fn max_body(keys: &mut Keys<'_>, findings: &Findings) -> u64 {
    let Some(At { value: ByteSize(bytes), span }) = keys.parsed("max_body", "as in \"1 MiB\"") else {
        return defaults::MAX_BODY_BYTES;
    };
    if bytes == 0 || bytes > MAX_BODY_BYTES_MAX {
        findings.error(
            &span,
            format!("`max_body` cannot be {}", ByteSize(bytes)),
            format!("write a size from \"1 B\" to \"{}\"", ByteSize(MAX_BODY_BYTES_MAX)),
        );
        return defaults::MAX_BODY_BYTES;
    }
    bytes
}

fn response(keys: &mut Keys<'_>, findings: &Findings) -> ResponseRule {
    let mut rule = ResponseRule::default();
    let Some(section) = keys.section("response") else { return rule };
    let mut keys = Keys::new("response", section, findings);
    if let Some(status) = keys.number("status", 100, 599).and_then(|status| u16::try_from(status).ok()) {
        match (status, keys.entry("status")) {
            (200 | 201 | 202 | 204, _) => rule.status = status,
            (_, Some(entry)) => findings.error(
                &entry.item.span,
                format!("`status` cannot be {status}"),
                "write 200, 201, 202 or 204: banks take anything else for a failure",
            ),
            (_, None) => {}
        }
    }
    for text in keys.texts("echo_headers").unwrap_or_default() {
        let name = text.value.to_ascii_lowercase();
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            findings.error(
                &text.span,
                format!("`{}` is not the name of a header", text.value),
                "as in \"x-webhook-interaction-id\"",
            );
        } else if NEVER_ECHOED.contains(&name.as_str()) {
            findings.error(
                &text.span,
                format!("`{}` cannot be sent back", text.value),
                "it belongs to HTTP itself; name one of the sender's own headers",
            );
        } else {
            rule.echo_headers.push(name);
        }
    }
    keys.close();
    rule
}
