//! One kind of thing that a sender's certificate can be asked for.

use std::net::IpAddr;

use crate::identity::{DistinguishedName, Fingerprint, Identity, SpkiPin};

/// A kind and its values, of which one has to be there. The names are those of RFC 8705 (2.1.2)
/// where it has one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Matcher {
    /// The common name: exactly one, exactly so. No wildcards, no folding of case, no trimming.
    Cn(Vec<String>),
    /// The whole subject, compared by the types and decoded values of its relative names, in order.
    Subject(Vec<DistinguishedName>),
    /// A dNSName; letters of ASCII in either case (RFC 5280, 7.2).
    SanDns(Vec<String>),
    /// A uniformResourceIdentifier, exactly so.
    SanUri(Vec<String>),
    /// An iPAddress, as an address.
    SanIp(Vec<IpAddr>),
    /// An rfc822Name; the host in either case, the mailbox exactly so (RFC 5280, 7.5).
    SanEmail(Vec<String>),
    /// The certificate itself.
    Sha256(Vec<Fingerprint>),
    /// Its key.
    SpkiSha256(Vec<SpkiPin>),
}

/// A kind that does not hold.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mismatch {
    /// The kind, as webhooks.toml calls it.
    pub matcher: &'static str,
    /// Any of these would have been accepted.
    pub expected: Vec<String>,
    /// What the certificate says instead.
    pub presented: Vec<String>,
    /// Why what it says cannot be compared at all.
    pub fault: Option<String>,
}

impl Matcher {
    /// The kind, as webhooks.toml calls it.
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

    /// Whether the certificate says one of the values.
    ///
    /// # Errors
    /// When it does not: with what it says.
    pub fn check(&self, identity: &Identity) -> Result<(), Mismatch> {
        if self.holds(identity) {
            return Ok(());
        }
        Err(Mismatch {
            matcher: self.key(),
            expected: self.expected(),
            presented: presented(self.key(), identity),
            fault: match self {
                Self::Cn(_) => identity.common_name.fault(),
                Self::Subject(_)
                | Self::SanDns(_)
                | Self::SanUri(_)
                | Self::SanIp(_)
                | Self::SanEmail(_)
                | Self::Sha256(_)
                | Self::SpkiSha256(_) => None,
            },
        })
    }

    fn holds(&self, identity: &Identity) -> bool {
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

    /// The values, as text.
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

/// Every kind of matcher, as webhooks.toml calls it.
pub const MATCHERS: &[&str] =
    &["cn", "subject", "san_dns", "san_uri", "san_ip", "san_email", "sha256", "spki_sha256"];

/// What a certificate says under one of [`MATCHERS`]: the values that a rule could ask for.
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
    fn only_the_host_of_a_mailbox_has_no_case() {
        assert!(same_mailbox("a@B.example", "a@b.example"));
        assert!(!same_mailbox("A@b.example", "a@b.example"));
        assert!(!same_mailbox("a", "A"));
    }
}
