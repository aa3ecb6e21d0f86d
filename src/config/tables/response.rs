//! `response` of an endpoint: the response to a stored delivery.

use http::{HeaderName, StatusCode};

use crate::config::schema;
use crate::config::text::{Reader, Reported, Text};
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

pub(crate) fn response(endpoint: &Reader<'_>) -> ResponseRule {
    let Ok(Some(table)) = endpoint.inline("response", &schema::RESPONSE) else {
        return ResponseRule::default();
    };
    let status = status(&table).unwrap_or(ResponseRule::default().status);
    let texts = table.texts("echo_headers");
    ResponseRule { status, echo_headers: texts.into_iter().filter_map(|text| header(text).ok()).collect() }
}

/// `None` for a wrong status, which is reported.
fn status(table: &Reader<'_>) -> Option<StatusCode> {
    let (number, at) = table.integer("status").ok()??;
    let status = STATUSES.iter().find(|status| number == Some(status.as_u16().into())).copied();
    if status.is_none() {
        let hint = "remove it for 200; refusals have other statuses, and a redirect would lose the delivery";
        at.error("`status` must be 200, 201, 202 or 204", hint);
    }
    status
}

fn header(Text { text, at }: Text<'_>) -> Result<String, Reported> {
    let name = HeaderName::from_bytes(text.as_bytes()).map_err(|_| {
        let hint = "write only the name, as in `x-webhook-interaction-id`";
        at.error(format!("`{text}` is not the name of a header"), hint)
    })?;
    if NOT_ECHOED.contains(&name.as_str()) {
        return Err(at.error(
            format!("`{name}` cannot be echoed: it belongs to one message or one connection"),
            "echo only headers that the sender defines, as in `x-webhook-interaction-id`",
        ));
    }
    Ok(name.as_str().to_owned())
}
