//! Whether the certificates that the server presents form a chain (RFC 8446, 4.4.2): each issued by the next.

use rustls_pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer as _;

use super::anchors::algorithms;
use super::signature::{is_unsupported, issued_by};
use crate::identity::Identity;

/// What clients may stumble over in a chain; each names the certificates by their subjects.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ChainFault {
    /// A certificate is in the chain twice.
    Repeated {
        /// Its subject.
        subject: String,
    },
    /// The issuer of a certificate does not follow it directly.
    OutOfOrder {
        /// The subject of the certificate.
        subject: String,
        /// The subject of its issuer, elsewhere in the chain.
        issuer: String,
    },
    /// What follows has the name of the issuer, and another key.
    OtherKey {
        /// The subject of the certificate.
        subject: String,
        /// The name of the issuer and of what follows.
        issuer: String,
    },
    /// What follows is another certificate than the issuer's, which is not in the chain.
    NotIssuer {
        /// The subject of the certificate.
        subject: String,
        /// Its issuer.
        issuer: String,
        /// The subject of what follows instead.
        next: String,
    },
    /// Something follows a self-signed certificate, where the chain ends.
    AfterRoot {
        /// The subject of the self-signed certificate.
        root: String,
        /// The subject of what follows.
        next: String,
    },
    /// The server's certificate is there alone, and is not self-signed.
    Alone {
        /// Its subject.
        subject: String,
        /// Its issuer.
        issuer: String,
        /// Whether it says where its issuer's certificate is (RFC 5280, 4.2.2.1), as certificates below an intermediate do.
        has_issuer_address: bool,
    },
}

/// Every fault of a chain, from the server's certificate upward. Certificates that cannot be read are not judged.
pub fn chain_faults(chain: &[CertificateDer<'_>]) -> Vec<ChainFault> {
    let read: Vec<_> = chain.iter().filter_map(|der| Some((der, Identity::from_der(der).ok()?))).collect();
    let algorithms = algorithms();
    let mut faults = Vec::new();
    if let [(der, own)] = read.as_slice()
        && !own.is_self_issued()
    {
        faults.push(ChainFault::Alone {
            subject: own.subject.to_string(),
            issuer: own.issuer.to_string(),
            has_issuer_address: has_issuer_address(der),
        });
    }
    for (index, pair) in read.windows(2).enumerate() {
        let [(der, below), (next_der, next)] = pair else { continue };
        let own = (der.as_ref(), below);
        if issued_by(own, next, &algorithms) || is_unsupported(own, next, &algorithms) {
            continue;
        }
        let (subject, issuer) = (below.subject.to_string(), below.issuer.to_string());
        let issues_it = |(_, other): &&(_, Identity)| issued_by(own, other, &algorithms);
        let elsewhere = read.iter().filter(|(other, _)| other != der).find(issues_it);
        let is_misplaced = read
            .iter()
            .any(|(other, it)| !it.is_self_issued() && issued_by((other.as_ref(), it), next, &algorithms));
        faults.push(if read.iter().take(index + 1).any(|(earlier, _)| earlier == next_der) {
            ChainFault::Repeated { subject: next.subject.to_string() }
        } else if let Some((_, issuer)) = elsewhere {
            ChainFault::OutOfOrder { subject, issuer: issuer.subject.to_string() }
        } else if is_misplaced {
            // It is the issuer of an earlier one, which is out of order.
            continue;
        } else if below.is_self_issued() {
            ChainFault::AfterRoot { root: subject, next: next.subject.to_string() }
        } else if below.issuer == next.subject {
            ChainFault::OtherKey { subject, issuer }
        } else {
            ChainFault::NotIssuer { subject, issuer, next: next.subject.to_string() }
        });
    }
    faults
}

/// The access method caIssuers (RFC 5280, 4.2.2.1).
const CA_ISSUERS: &str = "1.3.6.1.5.5.7.48.2";

fn has_issuer_address(der: &[u8]) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else { return false };
    certificate.iter_extensions().any(|extension| {
        let ParsedExtension::AuthorityInfoAccess(access) = extension.parsed_extension() else { return false };
        access.accessdescs.iter().any(|it| it.access_method.to_id_string() == CA_ISSUERS)
    })
}
