//! Random senders and chains: the result for a sender is that of its whole trust alone, although senders share a path
//! search and only the anchors with a matching name take part in it.

use std::path::Path;
use std::sync::OnceLock;

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::subsequence;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
    SerialNumber, date_time_ymd,
};

use super::*;
use crate::identity::RevocationList;
use crate::policy::{Matcher, Rule};
use crate::tls::path::search_path;
use crate::tls::revocation::{CrlPolicy, Revocation, SignedList};
use crate::tls::trust::Eku;

type Ca = CertifiedIssuer<'static, KeyPair>;

/// Certificates whose names and keys overlap.
struct Certificates {
    /// Two roots with one name, an expired one, one for servers, one without a place in any chain, and two
    /// intermediates with one name, of the first and the second root.
    cas: Vec<Ca>,
    /// Those of the CAs, of a CA with an intermediate's key that the first root issued, and some leaves.
    anchors: Vec<Anchor>,
    leaves: Vec<CertificateDer<'static>>,
    sent: Vec<CertificateDer<'static>>,
}

const SERIALS: std::ops::Range<u8> = 1..5;

fn params(cn: &str, serial: u8) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, cn);
    params.serial_number = Some(SerialNumber::from_slice(&[serial]));
    (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2027, 1, 1));
    params
}

fn ca_params(cn: &str) -> CertificateParams {
    let mut params = params(cn, 1);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn root(params: CertificateParams) -> Ca {
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A leaf of each kind: ordinary, expired, for servers, and a CA.
fn leaves(ca: &Ca) -> Vec<CertificateDer<'static>> {
    let [mut expired, mut server] = [params("leaf", 2), params("leaf", 3)];
    expired.not_after = date_time_ymd(2026, 2, 1);
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let issue = |params: CertificateParams| {
        params.signed_by(&KeyPair::generate().unwrap(), ca).unwrap().der().clone()
    };
    [params("leaf", 1), expired, server, ca_params("leaf")].map(issue).into()
}

fn certificates() -> &'static Certificates {
    static CERTIFICATES: OnceLock<Certificates> = OnceLock::new();
    CERTIFICATES.get_or_init(|| {
        let [mut expired, mut server] = [ca_params("Expired"), ca_params("Servers")];
        expired.not_after = date_time_ymd(2026, 3, 1);
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let params = [ca_params("Root"), ca_params("Root"), expired, server, ca_params("Unrelated")];
        let mut cas = Vec::from(params.map(root));
        // Another name for a key.
        let renamed = ca_params("Renamed").self_signed(cas[1].key()).unwrap().der().clone();
        for above in 0..2 {
            let key = KeyPair::generate().unwrap();
            cas.push(CertifiedIssuer::signed_by(ca_params("Middle"), key, &cas[above]).unwrap());
        }
        let leaves: Vec<_> = cas.iter().chain([&root(ca_params("Root"))]).flat_map(leaves).collect();
        let cross = ca_params("Expired").signed_by(cas[2].key(), &cas[0]).unwrap().der().clone();
        let sent: Vec<_> = cas.iter().map(|ca| ca.der().clone()).chain([cross.clone()]).collect();
        let anchors = sent.iter().chain([&renamed]).chain(leaves.iter().step_by(3));
        let anchors = anchors.map(|der| Anchor::new(der.clone()).unwrap()).collect();
        Certificates { cas, anchors, leaves, sent }
    })
}

/// The issuers of lists, the serial number that they revoke, and whether the policy is soft.
type Lists<'a> = (Vec<&'a Ca>, Option<u8>, bool);

/// Senders of which some have the same anchors, with equal or other requirements.
fn random_trusts() -> impl Strategy<Value = Vec<SenderTrust>> {
    let Certificates { cas, anchors, .. } = certificates();
    let set = subsequence(anchors.iter().collect::<Vec<_>>(), 1..6).prop_shuffle();
    let lists = subsequence(cas.iter().collect::<Vec<_>>(), cas.len() - 2..=cas.len());
    let revocation = prop::option::of((lists, prop::option::of(SERIALS), prop::bool::ANY));
    let sender = (0..2_usize, prop::bool::ANY, revocation);
    (prop::collection::vec(set, 2), prop::collection::vec(sender, 1..7)).prop_map(|(sets, senders)| {
        let trust = |(set, any, revocation): (usize, bool, Option<Lists<'_>>)| {
            let anchors: Vec<Anchor> = sets[set].iter().copied().cloned().collect();
            let revocation = revocation.map(|(cas, serial, soft)| {
                let lists = cas.into_iter().map(|ca| list(ca, serial));
                // A list of another CA with the name of an anchor is an error in webhooks.toml.
                let signed = |der: Vec<u8>| {
                    let list = RevocationList::from_der(&der).unwrap();
                    SignedList::new(Arc::new(list), Arc::new(der), Path::new("x.crl"), &anchors).ok()
                };
                let policy = if soft { CrlPolicy::Soft } else { CrlPolicy::Strict };
                Revocation::new(lists.filter_map(signed).collect(), policy, Vec::new())
            });
            SenderTrust { anchors, eku: if any { Eku::Any } else { Eku::Client }, revocation }
        };
        senders.into_iter().map(trust).collect()
    })
}

fn list(ca: &Ca, serial: Option<u8>) -> Vec<u8> {
    let revoked = |serial: u8| RevokedCertParams {
        serial_number: SerialNumber::from_slice(&[serial]),
        revocation_time: date_time_ymd(2026, 2, 1),
        reason_code: None,
        invalidity_date: None,
    };
    let params = CertificateRevocationListParams {
        this_update: date_time_ymd(2026, 1, 1),
        next_update: date_time_ymd(2026, 12, 1),
        crl_number: SerialNumber::from_slice(&[1]),
        issuing_distribution_point: None,
        revoked_certs: serial.map(revoked).into_iter().collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(ca).unwrap().der().to_vec()
}

fn senders(trusts: Vec<SenderTrust>) -> Vec<TrustedSender> {
    let sender = |(index, trust): (usize, SenderTrust)| {
        let cn = if index.is_multiple_of(2) { "leaf" } else { "other" };
        let rule = Rule::new(vec![Matcher::Cn(vec![cn.to_owned()])]).unwrap();
        TrustedSender { sender: Sender { name: format!("s{index}").parse().unwrap(), rule }, trust }
    };
    trusts.into_iter().enumerate().map(sender).collect()
}

fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

/// The result of a sender's whole trust, without a group, an index or a cache.
fn alone(
    senders: &[TrustedSender],
    index: usize,
    leaf: &CertificateDer<'_>,
    sent: &[CertificateDer<'_>],
) -> Result<Trusted, TrustError> {
    let (identity, algorithms) = (Identity::from_der(leaf).unwrap(), algorithms());
    let anchors = senders.iter().flat_map(|trusted| &trusted.trust.anchors);
    let issuers: Vec<_> = anchors.filter(|anchor| anchor.never_issues().is_none()).collect();
    let chain = Chain::new((leaf, &identity), sent, readable(sent), &issuers, algorithms.all);
    let SenderTrust { anchors, eku, revocation } = &senders[index].trust;
    let whole =
        RelevantTrust { anchors: anchors.iter().collect(), eku: *eku, revocation: revocation.as_ref() };
    let moment = Moment { now: now(), algorithms: &algorithms };
    if anchors.iter().any(|anchor| anchor.is(leaf)) {
        return whole.verify_pinned(&identity, now());
    }
    search_path(&whole, &chain, moment).map(|path| path.trusted(path.lists_end))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_result_for_a_sender_does_not_depend_on_groups(
        trusts in random_trusts(),
        leaf in 0..certificates().leaves.len(),
        sent in subsequence((0..certificates().sent.len()).collect::<Vec<_>>(), 0..4).prop_shuffle(),
    ) {
        let senders = senders(trusts);
        let leaf = &certificates().leaves[leaf];
        let sent: Vec<_> = sent.into_iter().map(|index| certificates().sent[index].clone()).collect();
        let verifier = SenderVerifier::new(senders.clone(), Clock::fixed_at(now()));
        let Evaluations { identity, evaluations } = verifier.evaluate(leaf, &sent).unwrap();
        prop_assert_eq!(evaluations.len(), senders.len());
        for (index, evaluation) in evaluations.iter().enumerate() {
            let expected = alone(&senders, index, leaf, &sent).map(Arc::new).map_err(Arc::new);
            let sender = Arc::new(senders[index].sender.clone());
            let expected = Evaluation::new(&sender, expected, &identity);
            prop_assert_eq!(format!("{evaluation:?}"), format!("{expected:?}"));
        }
        // `verify` does not evaluate senders that do not match if another one does.
        let decided = Evaluations { identity, evaluations }.decide();
        match (verifier.verify(leaf, &sent), decided) {
            (Ok(admitted), Ok(expected)) => prop_assert_eq!(admitted.admission, expected.admission),
            (Err(refusal), Err(expected)) => prop_assert_eq!(refusal.detail(), expected.detail()),
            (decision, expected) => prop_assert!(false, "{:?} instead of {:?}", decision, expected),
        }
        // If the senders are the only ones with their CA, the others may as well not exist.
        for (index, sender) in senders.iter().enumerate() {
            let only = SenderVerifier::new(vec![sender.clone()], Clock::fixed_at(now()));
            let is_trusted = only.evaluate(leaf, &sent).unwrap().evaluations[0].trust.is_ok();
            prop_assert_eq!(is_trusted, alone(&senders, index, leaf, &sent).is_ok());
        }
    }
}

#[test]
fn a_ca_may_have_the_key_of_another_one() {
    let Certificates { cas, anchors, leaves, .. } = certificates();
    let named = |name: &str| anchors.iter().find(|anchor| anchor.identity.subject.as_str() == name).unwrap();
    let trust =
        |anchor: &Anchor| SenderTrust { anchors: vec![anchor.clone()], eku: Eku::Client, revocation: None };
    let senders = senders(vec![trust(named("CN=Renamed")), trust(&anchors[1]), trust(&anchors[1])]);
    let verifier = SenderVerifier::new(senders, Clock::fixed_at(now()));
    let admitted = verifier.verify(&leaves[6 * 4], &[cas[6].der().clone()]).unwrap();
    assert_eq!(admitted.admission.joined_names(), "s2");
}

#[test]
fn groups_that_share_a_ca_verify_each_signature_once() {
    let Certificates { cas, anchors, leaves, .. } = certificates();
    // Each has the root, and a CA of its own or other requirements.
    let trusts = (0..20).map(|index| SenderTrust {
        anchors: if index < 10 {
            vec![anchors[0].clone(), Anchor::new(root(ca_params("Own")).der().clone()).unwrap()]
        } else {
            vec![anchors[0].clone()]
        },
        eku: if index % 2 == 0 { Eku::Any } else { Eku::Client },
        revocation: None,
    });
    let senders = senders(trusts.collect());
    let verifier = Arc::new(SenderVerifier::new(senders.clone(), Clock::fixed_at(now())));
    let sent = [cas[5].der().clone()];
    // The leaf of the intermediate, and one whose issuer only has its name.
    for (leaf, verified) in [(5 * 4, 2), (6 * 4, 3)] {
        assert_eq!(verifier.evaluate(&leaves[leaf], &sent).unwrap().evaluations.len(), 20);
        assert_eq!(verifier.signatures[0].results(), verified, "{leaf}");
    }
    assert!(Arc::ptr_eq(&verifier, &verifier.succeeded_by(senders.clone())), "nothing has changed");
    let next = verifier.succeeded_by(senders[1..].to_vec());
    assert!(!Arc::ptr_eq(&verifier, &next));
    assert!(next.verify(&leaves[5 * 4], &sent).is_ok());
    assert_eq!(next.signatures[0].results(), 3, "the signatures are known");
}

#[test]
fn senders_that_differ_in_lists_share_the_search_for_an_invalid_certificate() {
    let Certificates { cas, anchors, leaves, .. } = certificates();
    let (leaf, algorithms) = (&leaves[1], algorithms());
    let identity = Identity::from_der(leaf).unwrap();
    let chain = Chain::new((leaf, &identity), &[], readable(&[]), &[&anchors[0]], algorithms.all);
    let moment = Moment { now: now(), algorithms: &algorithms };
    let own_anchors = vec![anchors[0].clone()];
    let revocation = [1, 2].map(|serial| {
        let der = list(&cas[0], Some(serial));
        let parsed = Arc::new(RevocationList::from_der(&der).unwrap());
        let signed = SignedList::new(parsed, Arc::new(der), Path::new("x.crl"), &own_anchors).unwrap();
        Revocation::new(vec![signed], CrlPolicy::Strict, Vec::new())
    });
    let with = |lists| RelevantTrust { anchors: vec![&anchors[0]], eku: Eku::Client, revocation: lists };
    let mut known = KnownSearches::new();
    let first = verify_path(&with(Some(&revocation[0])), &chain, moment, &mut known).unwrap_err();
    assert_eq!(first.kind, TrustErrorKind::Expired);
    // A result that no search has.
    let remembered = TrustError::new(TrustErrorKind::Expired, "remembered");
    assert!(known.insert(with(None), Err(remembered.clone())).is_some());
    let second = verify_path(&with(Some(&revocation[1])), &chain, moment, &mut known);
    assert_eq!(second.unwrap_err(), remembered);
}
