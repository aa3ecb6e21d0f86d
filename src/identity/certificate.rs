//! One certificate, read.

use jiff::Timestamp;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;
use x509_parser::x509::X509Version;

use super::fingerprint::{Fingerprint, Hex, SpkiPin};
use super::issuer::{CannotIssue, cannot_issue};
use super::name::{CommonName, rfc4514};

/// What a certificate says of its holder (RFC 5280), in owned, plain values.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The subject's common name, when there is exactly one to speak of.
    pub common_name: CommonName,
    /// The issuer's name as RFC 4514 writes it.
    pub issuer: String,
    /// Whether subject and issuer are the same name. Says nothing about the signature.
    pub self_issued: bool,
    /// First and last moment of validity, both inclusive.
    pub not_before: Timestamp,
    /// See [`Identity::not_before`].
    pub not_after: Timestamp,
    /// The serial number in lower-case hex, without the sign's leading zero byte.
    pub serial: String,
    /// Names exactly this certificate.
    pub sha256: Fingerprint,
    /// Names the key in it.
    pub spki_sha256: SpkiPin,
    /// The subject's name as RFC 4514 writes it.
    pub subject: String,
    /// What kind of certificate this is.
    pub version: Version,
    /// Why it may not vouch for others, if it may not.
    pub cannot_issue: Option<CannotIssue>,
    /// The SubjectPublicKeyInfo, in DER.
    pub spki: Vec<u8>,
}

/// The version field: version 1 certificates carry no extensions, so nothing in them says what
/// they may be used for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Version {
    /// Version 1 or 2: no extensions.
    Old,
    /// Version 3.
    Three,
}

/// These bytes are not a certificate that can be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a readable X.509 certificate: {0}")]
pub struct UnreadableCertificate(String);

impl UnreadableCertificate {
    /// With the words of whoever could not read it.
    pub fn because(why: impl std::fmt::Display) -> Self {
        Self(why.to_string())
    }
}

impl Identity {
    /// Reads a certificate in DER.
    ///
    /// # Errors
    /// When the bytes are not exactly one certificate, or its dates cannot be expressed.
    pub fn from_der(der: &[u8]) -> Result<Self, UnreadableCertificate> {
        let (rest, certificate) =
            X509Certificate::from_der(der).map_err(|_| UnreadableCertificate("its DER is damaged".into()))?;
        if !rest.is_empty() {
            return Err(UnreadableCertificate(format!("{} bytes follow it", rest.len())));
        }
        Ok(Self {
            common_name: CommonName::of(certificate.subject()),
            issuer: rfc4514(certificate.issuer()),
            self_issued: certificate.subject().as_raw() == certificate.issuer().as_raw(),
            not_before: timestamp(certificate.validity().not_before)?,
            not_after: timestamp(certificate.validity().not_after)?,
            serial: serial(certificate.raw_serial()),
            sha256: Fingerprint::of_certificate(der),
            spki_sha256: SpkiPin::of_spki(certificate.public_key().raw),
            subject: rfc4514(certificate.subject()),
            version: version(certificate.version()),
            cannot_issue: cannot_issue(&certificate),
            spki: certificate.public_key().raw.to_vec(),
        })
    }

    /// Whether `at` lies inside the validity, both ends included (RFC 5280, 4.1.2.5).
    pub fn is_valid_at(&self, at: Timestamp) -> bool {
        self.not_before <= at && at <= self.not_after
    }
}

fn version(version: X509Version) -> Version {
    if version == X509Version::V3 { Version::Three } else { Version::Old }
}

fn timestamp(time: ASN1Time) -> Result<Timestamp, UnreadableCertificate> {
    Timestamp::from_second(time.timestamp()).map_err(|error| UnreadableCertificate(error.to_string()))
}

fn serial(raw: &[u8]) -> String {
    let significant = match raw {
        [0, rest @ ..] if !rest.is_empty() => rest,
        all => all,
    };
    Hex(significant).to_string()
}
