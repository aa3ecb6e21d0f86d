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
    /// With the words of whoever could not read it.
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
            return Err(UnreadableCertificate(format!("{} bytes follow it", rest.len())));
        }
        Ok(Self {
            common_name: CommonName::of(certificate.subject()),
            issuer: rfc4514(certificate.issuer()),
            self_issued: certificate.subject().as_raw() == certificate.issuer().as_raw(),
            not_before: timestamp(certificate.validity().not_before),
            not_after: timestamp(certificate.validity().not_after),
            serial: serial(certificate.raw_serial()),
            sha256: Fingerprint::of_certificate(der),
            spki_sha256: SpkiPin::of_spki(certificate.public_key().raw),
            subject: rfc4514(certificate.subject()),
            version: version(&certificate)?,
            cannot_issue: cannot_issue(&certificate),
            spki: certificate.public_key().raw.to_vec(),
        })
    }

    /// Whether `at` lies inside the validity, both ends included (RFC 5280, 4.1.2.5).
    pub fn is_valid_at(&self, at: Timestamp) -> bool {
        // Certificates know whole seconds, and the last one counts to its end.
        (self.not_before.as_second()..=self.not_after.as_second()).contains(&at.as_second())
    }
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
fn timestamp(time: ASN1Time) -> Timestamp {
    let end = if time.timestamp() < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_second(time.timestamp()).unwrap_or(end)
}

fn serial(raw: &[u8]) -> String {
    let significant = match raw {
        [0, rest @ ..] if !rest.is_empty() => rest,
        all => all,
    };
    Hex(significant).to_string()
}
