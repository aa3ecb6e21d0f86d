//! Findings about any file of certificates, keys or lists: unreadable and unused blocks, and dates.

use std::path::Path;

use crate::clock::distance;
use crate::config::context::ValidationContext;
use crate::config::text::findings::Findings;
use crate::config::text::raw::Span;
use crate::identity::Identity;
use crate::metrics::CertificateRole;
use crate::tls::expiry::{CertificateFact, expiring};
use crate::tls::pem::{BLOCK_FAULTS_MAX, FileUse, PemFault, Wanted, unused};

/// The maximum number of findings about one file; further ones are counted. Faults of blocks have a separate limit.
pub(crate) const FILE_FINDINGS_MAX: usize = BLOCK_FAULTS_MAX + 1;

/// Whether a certificate is valid at this time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Dates {
    Valid,
    /// With a description: when it expired, or becomes valid.
    Invalid(String),
}

/// Checks the dates. A certificate that expires soon causes a warning at `span`.
pub(crate) fn dates(
    role: CertificateRole,
    identity: &Identity,
    what: &str,
    span: &Span,
    hint: &str,
    context: &mut ValidationContext,
    findings: &mut Findings,
) -> Dates {
    let now = context.now;
    if now < identity.not_before {
        let begins = identity.not_before;
        return Dates::Invalid(format!("is not valid before {begins}, {}", distance(now, begins)));
    }
    let ends = identity.not_after;
    // Certificates have a resolution of one second, and the last second is included.
    if now.as_second() > ends.as_second() {
        return Dates::Invalid(format!("expired {ends}, {}", distance(now, ends)));
    }
    if let Some(expiring) = expiring(role, identity.not_before, ends, now) {
        let (distance, share) = (distance(now, ends), expiring.share);
        findings
            .warning(
                span,
                format!("{what} expires {ends}, {distance}; less than {share} of its lifetime is left"),
            )
            .hint(hint);
    }
    Dates::Valid
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

/// Reports why a file cannot be read as PEM or DER: one finding for each faulty block.
pub(crate) fn report_unreadable(fault: &PemFault, what: &str, span: &Span, findings: &mut Findings) {
    let PemFault::Blocks(blocks) = fault else {
        findings.error(span, format!("{what}: {fault}")).hint(pem_hint(fault));
        return;
    };
    for block in &blocks.named {
        findings.error(span, format!("{what}: {block}")).hint(block.hint());
    }
    if blocks.more > 0 {
        let message = format!("{what}: {} more blocks cannot be read", blocks.more);
        findings.error(span, message).hint("correct those that are named, and check again");
    }
}

/// Reports the blocks of a readable file that are not used.
pub(crate) fn report_unused(
    bytes: &[u8],
    file_use: FileUse,
    what: &str,
    span: &Span,
    findings: &mut Findings,
) {
    for (line, label) in unused(bytes, file_use) {
        let hint = if label.is_private_key() {
            "remove the key: only the CA itself needs it, and anyone who can read it can issue certificates"
        } else {
            label.conversion().unwrap_or("remove it, or name the file in the setting that reads such blocks")
        };
        let message = format!("{what}: line {line}: the {label} is not used here");
        if file_use == FileUse::RevocationLists && !label.is_known() {
            // It may be a list; one that is not read leaves revoked certificates accepted.
            let hint = "fetch the file again; a list begins with `-----BEGIN X509 CRL-----`";
            findings.error(span, message).hint(hint);
        } else {
            findings.warning(span, message).hint(hint);
        }
    }
}

/// A hint for a file with the wrong contents.
fn pem_hint(fault: &PemFault) -> &'static str {
    match fault {
        PemFault::Empty => "write the certificates or the key to it; a copy may have been interrupted",
        PemFault::Utf16 => "save it as ASCII; in PowerShell, add `-Encoding ascii`",
        PemFault::NotPem { encoded_twice: true } => {
            "it is a PEM file encoded in base64 once more; decode it with `base64 -d OLD > NEW`"
        }
        PemFault::NotPem { encoded_twice: false } => {
            "name a PEM file, which has a `-----BEGIN …-----` line, or a DER file"
        }
        PemFault::Blocks(_) => "copy the file again",
        PemFault::Missing { wanted, found } => match (wanted, found.first()) {
            (Wanted::Keys, Some(found)) if found.conversion().is_some() => {
                found.conversion().unwrap_or_default()
            }
            (Wanted::Keys, _) => "name the file of the private key",
            (Wanted::RevocationLists, _) => "name the file of the revocation list",
            (Wanted::Certificates, _) => "name the file of the certificate",
        },
        PemFault::TrailingBytes(_) => {
            "copy the file again; a DER file contains one structure and nothing else, so convert files to PEM before you join them"
        }
        PemFault::UnreadableKey => {
            "name the file of the private key; `openssl pkey -in FILE -noout` shows whether OpenSSL can read it"
        }
        PemFault::EncryptedKey => {
            "remove the password, because the daemon cannot ask for it: `openssl pkey -in OLD -out NEW`"
        }
        PemFault::TooMany { wanted: Wanted::RevocationLists, .. } => {
            "keep the current lists of the CAs that issue this sender's certificates, and no others"
        }
        PemFault::TooMany { .. } => "keep the CAs that issue this sender's certificates, and no others",
    }
}
