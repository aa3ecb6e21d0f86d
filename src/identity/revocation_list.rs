//! Parses certificate revocation lists (RFC 5280, section 5). Their signatures are verified
//! elsewhere.

use aws_lc_rs::digest::{Context, SHA256};
use jiff::Timestamp;
use x509_parser::der_parser::asn1_rs::{Any, FromDer as _};
use x509_parser::extensions::{IssuingDistributionPoint, ParsedExtension, X509Extension};
use x509_parser::revocation_list::{CertificateRevocationList, RevokedCertificate};
use x509_parser::x509::X509Version;

use super::certificate::{Identity, following, timestamp, uris};
use super::distinguished_name::DistinguishedName;
use super::fingerprint::{Fingerprint, SpkiPin};
use super::list_der::{ListParts, ListSignature, content, element};
use super::relative_names::relative_names;
use super::revoked_serials::RevokedSerials;
use crate::hex::Hex;

/// deltaCRLIndicator (RFC 5280, 5.2.4).
const DELTA: &str = "2.5.29.27";
/// issuingDistributionPoint (RFC 5280, 5.2.5).
const ISSUING_POINT: &str = "2.5.29.28";
/// authorityKeyIdentifier (RFC 5280, 5.2.1).
const AUTHORITY_KEY: &str = "2.5.29.35";
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
    /// The digest that identifies this list, in hex.
    pub digest: String,
    /// Its number (RFC 5280, 5.2.3), big-endian and without leading zeros.
    number: Option<Vec<u8>>,
    /// The issuer's name and the issuing distribution point, in DER.
    series: [Vec<u8>; 2],
    /// The authority key identifier, in DER; empty if there is none.
    authority: Vec<u8>,
    scope: Scope,
    revoked: RevokedSerials,
}

/// The tag of the name in an issuing distribution point (RFC 5280, section 5.2.5).
const DISTRIBUTION_POINT: u8 = 0xa0;

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
        let parts = ListParts::of(der).ok_or(ListFault::Damaged)?;
        let (_, list) = CertificateRevocationList::from_der(&parts.without_entries)
            .ok()
            .filter(|(_, list)| list.iter_revoked_certificates().next().is_none())
            .ok_or(ListFault::Damaged)?;
        if parts.trailing > 0 {
            return Err(ListFault::TrailingBytes(parts.trailing));
        }
        // The parser ignores what follows the signature inside the list.
        if ListSignature::of(der).is_none() {
            return Err(ListFault::Damaged);
        }
        // RFC 5280, 5.1.1.2: the algorithm outside must be the one that was signed over.
        if list.tbs_cert_list.signature != list.signature_algorithm {
            return Err(ListFault::Damaged);
        }
        if list.version() != Some(X509Version(1)) {
            return Err(ListFault::VersionOne);
        }
        let scope = scope(list.extensions())?;
        let value = |oid: &str| {
            let found = list.extensions().iter().find(|extension| extension.oid.to_id_string() == oid);
            found.map_or(Vec::new(), |extension| extension.value.to_vec())
        };
        Ok(Self {
            issuer: DistinguishedName::of(&relative_names(list.issuer()).map_err(|_| ListFault::Damaged)?),
            this_update: timestamp(list.last_update()),
            next_update: timestamp(list.next_update().ok_or(ListFault::NoNextUpdate)?),
            digest: Fingerprint::of_certificate(parts.signed).to_string(),
            number: list.crl_number().map(|number| number.to_bytes_be()),
            series: [list.issuer().as_raw().to_vec(), value(ISSUING_POINT)],
            authority: value(AUTHORITY_KEY),
            scope,
            revoked: revoked(parts.entries)?,
        })
    }

    /// The digest of a list in DER; none if it cannot be parsed.
    pub fn digest_of(der: &[u8]) -> Option<String> {
        let parts = ListSignature::of(der)?;
        Some(Fingerprint::of_certificate(parts.signed).to_string())
    }

    /// Whether the list is older than another one of the same series: by its number (RFC 5280, 5.2.3), if both have
    /// one, or by its date.
    pub fn precedes(&self, other: &Self) -> bool {
        let of = |number: &Option<Vec<u8>>| number.as_ref().map(|bytes| (bytes.len(), bytes.clone()));
        let by_number = of(&self.number).zip(of(&other.number)).is_some_and(|(own, others)| own < others);
        by_number || self.this_update < other.this_update
    }

    /// Identifies the series of lists of which this one is an issue: the same issuer, distribution point and key. The
    /// key is the one that signed it, if known, or the one that it names.
    pub fn series(&self, signer: Option<&SpkiPin>) -> String {
        let mut digest = Context::new(&SHA256);
        let key = signer.map_or(self.authority.clone(), |signer| signer.to_string().into_bytes());
        for part in self.series.iter().chain([&key]) {
            digest.update(&part.len().to_be_bytes());
            digest.update(part);
        }
        Hex(digest.finish().as_ref()).to_string()
    }

    /// The number and date of the list, for messages.
    pub fn issue(&self) -> String {
        let number =
            self.number.as_ref().map_or(String::new(), |number| format!("number 0x{}, ", Hex(number)));
        format!("{number}dated {}", self.this_update)
    }

    /// Whether the list contains a certificate, regardless of its signature.
    pub fn names(&self, certificate: &Identity) -> bool {
        self.issuer == certificate.issuer && self.revoked.contains(&certificate.serial)
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

    /// The number of certificates that it lists.
    pub fn len(&self) -> usize {
        self.revoked.len()
    }

    /// Whether it lists none.
    pub fn is_empty(&self) -> bool {
        self.revoked.len() == 0
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "another crate's extensions, which may grow")]
fn scope(extensions: &[X509Extension<'_>]) -> Result<Scope, ListFault> {
    let mut scope = Scope::default();
    for extension in extensions {
        match extension.parsed_extension() {
            ParsedExtension::IssuingDistributionPoint(point) => scope = scope_of(point, extension.value)?,
            ParsedExtension::CRLNumber(_)
            | ParsedExtension::AuthorityKeyIdentifier(_)
            | ParsedExtension::IssuerAlternativeName(_) => {}
            // It could not be parsed, so the scope is unknown.
            _ if extension.oid.to_id_string() == ISSUING_POINT => return Err(ListFault::Damaged),
            _ if extension.oid.to_id_string() == DELTA => return Err(ListFault::Delta),
            _ if extension.critical => return Err(ListFault::UnknownCritical(extension.oid.to_id_string())),
            _ => {}
        }
    }
    Ok(scope)
}

/// The scope in an issuing distribution point, also given in DER.
fn scope_of(point: &IssuingDistributionPoint<'_>, der: &[u8]) -> Result<Scope, ListFault> {
    if point.indirect_crl {
        return Err(ListFault::Indirect);
    }
    let points = point.distribution_point.as_ref().map(uris);
    // The library omits a name that is relative to the issuer.
    let is_named = content(der).is_some_and(|fields| fields.first() == Some(&DISTRIBUTION_POINT));
    let nowhere = is_named && points.as_ref().is_none_or(Vec::is_empty);
    if point.only_some_reasons.is_some() || point.only_contains_attribute_certs || nowhere {
        return Err(ListFault::Partial);
    }
    Ok(Scope {
        only_end_entities: point.only_contains_user_certs,
        only_cas: point.only_contains_ca_certs,
        points,
    })
}

/// The serial numbers of the entries.
fn revoked(mut entries: &[u8]) -> Result<RevokedSerials, ListFault> {
    let mut serials = Vec::new();
    while !entries.is_empty() {
        let (_, parsed) = RevokedCertificate::from_der(entries).map_err(|_| ListFault::Damaged)?;
        check_entry(&parsed)?;
        let (entry, rest) = element(entries).ok_or(ListFault::Damaged)?;
        // The parsed entry contains a copy, and a million references to the file take less memory.
        let (_, serial) =
            content(entry).and_then(|content| Any::from_der(content).ok()).ok_or(ListFault::Damaged)?;
        serials.push(serial.data);
        entries = rest;
    }
    RevokedSerials::of(serials).ok_or(ListFault::Damaged)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "another crate's extensions, which may grow")]
fn check_entry(revoked: &RevokedCertificate<'_>) -> Result<(), ListFault> {
    for extension in revoked.extensions().iter().filter(|extension| extension.critical) {
        match extension.parsed_extension() {
            ParsedExtension::ReasonCode(_) | ParsedExtension::InvalidityDate(_) => {}
            _ if extension.oid.to_id_string() == CERTIFICATE_ISSUER => return Err(ListFault::Indirect),
            _ => return Err(ListFault::UnknownCritical(extension.oid.to_id_string())),
        }
    }
    Ok(())
}

/// The content of the AlgorithmIdentifier that follows the signed part, in a certificate or a list.
pub(crate) fn algorithm_id(whole: &[u8], signed_bytes: usize) -> Option<&[u8]> {
    let (_, outer) = Any::from_der(whole).ok()?;
    let (_, algorithm) = Any::from_der(outer.data.get(signed_bytes..)?).ok()?;
    Some(algorithm.data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_with_data_after_its_signature_is_damaged() {
        let intact = include_bytes!("../../fuzz/corpus/revocation_list/full");
        assert_eq!(RevocationList::from_der(intact).map(|list| list.len()), Ok(1));
        let damaged = include_bytes!("../../fuzz/corpus/revocation_list/data-after-signature");
        assert_eq!(RevocationList::from_der(damaged).err(), Some(ListFault::Damaged));
    }
}
