//! Parses certificate revocation lists (RFC 5280, section 5). Their signatures are verified
//! elsewhere.

use jiff::Timestamp;
use x509_parser::der_parser::asn1_rs::{Any, FromDer as _};
use x509_parser::extensions::{IssuingDistributionPoint, ParsedExtension, X509Extension};
use x509_parser::revocation_list::{CertificateRevocationList, RevokedCertificate};
use x509_parser::x509::X509Version;

use super::certificate::{Identity, following, timestamp, uris};
use super::distinguished_name::DistinguishedName;
use super::fingerprint::{Fingerprint, Serial};
use super::relative_names::relative_names;

/// deltaCRLIndicator (RFC 5280, 5.2.4).
const DELTA: &str = "2.5.29.27";
/// certificateIssuer of an entry (RFC 5280, 5.3.3): the entry is for another CA's certificate.
const CERTIFICATE_ISSUER: &str = "2.5.29.29";

/// A complete list of version 2, in owned values.
#[derive(Clone, Debug)]
pub struct RevocationList {
    /// The issuer of the list and of the certificates in its scope.
    pub issuer: DistinguishedName,
    /// The time at which it was issued.
    pub this_update: Timestamp,
    /// The time by which the next list is due; after that, this one is outdated.
    pub next_update: Timestamp,
    /// The signed part, in DER.
    pub signed: Vec<u8>,
    /// The content of the AlgorithmIdentifier of the signature.
    pub algorithm_id: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
    scope: Scope,
    /// The serial numbers, sorted.
    revoked: Vec<Serial>,
}

/// The certificates of its issuer that a list covers (RFC 5280, 5.2.5); by default all.
#[derive(Clone, Debug, Default)]
struct Scope {
    only_end_entities: bool,
    only_cas: bool,
    /// The URIs of a list that is one of several, at least one; `None` for the only one.
    points: Option<Vec<String>>,
}

/// Why a list cannot be used at all.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ListFault {
    /// It is not a list in DER.
    #[error("its DER is damaged")]
    Damaged,
    /// The list is followed by this number of bytes.
    #[error("{} it", following(*.0))]
    TrailingBytes(usize),
    /// Version 1 has no extensions, so it is unknown whether the list is complete.
    #[error("it is a version 1 list")]
    VersionOne,
    /// It contains only the changes since another list.
    #[error("it is a delta list, which contains only the changes since another one")]
    Delta,
    /// It also covers other CAs' certificates.
    #[error("it is an indirect list, which covers certificates of other CAs")]
    Indirect,
    /// It omits some reasons for revocation, covers only attribute certificates, or is one
    /// of several that cannot be distinguished.
    #[error(
        "it is a partial list: only for some reasons or attribute certificates, or for a subset that no URI names"
    )]
    Partial,
    /// It is unknown when it becomes outdated.
    #[error("it does not state when the next one is due (nextUpdate)")]
    NoNextUpdate,
    /// It has a critical extension that is not supported.
    #[error("it has a critical extension that is not supported ({0})")]
    UnknownCritical(String),
}

impl ListFault {
    /// A hint for correcting it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Damaged => {
                "fetch the file again; it must contain lists in PEM (`-----BEGIN X509 CRL-----`) or one in DER"
            }
            Self::TrailingBytes(_) => {
                "fetch the file again; a DER file contains one list and nothing else, so convert lists to PEM to put several into one file"
            }
            Self::VersionOne => {
                "ask the CA for its version 2 list; with OpenSSL, `openssl ca -gencrl` creates one if `crl_extensions` is set"
            }
            Self::Delta => "name the CA's complete (base) list",
            Self::Indirect => "name the list that the sender's own CA issues",
            Self::Partial => "name the CA's complete list",
            Self::NoNextUpdate => "ask the CA for a list with a nextUpdate, as RFC 5280 requires",
            Self::UnknownCritical(_) => {
                "ask the CA for a list that conforms to RFC 5280, without that extension"
            }
        }
    }
}

impl RevocationList {
    /// Parses a list in DER.
    ///
    /// # Errors
    /// If it is not a list, or is of a kind that cannot be used alone.
    pub fn from_der(der: &[u8]) -> Result<Self, ListFault> {
        let (rest, list) = CertificateRevocationList::from_der(der).map_err(|_| ListFault::Damaged)?;
        if !rest.is_empty() {
            return Err(ListFault::TrailingBytes(rest.len()));
        }
        let signed = list.tbs_cert_list.as_ref();
        // RFC 5280, 5.1.1.2: the algorithm outside must be the one that was signed over.
        if list.tbs_cert_list.signature != list.signature_algorithm {
            return Err(ListFault::Damaged);
        }
        if list.version() != Some(X509Version(1)) {
            return Err(ListFault::VersionOne);
        }
        let scope = scope(list.extensions())?;
        let mut revoked = list.iter_revoked_certificates().map(entry).collect::<Result<Vec<_>, _>>()?;
        revoked.sort_unstable();
        Ok(Self {
            issuer: DistinguishedName::of(&relative_names(list.issuer()).map_err(|_| ListFault::Damaged)?),
            this_update: timestamp(list.last_update()),
            next_update: timestamp(list.next_update().ok_or(ListFault::NoNextUpdate)?),
            signed: signed.to_vec(),
            algorithm_id: algorithm_id(der, signed.len()).ok_or(ListFault::Damaged)?.to_vec(),
            signature: list.signature_value.data.to_vec(),
            scope,
            revoked,
        })
    }

    /// Whether the list contains a certificate, regardless of its signature.
    pub fn names(&self, certificate: &Identity) -> bool {
        self.issuer == certificate.issuer && self.revoked.binary_search(&certificate.serial).is_ok()
    }

    /// Whether the list would contain a certificate if that were revoked.
    pub fn covers(&self, certificate: &Identity) -> bool {
        let Scope { only_end_entities, only_cas, points } = &self.scope;
        let kind = if certificate.issuing.is_ca { !only_end_entities } else { !only_cas };
        // RFC 5280, 6.3.3 (b)(2)(i): a list with a distribution point covers only certificates that name it.
        let place = match (points, &certificate.crl_points) {
            (Some(ours), Some(theirs)) => theirs.iter().any(|point| ours.contains(point)),
            (Some(_), None) => false,
            (None, _) => true,
        };
        self.issuer == certificate.issuer && kind && place
    }

    /// Whether the list is current at this time.
    pub fn is_current_at(&self, now: Timestamp) -> bool {
        (self.this_update.as_second()..=self.next_update.as_second()).contains(&now.as_second())
    }

    /// The digest that identifies this list, in hex.
    pub fn digest(&self) -> String {
        Fingerprint::of_certificate(&self.signed).to_string()
    }

    /// The number of certificates that it lists.
    pub fn len(&self) -> usize {
        self.revoked.len()
    }

    /// Whether it lists none.
    pub fn is_empty(&self) -> bool {
        self.revoked.is_empty()
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "another crate's extensions, which may grow")]
fn scope(extensions: &[X509Extension<'_>]) -> Result<Scope, ListFault> {
    let mut scope = Scope::default();
    for extension in extensions {
        match extension.parsed_extension() {
            ParsedExtension::IssuingDistributionPoint(point) => scope = scope_of(point)?,
            ParsedExtension::CRLNumber(_)
            | ParsedExtension::AuthorityKeyIdentifier(_)
            | ParsedExtension::IssuerAlternativeName(_) => {}
            _ if extension.oid.to_id_string() == DELTA => return Err(ListFault::Delta),
            _ if extension.critical => return Err(ListFault::UnknownCritical(extension.oid.to_id_string())),
            _ => {}
        }
    }
    Ok(scope)
}

fn scope_of(point: &IssuingDistributionPoint<'_>) -> Result<Scope, ListFault> {
    if point.indirect_crl {
        return Err(ListFault::Indirect);
    }
    let points = point.distribution_point.as_ref().map(uris);
    let nowhere = points.as_ref().is_some_and(Vec::is_empty);
    if point.only_some_reasons.is_some() || point.only_contains_attribute_certs || nowhere {
        return Err(ListFault::Partial);
    }
    Ok(Scope {
        only_end_entities: point.only_contains_user_certs,
        only_cas: point.only_contains_ca_certs,
        points,
    })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "another crate's extensions, which may grow")]
fn entry(revoked: &RevokedCertificate<'_>) -> Result<Serial, ListFault> {
    for extension in revoked.extensions().iter().filter(|extension| extension.critical) {
        match extension.parsed_extension() {
            ParsedExtension::ReasonCode(_) | ParsedExtension::InvalidityDate(_) => {}
            _ if extension.oid.to_id_string() == CERTIFICATE_ISSUER => return Err(ListFault::Indirect),
            _ => return Err(ListFault::UnknownCritical(extension.oid.to_id_string())),
        }
    }
    Serial::from_integer(revoked.raw_serial()).ok_or(ListFault::Damaged)
}

/// The content of the AlgorithmIdentifier that follows the signed part, in a certificate or a list.
pub(crate) fn algorithm_id(whole: &[u8], signed_bytes: usize) -> Option<&[u8]> {
    let (_, outer) = Any::from_der(whole).ok()?;
    let (_, algorithm) = Any::from_der(outer.data.get(signed_bytes..)?).ok()?;
    Some(algorithm.data)
}
