//! One sender's anchors: the CAs that vouch for its certificates and for nobody else's.

use std::slice;

use jiff::Timestamp;
use rustls::DistinguishedName;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{
    EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter, KeyUsage, anchor_from_trusted_cert,
};

use super::signature::issued_by;
use crate::identity::{CannotIssue, Identity, UnreadableCertificate, Version};
use crate::policy::Doubt;

/// The most certificates a client may send with its own. Every one of them costs signature checks.
pub const INTERMEDIATES_MAX: usize = 10;

/// A certificate that its operator trusts to vouch for one sender.
#[derive(Clone, Debug)]
pub struct Anchor {
    /// What it says of itself.
    pub identity: Identity,
    der: CertificateDer<'static>,
    trust: TrustAnchor<'static>,
}

/// Why a certificate is no anchor.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AnchorFault {
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] UnreadableCertificate),
    /// It may not vouch for others.
    #[error("`{subject}` cannot vouch for a sender: {why}")]
    CannotIssue {
        /// Its subject.
        subject: String,
        /// The reason.
        why: CannotIssue,
    },
}

impl Anchor {
    /// Judges one certificate as an issuer. Dates are not looked at here: an anchor that has
    /// expired admits nobody, and says so at the handshake.
    ///
    /// # Errors
    /// When it is not readable, or not one that may issue.
    pub fn new(der: CertificateDer<'static>) -> Result<Self, AnchorFault> {
        let identity = Identity::from_der(&der)?;
        if let Some(why) = identity.cannot_issue {
            return Err(AnchorFault::CannotIssue { subject: identity.subject, why });
        }
        let trust = anchor_from_trusted_cert(&der).map_err(UnreadableCertificate::because)?.to_owned();
        Ok(Self { identity, der, trust })
    }

    /// The name a client is told to look for among its certificates.
    pub(super) fn hint(&self) -> DistinguishedName {
        DistinguishedName::in_sequence(self.trust.subject.as_ref())
    }
}

/// A client's certificate with what it sent along.
pub(super) struct Chain<'a> {
    pub(super) end_entity: &'a CertificateDer<'a>,
    pub(super) intermediates: &'a [CertificateDer<'a>],
    pub(super) identity: &'a Identity,
}

/// Whether one of `anchors` vouches for the chain at `now`.
pub(super) fn vouch(
    anchors: &[Anchor],
    chain: &Chain<'_>,
    now: Timestamp,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<(), Doubt> {
    let mut doubt = Doubt::UnknownCa;
    for anchor in anchors {
        match anchor.vouches(chain, now, algorithms) {
            Ok(()) => return Ok(()),
            Err(found) => doubt = doubt.max(found),
        }
    }
    Err(doubt)
}

impl Anchor {
    fn vouches(
        &self,
        chain: &Chain<'_>,
        now: Timestamp,
        algorithms: &WebPkiSupportedAlgorithms,
    ) -> Result<(), Doubt> {
        match chain.identity.version {
            Version::Three => self.vouches_for_path(chain, now, algorithms)?,
            Version::Old if issued_by(chain.end_entity, &self.der, algorithms) => dates(chain.identity, now)?,
            Version::Old => return Err(Doubt::UnknownCa),
        }
        dates(&self.identity, now)
    }

    /// The whole of RFC 5280's path validation, as the library does it. It looks at dates and
    /// purpose before it looks for an issuer, so those two doubts are believed only when the path
    /// holds without them: a stranger's expired certificate is a stranger's.
    fn vouches_for_path(
        &self,
        chain: &Chain<'_>,
        now: Timestamp,
        algorithms: &WebPkiSupportedAlgorithms,
    ) -> Result<(), Doubt> {
        let end_entity = EndEntityCert::try_from(chain.end_entity).map_err(|_| Doubt::Unreadable)?;
        let verify = |at: Timestamp, usage: Purpose| {
            end_entity
                .verify_for_usage(
                    algorithms.all,
                    slice::from_ref(&self.trust),
                    chain.intermediates,
                    unix_time(at),
                    usage,
                    None,
                    None,
                )
                .map(|_| ())
        };
        let issued = chain.identity.not_before;
        match verify(now, Purpose::Client) {
            Ok(()) => Ok(()),
            Err(webpki::Error::CertExpired { .. }) if verify(issued, Purpose::Any).is_ok() => {
                Err(Doubt::Expired)
            }
            Err(webpki::Error::CertNotValidYet { .. }) if verify(issued, Purpose::Any).is_ok() => {
                Err(Doubt::NotYetValid)
            }
            Err(webpki::Error::RequiredEkuNotFoundContext(_)) if verify(issued, Purpose::Any).is_ok() => {
                Err(Doubt::Purpose)
            }
            Err(webpki::Error::CaUsedAsEndEntity) if issued_by(chain.end_entity, &self.der, algorithms) => {
                Err(Doubt::Purpose)
            }
            Err(_) => Err(Doubt::UnknownCa),
        }
    }
}

/// What a certificate has to be marked for, if it is marked at all (RFC 5280, 4.2.1.12).
#[derive(Clone, Copy)]
enum Purpose {
    Any,
    Client,
}

impl ExtendedKeyUsageValidator for Purpose {
    fn validate(&self, purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        match self {
            Self::Any => Ok(()),
            Self::Client => KeyUsage::client_auth().validate(purposes),
        }
    }
}

fn dates(identity: &Identity, now: Timestamp) -> Result<(), Doubt> {
    if now < identity.not_before {
        Err(Doubt::NotYetValid)
    } else if identity.is_valid_at(now) {
        Ok(())
    } else {
        Err(Doubt::Expired)
    }
}

fn unix_time(at: Timestamp) -> UnixTime {
    UnixTime::since_unix_epoch(std::time::Duration::from_secs(u64::try_from(at.as_second()).unwrap_or(0)))
}
