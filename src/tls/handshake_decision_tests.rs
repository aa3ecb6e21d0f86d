//! Handshakes in memory, in both versions of TLS: with and without a place for the decision, with and without the key.

use std::path::Path;

use futures_util::FutureExt as _;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
    SerialNumber, date_time_ymd,
};
use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs::{default_provider, sign::any_supported_type};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection,
    SupportedProtocolVersion,
};
use rustls_pki_types::PrivateKeyDer;

use super::*;
use crate::clock::Clock;
use crate::identity::RevocationList;
use crate::policy::{Matcher, RefusalGroup, Rule, Sender};
use crate::tls::anchors::Anchor;
use crate::tls::revocation::{CrlPolicy, Revocation, SignedList};
use crate::tls::trust::{Eku, SenderTrust};
use crate::tls::verifier::TrustedSender;

type Ca = CertifiedIssuer<'static, KeyPair>;

fn params(cn: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, cn);
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2027, 1, 1);
    params
}

fn ca(cn: &str) -> Ca {
    let mut params = params(cn);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn certified(chain: CertificateDer<'static>, key: &KeyPair) -> Arc<CertifiedKey> {
    let key = any_supported_type(&PrivateKeyDer::Pkcs8(key.serialize_der().into())).unwrap();
    Arc::new(CertifiedKey::new(vec![chain], key))
}

/// A certificate, and what is decided about it.
struct Case {
    reason: &'static str,
    alert: AlertDescription,
    is_vouched_for: bool,
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

fn case(reason: &'static str, alert: AlertDescription, ca: &Ca, params: &CertificateParams) -> Case {
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, ca).unwrap().der().clone();
    let is_vouched_for = !matches!(reason, "unknown_ca" | "unreadable");
    Case { reason, alert, is_vouched_for, certificate, key }
}

fn list(ca: &Ca) -> SignedList {
    let params = CertificateRevocationListParams {
        this_update: date_time_ymd(2026, 11, 1),
        next_update: date_time_ymd(2026, 12, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: vec![RevokedCertParams {
            serial_number: SerialNumber::from(77),
            revocation_time: date_time_ymd(2026, 11, 1),
            reason_code: None,
            invalidity_date: None,
        }],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let list = params.signed_by(ca).unwrap();
    let der = Arc::new(list.der().to_vec());
    let list = Arc::new(RevocationList::from_der(&der).unwrap());
    SignedList::new(list, der, Path::new("ca.crl"), &[anchor(ca)]).unwrap()
}

fn anchor(ca: &Ca) -> Anchor {
    Anchor::new(ca.der().clone()).unwrap()
}

fn sender(name: &str, ca: &Ca, revocation: Option<Revocation>) -> TrustedSender {
    let rule = Rule::new(vec![Matcher::Cn(vec!["client".to_owned()])]).unwrap();
    let trust = SenderTrust { anchors: vec![anchor(ca)], eku: Eku::Client, revocation };
    TrustedSender { sender: Sender { name: name.parse().unwrap(), rule }, trust }
}

/// A verifier, and a case for every reason for which a certificate is refused, and one that is admitted.
fn world() -> (Arc<SenderVerifier>, Vec<Case>) {
    let (bank, listed, unlisted, stranger) = (ca("Bank"), ca("Listed"), ca("Unlisted"), ca("Bank"));
    let strict = |lists| Some(Revocation::new(lists, CrlPolicy::Strict, Vec::new()));
    let senders = vec![
        sender("bank", &bank, None),
        sender("listed", &listed, strict(vec![list(&listed)])),
        sender("unlisted", &unlisted, strict(Vec::new())),
    ];
    let clock = Clock::fixed_at("2026-11-23T12:00:00Z".parse().unwrap());
    let (mut expired, mut early, mut for_servers) = (params("client"), params("client"), params("client"));
    expired.not_after = date_time_ymd(2026, 11, 22);
    early.not_before = date_time_ymd(2026, 11, 24);
    for_servers.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let (mut of_a_ca, mut revoked) = (params("client"), params("client"));
    of_a_ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    revoked.serial_number = Some(SerialNumber::from(77));
    let mut unreadable = case("unreadable", AlertDescription::BadCertificate, &bank, &params("client"));
    let mut der = unreadable.certificate.to_vec();
    // The version number in [0] { INTEGER }.
    let version = der.windows(5).position(|it| it == [0xa0, 3, 2, 1, 2]).unwrap();
    der[version + 4] = 7;
    unreadable.certificate = der.into();
    let cases = vec![
        case("admitted", AlertDescription::AccessDenied, &bank, &params("client")),
        case("rule", AlertDescription::AccessDenied, &bank, &params("nobody")),
        case("expired", AlertDescription::CertificateExpired, &bank, &expired),
        case("not_yet_valid", AlertDescription::CertificateExpired, &bank, &early),
        case("purpose", AlertDescription::UnsupportedCertificate, &bank, &for_servers),
        case("purpose", AlertDescription::UnsupportedCertificate, &bank, &of_a_ca),
        case("revoked", AlertDescription::CertificateRevoked, &listed, &revoked),
        case("revocation_unknown", AlertDescription::CertificateUnknown, &unlisted, &params("client")),
        case("unknown_ca", AlertDescription::UnknownCA, &stranger, &params("client")),
        unreadable,
    ];
    (Arc::new(SenderVerifier::new(senders, clock)), cases)
}

#[derive(Debug)]
struct AlwaysPresent(Arc<CertifiedKey>);

impl ResolvesClientCert for AlwaysPresent {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Whether the server completes a handshake, and the alert that the client receives.
fn handshake(
    verifier: &Arc<SenderVerifier>,
    version: &'static SupportedProtocolVersion,
    presented: Arc<CertifiedKey>,
) -> (bool, Option<AlertDescription>) {
    let (provider, root, key) = (Arc::new(default_provider()), ca("Server"), KeyPair::generate().unwrap());
    let mut server_params = params("localhost");
    server_params.not_before = date_time_ymd(2000, 1, 1);
    server_params.not_after = date_time_ymd(2999, 1, 1);
    let own = certified(server_params.signed_by(&key, &root).unwrap().der().clone(), &key);
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_client_cert_verifier(Arc::<SenderVerifier>::clone(verifier))
        .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(own)));
    let mut roots = RootCertStore::empty();
    roots.add(root.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_cert_resolver(Arc::new(AlwaysPresent(presented)));
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    let mut client = ClientConnection::new(Arc::new(client), "localhost".try_into().unwrap()).unwrap();
    let mut is_refused = false;
    for _ in 0..10 {
        let mut sent = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut sent).unwrap();
        }
        let mut sent = sent.as_slice();
        while !is_refused && !sent.is_empty() {
            server.read_tls(&mut sent).unwrap();
            is_refused = server.process_new_packets().is_err();
        }
        let mut answer = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut answer).unwrap();
        }
        let mut answer = answer.as_slice();
        while !answer.is_empty() {
            client.read_tls(&mut answer).unwrap();
            if let Err(Error::AlertReceived(alert)) = client.process_new_packets() {
                return (false, Some(alert));
            }
        }
    }
    (!server.is_handshaking() && !is_refused, None)
}

#[test]
fn a_refusal_of_a_proven_key_is_the_decision_and_its_alert() {
    let (verifier, cases) = world();
    for (case, version) in cases.iter().flat_map(|case| [(case, &TLS12), (case, &TLS13)]) {
        let presented = certified(case.certificate.clone(), &case.key);
        let handshake = async { handshake(&verifier, version, presented) };
        let (outcome, verification) = with_decision(handshake).now_or_never().unwrap();
        match verification.unwrap() {
            Verification::Proven(_) => assert_eq!((case.reason, outcome), ("admitted", (true, None))),
            Verification::Refused(refusal) => {
                assert_eq!((refusal.reason.word(), outcome), (case.reason, (false, Some(case.alert))));
                let is_of_sender = matches!(refusal.group(), RefusalGroup::Sender(_));
                assert_eq!(is_of_sender, case.is_vouched_for, "{}", case.reason);
                assert_eq!(refusal.pem.is_some(), refusal.is_of_a_ca(), "{}", case.reason);
                assert!(refusal.fingerprint().is_some(), "{}", case.reason);
            }
            Verification::Deferred(_) => panic!("{} has no result", case.reason),
        }
    }
}

#[test]
fn without_the_key_nothing_is_shown_about_a_certificate_of_a_senders_ca() {
    let (verifier, cases) = world();
    for (case, version) in cases.iter().flat_map(|case| [(case, &TLS12), (case, &TLS13)]) {
        let presented = certified(case.certificate.clone(), &KeyPair::generate().unwrap());
        let handshake = async { handshake(&verifier, version, presented) };
        let (outcome, verification) = with_decision(handshake).now_or_never().unwrap();
        let refusal = match verification.unwrap() {
            Verification::Deferred(deferred) => {
                assert!(case.is_vouched_for, "{}", case.reason);
                assert_eq!(outcome, (false, Some(AlertDescription::DecryptError)), "{}", case.reason);
                deferred.unproven().unwrap()
            }
            Verification::Refused(refusal) => {
                assert_eq!((refusal.reason.word(), outcome), (case.reason, (false, Some(case.alert))));
                assert!(!case.is_vouched_for, "{}", case.reason);
                refusal
            }
            Verification::Proven(_) => panic!("{} is admitted without its key", case.reason),
        };
        let expected = if case.is_vouched_for { "unproven" } else { case.reason };
        assert_eq!(refusal.reason.word(), expected);
        assert!(refusal.vouched().is_empty() && refusal.advice_line().is_none() && refusal.pem.is_none());
        assert!(refusal.mismatches().next().is_none(), "{}", case.reason);
        assert!(!refusal.detail().contains("sender `bank` trusts"), "{}", refusal.detail());
    }
}

#[test]
fn without_a_place_for_the_decision_nobody_is_admitted() {
    let (verifier, cases) = world();
    for (case, version) in cases.iter().flat_map(|case| [(case, &TLS12), (case, &TLS13)]) {
        let with_key = certified(case.certificate.clone(), &case.key);
        assert_eq!(handshake(&verifier, version, with_key), (false, Some(case.alert)), "{}", case.reason);
        let without_key = certified(case.certificate.clone(), &KeyPair::generate().unwrap());
        let expected = if case.reason == "admitted" { AlertDescription::DecryptError } else { case.alert };
        assert_eq!(handshake(&verifier, version, without_key), (false, Some(expected)), "{}", case.reason);
    }
}

#[test]
fn a_decision_is_completed_only_for_its_own_certificate() {
    let (verifier, cases) = world();
    let [admitted, other] = [&cases[0], &cases[1]];
    let identity = Identity::from_der(&other.certificate).unwrap();
    let check = async {
        let now = UnixTime::now();
        verifier.verify_client_cert(&admitted.certificate, &[], now).unwrap();
        assert!(take_deferred(&identity).is_none());
        take_deferred(&Identity::from_der(&admitted.certificate).unwrap()).is_some()
    };
    let (is_kept, _) = with_decision(check).now_or_never().unwrap();
    assert!(is_kept);
}
