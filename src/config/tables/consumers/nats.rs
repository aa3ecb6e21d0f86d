//! `nats = { .. }`: a JetStream stream.

use std::num::NonZeroUsize;

use super::placeholders::template;
use super::secrets::credentials;
use super::target_tls::target_tls;
use super::url::{Url, is_loopback, warn_of_plain_text};
use super::{TargetOf, table_of};
use crate::config::context::ValidationContext;
use crate::config::schema;
use crate::config::text::{Reader, Reported, Text};
use crate::forward::{NatsSettings, Template};

const PORT: u16 = 4222;
/// The longest name of a stream, in bytes.
const STREAM_BYTES_MAX: usize = 255;

pub(super) fn nats(
    consumer: &Reader<'_>,
    of: TargetOf<'_>,
    context: &mut ValidationContext,
) -> Result<NatsSettings, Reported> {
    let table = table_of(consumer, "nats", &schema::NATS)?;
    let urls = urls(&table, of);
    let uses_tls = urls.as_ref().map_or(true, |urls| urls.iter().any(|url| url.starts_with("tls://")));
    let tls = target_tls(&table, "nats", of, uses_tls, context);
    let credentials = credentials(&table, of, context);
    let hint = "add the name of the stream, as in `stream = \"WEBHOOKS\"`";
    let stream = table.required("stream", format!("{}: `nats` has no `stream`", of.shown), hint);
    let stream = stream.and_then(|text| stream_name(text, of));
    let subject = subject(table.value("subject", Ok), of);
    let replicas = match table.inline("create_stream", &schema::CREATE_STREAM)? {
        // Zero has been reported.
        Some(table) => Some(NonZeroUsize::new(table.number("replicas")).ok_or(Reported)?),
        None => None,
    };
    Ok(NatsSettings {
        urls: urls?,
        stream: stream?,
        subject: subject?,
        credentials: credentials?,
        tls: tls?,
        create_replicas: replicas,
    })
}

fn urls(table: &Reader<'_>, of: TargetOf<'_>) -> Result<Vec<String>, Reported> {
    let texts = table.some_texts("urls")?.ok_or_else(|| {
        let hint = format!("add the servers, as in `urls = {}`", table.example("urls"));
        table.at.missing(format!("{}: `nats` has no `urls`", of.shown), hint)
    })?;
    texts.into_iter().map(|text| server(text, of)).collect()
}

fn server(text: Text<'_>, of: TargetOf<'_>) -> Result<String, Reported> {
    let url = Url::split(text, "urls", of, &["tls", "nats"], "name a credentials file with `credentials`")?;
    let Some((host, port)) = url.host_and_port(PORT).filter(|_| ["", "/"].contains(&url.path)) else {
        let message = format!("{}: one of the `urls` is not a host and a port", of.shown);
        return Err(text.at.error(message, "write it as in `tls://nats.example:4222`"));
    };
    if url.scheme == "nats" && !is_loopback(&host) {
        warn_of_plain_text(text.at, of.shown, &host, "begin the URL with `tls://`");
    }
    Ok(format!("{}://{host}:{port}", url.scheme))
}

fn stream_name(Text { text, at }: Text<'_>, of: TargetOf<'_>) -> Result<String, Reported> {
    let fits = |c: char| !c.is_whitespace() && !c.is_control() && !".*>/\\".contains(c);
    if text.is_empty() || text.len() > STREAM_BYTES_MAX || !text.chars().all(fits) {
        let hint = "stream names contain no spaces and none of `.`, `*`, `>`, `/` and `\\`, as in `WEBHOOKS`";
        return Err(at.error(format!("{}: `stream` is not the name of a stream", of.shown), hint));
    }
    Ok(text.to_owned())
}

/// A subject without wildcards: tokens that are separated by dots.
fn subject(text: Text<'_>, of: TargetOf<'_>) -> Result<Template, Reported> {
    let template = template(text.text, "subject", text, of)?;
    let fits = |c: char| !c.is_whitespace() && !c.is_control() && !"*>{}".contains(c);
    let is_token = |token: &str| !token.is_empty() && token.chars().all(fits);
    let literal = template.filled("x");
    if !literal.split('.').all(is_token) || literal.starts_with('$') {
        return Err(text.at.error(
            format!("{}: `subject` is not a subject that messages can be published to", of.shown),
            "write words that are separated by dots, without spaces, `*` and `>`, as in `webhooks.{endpoint}`",
        ));
    }
    Ok(template)
}
