//! `response` of an endpoint: what success looks like to the sender.

use http::HeaderName;

use super::findings::Findings;
use super::reader::{Reader, Text};
use super::schema;
use crate::policy::ResponseRule;

/// Those that mean "it is safe with us" and nothing else.
const STATUSES: &[u16] = &[200, 201, 202, 204];

/// Headers that frame the answer, belong to one connection, or carry state that we do not keep
/// (RFC 9110, 7.6.1 and 8).
const NOT_ECHOED: &[&str] = &[
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "host",
    "keep-alive",
    "location",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "retry-after",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

pub(super) fn response(endpoint: &Reader<'_>, findings: &mut Findings) -> ResponseRule {
    let Some((table, span)) = endpoint.table("response", findings).ok() else {
        return ResponseRule::default();
    };
    let reader = Reader::new(table, span, &schema::RESPONSE, findings);
    let status = reader
        .integer("status", findings)
        .and_then(|(number, span)| {
            let status = number.and_then(|n| u16::try_from(n).ok()).filter(|n| STATUSES.contains(n));
            if status.is_none() {
                findings.error(span, "the status of success is 200, 201, 202 or 204").hint(
                    "leave it out for 200; refusals have their own, and a redirect would lose the delivery",
                );
            }
            status
        })
        .or(ResponseRule::default().status);
    let (texts, _) = reader.texts("echo_headers", findings).or((Vec::new(), span));
    ResponseRule {
        status,
        echo_headers: texts.into_iter().filter_map(|text| header(text, findings)).collect(),
    }
}

fn header(text: Text<'_>, findings: &mut Findings) -> Option<String> {
    let Ok(name) = HeaderName::from_bytes(text.text.as_bytes()) else {
        findings
            .error(text.span, format!("`{}` is not the name of a header", text.text))
            .hint("write the name alone, as in `x-webhook-interaction-id`");
        return None;
    };
    if NOT_ECHOED.contains(&name.as_str()) {
        findings
            .error(
                text.span,
                format!("`{}` is not sent back: it belongs to one message or one connection", name.as_str()),
            )
            .hint("echo headers of the sender's own, as in `x-webhook-interaction-id`");
        return None;
    }
    Some(name.as_str().to_owned())
}
