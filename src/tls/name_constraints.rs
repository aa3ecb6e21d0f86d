//! Applies the name constraints of a path to the names that a rule can require (RFC 5280, 6.1.4, b to d).
//!
//! The library applies them to alternative names only. As in OpenSSL, they also apply to common names that look like
//! host names and to emailAddress. Unlike in OpenSSL, they apply to such a common name even beside a dNSName, because
//! a rule can require the common name.

use std::net::IpAddr;

use super::anchors::Anchor;
use super::chain::Chain;
use crate::identity::{Identity, Subtree};

/// commonName (X.520).
const COMMON_NAME: &str = "2.5.4.3";
/// emailAddress (RFC 2985, 5.2.1).
const EMAIL_ADDRESS: &str = "1.2.840.113549.1.9.1";

/// A name in a certificate.
enum Name<'a> {
    /// A common name that looks like a host name.
    Cn(&'a str),
    Directory,
    Dns(&'a str),
    /// An emailAddress in the subject; `None` if it is not text.
    EmailAddress(Option<&'a str>),
    Ip(IpAddr),
    Rfc822,
    Uri,
}

/// How a name relates to a subtree of its kind.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Relation {
    Inside,
    Outside,
    /// The name has no valid form.
    Undefined,
    /// Subtrees of this kind are not evaluated.
    NotEvaluated,
}

/// The first violation on a path from the end-entity certificate to the anchor, as text.
pub(super) fn violation(path: &[&Identity]) -> Option<String> {
    let found = path.iter().enumerate().find_map(|(index, certificate)| {
        // RFC 5280, section 6.1.3 (b): self-issued certificates are exempt, except the last one.
        if index > 0 && certificate.is_self_issued() {
            return None;
        }
        path[index + 1..].iter().find_map(|ca| violation_of(ca, certificate, index == 0))
    });
    found.or_else(|| unreadable(path))
}

/// A CA on a path whose name constraints cannot be parsed, as text.
pub(super) fn unreadable(path: &[&Identity]) -> Option<String> {
    let is_unreadable = |ca: &&&Identity| ca.name_constraints.all().any(|it| *it == Subtree::Unreadable);
    let ca = path.iter().skip(1).find(is_unreadable)?;
    Some(format!("the name constraints of the CA `{}` cannot be parsed", ca.subject))
}

/// The paths if the anchors, and the intermediates that were sent, are the issuers that their names state. The library
/// does not return the path that it rejects.
pub(super) fn likely_paths<'a>(
    chain: &'a Chain<'_>,
    anchors: impl Iterator<Item = &'a Anchor>,
) -> impl Iterator<Item = Vec<&'a Identity>> {
    let mut path = vec![chain.identity];
    let mut rest: Vec<_> = chain.above.iter().collect();
    let mut at = 0;
    while let Some(below) = path.get(at).copied() {
        path.extend(rest.extract_if(.., |identity| identity.subject == below.issuer));
        at += 1;
    }
    anchors.filter_map(move |anchor| {
        let issued = path.iter().any(|identity| identity.issuer == anchor.identity.subject);
        issued.then(|| path.iter().copied().chain([&anchor.identity]).collect())
    })
}

fn violation_of(ca: &Identity, certificate: &Identity, is_end_entity: bool) -> Option<String> {
    let Identity { name_constraints: constraints, subject: ca, .. } = ca;
    // Most CAs have none.
    constraints.all().next()?;
    names(certificate, is_end_entity).into_iter().find_map(|name| {
        let relations = |subtrees: &[Subtree]| -> Vec<_> {
            subtrees.iter().filter_map(|subtree| name.relation(subtree)).collect()
        };
        let (permitted, excluded) = (relations(&constraints.permitted), relations(&constraints.excluded));
        if [&permitted, &excluded].into_iter().any(|all| all.contains(&Relation::NotEvaluated)) {
            let what = name.describe();
            return Some(format!("the CA `{ca}` has name constraints for {what}, which are not supported"));
        }
        let is_permitted = permitted.is_empty() || permitted.contains(&Relation::Inside);
        let is_excluded = excluded.iter().any(|relation| *relation != Relation::Outside);
        (!is_permitted || is_excluded)
            .then(|| format!("the name constraints of the CA `{ca}` do not allow {}", name.describe()))
    })
}

/// The names of a certificate. The common names of CAs are not names of hosts.
fn names(certificate: &Identity, is_end_entity: bool) -> Vec<Name<'_>> {
    let Identity { alternative_names: names, subject, .. } = certificate;
    let common_names = subject.texts(COMMON_NAME).filter(|name| is_end_entity && is_host_like(name));
    let emails = subject.values(EMAIL_ADDRESS).map(Name::EmailAddress);
    let mut all: Vec<_> = common_names.map(Name::Cn).chain(emails).collect();
    all.extend(names.dns.iter().map(|name| Name::Dns(name)));
    all.extend(names.ip.iter().map(|address| Name::Ip(*address)));
    all.extend(names.email.first().map(|_| Name::Rfc822));
    all.extend(names.uri.first().map(|_| Name::Uri));
    all.push(Name::Directory);
    all
}

/// Whether OpenSSL treats a common name as a host name: two or more labels. A NUL could hide one.
fn is_host_like(name: &str) -> bool {
    let is_label = |label: &str| {
        let is_valid = |c: u8| c.is_ascii_alphanumeric() || c == b'_' || c == b'-';
        !label.is_empty() && !label.starts_with('-') && !label.ends_with('-') && label.bytes().all(is_valid)
    };
    name.contains('\0') || name.contains('.') && name.split('.').all(is_label)
}

impl Name<'_> {
    /// How the name relates to a subtree; `None` if that is for names of another kind.
    fn relation(&self, subtree: &Subtree) -> Option<Relation> {
        match (self, subtree) {
            (Self::Cn(name) | Self::Dns(name), Subtree::Dns(base)) => Some(host(name, base)),
            (Self::EmailAddress(address), Subtree::Email(base)) => {
                Some(address.map_or(Relation::Undefined, |address| mailbox(address, base)))
            }
            (Self::Ip(address), Subtree::Ip(base, mask)) => Some(network(*address, *base, *mask)),
            (Self::Directory, Subtree::Directory)
            | (Self::Rfc822, Subtree::Email(_))
            | (Self::Uri, Subtree::Uri) => Some(Relation::NotEvaluated),
            (_, _) => None,
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Cn(name) => format!("the common name `{name}`"),
            Self::Directory => "directory names".to_owned(),
            Self::Dns(name) => format!("the DNS name `{name}`"),
            Self::EmailAddress(Some(address)) => format!("the emailAddress `{address}`"),
            Self::EmailAddress(None) => "an emailAddress that is not text".to_owned(),
            Self::Ip(address) => format!("the address `{address}`"),
            Self::Rfc822 => "e-mail addresses (rfc822Name)".to_owned(),
            Self::Uri => "URIs".to_owned(),
        }
    }
}

/// A host is in the subtree of itself and of the domains above it; `.domain` does not include the domain itself.
fn host(name: &str, base: &str) -> Relation {
    if name.contains('\0') {
        return Relation::Undefined;
    }
    let Some(at) = name.len().checked_sub(base.len()) else { return Relation::Outside };
    let (below, rest) = name.as_bytes().split_at(at);
    let is_whole_label =
        below.is_empty() || base.is_empty() || base.starts_with('.') || below.ends_with(b".");
    inside(is_whole_label && rest.eq_ignore_ascii_case(base.as_bytes()))
}

/// RFC 5280, 4.2.1.10: a mailbox, the mailboxes of a host, or those of the hosts below `.domain`.
fn mailbox(address: &str, base: &str) -> Relation {
    let Some((local, host)) = address.rsplit_once('@').filter(|_| !address.contains('\0')) else {
        return Relation::Undefined;
    };
    inside(match base.rsplit_once('@') {
        Some((base_local, base_host)) => {
            (base_local.is_empty() || local == base_local) && host.eq_ignore_ascii_case(base_host)
        }
        None if base.starts_with('.') => self::host(host, base) == Relation::Inside,
        None => host.eq_ignore_ascii_case(base),
    })
}

fn network(address: IpAddr, base: IpAddr, mask: IpAddr) -> Relation {
    inside(match (address, base, mask) {
        (IpAddr::V4(address), IpAddr::V4(base), IpAddr::V4(mask)) => address & mask == base & mask,
        (IpAddr::V6(address), IpAddr::V6(base), IpAddr::V6(mask)) => address & mask == base & mask,
        (_, _, _) => false,
    })
}

fn inside(is_inside: bool) -> Relation {
    if is_inside { Relation::Inside } else { Relation::Outside }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_names_are_host_like_as_in_openssl() {
        for name in ["a.b", "A.b-c.d_e", "_a.b", "1.2", "xn--a.b", "a.b\0"] {
            assert!(is_host_like(name), "{name}");
        }
        for name in
            ["", "a", ".", "a.", ".a", "a..b", "-a.b", "a-.b", "a.-b", "a.b-", "*.a", "a b.c", "\u{e9}.b"]
        {
            assert!(!is_host_like(name), "{name}");
        }
    }

    #[test]
    fn hosts_and_mailboxes_are_compared_as_in_openssl() {
        for (name, base, expected) in [
            ("a.b", "", true),
            ("a.b", "B", true),
            ("a.b", "a.b", true),
            ("xa.b", "a.b", false),
            ("b", "a.b", false),
            ("x.a.b", ".a.b", true),
            ("a.b", ".a.b", false),
        ] {
            assert_eq!(host(name, base) == Relation::Inside, expected, "{name} {base}");
        }
        for (address, base, expected) in [
            ("x@a.b", "a.B", true),
            ("x@y.a.b", "a.b", false),
            ("x@y.a.b", ".a.b", true),
            ("x@a.b", ".a.b", false),
            ("x@a.b", "x@A.b", true),
            ("X@a.b", "x@a.b", false),
            ("x@a.b", "@a.b", true),
            ("x@a.b", "", false),
        ] {
            assert_eq!(mailbox(address, base) == Relation::Inside, expected, "{address} {base}");
        }
        assert!(mailbox("a.b", "a.b") == Relation::Undefined && host("a.b\0", "c") == Relation::Undefined);
    }
}
