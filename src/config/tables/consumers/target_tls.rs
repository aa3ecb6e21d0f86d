//! How the certificate of a target is verified: `ca`, `certificate`, `key` and `insecure`.

use rustls_pki_types::CertificateDer;

use super::TargetOf;
use crate::config::context::ValidationContext;
use crate::config::tables::certificates::{invalid_dates, parsed};
use crate::config::tables::tls::read_pair;
use crate::config::text::{Reader, Reported, Text};
use crate::forward::TargetTls;
use crate::metrics::CertificateRole;
use crate::tls::anchors::Anchor;
use crate::tls::pem::{FILE_BYTES_MAX, FileUse, certificates};

/// Reads the keys. `is_used` is whether connections use TLS.
pub(super) fn target_tls(
    table: &Reader<'_>,
    kind: &str,
    of: TargetOf<'_>,
    is_used: bool,
    context: &mut ValidationContext,
) -> Result<TargetTls, Reported> {
    let insecure = table.boolean("insecure");
    for key in ["ca", "certificate", "key", "insecure"].into_iter().filter(|key| table.has(key)) {
        if !is_used && (key != "insecure" || insecure) {
            let message =
                format!("{}: `{key}` has no effect, because the connection does not use TLS", of.shown);
            table.position(key).warning(message, "remove it, or use TLS");
        }
    }
    if insecure && is_used {
        table.position("insecure").warning(
            format!("{}: the server's certificate is not verified, so others on the network can read and change the payload", of.shown),
            "remove `insecure`, and name the server's CA with `ca`",
        );
    }
    let anchors = match table.text("ca")? {
        Some(file) => anchors(file, of, context)?,
        None => Vec::new(),
    };
    let has_pair = table.has("certificate") || table.has("key");
    let key_pair = has_pair.then(|| read_pair(table, kind, context)).transpose()?.map(|(_, pair)| pair);
    Ok(TargetTls { anchors, key_pair, insecure })
}

fn anchors(
    file: Text<'_>,
    of: TargetOf<'_>,
    context: &mut ValidationContext,
) -> Result<Vec<CertificateDer<'static>>, Reported> {
    let at = file.at;
    let what = format!("{}: `ca`", of.shown);
    let contents = context.files.open(file, &what, FILE_BYTES_MAX)?;
    let shown = format!("{what}: `{}`", contents.path.display());
    let found = parsed(&contents, FileUse::Anchors, certificates, &shown, at)?;
    for der in &found {
        let anchor = Anchor::new(der.clone()).map_err(|fault| {
            at.error(format!("{shown}: {fault}"), "copy the file again, or remove this certificate")
        })?;
        let subject = format!("{shown}: the CA `{}`", anchor.identity.subject);
        let hint = "name the CA that issued the server's current certificate";
        let role = CertificateRole::Anchor;
        if let Some(why) = invalid_dates(role, &anchor.identity, &subject, hint, context.now, at) {
            at.warning(format!("{subject} {why}"), hint);
        }
    }
    Ok(found)
}
