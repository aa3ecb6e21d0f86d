//! One requirement of a sender's rule.

use std::net::IpAddr;

use crate::identity::{DistinguishedName, Fingerprint, Identity, SpkiPin};

/// A field of a certificate and the accepted values, of which one must be present. The names follow RFC 8705,
/// section 2.1.2, if it defines one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Matcher {
    /// The common name, of which there must be exactly one. Compared byte for byte, without wildcards.
    Cn(Vec<String>),
    /// The whole subject, compared by the types and decoded values of its relative names, in order.
    Subject(Vec<DistinguishedName>),
    /// A dNSName. ASCII letters are compared without regard to case (RFC 5280, section 7.2).
    SanDns(Vec<String>),
    /// A uniformResourceIdentifier, compared byte for byte.
    SanUri(Vec<String>),
    /// An iPAddress, compared as an address.
    SanIp(Vec<IpAddr>),
    /// An rfc822Name. The host is compared without regard to case, the mailbox exactly (RFC 5280, section 7.5).
    SanEmail(Vec<String>),
    /// The SHA-256 of the certificate.
    Sha256(Vec<Fingerprint>),
    /// The SHA-256 of the certificate's SubjectPublicKeyInfo.
    SpkiSha256(Vec<SpkiPin>),
}

impl Matcher {
    /// The key of webhooks.toml.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Cn(_) => "cn",
            Self::Subject(_) => "subject",
            Self::SanDns(_) => "san_dns",
            Self::SanUri(_) => "san_uri",
            Self::SanIp(_) => "san_ip",
            Self::SanEmail(_) => "san_email",
            Self::Sha256(_) => "sha256",
            Self::SpkiSha256(_) => "spki_sha256",
        }
    }

    /// Why the values in the certificate cannot be compared.
    pub fn fault(&self, identity: &Identity) -> Option<String> {
        matches!(self, Self::Cn(_)).then(|| identity.common_name.fault()).flatten()
    }

    /// Whether the certificate contains one of the values.
    pub fn matches(&self, identity: &Identity) -> bool {
        let names = &identity.alternative_names;
        match self {
            Self::Cn(any) => any.iter().any(|one| identity.common_name.one() == Some(one)),
            Self::Subject(any) => any.contains(&identity.subject),
            Self::SanDns(any) => {
                any.iter().any(|one| names.dns.iter().any(|it| it.eq_ignore_ascii_case(one)))
            }
            Self::SanUri(any) => any.iter().any(|one| names.uri.contains(one)),
            Self::SanIp(any) => any.iter().any(|one| names.ip.contains(&one.to_canonical())),
            Self::SanEmail(any) => any.iter().any(|one| names.email.iter().any(|it| same_mailbox(it, one))),
            Self::Sha256(any) => any.contains(&identity.sha256),
            Self::SpkiSha256(any) => any.contains(&identity.spki_sha256),
        }
    }

    /// The accepted values as text.
    pub fn expected(&self) -> Vec<String> {
        fn texts<T: ToString>(all: &[T]) -> Vec<String> {
            all.iter().map(ToString::to_string).collect()
        }
        match self {
            Self::Cn(any) | Self::SanDns(any) | Self::SanUri(any) | Self::SanEmail(any) => any.clone(),
            Self::Subject(any) => texts(any),
            Self::SanIp(any) => texts(any),
            Self::Sha256(any) => texts(any),
            Self::SpkiSha256(any) => texts(any),
        }
    }
}

/// The keys of webhooks.toml for all kinds of matchers.
pub const MATCHERS: &[&str] =
    &["cn", "subject", "san_dns", "san_uri", "san_ip", "san_email", "sha256", "spki_sha256"];

/// The values in a certificate that one of [`MATCHERS`] could accept.
pub fn presented(matcher: &str, identity: &Identity) -> Vec<String> {
    let names = &identity.alternative_names;
    match matcher {
        "cn" => identity.common_name.one().map(ToOwned::to_owned).into_iter().collect(),
        "subject" => Some(identity.subject.to_string()).filter(|text| !text.is_empty()).into_iter().collect(),
        "san_dns" => names.dns.clone(),
        "san_uri" => names.uri.clone(),
        "san_ip" => names.ip.iter().map(ToString::to_string).collect(),
        "san_email" => names.email.clone(),
        "sha256" => vec![identity.sha256.to_string()],
        "spki_sha256" => vec![identity.spki_sha256.to_string()],
        _ => Vec::new(),
    }
}

fn same_mailbox(one: &str, other: &str) -> bool {
    match (one.rsplit_once('@'), other.rsplit_once('@')) {
        (Some((mailbox, host)), Some((other_mailbox, other_host))) => {
            mailbox == other_mailbox && host.eq_ignore_ascii_case(other_host)
        }
        (_, _) => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_host_of_a_mailbox_is_compared_without_case() {
        assert!(same_mailbox("a@B.example", "a@b.example"));
        assert!(!same_mailbox("A@b.example", "a@b.example"));
        assert!(!same_mailbox("a", "A"));
    }
}
