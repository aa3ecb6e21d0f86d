//! What can be read of a certificate that cannot be used, for a report about it.

use jiff::Timestamp;
use x509_parser::certificate::Validity;
use x509_parser::der_parser::asn1_rs::{Any, FromDer as _, Header, Tag};
use x509_parser::x509::X509Name;

use super::certificate::timestamp;
use super::fingerprint::{Fingerprint, Serial, SpkiPin};

/// The fields of a certificate in their order, up to the first one that cannot be read. They are only shown: no decision
/// depends on them.
#[derive(Clone, Debug)]
pub struct ReadableParts {
    /// The digest of all bytes.
    pub sha256: Fingerprint,
    /// The serial number.
    pub serial: Option<Serial>,
    /// The issuer's name.
    pub issuer: Option<String>,
    /// The first and the last moment of validity.
    pub validity: Option<(Timestamp, Timestamp)>,
    /// The subject's name.
    pub subject: Option<String>,
    /// The digest of the key.
    pub spki_sha256: Option<SpkiPin>,
}

impl ReadableParts {
    /// Reads what it can.
    pub fn of(der: &[u8]) -> Self {
        let mut parts = Self {
            sha256: Fingerprint::of_certificate(der),
            serial: None,
            issuer: None,
            validity: None,
            subject: None,
            spki_sha256: None,
        };
        // `None` ends the reading.
        let _ = parts.read(der);
        parts
    }

    fn read(&mut self, der: &[u8]) -> Option<()> {
        let rest = inside(inside(der)?)?;
        let (mut rest, first) = Any::from_der(rest).ok()?;
        let mut serial = first;
        // The version, which version 1 lacks.
        if serial.tag() != Tag::Integer {
            (rest, serial) = Any::from_der(rest).ok()?;
        }
        if serial.tag() != Tag::Integer {
            return None;
        }
        self.serial = Serial::from_integer(serial.data);
        let (rest, _algorithm) = Any::from_der(rest).ok()?;
        let (rest, issuer) = X509Name::from_der(rest).ok()?;
        self.issuer = Some(issuer.to_string());
        let (rest, validity) = Validity::from_der(rest).ok()?;
        self.validity = Some((timestamp(validity.not_before), timestamp(validity.not_after)));
        let (rest, subject) = X509Name::from_der(rest).ok()?;
        self.subject = Some(subject.to_string());
        let (after, _) = Any::from_der(rest).ok()?;
        self.spki_sha256 = Some(SpkiPin::of_spki(&rest[..rest.len() - after.len()]));
        Some(())
    }
}

/// The content of a SEQUENCE, also of one that is cut off.
fn inside(der: &[u8]) -> Option<&[u8]> {
    let (content, header) = Header::from_der(der).ok()?;
    (header.tag() == Tag::Sequence).then_some(content)
}
