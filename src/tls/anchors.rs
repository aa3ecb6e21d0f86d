//! One sender's anchors: the CAs that vouch for its certificates and for nobody else's.

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

/// The most certificates a client may send with its own. Ten that name each other would make
/// hundreds of thousands of paths, to be walked for a stranger; five make some hundreds.
pub const INTERMEDIATES_MAX: usize = 5;

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

/// Whether one of `anchors` vouches for the chain at `now`, and the last moment at which that one
/// is valid.
pub(super) fn vouch(
    anchors: &[Anchor],
    chain: &Chain<'_>,
    now: Timestamp,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<Timestamp, Doubt> {
    match chain.identity.version {
        Version::One => vouch_directly(anchors, chain, now, algorithms),
        Version::Three => vouch_for_path(anchors, chain, now, algorithms),
    }
}

/// Version 1: the anchor's own signature, and the dates. Never as an intermediate.
fn vouch_directly(
    anchors: &[Anchor],
    chain: &Chain<'_>,
    now: Timestamp,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<Timestamp, Doubt> {
    let mut doubt = Doubt::UnknownCa;
    for anchor in anchors.iter().filter(|anchor| issued_by(chain.end_entity, &anchor.der, algorithms)) {
        match dates(chain.identity, now).and_then(|()| dates(&anchor.identity, now)) {
            Ok(()) => return Ok(anchor.identity.not_after),
            Err(found) => doubt = doubt.max(found),
        }
    }
    Err(doubt)
}

/// Version 3: the whole of RFC 5280's path validation, as the library does it, once with all anchors
/// of the sender, since what a stranger sends along decides how long it takes. The library looks at
/// dates and purpose before it looks for an issuer, so those doubts are believed only when the path
/// holds without them: a stranger's expired certificate is a stranger's.
fn vouch_for_path(
    anchors: &[Anchor],
    chain: &Chain<'_>,
    now: Timestamp,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<Timestamp, Doubt> {
    let end_entity = EndEntityCert::try_from(chain.end_entity).map_err(|_| Doubt::Unreadable)?;
    let verify = |anchors: &[TrustAnchor<'_>], at: Timestamp, purpose: Purpose| {
        end_entity
            .verify_for_usage(
                algorithms.all,
                anchors,
                chain.intermediates,
                unix_time(at),
                purpose,
                None,
                None,
            )
            .map(|path| path.anchor().clone().to_owned())
    };
    let trusted = |is_wanted: &dyn Fn(&Anchor) -> bool| -> Vec<_> {
        anchors.iter().filter(|anchor| is_wanted(anchor)).map(|anchor| anchor.trust.clone()).collect()
    };
    let valid = trusted(&|anchor| anchor.identity.is_valid_at(now));
    let holds_apart_from_that =
        || verify(&trusted(&|_| true), chain.identity.not_before, Purpose::Any).is_ok();
    match verify(&valid, now, Purpose::Client) {
        Ok(found) => Ok(last_moment(anchors, &found, now)),
        Err(webpki::Error::CertExpired { .. }) if holds_apart_from_that() => Err(Doubt::Expired),
        Err(webpki::Error::CertNotValidYet { .. }) if holds_apart_from_that() => Err(Doubt::NotYetValid),
        Err(webpki::Error::RequiredEkuNotFoundContext(_)) if holds_apart_from_that() => Err(Doubt::Purpose),
        Err(webpki::Error::CaUsedAsEndEntity)
            if anchors.iter().any(|anchor| issued_by(chain.end_entity, &anchor.der, algorithms)) =>
        {
            Err(Doubt::Purpose)
        }
        Err(webpki::Error::UnknownIssuer) if valid.len() < anchors.len() => {
            let early = trusted(&|anchor| now < anchor.identity.not_before);
            let late = trusted(&|anchor| now > anchor.identity.not_after);
            let vouches =
                |anchors: &[_]| !anchors.is_empty() && verify(anchors, now, Purpose::Client).is_ok();
            Err(if vouches(&late) {
                Doubt::Expired
            } else if vouches(&early) {
                Doubt::NotYetValid
            } else {
                Doubt::UnknownCa
            })
        }
        Err(_) => Err(Doubt::UnknownCa),
    }
}

/// When the anchor that vouched runs out. The same CA may be there twice, renewed: the later counts.
fn last_moment(anchors: &[Anchor], found: &TrustAnchor<'_>, now: Timestamp) -> Timestamp {
    let same = |anchor: &&Anchor| {
        anchor.trust.subject == found.subject
            && anchor.trust.subject_public_key_info == found.subject_public_key_info
    };
    anchors.iter().filter(same).map(|anchor| anchor.identity.not_after).max().unwrap_or(now)
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
