//! `http = { .. }`: an HTTP server.

use super::headers::headers;
use super::placeholders::template;
use super::secrets::signing_secret;
use super::target_tls::target_tls;
use super::url::{Url, is_loopback, warn_of_plain_text};
use super::{TargetOf, table_of};
use crate::config::context::ValidationContext;
use crate::config::schema;
use crate::config::text::{Reader, Reported, Text};
use crate::forward::{HttpAddress, HttpSettings, Template};

const EXAMPLE: &str =
    "write it as in `http://127.0.0.1:3000/webhooks{suffix}` or `unix:/run/app.sock:/webhooks{suffix}`";

const REMEDY: &str =
    "send a header whose value is in a file, as in `headers = { authorization = { file = \"PATH\" } }`";

pub(super) fn http(
    consumer: &Reader<'_>,
    of: TargetOf<'_>,
    context: &mut ValidationContext,
) -> Result<HttpSettings, Reported> {
    let table = table_of(consumer, "http", &schema::HTTP)?;
    let url = table.required("url", format!("{}: `http` has no `url`", of.shown), EXAMPLE);
    let server = url.and_then(|url| server(url, of, context));
    let is_https =
        server.as_ref().map_or(true, |(address, _)| matches!(address, HttpAddress::Tcp { https: true, .. }));
    let secret = signing_secret(&table, of, context);
    let tls = target_tls(&table, "http", of, is_https, context);
    let headers = headers(&table, of, context);
    let (address, path) = server?;
    Ok(HttpSettings { address, path, secret: secret?, tls: tls?, headers: headers? })
}

fn server(
    url: Text<'_>,
    of: TargetOf<'_>,
    context: &ValidationContext,
) -> Result<(HttpAddress, Template), Reported> {
    if let Some(rest) = url.text.strip_prefix("unix:") {
        let (socket, path) = rest.split_once(":/").map_or((rest, ""), |(socket, path)| (socket, path));
        let socket = Text { text: socket, ..url };
        if socket.is_empty_or_has_nul() || socket.text.contains('{') {
            return Err(url.at.error(format!("{}: `url` does not name a socket", of.shown), EXAMPLE));
        }
        socket.without_tilde()?;
        let path = path_of(&format!("/{path}"), url, of)?;
        return Ok((HttpAddress::Unix(context.files.resolve(socket.text)), path));
    }
    let parts = Url::split(url, "url", of, &["http", "https"], REMEDY)?;
    let https = parts.scheme == "https";
    let Some((host, port)) = parts.host_and_port(if https { 443 } else { 80 }) else {
        return Err(url.at.error(format!("{}: the host or port of `url` is not valid", of.shown), EXAMPLE));
    };
    if !https && !is_loopback(&host) {
        warn_of_plain_text(url.at, of.shown, &host, "begin the URL with `https://`");
    }
    let slash = if parts.path.starts_with('/') { "" } else { "/" };
    let path = path_of(&format!("{slash}{}", parts.path), url, of)?;
    Ok((HttpAddress::Tcp { https, host, port }, path))
}

/// The path and query. Segments that a server resolves to another path are not allowed.
fn path_of(path: &str, url: Text<'_>, of: TargetOf<'_>) -> Result<Template, Reported> {
    let template = template(path, "url", url, of)?;
    let literal = template.filled("");
    let (before_query, _) = literal.split_once('?').unwrap_or((&literal, ""));
    let is_dots = |segment: &str| [".", ".."].contains(&&*segment.to_ascii_lowercase().replace("%2e", "."));
    let (fault, hint) = if before_query.split('/').any(is_dots) {
        ("contains a segment `.` or `..`", "write the path without it")
    } else if literal.contains('#') {
        ("contains a fragment", "remove the `#` and what follows it: a fragment is never sent")
    } else if !literal.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte)) {
        ("contains a character that is not allowed in a URL", "percent-encode it, as in `%20` for a space")
    } else {
        return Ok(template);
    };
    Err(url.at.error(format!("{}: the path of `url` {fault}", of.shown), hint))
}
