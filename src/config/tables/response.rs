//! `response` of an endpoint: the response to a stored delivery.

use http::{HeaderName, StatusCode};

use crate::config::schema;
use crate::config::text::findings::Findings;
use crate::config::text::reader::{Reader, Text};
use crate::policy::ResponseRule;

/// The statuses that mean that the delivery has been accepted.
const STATUSES: &[StatusCode] =
    &[StatusCode::OK, StatusCode::CREATED, StatusCode::ACCEPTED, StatusCode::NO_CONTENT];

/// Headers that describe one message, belong to one connection, or carry state (RFC 9110, sections 7.6.1 and 8).
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

pub(crate) fn response(endpoint: &Reader<'_>, findings: &mut Findings) -> ResponseRule {
    let Some((table, span)) = endpoint.table("response", findings).ok() else {
        return ResponseRule::default();
    };
    let reader = Reader::new(table, span, &schema::RESPONSE, findings);
    let status = reader
        .integer("status", findings)
        .and_then(|(number, span)| {
            let status =
                number.and_then(|n| STATUSES.iter().find(|status| i64::from(status.as_u16()) == n).copied());
            if status.is_none() {
                findings.error(span, "`status` must be 200, 201, 202 or 204").hint(
                    "remove it for 200; refusals have other statuses, and a redirect would lose the delivery",
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
            .hint("write only the name, as in `x-webhook-interaction-id`");
        return None;
    };
    if NOT_ECHOED.contains(&name.as_str()) {
        findings
            .error(
                text.span,
                format!("`{}` cannot be echoed: it belongs to one message or one connection", name.as_str()),
            )
            .hint("echo only headers that the sender defines, as in `x-webhook-interaction-id`");
        return None;
    }
    Some(name.as_str().to_owned())
}
