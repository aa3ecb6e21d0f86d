//! The output of `certs show` about one certificate, as data.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::clock::distance;
use crate::identity::{Identity, Purposes, Version};
use crate::policy::{Name, presented};

/// The contents of one file.
#[derive(Debug, Serialize)]
pub(super) struct FileReport {
    /// The path as it was named; `-` is standard input.
    pub(super) file: String,
    pub(super) certificates: Vec<CertificateReport>,
    pub(super) private_keys: Vec<&'static str>,
    /// The certificates whose issuer is in the file, too.
    pub(super) beside_issuer: Vec<BesideIssuer>,
    /// The lines and labels of all other blocks.
    pub(super) other_blocks: Vec<String>,
}

/// A certificate and its issuer, both in one file.
#[derive(Debug, Serialize)]
pub(super) struct BesideIssuer {
    pub(super) subject: String,
    pub(super) issuer: String,
}

/// The contents of one certificate. The names of the keys must not change.
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
    /// The purposes for which it is marked.
    pub(super) purposes: &'static str,
    pub(super) alternative_names: ShownNames,
    pub(super) sha256: String,
    pub(super) spki_sha256: String,
    /// Null if no rule with `cn` can match.
    pub(super) common_name: Option<String>,
    /// Why the common name is null.
    pub(super) common_name_fault: Option<String>,
    pub(super) can_issue: bool,
    /// Why it cannot issue certificates.
    pub(super) cannot_issue: Option<String>,
    /// The file to which `--split` wrote it.
    pub(super) written_to: Option<String>,
    /// The `[[sender]]` that would match it; null for a root CA, and if none would.
    pub(super) sender: Option<SenderLines>,
}

/// The subject's alternative names that a rule can require.
#[derive(Debug, Serialize)]
pub(super) struct ShownNames {
    pub(super) dns: Vec<String>,
    pub(super) uri: Vec<String>,
    pub(super) ip: Vec<String>,
    pub(super) email: Vec<String>,
}

/// The lines to write into webhooks.toml.
#[derive(Debug, Serialize)]
pub(super) struct SenderLines {
    pub(super) name: String,
    /// The common name, if the certificate has exactly one.
    pub(super) cn: Option<String>,
    /// Everything that a rule can require of this certificate, the most readable first.
    pub(super) matchers: Map<String, Value>,
}

/// The matchers, the most readable first.
const BY_PREFERENCE: &[&str] =
    &["cn", "san_uri", "san_dns", "san_email", "san_ip", "subject", "spki_sha256", "sha256"];

impl CertificateReport {
    pub(super) fn new(identity: &Identity, now: Timestamp) -> Self {
        Self {
            subject: identity.subject.to_string(),
            issuer: identity.issuer.to_string(),
            serial: identity.serial.to_string(),
            not_before: identity.not_before.to_string(),
            not_after: identity.not_after.to_string(),
            validity: validity(identity, now),
            version: match identity.version {
                Version::One => "1",
                Version::Three => "3",
            },
            key: identity.key.to_string(),
            purposes: purposes(identity.purposes),
            alternative_names: alternative_names(identity),
            sha256: identity.sha256.to_string(),
            spki_sha256: identity.spki_sha256.to_string(),
            common_name_fault: identity.common_name.fault(),
            common_name: identity.common_name.one().map(str::to_owned),
            can_issue: identity.issuing.never.is_none(),
            cannot_issue: identity.issuing.never.as_ref().map(|why| why.to_string()),
            written_to: None,
            sender: sender_lines(identity),
        }
    }
}

fn purposes(purposes: Purposes) -> &'static str {
    match purposes {
        Purposes::Unmarked => "unmarked: any",
        Purposes::Clients => "TLS clients",
        Purposes::Others => "other than TLS clients: requires `eku = \"any\"`",
    }
}

fn alternative_names(identity: &Identity) -> ShownNames {
    let of = |matcher: &str| presented(matcher, identity);
    ShownNames { dns: of("san_dns"), uri: of("san_uri"), ip: of("san_ip"), email: of("san_email") }
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

/// The lines for a sender. A root CA is not a sender; any other certificate may be that of one.
fn sender_lines(identity: &Identity) -> Option<SenderLines> {
    if identity.issuing.never.is_none() && identity.is_self_issued() {
        return None;
    }
    let all: Vec<_> = BY_PREFERENCE
        .iter()
        .map(|&matcher| (matcher, presented(matcher, identity)))
        .filter(|(_, values)| !values.is_empty())
        .collect();
    let name = all.first().and_then(|(_, values)| values.first()).map(|value| suggested_name(value))?;
    Some(SenderLines {
        name,
        cn: identity.common_name.one().map(str::to_owned),
        matchers: all
            .into_iter()
            .map(|(matcher, values)| (matcher.to_owned(), Value::from(values)))
            .collect(),
    })
}

/// A name for a sender, derived from a name in its certificate.
pub(super) fn suggested_name(common_name: &str) -> String {
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
            assert_eq!(
                client.sender.map(|s| (s.name, s.cn)),
                Some(("a-b".to_owned(), Some("a.b".to_owned())))
            );
            assert_eq!((client.can_issue, client.key.as_str()), (false, key));
            let root = report(&root.issued.certificate);
            assert!(root.can_issue && root.sender.is_none());
        }
    }
}
