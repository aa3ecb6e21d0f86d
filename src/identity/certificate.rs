//! Parses a certificate.

use jiff::Timestamp;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{DistributionPointName, GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;
use x509_parser::x509::X509Version;

use super::algorithm::signature_name;
use super::alternative_names::AlternativeNames;
use super::common_name::CommonName;
use super::distinguished_name::DistinguishedName;
use super::fingerprint::{Fingerprint, Serial, SpkiPin};
use super::issuer::Issuing;
use super::key::PublicKeyKind;
use super::name_constraints::NameConstraints;
use super::purposes::Purposes;
use super::relative_names::relative_names;
use super::wrapper;

/// The contents of a certificate (RFC 5280), in owned values.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The subject's alternative names.
    pub alternative_names: AlternativeNames,
    /// The subject's common name, if there is exactly one.
    pub common_name: CommonName,
    /// The locations of its revocation lists, as stated by its issuer (RFC 5280, 4.2.1.13), as far as
    /// they are URIs; `None` if it states none.
    pub crl_points: Option<Vec<String>>,
    /// The issuer's name.
    pub issuer: DistinguishedName,
    /// Whether and how it can issue certificates.
    pub issuing: Issuing,
    /// The type of its key.
    pub key: PublicKeyKind,
    /// The names for which it may issue.
    pub name_constraints: NameConstraints,
    /// The first moment of validity; it is included, as is the last.
    pub not_before: Timestamp,
    /// The last moment of validity.
    pub not_after: Timestamp,
    /// The purposes for which it is marked.
    pub purposes: Purposes,
    /// Its serial number, assigned by its issuer.
    pub serial: Serial,
    /// The algorithm of its signature, by OpenSSL's name.
    pub signature_algorithm: String,
    /// The digest that identifies this certificate.
    pub sha256: Fingerprint,
    /// The SubjectPublicKeyInfo, in DER.
    pub spki: Vec<u8>,
    /// The digest that identifies its key.
    pub spki_sha256: SpkiPin,
    /// The subject's name.
    pub subject: DistinguishedName,
    /// The version of the certificate.
    pub version: Version,
}

/// The version field (RFC 5280, 4.1.2.1). A certificate of another version, or one of version 1
/// that has extensions, is unreadable, because those extensions would not be processed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Version {
    /// Version 1: it has no extensions, so it does not state its purpose.
    One,
    /// Version 3.
    Three,
}

/// The bytes are not a readable certificate.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a readable X.509 certificate: {0}")]
pub struct UnreadableCertificate(String);

impl UnreadableCertificate {
    /// Creates the error from the reason.
    pub fn because(why: impl std::fmt::Display) -> Self {
        Self(why.to_string())
    }
}

impl Identity {
    /// Parses a certificate in DER.
    ///
    /// # Errors
    /// If the bytes are not exactly one certificate of version 1 or 3.
    pub fn from_der(der: &[u8]) -> Result<Self, UnreadableCertificate> {
        let (rest, certificate) =
            X509Certificate::from_der(der).map_err(|_| UnreadableCertificate("its DER is damaged".into()))?;
        if !rest.is_empty() {
            return Err(UnreadableCertificate(format!("{} it", following(rest.len()))));
        }
        wrapper::check(der).map_err(UnreadableCertificate::because)?;
        let subject = relative_names(certificate.subject()).map_err(UnreadableCertificate::because)?;
        let issuer = relative_names(certificate.issuer()).map_err(UnreadableCertificate::because)?;
        let key = PublicKeyKind::of(certificate.public_key());
        Ok(Self {
            alternative_names: AlternativeNames::of(&certificate),
            common_name: CommonName::of(&subject),
            crl_points: crl_points(&certificate),
            issuer: DistinguishedName::of(&issuer),
            issuing: Issuing::of(&certificate, &key),
            key,
            name_constraints: NameConstraints::of(&certificate),
            not_before: timestamp(certificate.validity().not_before),
            not_after: timestamp(certificate.validity().not_after),
            purposes: Purposes::of(&certificate),
            serial: Serial::from_integer(certificate.raw_serial())
                .ok_or_else(|| UnreadableCertificate::because("its serial number is empty"))?,
            signature_algorithm: signature_name(&certificate.signature_algorithm),
            sha256: Fingerprint::of_certificate(der),
            spki: certificate.public_key().raw.to_vec(),
            spki_sha256: SpkiPin::of_spki(certificate.public_key().raw),
            subject: DistinguishedName::of(&subject),
            version: version(&certificate)?,
        })
    }

    /// Whether the subject and the issuer are the same name. The signature is not verified.
    pub fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// Whether `at` is within the validity period, both ends included (RFC 5280, 4.1.2.5).
    pub fn is_valid_at(&self, at: Timestamp) -> bool {
        // Certificates have a resolution of one second, and the last second is included.
        (self.not_before.as_second()..=self.not_after.as_second()).contains(&at.as_second())
    }
}

/// Begins a sentence about bytes that follow a structure in DER.
pub(crate) fn following(bytes: usize) -> String {
    if bytes == 1 { "1 byte follows".to_owned() } else { format!("{bytes} bytes follow") }
}

fn version(certificate: &X509Certificate<'_>) -> Result<Version, UnreadableCertificate> {
    match certificate.version() {
        X509Version::V3 => Ok(Version::Three),
        X509Version::V1 if certificate.extensions().is_empty() => Ok(Version::One),
        X509Version::V1 => Err(UnreadableCertificate::because(
            "it has version 1, but also extensions, which only version 3 allows",
        )),
        X509Version(other) => {
            Err(UnreadableCertificate(format!("its version is {}, neither 1 nor 3", other.saturating_add(1))))
        }
    }
}

/// Converts a time. 99991231235959Z means "no end" (RFC 5280, 4.1.2.5) and is outside the range of [`Timestamp`].
pub(crate) fn timestamp(time: ASN1Time) -> Timestamp {
    let end = if time.timestamp() < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_second(time.timestamp()).unwrap_or(end)
}

/// cRLDistributionPoints (RFC 5280, 4.2.1.13).
const CRL_DISTRIBUTION_POINTS: &str = "2.5.29.31";

fn crl_points(certificate: &X509Certificate<'_>) -> Option<Vec<String>> {
    let mut points = None;
    for extension in certificate.iter_extensions() {
        if extension.oid.to_id_string() != CRL_DISTRIBUTION_POINTS {
            continue;
        }
        let found: &mut Vec<String> = points.get_or_insert_default();
        if let ParsedExtension::CRLDistributionPoints(points) = extension.parsed_extension() {
            found.extend(points.iter().filter_map(|point| point.distribution_point.as_ref()).flat_map(uris));
        }
    }
    points
}

/// The URIs of a distribution point's name.
pub(crate) fn uris(name: &DistributionPointName<'_>) -> Vec<String> {
    let mut found = Vec::new();
    if let DistributionPointName::FullName(names) = name {
        for name in names {
            if let GeneralName::URI(uri) = name {
                found.push((*uri).to_owned());
            }
        }
    }
    found
}
