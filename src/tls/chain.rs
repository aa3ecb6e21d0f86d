//! A client's certificate and the intermediates that can be part of a path.

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls_pki_types::CertificateDer;

use super::anchors::Anchor;
use super::signature::{is_unsupported, issued_by};
use crate::identity::Identity;

/// A client's certificate and the certificates sent with it.
pub(super) struct Chain<'a> {
    pub(super) end_entity: &'a CertificateDer<'a>,
    pub(super) identity: &'a Identity,
    /// The sent certificates that descend from an anchor of any sender.
    pub(super) intermediates: Vec<CertificateDer<'a>>,
    /// The contents of the intermediates, in the same order.
    pub(super) above: Vec<Identity>,
    /// All certificates that were sent with it.
    pub(super) sent: &'a [CertificateDer<'a>],
}

impl<'a> Chain<'a> {
    /// Omits certificates that neither an anchor nor a kept intermediate has signed: an attacker can send CAs with any
    /// names, and the path search tries them all.
    pub(super) fn new(
        end_entity: &'a CertificateDer<'a>,
        identity: &'a Identity,
        sent: &'a [CertificateDer<'a>],
        anchors: &[&Anchor],
        algorithms: &WebPkiSupportedAlgorithms,
    ) -> Self {
        let read = |der: &'a CertificateDer<'a>| Some((der, Identity::from_der(der).ok()?));
        let kept = descended(sent.iter().filter_map(read).collect(), anchors, algorithms);
        let (intermediates, above) =
            kept.into_iter().map(|(der, identity)| (CertificateDer::from(der.as_ref()), identity)).unzip();
        Self { end_entity, identity, intermediates, above, sent }
    }

    /// A certificate of the chain, with its issuer, whose signature cannot be verified because the algorithm is not
    /// supported. The issuer is one of these anchors or descends from one.
    pub(super) fn unsupported<'i>(
        &'i self,
        anchors: &[&'i Anchor],
        algorithms: &WebPkiSupportedAlgorithms,
    ) -> Option<(Identity, &'i Identity)> {
        let issuers = || anchors.iter().map(|anchor| &anchor.identity).chain(&self.above);
        let rest = self.sent.iter().filter(|der| !self.intermediates.contains(der));
        let mut rest: Vec<_> =
            rest.filter_map(|der| Some((der.as_ref(), Identity::from_der(der).ok()?))).collect();
        // Upward from the client's certificate: other certificates that were sent do not matter.
        let mut path = vec![(self.end_entity.as_ref(), self.identity.clone())];
        let mut at = 0;
        while let Some(name) = path.get(at).map(|(_, it)| it.issuer.clone()) {
            path.extend(rest.extract_if(.., |(_, it)| it.subject == name));
            at += 1;
        }
        path.into_iter().find_map(|(der, it)| {
            let issuer = issuers().find(|issuer| is_unsupported((der, &it), issuer, algorithms))?;
            Some((it, issuer))
        })
    }

    /// Whether one of these anchors, or an intermediate that descends from one, signed the client's certificate.
    pub(super) fn descends_from(&self, anchors: &[&Anchor], algorithms: &WebPkiSupportedAlgorithms) -> bool {
        let own = (self.end_entity.as_ref(), self.identity);
        let above = self.intermediates.iter().zip(self.above.iter().cloned()).collect();
        let below = descended(above, anchors, algorithms);
        anchors.iter().any(|anchor| issued_by(own, &anchor.identity, algorithms))
            || below.iter().any(|(_, issuer)| issued_by(own, issuer, algorithms))
    }
}

type Read<'a> = (&'a CertificateDer<'a>, Identity);

fn descended<'a>(
    mut rest: Vec<Read<'a>>,
    anchors: &[&Anchor],
    algorithms: &WebPkiSupportedAlgorithms,
) -> Vec<Read<'a>> {
    let by_anchor = |(der, identity): &Read<'a>| {
        let mut tried = Vec::new();
        anchors.iter().any(|anchor| {
            // Many senders may share one CA.
            let is_new = !tried.contains(&anchor.identity.spki_sha256);
            tried.push(anchor.identity.spki_sha256);
            is_new && issued_by((der.as_ref(), identity), &anchor.identity, algorithms)
        })
    };
    let mut kept: Vec<_> = rest.extract_if(.., |read| by_anchor(read)).collect();
    let mut next = 0;
    while let Some(issuer) = kept.get(next).map(|(_, identity)| identity.clone()) {
        next += 1;
        kept.extend(
            rest.extract_if(.., |(der, identity)| issued_by((der.as_ref(), identity), &issuer, algorithms)),
        );
    }
    kept
}
