//! The secrets of a target: a signing secret, a password, credentials, the value of a header.

use base64ct::{Base64, Base64Unpadded, Encoding as _};
use zeroize::Zeroizing;

use super::TargetOf;
use crate::config::context::ValidationContext;
use crate::config::tables::secret_file::{open_to_others, secret_file};
use crate::config::text::{Reader, Reported, Text};
use crate::forward::SecretBytes;

/// The prefix of a secret of Standard Webhooks.
const PREFIX: &str = "whsec_";
/// The bytes of a signing secret that Standard Webhooks recommends.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// The hint about a secret that too many users can read.
const OWN_FILE: &str = "make it readable only by the user of `hookspool forward`: `chown root:hookspool-forward` and `chmod 0640`";

/// The signing secret of `http`, decoded.
pub(super) fn signing_secret(
    table: &Reader<'_>,
    of: TargetOf<'_>,
    context: &mut ValidationContext,
) -> Result<Option<SecretBytes>, Reported> {
    let Some(file) = table.text("secret")? else { return Ok(None) };
    let text = line(file, "secret", of, context)?;
    let encoded = text.strip_prefix(PREFIX).unwrap_or(&text);
    let decoded = Base64::decode_vec(encoded).or_else(|_| Base64Unpadded::decode_vec(encoded));
    let key = decoded.map(Zeroizing::new).ok().filter(|key| KEY_BYTES.contains(&key.len()));
    key.map(|key| Some(SecretBytes(key))).ok_or_else(|| {
        file.at.error(
            format!(
                "{}: the file that `secret` names does not contain a secret of Standard Webhooks",
                of.shown
            ),
            "write `whsec_` and 24 to 64 bytes in base64 to it: `echo whsec_$(openssl rand -base64 32)`",
        )
    })
}

/// The password of `postgres`.
#[cfg(feature = "postgres")]
pub(super) fn password(
    table: &Reader<'_>,
    of: TargetOf<'_>,
    context: &mut ValidationContext,
) -> Result<Option<SecretBytes>, Reported> {
    let Some(file) = table.text("password")? else { return Ok(None) };
    let text = line(file, "password", of, context)?;
    Ok(Some(SecretBytes(Zeroizing::new(text.as_bytes().to_vec()))))
}

/// The contents of the credentials file of `nats`.
#[cfg(feature = "nats")]
pub(super) fn credentials(
    table: &Reader<'_>,
    of: TargetOf<'_>,
    context: &mut ValidationContext,
) -> Result<Option<SecretBytes>, Reported> {
    let Some(file) = table.text("credentials")? else { return Ok(None) };
    let text = text(file, "credentials", of, context)?;
    let blocks = ["BEGIN NATS USER JWT", "BEGIN USER NKEY SEED"];
    if !blocks.iter().all(|block| text.contains(block)) {
        return Err(file.at.error(
            format!("{}: the file that `credentials` names is not a credentials file of NATS", of.shown),
            "name the `.creds` file of the user, with its JWT and its nkey seed: `nsc generate creds`",
        ));
    }
    Ok(Some(SecretBytes(Zeroizing::new(text.as_bytes().to_vec()))))
}

/// The only line of a file, without its end.
pub(super) fn line(
    file: Text<'_>,
    key: &str,
    of: TargetOf<'_>,
    context: &mut ValidationContext,
) -> Result<Zeroizing<String>, Reported> {
    let text = text(file, key, of, context)?;
    let line = Zeroizing::new(text.trim_end_matches(['\n', '\r']).to_owned());
    let fault = if line.is_empty() {
        "is empty"
    } else if line.contains(char::is_control) {
        "contains more than one line, or a control character"
    } else {
        return Ok(line);
    };
    let message = format!("{}: the file that `{key}` names {fault}", of.shown);
    Err(file.at.error(message, "write only the secret to it, in one line"))
}

fn text(
    file: Text<'_>,
    key: &str,
    of: TargetOf<'_>,
    context: &mut ValidationContext,
) -> Result<Zeroizing<String>, Reported> {
    let contents = secret_file(file, key, of.shown, context)?;
    if let Some((message, _)) = open_to_others(&contents, context) {
        file.at.warning(format!("{}: {message}", of.shown), OWN_FILE);
    }
    str::from_utf8(&contents.bytes).map(|text| Zeroizing::new(text.to_owned())).map_err(|_| {
        let message = format!("{}: the file that `{key}` names is not UTF-8 text", of.shown);
        file.at.error(message, "write only the secret to it, as UTF-8 without a byte order mark")
    })
}
