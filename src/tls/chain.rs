//! A client's certificate and the intermediates that can be part of a path.

use rustls_pki_types::CertificateDer;

use super::anchors::Anchor;
use super::signature::{Algorithms, is_unsupported, issued_by};
use crate::identity::Identity;

/// A certificate with its contents.
pub(super) type Read<'a> = (&'a CertificateDer<'a>, Identity);

/// The certificates that can be parsed.
pub(super) fn readable<'a>(sent: &'a [CertificateDer<'a>]) -> Vec<Read<'a>> {
    sent.iter().filter_map(|der| Some((der, Identity::from_der(der).ok()?))).collect()
}

/// A client's certificate and the certificates sent with it.
pub(super) struct Chain<'a> {
    pub(super) end_entity: &'a CertificateDer<'a>,
    pub(super) identity: &'a Identity,
    /// The sent certificates that descend from an anchor of any sender.
    pub(super) intermediates: Vec<CertificateDer<'a>>,
    /// The contents of the intermediates, in the same order.
    pub(super) above: Vec<Identity>,
    /// The other certificates that were sent with it and can be parsed.
    others: Vec<Read<'a>>,
    /// Whether no certificate was sent with it.
    pub(super) is_alone: bool,
    pub(super) signatures: Algorithms<'a>,
}

impl<'a> Chain<'a> {
    /// Omits certificates that neither an anchor nor a kept intermediate has signed: an attacker can send CAs with any
    /// names, and the path search tries them all.
    pub(super) fn new(
        (end_entity, identity): (&'a CertificateDer<'a>, &'a Identity),
        sent: &'a [CertificateDer<'a>],
        mut read: Vec<Read<'a>>,
        anchors: &[&Anchor],
        signatures: Algorithms<'a>,
    ) -> Self {
        let kept = take_descended(&mut read, anchors, signatures);
        let (intermediates, above) =
            kept.into_iter().map(|(der, identity)| (CertificateDer::from(der.as_ref()), identity)).unzip();
        let is_alone = sent.is_empty();
        Self { end_entity, identity, intermediates, above, others: read, is_alone, signatures }
    }

    /// A certificate of the chain, with its issuer, whose signature cannot be verified because the algorithm is not
    /// supported. The issuer is one of these anchors or descends from one.
    pub(super) fn unsupported<'i>(&'i self, anchors: &[&'i Anchor]) -> Option<(&'i Identity, &'i Identity)> {
        let issuers = || anchors.iter().map(|anchor| &anchor.identity).chain(&self.above);
        let mut rest: Vec<_> = self.others.iter().map(|(der, it)| (der.as_ref(), it)).collect();
        // Upward from the client's certificate: other certificates that were sent do not matter.
        let mut path = vec![(self.end_entity.as_ref(), self.identity)];
        let mut at = 0;
        while let Some((_, below)) = path.get(at).copied() {
            path.extend(rest.extract_if(.., |(_, it)| it.subject == below.issuer));
            at += 1;
        }
        path.into_iter().find_map(|(der, it)| {
            let issuer = issuers().find(|issuer| is_unsupported((der, it), issuer, self.signatures))?;
            Some((it, issuer))
        })
    }

    /// Whether one of these anchors, or an intermediate that descends from one, signed the client's certificate.
    pub(super) fn descends_from(&self, anchors: &[&Anchor]) -> bool {
        let own = (self.end_entity.as_ref(), self.identity);
        let mut above = self.intermediates.iter().zip(self.above.iter().cloned()).collect();
        let below = take_descended(&mut above, anchors, self.signatures);
        anchors.iter().any(|anchor| issued_by(own, &anchor.identity, self.signatures))
            || below.iter().any(|(_, issuer)| issued_by(own, issuer, self.signatures))
    }
}

/// Removes the certificates that descend from one of these anchors, and returns them.
fn take_descended<'a>(
    rest: &mut Vec<Read<'a>>,
    anchors: &[&Anchor],
    signatures: Algorithms<'_>,
) -> Vec<Read<'a>> {
    let is_issued = |(der, identity): &Read<'a>, issuer: &Identity| {
        issued_by((der.as_ref(), identity), issuer, signatures)
    };
    let by_anchor = |read: &Read<'a>| anchors.iter().any(|anchor| is_issued(read, &anchor.identity));
    let mut kept: Vec<_> = rest.extract_if(.., |read| by_anchor(read)).collect();
    let mut next = 0;
    while let Some(issuer) = kept.get(next).map(|(_, identity)| identity.clone()) {
        next += 1;
        kept.extend(rest.extract_if(.., |read| is_issued(read, &issuer)));
    }
    kept
}
