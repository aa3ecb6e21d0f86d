//! `query_secret` of an endpoint: what the URL has to carry.

use super::context::ValidationContext;
use super::files::FileFault;
use super::keys;
use super::mount::keep_private;
use super::reader::{Field, Reader, Text};
use crate::policy::QuerySecret;
use crate::systemd::credentials;

/// The longest file that can hold a secret, in bytes.
const FILE_BYTES_MAX: u64 = 4096;
/// Permissions of others.
const OTHERS: u32 = 0o007;

/// The secret, if the endpoint has one. What is wrong with it has been said, and keeps the settings
/// from being used.
pub(super) fn query_secret(
    endpoint: &Reader<'_>,
    shown: &str,
    context: &mut ValidationContext,
) -> Option<QuerySecret> {
    let (table, span) = endpoint.table("query_secret", &mut context.findings).ok()?;
    let reader = Reader::new(table, span, &keys::QUERY_SECRET, &mut context.findings);
    let mut field = |key: &str| match reader.text(key, &mut context.findings) {
        Field::Is(text) => Some(text),
        Field::Bad => None,
        Field::Missing => {
            context
                .findings
                .missing(span, format!("the `query_secret` of {shown} has no `{key}`"))
                .hint("write it as in `query_secret = { name = \"hmac\", file = \"secrets/pix\" }`");
            None
        }
    };
    let (name, file) = (field("name"), field("file"));
    let name = name.filter(|name| is_parameter(*name, context))?;
    read(name, file?, shown, context)
}

fn is_parameter(name: Text<'_>, context: &mut ValidationContext) -> bool {
    let fits = |c: u8| c.is_ascii_alphanumeric() || b"-._~".contains(&c);
    let sound = !name.text.is_empty() && name.text.bytes().all(fits);
    if !sound {
        context
            .findings
            .error(name.span, "this is not the name of a parameter in a URL")
            .hint("use letters, digits and `-._~`, as in `hmac`");
    }
    sound
}

fn read(name: Text<'_>, file: Text<'_>, shown: &str, context: &mut ValidationContext) -> Option<QuerySecret> {
    let what = format!("the secret of {shown}");
    let path = context.files.path_of(file, &what, &mut context.findings)?;
    let contents = context.files.contents(&path, FILE_BYTES_MAX).map_err(|fault| {
        // The text is not shown: many write the secret where its file belongs.
        let message = if matches!(fault, FileFault::Missing) {
            format!("{what}: `file` names a file that does not exist")
        } else {
            format!("{what}: the file that `file` names {fault}")
        };
        context
            .findings
            .error(file.span, message)
            .hint("`file` takes the path of a file with the secret in it, not the secret; correct the path, and let the user that runs hookspool read the file");
    });
    let contents = contents.ok()?;
    let path = contents.path.display();
    if contents.mode & OTHERS != 0 && !credentials::is_credential(&contents.path) {
        let mode = contents.mode & 0o7777;
        context
            .findings
            .warning(
                file.span,
                format!(
                    "{what}: `{path}` can be read or changed by every user of this machine (mode {mode:04o})"
                ),
            )
            .hint(keep_private(&contents.path));
    }
    let secret = QuerySecret::from_file(name.text, &contents.bytes);
    match secret {
        Ok(secret) => {
            if !secret.is_long() {
                context
                    .findings
                    .warning(
                        file.span,
                        format!("{what}: `{path}` holds so short a text that it can be guessed"),
                    )
                    .hint("make one with `openssl rand -hex 32`, and register the URL with it again");
            }
            if !secret.is_written_in_one_way() {
                context
                    .findings
                    .warning(
                        file.span,
                        format!(
                            "{what}: `{path}` contains a character that a sender may percent-encode in a URL, as `%2B` for `+`; it would then get 404"
                        ),
                    )
                    .hint("use letters and digits, for example from `openssl rand -hex 32`");
            }
            Some(secret)
        }
        Err(fault) => {
            context
                .findings
                .error(file.span, format!("{what}: `{path}` cannot be used as a secret in a URL: {fault}"))
                .hint("write the value alone into it, as `openssl rand -hex 32` makes it");
            None
        }
    }
}
