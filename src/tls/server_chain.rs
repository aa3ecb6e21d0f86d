//! Whether the certificates that the server presents form a chain (RFC 8446, 4.4.2): each issued by the next.

use rustls_pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer as _;

use super::anchors::algorithms;
use super::signature::{Algorithms, is_unsupported, issued_by};
use crate::identity::Identity;

/// Why some clients may not be able to verify a chain; each names the certificates by their subjects.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ChainFault {
    /// A certificate is in the chain twice.
    #[error("the certificate `{subject}` is in the chain twice")]
    Repeated {
        /// Its subject.
        subject: String,
    },
    /// The issuer of a certificate does not follow it directly.
    #[error("the chain is not in order: `{issuer}` issued `{subject}` but does not follow it directly")]
    OutOfOrder {
        /// The subject of the certificate.
        subject: String,
        /// The subject of its issuer, elsewhere in the chain.
        issuer: String,
    },
    /// What follows has the name of the issuer, but a different key.
    #[error(
        "`{subject}` is followed by a certificate with the name of its issuer, `{issuer}`, but another key"
    )]
    OtherKey {
        /// The subject of the certificate.
        subject: String,
        /// The name of the issuer and of what follows.
        issuer: String,
    },
    /// What follows is not the issuer's certificate, which is not in the chain at all.
    #[error("`{subject}` was issued by `{issuer}`, but `{next}` follows it in the chain")]
    NotIssuer {
        /// The subject of the certificate.
        subject: String,
        /// Its issuer.
        issuer: String,
        /// The subject of what follows instead.
        next: String,
    },
    /// A CA is in the chain with two certificates, by different issuers. OpenSSL tries only the path through the first.
    #[error(
        "`{subject}` is in the chain with two certificates, issued by `{first}` and by `{second}`; clients that use OpenSSL try only the first"
    )]
    CrossSigned {
        /// Its subject.
        subject: String,
        /// The issuer of the first.
        first: String,
        /// The issuer of the second.
        second: String,
    },
    /// Something follows a self-signed certificate, where the chain ends.
    #[error("`{next}` follows the root certificate `{root}`, where the chain ends")]
    AfterRoot {
        /// The subject of the self-signed certificate.
        root: String,
        /// The subject of what follows.
        next: String,
    },
    /// The chain contains only the server's certificate, which is not self-signed.
    #[error("the certificate `{subject}` is the only one in the file{}", without(*has_issuer_address, issuer))]
    Alone {
        /// Its subject.
        subject: String,
        /// Its issuer.
        issuer: String,
        /// Whether it has the address of its issuer's certificate (RFC 5280, 4.2.2.1), as those below an intermediate do.
        has_issuer_address: bool,
    },
}

fn without(has_issuer_address: bool, issuer: &str) -> String {
    let text = format!(", without the intermediate `{issuer}` that issued it");
    if has_issuer_address { text } else { String::new() }
}

impl ChainFault {
    /// A hint for correcting it.
    pub fn hint(&self) -> String {
        match self {
            Self::Repeated { .. } => "remove the repetition".to_owned(),
            Self::OutOfOrder { subject, issuer } => {
                format!(
                    "move the certificate `{issuer}` directly below `{subject}`; the server's own comes first"
                )
            }
            Self::OtherKey { .. } => {
                "ask the CA for the certificate of the key that signed this one".to_owned()
            }
            Self::NotIssuer { subject, issuer, next } => format!(
                "insert the intermediate certificate `{issuer}` below `{subject}`, unless it is a root; remove `{next}` if \
                 it did not issue anything in the file"
            ),
            Self::CrossSigned { .. } => {
                "keep the one whose root all senders trust, or put it first".to_owned()
            }
            Self::AfterRoot { next, .. } => format!("remove `{next}`"),
            Self::Alone { issuer, has_issuer_address: true, .. } => {
                format!("append the certificate `{issuer}` to the file; most CAs offer a \"full chain\"")
            }
            Self::Alone { issuer, has_issuer_address: false, .. } => {
                format!(
                    "fine if `{issuer}` is a root that the senders trust; append it if it is an intermediate"
                )
            }
        }
    }
}

/// Every fault of a chain, from the server's certificate upward. Certificates that cannot be parsed are not checked.
pub fn chain_faults(chain: &[CertificateDer<'_>]) -> Vec<ChainFault> {
    let read: Vec<_> = chain.iter().filter_map(|der| Some((der, Identity::from_der(der).ok()?))).collect();
    let algorithms = algorithms().all;
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
        let is_repeated = read.iter().take(index + 1).any(|(earlier, _)| earlier == next_der);
        if !is_repeated && let Some(twin) = second_path(&read, index + 1, algorithms) {
            faults.extend(twin.filter(|twin| !faults.contains(twin)));
            continue;
        }
        if issued_by(own, next, algorithms) || is_unsupported(own, next, algorithms) {
            continue;
        }
        let (subject, issuer) = (below.subject.to_string(), below.issuer.to_string());
        let issues_it = |(_, other): &&Certificate<'_>| issued_by(own, other, algorithms);
        let is_root = issued_by(own, below, algorithms);
        let elsewhere = read.iter().find(issues_it).filter(|_| !is_root);
        let is_misplaced = read
            .iter()
            .any(|(other, it)| !it.is_self_issued() && issued_by((other.as_ref(), it), next, algorithms));
        faults.push(if is_repeated {
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

type Certificate<'a> = (&'a CertificateDer<'a>, Identity);

/// Whether a certificate belongs to a second path, which no order can put below the first: it is the same CA as an earlier
/// one (same subject and key, cross-signed by another issuer), which is a fault, or it issued one of such a pair.
fn second_path(
    chain: &[Certificate<'_>],
    index: usize,
    algorithms: Algorithms<'_>,
) -> Option<Option<ChainFault>> {
    let (before, [(_, candidate), ..]) = chain.split_at(index) else { return None };
    let is_twin = |one: &Identity, other: &Identity| {
        other.sha256 != one.sha256 && other.subject == one.subject && other.spki == one.spki
    };
    let issued: Vec<_> = before
        .iter()
        .filter(|(der, below)| issued_by((der.as_ref(), below), candidate, algorithms))
        .map(|(_, below)| below)
        .collect();
    let first = before.iter().find(|(_, other)| is_twin(candidate, other)).filter(|_| !issued.is_empty());
    if let Some((_, first)) = first {
        return Some(Some(ChainFault::CrossSigned {
            subject: candidate.subject.to_string(),
            first: first.issuer.to_string(),
            second: candidate.issuer.to_string(),
        }));
    }
    let has_twin = |below: &Identity| chain.iter().any(|(_, other)| is_twin(below, other));
    issued.into_iter().any(has_twin).then_some(None)
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
