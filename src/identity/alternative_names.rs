//! The subject's alternative names (RFC 5280, 4.2.1.6), of the four kinds that a rule can require.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;

/// The decoded alternative names. Names that cannot be decoded, and kinds that no rule can require, are omitted.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AlternativeNames {
    /// dNSName.
    pub dns: Vec<String>,
    /// rfc822Name.
    pub email: Vec<String>,
    /// iPAddress; an IPv4 address in IPv6 form is the IPv4 address.
    pub ip: Vec<IpAddr>,
    /// uniformResourceIdentifier.
    pub uri: Vec<String>,
}

impl AlternativeNames {
    pub(super) fn of(certificate: &X509Certificate<'_>) -> Self {
        let mut names = Self::default();
        // An extension that stands twice is an error, and then there are no names.
        let Ok(Some(extension)) = certificate.subject_alternative_name() else { return names };
        for name in &extension.value.general_names {
            match name {
                GeneralName::DNSName(name) => names.dns.push((*name).to_owned()),
                GeneralName::RFC822Name(name) => names.email.push((*name).to_owned()),
                GeneralName::IPAddress(bytes) => names.ip.extend(address(bytes)),
                GeneralName::URI(name) => names.uri.push((*name).to_owned()),
                GeneralName::OtherName(..)
                | GeneralName::X400Address(_)
                | GeneralName::DirectoryName(_)
                | GeneralName::EDIPartyName(_)
                | GeneralName::RegisteredID(_)
                | GeneralName::Invalid(..) => {}
            }
        }
        names
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(|octets| Ipv4Addr::from(octets).into()),
        16 => {
            <[u8; 16]>::try_from(bytes).ok().map(|octets| IpAddr::from(Ipv6Addr::from(octets)).to_canonical())
        }
        _ => None,
    }
}
