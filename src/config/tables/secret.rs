//! `query_secret` of an endpoint: the secret that the URL must contain.

use super::secret_file::{open_to_others, secret_file};
use crate::config::context::ValidationContext;
use crate::config::schema;
use crate::config::text::{Reader, Reported, Text};
use crate::policy::QuerySecret;

/// The secret, if the endpoint has one.
pub(crate) fn query_secret(
    endpoint: &Reader<'_>,
    shown: &str,
    context: &mut ValidationContext,
) -> Result<Option<QuerySecret>, Reported> {
    let Some(table) = endpoint.inline("query_secret", &schema::QUERY_SECRET)? else { return Ok(None) };
    let field = |key: &str| {
        let hint = "write it as in `query_secret = { name = \"hmac\", file = \"secrets/pix\" }`";
        table.required(key, format!("the `query_secret` of {shown} has no `{key}`"), hint)
    };
    let (name, file) = (field("name"), field("file"));
    let name = parameter(name?)?;
    read(name, file?, &format!("the secret of {shown}"), context).map(Some)
}

fn parameter(name: Text<'_>) -> Result<&str, Reported> {
    let fits = |c: u8| c.is_ascii_alphanumeric() || b"-._~".contains(&c);
    if name.text.is_empty() || !name.text.bytes().all(fits) {
        let hint = "use letters, digits and `-._~`, as in `hmac`";
        return Err(name.at.error("this is not the name of a parameter in a URL", hint));
    }
    Ok(name.text)
}

fn read(
    name: &str,
    file: Text<'_>,
    what: &str,
    context: &mut ValidationContext,
) -> Result<QuerySecret, Reported> {
    let at = file.at;
    let contents = secret_file(file, "file", what, context)?;
    let path = contents.path.display();
    if let Some((message, hint)) = open_to_others(&contents, context) {
        at.warning(format!("{what}: {message}"), hint);
    }
    let secret = QuerySecret::from_file(name, &contents.bytes).map_err(|fault| {
        at.error(
            format!("{what}: `{path}` cannot be used as a secret in a URL: {fault}"),
            "write only the value to the file, for example from `openssl rand -hex 32`",
        )
    })?;
    if !secret.is_long() {
        at.warning(
            format!("{what}: the secret in `{path}` is so short that it can be guessed"),
            "create one with `openssl rand -hex 32`, and register the URL again",
        );
    }
    if !secret.is_unreserved() {
        at.warning(
            format!("{what}: `{path}` contains a character that a sender may percent-encode in a URL, as `%2B` for `+`; it would then get 404"),
            "use letters and digits, for example from `openssl rand -hex 32`",
        );
    }
    Ok(secret)
}
