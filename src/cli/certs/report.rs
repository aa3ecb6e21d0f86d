//! What `certs show` says of one certificate, as data.

use jiff::Timestamp;
use serde::Serialize;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::clock::distance;
use crate::identity::{CannotIssue, CommonName, Identity, Version};
use crate::policy::Name;

/// What one file holds.
#[derive(Debug, Serialize)]
pub(super) struct FileReport {
    pub(super) file: String,
    pub(super) certificates: Vec<CertificateReport>,
    pub(super) private_keys: Vec<&'static str>,
}

/// What one certificate says, with stable names.
#[derive(Debug, Serialize)]
pub(super) struct CertificateReport {
    pub(super) subject: String,
    pub(super) issuer: String,
    pub(super) serial: String,
    pub(super) not_before: String,
    pub(super) not_after: String,
    pub(super) validity: String,
    pub(super) version: &'static str,
    pub(super) key: String,
    pub(super) sha256: String,
    pub(super) spki_sha256: String,
    /// Null where a rule by CN can never hold.
    pub(super) common_name: Option<String>,
    /// Why it is null.
    pub(super) common_name_fault: Option<String>,
    pub(super) can_issue: bool,
    /// Why not.
    pub(super) cannot_issue: Option<String>,
    /// The `[[sender]]` that would match it; null for a CA, and where nothing would.
    pub(super) sender: Option<SenderLines>,
}

/// What to write into webhooks.toml.
#[derive(Debug, Serialize)]
pub(super) struct SenderLines {
    pub(super) name: String,
    pub(super) cn: String,
}

impl CertificateReport {
    pub(super) fn new(identity: &Identity, now: Timestamp) -> Self {
        let common_name = identity.common_name.one().map(str::to_owned);
        let sender = common_name
            .clone()
            .filter(|_| is_end_entity(identity.cannot_issue))
            .map(|cn| SenderLines { name: suggested_name(&cn), cn });
        Self {
            subject: identity.subject.clone(),
            issuer: identity.issuer.clone(),
            serial: identity.serial.clone(),
            not_before: identity.not_before.to_string(),
            not_after: identity.not_after.to_string(),
            validity: validity(identity, now),
            version: match identity.version {
                Version::One => "1 or 2",
                Version::Three => "3",
            },
            key: key_kind(&identity.spki),
            sha256: identity.sha256.to_string(),
            spki_sha256: identity.spki_sha256.to_string(),
            common_name_fault: common_name_fault(&identity.common_name),
            common_name,
            can_issue: identity.cannot_issue.is_none(),
            cannot_issue: identity.cannot_issue.map(|why| why.to_string()),
            sender,
        }
    }
}

fn validity(identity: &Identity, now: Timestamp) -> String {
    if now < identity.not_before {
        format!("not valid yet, begins {}", distance(now, identity.not_before))
    } else if identity.is_valid_at(now) {
        format!("valid, ends {}", distance(now, identity.not_after))
    } else {
        format!("expired {}", distance(now, identity.not_after))
    }
}

fn common_name_fault(name: &CommonName) -> Option<String> {
    match name {
        CommonName::None => Some("the subject has no common name".to_owned()),
        CommonName::One(_) => None,
        CommonName::Several(count) => {
            Some(format!("the subject has {count} common names, and one is needed"))
        }
        CommonName::Unreadable(why) => Some(why.to_string()),
    }
}

/// A root that is faulty as a root is still no sender.
fn is_end_entity(cannot_issue: Option<CannotIssue>) -> bool {
    match cannot_issue {
        Some(CannotIssue::NotACa | CannotIssue::VersionOneNotSelfSigned | CannotIssue::ShortRsaKey) => true,
        Some(CannotIssue::NoKeyCertSign | CannotIssue::UnknownCriticalExtension) | None => false,
    }
}

/// A name for a sender out of what its certificate calls it.
fn suggested_name(common_name: &str) -> String {
    let fitting: String = common_name
        .chars()
        .map(|c| match c.to_ascii_lowercase() {
            c if c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-') => c,
            _ => '-',
        })
        .collect();
    let start = fitting.trim_matches(['-', '_']);
    // All ASCII by now, so any cut is between characters.
    let cut = start.get(..63).unwrap_or(start);
    cut.parse::<Name>().map_or_else(|_| "sender".to_owned(), |name| name.to_string())
}

/// Elliptic curves by the identifier of their parameters (RFC 5480, 2.1.1.1).
const CURVES: &[(&str, &str)] =
    &[("1.2.840.10045.3.1.7", "P-256"), ("1.3.132.0.34", "P-384"), ("1.3.132.0.35", "P-521")];
/// Ed25519 (RFC 8410, 3).
const ED25519: &str = "1.3.101.112";

fn key_kind(spki: &[u8]) -> String {
    let Ok((_, spki)) = SubjectPublicKeyInfo::from_der(spki) else { return "unreadable".to_owned() };
    let curve = || {
        let oid = spki.algorithm.parameters.as_ref()?.as_oid().ok()?.to_id_string();
        CURVES.iter().find(|(id, _)| *id == oid).map(|(_, name)| *name)
    };
    match spki.parsed() {
        Ok(PublicKey::RSA(key)) => format!("RSA {} bits", key.key_size()),
        Ok(PublicKey::EC(_)) => format!("ECDSA {}", curve().unwrap_or("on an unknown curve")),
        Ok(_) if spki.algorithm.algorithm.to_id_string() == ED25519 => "Ed25519".to_owned(),
        Ok(_) | Err(_) => format!("algorithm {}", spki.algorithm.algorithm.to_id_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::devpki::{KeyKind, Root};

    #[test]
    fn suggested_names_are_names() {
        assert_eq!(suggested_name("webhook.efipay.com.br"), "webhook-efipay-com-br");
        assert_eq!(suggested_name("Banco do Brasil"), "banco-do-brasil");
        assert_eq!(suggested_name("tmp"), "sender");
        assert_eq!(suggested_name("ção"), "o");
        assert_eq!(suggested_name(""), "sender");
        assert_eq!(suggested_name(&"a".repeat(80)).len(), 63);
    }

    #[test]
    fn a_client_has_sender_lines_and_a_root_has_none() {
        let now = Clock::System.now();
        for (kind, key) in [(KeyKind::EcdsaP256, "ECDSA P-256"), (KeyKind::Rsa2048, "RSA 2048 bits")] {
            let root = Root::new(kind, now).expect("a root");
            let report =
                |der: &[u8]| CertificateReport::new(&Identity::from_der(der).expect("readable"), now);
            let client = report(&root.client("a.b").expect("a client").certificate);
            assert_eq!(client.sender.map(|s| (s.name, s.cn)), Some(("a-b".to_owned(), "a.b".to_owned())));
            assert_eq!((client.can_issue, client.key.as_str()), (false, key));
            let root = report(&root.issued.certificate);
            assert!(root.can_issue && root.sender.is_none());
        }
    }
}
