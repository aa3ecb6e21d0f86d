//! Findings about any file of certificates, keys or lists: unreadable and unused blocks, and dates.

use std::path::Path;

use jiff::Timestamp;

use crate::clock::distance;
use crate::config::files::Contents;
use crate::config::text::{Location, Reported};
use crate::identity::Identity;
use crate::metrics::CertificateRole;
use crate::tls::expiry::{CertificateFact, expiring};
use crate::tls::pem::{BLOCK_FAULTS_MAX, FileUse, PemFault, unused};

/// The maximum number of findings about one file; further ones are counted. Faults of blocks have a separate limit.
pub(crate) const FILE_FINDINGS_MAX: usize = BLOCK_FAULTS_MAX + 1;

/// Why a certificate is not valid at this time, as in `expired …`; `None` if it is valid. One that expires soon causes
/// a warning with this hint.
pub(crate) fn invalid_dates(
    role: CertificateRole,
    identity: &Identity,
    what: &str,
    hint: &str,
    now: Timestamp,
    at: Location<'_>,
) -> Option<String> {
    let (begins, ends) = (identity.not_before, identity.not_after);
    if now < begins {
        return Some(format!("is not valid before {begins}, {}", distance(now, begins)));
    }
    let distance = distance(now, ends);
    // Certificates have a resolution of one second, and the last second is included.
    if now.as_second() > ends.as_second() {
        return Some(format!("expired {ends}, {distance}"));
    }
    if let Some(expiring) = expiring(role, begins, ends, now) {
        let share = expiring.share;
        let message = format!("{what} expires {ends}, {distance}; less than {share} of its lifetime is left");
        at.warning(message, hint);
    }
    None
}

pub(crate) fn fact(role: CertificateRole, name: &str, file: &Path, identity: &Identity) -> CertificateFact {
    CertificateFact {
        role,
        name: name.to_owned(),
        file: file.to_owned(),
        subject: identity.subject.to_string(),
        digest: identity.sha256.to_string(),
        not_before: identity.not_before,
        not_after: identity.not_after,
    }
}

/// Parses a file of PEM or DER, and reports the blocks that cannot be read or are not used. `what` names the file.
pub(crate) fn parsed<T>(
    contents: &Contents,
    file_use: FileUse,
    parse: impl FnOnce(&[u8]) -> Result<T, PemFault>,
    what: &str,
    at: Location<'_>,
) -> Result<T, Reported> {
    let value = parse(&contents.bytes).map_err(|fault| report_unreadable(&fault, what, at))?;
    report_unused(&contents.bytes, file_use, what, at);
    Ok(value)
}

/// Reports why a file cannot be read as PEM or DER: one finding for each faulty block.
fn report_unreadable(fault: &PemFault, what: &str, at: Location<'_>) -> Reported {
    let PemFault::Blocks(blocks) = fault else {
        return at.error(format!("{what}: {fault}"), fault.hint());
    };
    for block in &blocks.named {
        at.error(format!("{what}: {block}"), block.hint());
    }
    if blocks.more > 0 {
        let message = format!("{what}: {} more blocks cannot be read", blocks.more);
        at.error(message, "correct those that are named, and check again");
    }
    Reported
}

/// Reports the blocks of a readable file that are not used.
fn report_unused(bytes: &[u8], file_use: FileUse, what: &str, at: Location<'_>) {
    for (line, label) in unused(bytes, file_use) {
        let message = format!("{what}: line {line}: the {label} is not used here");
        if file_use == FileUse::RevocationLists && !label.is_known() {
            // It may be a list; one that is not read leaves revoked certificates accepted.
            at.error(message, "fetch the file again; a list begins with `-----BEGIN X509 CRL-----`");
        } else if label.is_private_key() {
            at.warning(
                message,
                "remove the key: only the CA itself needs it, and anyone who can read it can issue certificates",
            );
        } else {
            let hint = "remove it, or name the file in the setting that reads such blocks";
            at.warning(message, label.conversion().unwrap_or(hint));
        }
    }
}
