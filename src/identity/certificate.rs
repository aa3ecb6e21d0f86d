//! One certificate, read.

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
use super::purposes::Purposes;
use super::relative_names::relative_names;

/// What a certificate says of its holder (RFC 5280), in owned, plain values.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The subject's alternative names.
    pub alternative_names: AlternativeNames,
    /// The subject's common name, when there is exactly one to speak of.
    pub common_name: CommonName,
    /// Where its issuer says that its revocation lists are (RFC 5280, 4.2.1.13), as far as these are
    /// URIs; `None` where it does not say.
    pub crl_points: Option<Vec<String>>,
    /// The issuer's name.
    pub issuer: DistinguishedName,
    /// What it says of itself as an issuer.
    pub issuing: Issuing,
    /// The kind of its key.
    pub key: PublicKeyKind,
    /// First and last moment of validity, both inclusive.
    pub not_before: Timestamp,
    /// See [`Identity::not_before`].
    pub not_after: Timestamp,
    /// What it is marked for.
    pub purposes: Purposes,
    /// Its number among all that its issuer has made.
    pub serial: Serial,
    /// The algorithm of its signature, by OpenSSL's name.
    pub signature_algorithm: String,
    /// Names exactly this certificate.
    pub sha256: Fingerprint,
    /// The SubjectPublicKeyInfo, in DER.
    pub spki: Vec<u8>,
    /// Names the key in it.
    pub spki_sha256: SpkiPin,
    /// The subject's name.
    pub subject: DistinguishedName,
    /// What kind of certificate this is.
    pub version: Version,
}

/// The version field (RFC 5280, 4.1.2.1). A certificate of another version, or one of version 1
/// that carries extensions all the same, is unreadable: nobody would look at what those demand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Version {
    /// Version 1: no extensions, so nothing in it says what it may be used for.
    One,
    /// Version 3.
    Three,
}

/// These bytes are not a certificate that can be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a readable X.509 certificate: {0}")]
pub struct UnreadableCertificate(String);

impl UnreadableCertificate {
    /// With the reason for which it could not be parsed.
    pub fn because(why: impl std::fmt::Display) -> Self {
        Self(why.to_string())
    }
}

impl Identity {
    /// Reads a certificate in DER.
    ///
    /// # Errors
    /// When the bytes are not exactly one certificate of version 1 or 3.
    pub fn from_der(der: &[u8]) -> Result<Self, UnreadableCertificate> {
        let (rest, certificate) =
            X509Certificate::from_der(der).map_err(|_| UnreadableCertificate("its DER is damaged".into()))?;
        if !rest.is_empty() {
            return Err(UnreadableCertificate(format!("{} it", following(rest.len()))));
        }
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
            not_before: timestamp(certificate.validity().not_before),
            not_after: timestamp(certificate.validity().not_after),
            purposes: Purposes::of(&certificate),
            serial: Serial::from_integer(certificate.raw_serial()),
            signature_algorithm: signature_name(&certificate.signature_algorithm),
            sha256: Fingerprint::of_certificate(der),
            spki: certificate.public_key().raw.to_vec(),
            spki_sha256: SpkiPin::of_spki(certificate.public_key().raw),
            subject: DistinguishedName::of(&subject),
            version: version(&certificate)?,
        })
    }

    /// Whether subject and issuer are the same name. Says nothing about the signature.
    pub fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// Whether `at` lies inside the validity, both ends included (RFC 5280, 4.1.2.5).
    pub fn is_valid_at(&self, at: Timestamp) -> bool {
        // Certificates know whole seconds, and the last one counts to its end.
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
            "it says version 1 and has extensions, which only version 3 may",
        )),
        X509Version(other) => {
            Err(UnreadableCertificate(format!("its version is {}, neither 1 nor 3", other.saturating_add(1))))
        }
    }
}

/// 99991231235959Z means "no end" (RFC 5280, 4.1.2.5) and lies past what can be expressed.
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
