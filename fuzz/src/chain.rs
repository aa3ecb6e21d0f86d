//! From a chain to the decision.
//!
//! The input is a sequence of certificates and revocation lists in DER, then a byte with options. The first certificates
//! are anchors, the next is the client's, the others are sent with it. All are signed again with one key that is created
//! at run time, so that mutations reach the checks after the signature.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use hookspool::clock::{Clock, Timestamp};
use hookspool::identity::{DistinguishedName, RevocationList};
use hookspool::policy::{Matcher, Rule, Sender};
use hookspool::tls::anchors::Anchor;
use hookspool::tls::revocation::{CrlPolicy, Revocation, SignedList};
use hookspool::tls::server_chain::chain_faults;
use hookspool::tls::trust::{Eku, SenderTrust};
use hookspool::tls::verifier::{Decision, Evaluations, SenderVerifier, TrustedSender};
use rustls_pki_types::CertificateDer;

use super::der::{elements, encode};

/// The beginning of a SubjectPublicKeyInfo with a key on P-256; 65 bytes follow.
const P256: &[u8] = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
/// Elements beyond this number are ignored.
const PARTS_MAX: usize = 12;

pub fn run(data: &[u8]) {
    let (parts, rest) = elements(data);
    let options = rest.first().copied().unwrap_or(1);
    let parts = parts.iter().take(PARTS_MAX).map(|(tag, content)| signed(&encode(*tag, content)));
    let (lists, mut certificates): (Vec<_>, Vec<_>) =
        parts.partition(|der| RevocationList::from_der(der).is_ok());
    let anchors = usize::from(options & 3).min(certificates.len());
    let sent = certificates.split_off(anchors);
    let anchors: Vec<_> = certificates.into_iter().filter_map(|der| Anchor::new(der.into()).ok()).collect();
    let chain: Vec<CertificateDer<'_>> = sent.iter().map(|der| der.as_slice().into()).collect();
    let Some((client, intermediates)) = chain.split_first() else { return };
    let lists: Vec<_> = lists.into_iter().filter_map(|der| list(der, &anchors)).collect();
    let senders = || senders(&anchors, &lists, options);
    let clock = Clock::fixed_at(now());
    let verifier = Arc::new(SenderVerifier::new(senders(), clock.clone()));
    let decision = verifier.verify(client, intermediates);
    check_decision(&decision, &senders());

    // `explain` evaluates and decides; the second verification finds its signatures in a cache, as after a reload.
    let explained = verifier.evaluate(client, intermediates).and_then(Evaluations::decide);
    let fresh = SenderVerifier::new(senders(), clock).verify(client, intermediates);
    let reloaded = verifier.succeeded_by(senders().into_iter().rev().collect());
    let again = reloaded.succeeded_by(senders()).verify(client, intermediates);
    for other in [explained, fresh, again] {
        assert_eq!(format!("{other:?}"), format!("{decision:?}"));
    }
    let _ = chain_faults(&chain);
}

fn check_decision(decision: &Decision, senders: &[TrustedSender]) {
    match decision {
        Ok(admitted) => {
            let identity = &admitted.identity;
            assert!(identity.is_valid_at(now()) && identity.key.is_usable().is_ok());
            for name in admitted.admission.senders() {
                let TrustedSender { sender, trust } =
                    senders.iter().find(|it| it.sender.name == *name).unwrap();
                assert!(sender.rule.matches(identity));
                assert!(trust.eku == Eku::Any || identity.purposes.include_clients());
                assert!(admitted.admission.until(name).unwrap() <= identity.not_after);
                let is_pinned = trust.anchors.iter().any(|anchor| anchor.identity.sha256 == identity.sha256);
                let issuers = trust.anchors.iter().filter(|anchor| anchor.never_issues().is_none());
                assert!(is_pinned || issuers.count() > 0);
                let mut lists = trust.revocation.iter().flat_map(Revocation::lists);
                assert!(!lists.any(|signed| signed.is_verified() && signed.list.names(identity)));
            }
        }
        Err(refusal) => {
            let _ = (refusal.detail(), refusal.advice_line(), refusal.group(), refusal.vouched());
            refusal.admitting().for_each(|advice| assert!(!advice.lines().is_empty()));
        }
    }
}

fn now() -> Timestamp {
    "2027-06-01T12:00:00Z".parse().unwrap()
}

fn list(der: Vec<u8>, anchors: &[Anchor]) -> Option<SignedList> {
    let list = Arc::new(RevocationList::from_der(&der).ok()?);
    SignedList::new(list, Arc::new(der), Path::new("bank.crl"), anchors).ok()
}

/// Three senders: one with all anchors, one with lists, and one with the last anchor and another rule.
fn senders(anchors: &[Anchor], lists: &[SignedList], options: u8) -> Vec<TrustedSender> {
    let is_set = |bit: u8| options & 1 << bit != 0;
    let cn = Matcher::Cn(vec!["client".to_owned(), "Root".to_owned()]);
    let subject: DistinguishedName = "CN=client,O=Bank,C=BR".parse().unwrap();
    let host = Matcher::SanDns(vec!["webhook.bank.example".to_owned()]);
    let policy = if is_set(2) { CrlPolicy::Strict } else { CrlPolicy::Soft };
    let revocation = Revocation::new(lists.to_vec(), policy, Vec::new());
    let eku = if is_set(3) { Eku::Any } else { Eku::Client };
    let last = &anchors[anchors.len().saturating_sub(1)..];
    let sender = |name: &str, matchers, anchors: &[Anchor], eku, revocation| TrustedSender {
        sender: Sender { name: name.parse().unwrap(), rule: Rule::new(matchers).unwrap() },
        trust: SenderTrust { anchors: anchors.to_vec(), eku, revocation },
    };
    vec![
        sender("all", vec![cn.clone()], anchors, Eku::Client, None),
        sender("lists", vec![cn], anchors, eku, Some(revocation)),
        sender("last", vec![Matcher::Subject(vec![subject]), host], last, eku, None),
    ]
}

/// A certificate or list with the key of this process, and its signature.
fn signed(der: &[u8]) -> Vec<u8> {
    static KEY: OnceLock<EcdsaKeyPair> = OnceLock::new();
    let key = KEY.get_or_init(|| EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap());
    let (outer, _) = elements(der);
    let (Some((tag, content)), true) = (outer.first(), outer.len() == 1) else { return der.to_vec() };
    let (inner, _) = elements(content);
    let [(tbs_tag, tbs), (algorithm_tag, algorithm), (signature_tag, _), ..] = inner[..] else {
        return der.to_vec();
    };
    let mut tbs = encode(tbs_tag, tbs);
    if let Some(at) = tbs.windows(P256.len()).position(|window| window == P256) {
        let point = tbs.get_mut(at + P256.len()..at + P256.len() + 65);
        point.into_iter().for_each(|point| point.copy_from_slice(key.public_key().as_ref()));
    }
    let signature = key.sign(&SystemRandom::new(), &tbs).unwrap();
    let signature = encode(signature_tag, &[&[0], signature.as_ref()].concat());
    encode(*tag, &[tbs, encode(algorithm_tag, algorithm), signature].concat())
}
