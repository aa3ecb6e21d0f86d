//! `postgres = { .. }`: a table in PostgreSQL.

use std::error::Error as _;

use tokio_postgres::Config;
use tokio_postgres::config::Host;

use super::secrets::password;
use super::target_tls::target_tls;
use super::url::{is_loopback, warn_of_plain_text};
use super::{TargetOf, table_of};
use crate::config::context::ValidationContext;
use crate::config::schema;
use crate::config::text::{Reader, Reported, Text};
use crate::forward::PostgresSettings;

const EXAMPLE: &str = "write it as in `postgresql://app@db.example/app`, or `postgresql://app@%2Frun%2Fpostgresql/app` for a Unix socket";
/// The longest identifier, in bytes (NAMEDATALEN - 1).
const IDENTIFIER_BYTES_MAX: usize = 63;

pub(super) fn postgres(
    consumer: &Reader<'_>,
    of: TargetOf<'_>,
    context: &mut ValidationContext,
) -> Result<PostgresSettings, Reported> {
    let table = table_of(consumer, "postgres", &schema::POSTGRES)?;
    let url = table.required("url", format!("{}: `postgres` has no `url`", of.shown), EXAMPLE);
    let server = url.and_then(|url| server(url, of));
    let uses_tls = server.as_ref().map_or(true, |(_, uses_tls)| *uses_tls);
    let tls = target_tls(&table, "postgres", of, uses_tls, context);
    let password = password(&table, of, context);
    let named = table_name(table.value("table", Ok).text).ok_or_else(|| {
        let hint = "write `NAME` or `SCHEMA.NAME`, each of letters, digits and `_`, without quotes";
        table.position("table").error(format!("{}: `table` is not the name of a table", of.shown), hint)
    });
    let notify = match table.text("notify")? {
        Some(Text { text, at }) if !is_identifier(text) => {
            let hint = "write letters, digits and `_`, without quotes, as in `LISTEN webhooks`";
            Err(at.error(format!("{}: `notify` is not the name of a channel", of.shown), hint))
        }
        channel => Ok(channel.map(|text| text.text.to_owned())),
    };
    let (url, _) = server?;
    let tls = uses_tls.then_some(tls?);
    Ok(PostgresSettings { url, table: named?, password: password?, notify: notify?, tls })
}

/// The parts of `NAME` or `SCHEMA.NAME`.
pub fn table_name(text: &str) -> Option<Vec<String>> {
    let parts: Vec<_> = text.split('.').map(str::to_owned).collect();
    (parts.len() <= 2 && parts.iter().all(|part| is_identifier(part))).then_some(parts)
}

fn is_identifier(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts
        && text.len() <= IDENTIFIER_BYTES_MAX
        && text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
}

/// The URL without `sslmode`, and whether TLS is used.
fn server(url: Text<'_>, of: TargetOf<'_>) -> Result<(String, bool), Reported> {
    let (at, shown) = (url.at, of.shown);
    let error = |fault: String, hint: &str| at.error(format!("{shown}: {fault}"), hint);
    if !["postgresql://", "postgres://"].iter().any(|scheme| url.text.starts_with(scheme)) {
        return Err(error("`url` is not a URL of PostgreSQL".to_owned(), EXAMPLE));
    }
    if url.text.contains('{') {
        return Err(error("`url` contains a placeholder".to_owned(), "all entries are sent to one database"));
    }
    let (bare, mode) = without_sslmode(url.text);
    let config = bare.parse::<Config>().map_err(|fault| {
        // The cause names an option, never its value.
        let why = fault.source().map_or_else(String::new, |why| format!(": {why}"));
        error(format!("`url` cannot be used{why}"), EXAMPLE)
    })?;
    if config.get_password().is_some() {
        let hint = "write it to a file, name the file in `password`, and remove it from the URL";
        return Err(error("`url` contains a password".to_owned(), hint));
    }
    let remote = config.get_hosts().iter().find_map(|host| match host {
        Host::Tcp(name) if !is_loopback(name) => Some(name.clone()),
        Host::Tcp(_) | Host::Unix(_) => None,
    });
    let remote = remote.or_else(|| {
        let address = config.get_hostaddrs().iter().find(|address| !address.is_loopback());
        address.map(ToString::to_string)
    });
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(error("`url` names no host".to_owned(), EXAMPLE));
    }
    let uses_tls = match mode {
        None => remote.is_some(),
        Some("disable") => false,
        Some("allow" | "prefer" | "require" | "verify-ca" | "verify-full") => true,
        Some(_) => {
            let hint = "remove it for verified TLS, or write `sslmode=disable` for none";
            return Err(error("the `sslmode` of `url` is unknown".to_owned(), hint));
        }
    };
    if let Some(host) = remote.filter(|_| !uses_tls) {
        warn_of_plain_text(at, shown, &host, "remove `sslmode=disable` from the URL");
    }
    Ok((bare, uses_tls))
}

/// Removes `sslmode`, of which the client knows fewer values than libpq, and returns it.
fn without_sslmode(url: &str) -> (String, Option<&str>) {
    let Some((before, query)) = url.split_once('?') else { return (url.to_owned(), None) };
    let mut mode = None;
    let mut rest: Vec<_> = query.split('&').collect();
    rest.retain(|part| {
        let value = part.strip_prefix("sslmode=");
        mode = value.or(mode);
        value.is_none()
    });
    let mark = if rest.is_empty() { "" } else { "?" };
    (format!("{before}{mark}{}", rest.join("&")), mode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sslmode_is_removed_from_the_url() {
        for (url, bare, mode) in [
            ("postgresql://h/d", "postgresql://h/d", None),
            ("postgresql://h/d?sslmode=disable", "postgresql://h/d", Some("disable")),
            ("postgresql://h/d?a=1&sslmode=require&b=2", "postgresql://h/d?a=1&b=2", Some("require")),
        ] {
            assert_eq!(without_sslmode(url), (bare.to_owned(), mode));
        }
    }

    #[test]
    fn identifiers_need_no_quotes() {
        for good in ["webhooks", "_a1", "Webhooks", &"a".repeat(63)] {
            assert!(is_identifier(good), "{good}");
        }
        for bad in ["", "1a", "a b", "a\"b", "a;b", "é", &"a".repeat(64)] {
            assert!(!is_identifier(bad), "{bad}");
        }
    }
}
