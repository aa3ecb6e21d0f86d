//! `headers` of `http`: additional headers of each request.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::TargetOf;
use super::secrets::line;
use crate::config::context::ValidationContext;
use crate::config::schema;
use crate::config::text::{Reader, Reported, Text};

/// Headers that `forward` sets, and those of one connection (RFC 9110, section 7.6.1).
const RESERVED: &[&str] = &[
    "connection",
    "content-length",
    "content-type",
    "expect",
    "hookspool-attempt",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
const RESERVED_PREFIXES: [&str; 2] = ["webhook-", "ce-"];
/// Parts of the names of headers whose values are secret.
const SECRET_PARTS: [&str; 6] = ["authorization", "cookie", "token", "secret", "api-key", "apikey"];

pub(super) fn headers(
    table: &Reader<'_>,
    of: TargetOf<'_>,
    context: &mut ValidationContext,
) -> Result<HeaderMap, Reported> {
    let mut headers = HeaderMap::new();
    let Some((table, names)) = table.any_keys("headers")? else { return Ok(headers) };
    let mut outcome = Ok(());
    for text in names {
        let header = name(text, of).and_then(|name| Ok((name, value(&table, text, of, context)?)));
        match header {
            Ok((name, _)) if headers.contains_key(&name) => {
                outcome =
                    Err(text.at.error(format!("the header `{name}` occurs twice"), "remove one of the two"));
            }
            Ok((name, value)) => drop(headers.insert(name, value)),
            Err(reported) => outcome = Err(reported),
        }
    }
    outcome.map(|()| headers)
}

fn name(Text { text, at }: Text<'_>, of: TargetOf<'_>) -> Result<HeaderName, Reported> {
    let name = HeaderName::from_bytes(text.as_bytes()).map_err(|_| {
        let hint = "write only the name, as in `headers = { x-source = \"hookspool\" }`";
        at.error(format!("{}: `{text}` is not the name of a header", of.shown), hint)
    })?;
    let is_reserved = RESERVED.contains(&name.as_str())
        || RESERVED_PREFIXES.iter().any(|prefix| name.as_str().starts_with(prefix));
    if is_reserved {
        return Err(at.error(
            format!(
                "{}: the header `{name}` cannot be set: `hookspool forward` or the connection determines it",
                of.shown
            ),
            "use another name",
        ));
    }
    Ok(name)
}

/// The value of a header: a string, or the contents of a file.
fn value(
    table: &Reader<'_>,
    name: Text<'_>,
    of: TargetOf<'_>,
    context: &mut ValidationContext,
) -> Result<HeaderValue, Reported> {
    let at = table.position(name.text);
    let (value, is_secret) = if table.has_table(name.text) {
        let inner = table.inline(name.text, &schema::HEADER)?.ok_or(Reported)?;
        let hint = "write it as in `authorization = { file = \"secrets/token\" }`";
        let file = inner.required(
            "file",
            format!("{}: the header `{}` has no `file`", of.shown, name.text),
            hint,
        )?;
        (HeaderValue::from_str(&line(file, "file", of, context)?), true)
    } else {
        let text = table.text(name.text)?.ok_or(Reported)?;
        let lower = name.text.to_ascii_lowercase();
        let is_secret = SECRET_PARTS.iter().any(|part| lower.contains(part));
        if is_secret {
            at.warning(
                format!(
                    "{}: the value of the header `{}` is probably a secret, and is written in this file",
                    of.shown, name.text
                ),
                format!("write it to a file, and `{} = {{ file = \"PATH\" }}` here", name.text),
            );
        }
        (HeaderValue::from_str(text.text), is_secret)
    };
    let mut value = value.map_err(|_| {
        let message =
            format!("{}: the value of the header `{}` contains a control character", of.shown, name.text);
        at.error(message, "write one line of visible characters")
    })?;
    value.set_sensitive(is_secret);
    Ok(value)
}
