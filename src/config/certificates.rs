//! What is said of any certificate: its dates, its file, and whether it is only a toy.

use std::path::Path;

use super::judge::Judge;
use super::raw::Span;
use crate::clock::distance;
use crate::identity::Identity;
use crate::tls::expiry::{CertificateFact, Role, expiring};
use crate::tls::pem::PemFault;

/// How a certificate stands to the time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Dates {
    Valid,
    /// With the words for it: when it expired, or begins.
    Invalid(String),
}

/// Judges the dates; a replacement that is due is a warning at `span`.
pub(super) fn dates(
    role: Role,
    identity: &Identity,
    what: &str,
    span: &Span,
    hint: &str,
    judge: &mut Judge,
) -> Dates {
    let now = judge.now;
    if now < identity.not_before {
        let begins = identity.not_before;
        return Dates::Invalid(format!("is not valid before {begins}, {}", distance(now, begins)));
    }
    let ends = identity.not_after;
    // Certificates know whole seconds, and the last one counts to its end.
    if now.as_second() > ends.as_second() {
        return Dates::Invalid(format!("expired {ends}, {}", distance(now, ends)));
    }
    if let Some(expiring) = expiring(role, identity.not_before, ends, now) {
        let (distance, share) = (distance(now, ends), expiring.share);
        judge
            .findings
            .warning(
                span,
                format!("{what} expires {ends}, {distance}; less than {share} of its lifetime is left"),
            )
            .hint(hint);
    }
    Dates::Valid
}

pub(super) fn fact(role: Role, name: &str, file: &Path, identity: &Identity) -> CertificateFact {
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

/// What to do about a file that is not what it should be.
pub(super) fn pem_hint(fault: &PemFault) -> &'static str {
    match fault {
        PemFault::Empty => {
            "write the certificates or the key into it; a copy that was cut short looks like this"
        }
        PemFault::Malformed(_) => "copy the file again, from `-----BEGIN` to `-----END`, both lines included",
        PemFault::NoCertificate { keys: 0 } => {
            "name a PEM file with `-----BEGIN CERTIFICATE-----` in it, or a certificate in DER"
        }
        PemFault::NoCertificate { .. } => "this is a private key: name the file of the certificate",
        PemFault::NoList { others: 0 } => {
            "name a PEM file with `-----BEGIN X509 CRL-----` in it, or a list in DER"
        }
        PemFault::NoList { .. } => "this holds certificates or keys: name the file of the revocation list",
        PemFault::NoKey { certificates: 0 } => {
            "name a PEM file that holds a private key: PKCS#8, SEC1 or PKCS#1"
        }
        PemFault::NoKey { .. } => "this is a certificate: name the file of the private key",
        PemFault::EncryptedKey => {
            "nobody could type the password at a restart: `openssl pkey -in OLD -out NEW` writes the key without it"
        }
        PemFault::TooMany => "keep the CAs that issue this sender's certificates, and no others",
    }
}
