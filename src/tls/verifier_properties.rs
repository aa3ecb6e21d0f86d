//! Random senders and certificates: a certificate is accepted for a sender if and only if an anchor of that sender
//! issued it, it is on none of the sender's lists, and all matchers of the sender's rule match.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DistinguishedName,
    DnType, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber,
    date_time_ymd,
};

use super::*;
use crate::identity::RevocationList;
use crate::policy::{Endpoint, Matcher, Peer, Policy, ResponseRule, Rule, Session};
use crate::tls::anchors::Anchor;
use crate::tls::revocation::{CrlPolicy, Revocation, SignedList};
use crate::tls::trust::Eku;

const CAS: usize = 3;
const NAMES: [&str; 4] = ["a", "b", "A", "a.b"];
const HOSTS: [&str; 3] = ["one.example", "two.example", "three.example"];

/// A certificate with its parameters.
struct Leaf {
    issuer: usize,
    name: usize,
    /// A bit for each of [`HOSTS`].
    hosts: u8,
    serial: u8,
    der: CertificateDer<'static>,
    identity: Identity,
}

struct World {
    cas: Vec<CertifiedIssuer<'static, KeyPair>>,
    anchors: Vec<Anchor>,
    leaves: Vec<Leaf>,
}

fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

/// All CAs have the same name and use the same serial numbers; only their keys differ.
fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let cas: Vec<_> = (0..CAS).map(|_| ca()).collect();
        let mut leaves = Vec::new();
        for (issuer, ca) in cas.iter().enumerate() {
            let kinds = (0..NAMES.len()).flat_map(|name| (0..4).map(move |hosts| (name, hosts)));
            for (serial, (name, hosts)) in (1..).zip(kinds) {
                leaves.push(leaf(ca, issuer, name, hosts, serial));
            }
        }
        let anchors = cas.iter().map(|ca| Anchor::new(ca.der().clone()).unwrap()).collect();
        World { cas, anchors, leaves }
    })
}

fn params(cn: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, cn);
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2027, 1, 1);
    params
}

fn ca() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = params("Root");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn leaf(ca: &CertifiedIssuer<'_, KeyPair>, issuer: usize, name: usize, hosts: u8, serial: u8) -> Leaf {
    let mut params = params(NAMES[name]);
    let has = |host: &usize| hosts & 1 << host != 0;
    params.subject_alt_names =
        (0..HOSTS.len()).filter(has).map(|host| SanType::DnsName(HOSTS[host].try_into().unwrap())).collect();
    params.serial_number = Some(SerialNumber::from_slice(&[serial]));
    let der = params.signed_by(&KeyPair::generate().unwrap(), ca).unwrap().der().clone();
    let identity = Identity::from_der(&der).unwrap();
    Leaf { issuer, name, hosts, serial, der, identity }
}

/// A random sender. Each kind of matcher may be absent.
#[derive(Clone, Debug)]
struct RandomSender {
    cas: Vec<usize>,
    names: Option<Vec<usize>>,
    hosts: Option<Vec<usize>>,
    /// Indexes into [`World::leaves`].
    keys: Option<Vec<usize>>,
    certificates: Option<Vec<usize>>,
    /// The serial numbers on the lists of all CAs of the sender.
    revoked: Option<Vec<u8>>,
}

fn random_sender() -> impl Strategy<Value = RandomSender> {
    let leaves = world().leaves.len();
    let some = |range: std::ops::Range<usize>, most: usize| {
        prop::option::weighted(0.5, prop::collection::vec(range, 1..most))
    };
    (
        prop::collection::btree_set(0..CAS, 1..=CAS),
        some(0..NAMES.len(), 3),
        some(0..HOSTS.len(), 3),
        prop::option::weighted(0.2, prop::collection::vec(0..leaves, 1..24)),
        prop::option::weighted(0.2, prop::collection::vec(0..leaves, 1..24)),
        prop::option::weighted(0.3, prop::collection::vec(1..17_u8, 0..8)),
    )
        .prop_map(|(cas, names, hosts, keys, certificates, revoked)| RandomSender {
            cas: cas.into_iter().collect(),
            names,
            hosts,
            keys,
            certificates,
            revoked,
        })
        .prop_filter("a rule has a matcher", |sender| {
            sender.names.is_some()
                || sender.hosts.is_some()
                || sender.keys.is_some()
                || sender.certificates.is_some()
        })
}

impl RandomSender {
    fn trusted(&self, index: usize) -> TrustedSender {
        let World { cas, anchors, leaves } = world();
        let anchors: Vec<_> = self.cas.iter().map(|ca| anchors[*ca].clone()).collect();
        let texts = |all: &[&str], chosen: &[usize]| chosen.iter().map(|i| all[*i].to_owned()).collect();
        let identities =
            |chosen: &[usize]| -> Vec<_> { chosen.iter().map(|i| &leaves[*i].identity).collect() };
        let matchers = [
            self.names.as_ref().map(|chosen| Matcher::Cn(texts(&NAMES, chosen))),
            self.hosts.as_ref().map(|chosen| Matcher::SanDns(texts(&HOSTS, chosen))),
            self.keys.as_ref().map(|chosen| {
                Matcher::SpkiSha256(identities(chosen).iter().map(|identity| identity.spki_sha256).collect())
            }),
            self.certificates.as_ref().map(|chosen| {
                Matcher::Sha256(identities(chosen).iter().map(|identity| identity.sha256).collect())
            }),
        ];
        let lists = |serials: &Vec<u8>| {
            let signed = |ca: &usize| {
                let der = list(&cas[*ca], serials);
                let list = RevocationList::from_der(&der).unwrap();
                SignedList::new(Arc::new(list), Arc::new(der), Path::new("x.crl"), &anchors).unwrap()
            };
            Revocation::new(self.cas.iter().map(signed).collect(), CrlPolicy::Strict, Vec::new())
        };
        TrustedSender {
            sender: Sender {
                name: format!("s{index}").parse().unwrap(),
                rule: Rule::new(matchers.into_iter().flatten().collect()).unwrap(),
            },
            trust: SenderTrust { revocation: self.revoked.as_ref().map(lists), anchors, eku: Eku::Client },
        }
    }

    /// Whether a certificate must be accepted for this sender, by the parameters of both.
    fn accepts(&self, leaf_index: usize) -> bool {
        let leaves = &world().leaves;
        let leaf = &leaves[leaf_index];
        self.cas.contains(&leaf.issuer)
            && self.names.as_ref().is_none_or(|names| names.contains(&leaf.name))
            && self.hosts.as_ref().is_none_or(|hosts| hosts.iter().any(|host| leaf.hosts & 1 << host != 0))
            && self.keys.as_ref().is_none_or(|keys| keys.contains(&leaf_index))
            && self.certificates.as_ref().is_none_or(|all| all.contains(&leaf_index))
            && self.revoked.as_ref().is_none_or(|serials| !serials.contains(&leaf.serial))
    }
}

fn list(ca: &CertifiedIssuer<'static, KeyPair>, serials: &[u8]) -> Vec<u8> {
    let entry = |serial: &u8| RevokedCertParams {
        serial_number: SerialNumber::from_slice(&[*serial]),
        revocation_time: date_time_ymd(2026, 2, 1),
        reason_code: None,
        invalidity_date: None,
    };
    let params = CertificateRevocationListParams {
        this_update: date_time_ymd(2026, 1, 1),
        next_update: date_time_ymd(2027, 1, 1),
        crl_number: SerialNumber::from_slice(&[1]),
        issuing_distribution_point: None,
        revoked_certs: serials.iter().map(entry).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(ca).unwrap().der().to_vec()
}

/// The sender that an endpoint with these senders attributes a delivery to.
fn permit(senders: &[RandomSender], listed: &[usize], admitted: Admitted) -> Option<String> {
    let table = senders.iter().enumerate().map(|(index, sender)| sender.trusted(index).sender).collect();
    let endpoint = Endpoint {
        name: "pix".parse().unwrap(),
        path: "/".to_owned(),
        suffixes: Vec::new(),
        senders: listed.iter().map(|index| format!("s{index}").parse().unwrap()).collect(),
        max_body: 1,
        max_spool: None,
        response: ResponseRule::default(),
        secret: None,
        from: Vec::new(),
    };
    let policy = Policy::new(table, vec![endpoint]).unwrap();
    let session = Session { tls_version: "TLSv1.3", cipher_suite: String::new() };
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    let peer = Peer::new(address.into(), admitted.identity, admitted.admission, session);
    policy.authorize(&peer, &policy.endpoints()[0], now()).ok().map(|permit| permit.sender().to_string())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn a_certificate_is_accepted_exactly_for_senders_whose_ca_and_rule_match(
        senders in prop::collection::vec(random_sender(), 1..5),
        leaf_index in 0..CAS * NAMES.len() * 4,
        listed in prop::collection::btree_set(0..5_usize, 1..5),
    ) {
        // In an order that differs from that of the senders.
        let listed: Vec<_> = listed.into_iter().rev().filter(|index| *index < senders.len()).collect();
        let trusted = senders.iter().enumerate().map(|(index, sender)| sender.trusted(index)).collect();
        let verifier = SenderVerifier::new(trusted, Clock::fixed_at(now()));
        let decision = verifier.verify(&world().leaves[leaf_index].der, &[]);
        let expected: Vec<_> =
            senders.iter().enumerate().filter(|(_, sender)| sender.accepts(leaf_index)).map(|(index, _)| index).collect();
        match decision {
            Ok(admitted) => {
                let names: Vec<_> = expected.iter().map(|index| format!("s{index}")).collect();
                prop_assert_eq!(admitted.admission.joined_names(), names.join(","));
                let permit = permit(&senders, &listed, admitted);
                let first = listed.iter().find(|index| expected.contains(index));
                prop_assert_eq!(permit, first.map(|index| format!("s{index}")));
            }
            Err(refusal) => {
                prop_assert!(expected.is_empty(), "{:?}", refusal);
                // Advice is given only for senders whose CA issued the certificate.
                for advice in refusal.admitting() {
                    prop_assert!(refusal.vouched().contains(&advice.sender()));
                }
            }
        }
    }
}
