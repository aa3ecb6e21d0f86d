//! `query_secret` of an endpoint: the secret that the URL must contain.

use super::mount::private_file_hint;
use crate::config::context::ValidationContext;
use crate::config::files::FileFault;
use crate::config::schema;
use crate::config::text::findings::Findings;
use crate::config::text::reader::{Field, Reader, Text};
use crate::policy::QuerySecret;
use crate::systemd::credentials;

/// The size limit of a file with a secret, in bytes.
const FILE_BYTES_MAX: u64 = 4096;
/// The permission bits of other users.
const OTHERS: u32 = 0o007;

/// The secret; `None` if the endpoint has none or it is invalid, which is reported.
pub(crate) fn query_secret(
    endpoint: &Reader<'_>,
    shown: &str,
    context: &mut ValidationContext,
    findings: &mut Findings,
) -> Option<QuerySecret> {
    let (table, span) = endpoint.table("query_secret", findings).ok()?;
    let reader = Reader::new(table, span, &schema::QUERY_SECRET, findings);
    let mut field = |key: &str| match reader.text(key, findings) {
        Field::Is(text) => Some(text),
        Field::Bad => None,
        Field::Missing => {
            findings
                .missing(span, format!("the `query_secret` of {shown} has no `{key}`"))
                .hint("write it as in `query_secret = { name = \"hmac\", file = \"secrets/pix\" }`");
            None
        }
    };
    let (name, file) = (field("name"), field("file"));
    let name = name.filter(|name| is_parameter(*name, findings))?;
    read(name, file?, shown, context, findings)
}

fn is_parameter(name: Text<'_>, findings: &mut Findings) -> bool {
    let fits = |c: u8| c.is_ascii_alphanumeric() || b"-._~".contains(&c);
    let is_valid = !name.text.is_empty() && name.text.bytes().all(fits);
    if !is_valid {
        findings
            .error(name.span, "this is not the name of a parameter in a URL")
            .hint("use letters, digits and `-._~`, as in `hmac`");
    }
    is_valid
}

fn read(
    name: Text<'_>,
    file: Text<'_>,
    shown: &str,
    context: &mut ValidationContext,
    findings: &mut Findings,
) -> Option<QuerySecret> {
    let what = format!("the secret of {shown}");
    let path = context.files.path_of(file, &what, findings)?;
    let contents = context.files.contents(&path, FILE_BYTES_MAX).map_err(|fault| {
        // The text is not shown, because people write the secret instead of the path of its file.
        let message = if matches!(fault, FileFault::Missing) {
            format!("{what}: `file` names a file that does not exist")
        } else {
            format!("{what}: the file that `file` names {fault}")
        };
        findings
            .error(file.span, message)
            .hint("`file` is the path of a file that contains the secret, not the secret; correct the path, and make the file readable by the user that runs hookspool");
    });
    let contents = contents.ok()?;
    let path = contents.path.display();
    if contents.mode & OTHERS != 0 && !credentials::is_credential(&contents.path) {
        let mode = contents.mode & 0o7777;
        findings
            .warning(
                file.span,
                format!(
                    "{what}: `{path}` can be read or changed by every user of this machine (mode {mode:04o})"
                ),
            )
            .hint(private_file_hint(&contents.path));
    }
    let secret = QuerySecret::from_file(name.text, &contents.bytes);
    match secret {
        Ok(secret) => {
            if !secret.is_long() {
                findings
                    .warning(
                        file.span,
                        format!("{what}: the secret in `{path}` is so short that it can be guessed"),
                    )
                    .hint("create one with `openssl rand -hex 32`, and register the URL again");
            }
            if !secret.is_unreserved() {
                findings
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
            findings
                .error(file.span, format!("{what}: `{path}` cannot be used as a secret in a URL: {fault}"))
                .hint("write only the value to the file, for example from `openssl rand -hex 32`");
            None
        }
    }
}
