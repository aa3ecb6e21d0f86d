//! The names for which a CA may issue (RFC 5280, 4.2.1.10).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use x509_parser::certificate::X509Certificate;

use super::der::{self, SEQUENCE};

/// nameConstraints, in DER.
const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x1e];
const PERMITTED: u8 = 0xa0;
const EXCLUDED: u8 = 0xa1;

/// The name constraints of a CA; by default there are none.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NameConstraints {
    /// Of each kind of name that occurs here, a name must be in one of these.
    pub permitted: Vec<Subtree>,
    /// A name must not be in any of these.
    pub excluded: Vec<Subtree>,
}

/// A part of the names of one kind.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Subtree {
    /// A directoryName, which is not evaluated.
    Directory,
    /// A host and those below it.
    Dns(String),
    /// A mailbox, the mailboxes of a host, or those of the hosts below `.domain`.
    Email(String),
    /// An address and a mask; IPv4-mapped IPv6 addresses are IPv4 addresses. Both are of the same family.
    Ip(IpAddr, IpAddr),
    /// Another kind of name, which no rule can require.
    Other,
    /// It cannot be parsed.
    Unreadable,
    /// A URI, which is not evaluated.
    Uri,
}

impl NameConstraints {
    pub(super) fn of(certificate: &X509Certificate<'_>) -> Self {
        let mut all = certificate
            .iter_extensions()
            .filter(|extension| extension.oid.as_bytes() == NAME_CONSTRAINTS)
            .map(|extension| read(extension.value));
        match (all.next(), all.next()) {
            (None, _) => Self::default(),
            (Some(Some(constraints)), None) => constraints,
            (Some(_), _) => Self { permitted: Vec::new(), excluded: vec![Subtree::Unreadable] },
        }
    }

    /// Both kinds of subtrees.
    pub fn all(&self) -> impl Iterator<Item = &Subtree> {
        self.permitted.iter().chain(&self.excluded)
    }
}

fn read(der: &[u8]) -> Option<NameConstraints> {
    let mut constraints = NameConstraints::default();
    for part in der::all(der::one(der)?.tagged(SEQUENCE)?)? {
        let subtrees = der::all(part.content)?.into_iter().map(|it| subtree(it.tagged(SEQUENCE)?));
        match part.tag {
            PERMITTED => constraints.permitted.extend(subtrees.collect::<Option<Vec<_>>>()?),
            EXCLUDED => constraints.excluded.extend(subtrees.collect::<Option<Vec<_>>>()?),
            _ => return None,
        }
    }
    Some(constraints)
}

/// A GeneralSubtree without minimum and maximum, which RFC 5280 does not allow.
fn subtree(content: &[u8]) -> Option<Subtree> {
    let base = der::one(content)?;
    let text = || String::from_utf8(base.content.to_vec()).ok();
    Some(match base.tag {
        0x81 => Subtree::Email(text()?),
        0x82 => Subtree::Dns(text()?),
        0x86 => Subtree::Uri,
        0x87 => network(base.content)?,
        0xa4 => Subtree::Directory,
        _ => Subtree::Other,
    })
}

fn network(content: &[u8]) -> Option<Subtree> {
    if let Ok(bytes) = <[u8; 8]>::try_from(content) {
        let [a, b, c, d, mask @ ..] = bytes;
        return Some(Subtree::Ip(Ipv4Addr::new(a, b, c, d).into(), Ipv4Addr::from(mask).into()));
    }
    let (address, mask) = content.split_at_checked(16)?;
    let address = Ipv6Addr::from(<[u8; 16]>::try_from(address).ok()?);
    let mask = Ipv6Addr::from(<[u8; 16]>::try_from(mask).ok()?);
    // The whole range is mapped only if the mask includes the prefix of mapped addresses.
    let [prefix @ .., _, _, _, _] = mask.octets();
    let [.., a, b, c, d] = mask.octets();
    match address.to_ipv4_mapped().filter(|_| prefix == [0xff; 12]) {
        Some(mapped) => Some(Subtree::Ip(mapped.into(), Ipv4Addr::new(a, b, c, d).into())),
        None => Some(Subtree::Ip(address.into(), mask.into())),
    }
}
