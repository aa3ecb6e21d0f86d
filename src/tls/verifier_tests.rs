//! Tests of the decisions, with certificates created at run time.

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};

use super::*;
use crate::policy::{Matcher, Rule};
use crate::tls::anchors::Anchor;
use crate::tls::trust::Eku;

const NOW: &str = "2026-11-23T12:00:00Z";

struct Ca {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
}

fn params(cn: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, cn);
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2027, 1, 1);
    params
}

fn ca_params(cn: &str) -> CertificateParams {
    let mut params = params(cn);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn ca(params: CertificateParams) -> Ca {
    let key = KeyPair::generate().unwrap();
    let der = params.self_signed(&key).unwrap().der().clone();
    Ca { issuer: Issuer::new(params, key), der }
}

impl Ca {
    fn issue(&self, params: &CertificateParams) -> CertificateDer<'static> {
        let key = KeyPair::generate().unwrap();
        params.signed_by(&key, &self.issuer).unwrap().der().clone()
    }

    fn intermediate(&self, cn: &str) -> Ca {
        let (key, params) = (KeyPair::generate().unwrap(), ca_params(cn));
        let der = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        Ca { issuer: Issuer::new(params, key), der }
    }
}

fn verifier(senders: &[(&str, &[&Ca], &[&str])]) -> SenderVerifier {
    let senders = senders
        .iter()
        .map(|(name, cas, cn)| TrustedSender {
            sender: Sender {
                name: name.parse().unwrap(),
                rule: Rule::new(vec![Matcher::Cn(cn.iter().map(|&cn| cn.to_owned()).collect())]).unwrap(),
            },
            trust: SenderTrust {
                anchors: cas.iter().map(|ca| Anchor::new(ca.der.clone()).unwrap()).collect(),
                eku: Eku::Client,
                revocation: None,
            },
        })
        .collect();
    SenderVerifier::new(senders, Clock::fixed_at(NOW.parse::<Timestamp>().unwrap()))
}

fn word(decision: Decision) -> &'static str {
    match decision {
        Ok(_) => "admitted",
        Err(refusal) => refusal.reason.word(),
    }
}

#[test]
fn only_a_certificate_of_the_senders_ca_with_its_cn_is_accepted() {
    let (bank, other) = (ca(ca_params("Bank Root")), ca(ca_params("Bank Root")));
    let verifier = verifier(&[("efi", &[&bank], &["webhook.bank"])]);
    assert_eq!(word(verifier.verify(&bank.issue(&params("webhook.bank")), &[])), "admitted");
    assert_eq!(word(verifier.verify(&other.issue(&params("webhook.bank")), &[])), "unknown_ca");
    for cn in ["webhook.bank.", "Webhook.bank", " webhook.bank", "webhook.bank ", "*.bank", "wébhook.bank"] {
        assert_eq!(word(verifier.verify(&bank.issue(&params(cn)), &[])), "rule", "{cn:?}");
    }
    assert_eq!(word(verifier.verify(&CertificateDer::from(vec![1, 2, 3]), &[])), "unreadable");
}

#[test]
fn one_banks_ca_cannot_issue_for_another_bank() {
    let (a, b) = (ca(ca_params("A")), ca(ca_params("B")));
    let verifier = verifier(&[("a", &[&a], &["a.bank"]), ("b", &[&b], &["b.bank"])]);
    assert_eq!(word(verifier.verify(&a.issue(&params("b.bank")), &[])), "rule");
    let admitted = verifier.verify(&b.issue(&params("b.bank")), &[]).unwrap();
    assert_eq!(admitted.admission.joined_names(), "b");
}

#[test]
fn a_certificate_that_matches_two_senders_is_admitted_as_both() {
    let shared = ca(ca_params("Shared"));
    let verifier = verifier(&[("a", &[&shared], &["x"]), ("b", &[&shared], &["x", "y"])]);
    assert_eq!(verifier.verify(&shared.issue(&params("x")), &[]).unwrap().admission.joined_names(), "a,b");
    assert_eq!(verifier.verify(&shared.issue(&params("y")), &[]).unwrap().admission.joined_names(), "b");
}

#[test]
fn only_a_single_printable_common_name_matches() {
    let bank = ca(ca_params("Bank"));
    // The rule lists these values, so only their form can prevent a match.
    let verifier = verifier(&[("efi", &[&bank], &["x", "", "x\0y", "x\n"])]);
    let mut none = params("x");
    none.distinguished_name = DistinguishedName::new();
    none.distinguished_name.push(DnType::OrganizationName, "x");
    assert_eq!(word(verifier.verify(&bank.issue(&none), &[])), "rule");
    assert_eq!(word(verifier.verify(&bank.issue(&params("x\0y")), &[])), "rule");
    assert_eq!(word(verifier.verify(&bank.issue(&params("x\n")), &[])), "rule");
}

#[test]
fn dates_are_the_reason_only_if_an_anchor_issued_the_certificate() {
    let (bank, other) = (ca(ca_params("Bank")), ca(ca_params("Bank")));
    let verifier = verifier(&[("efi", &[&bank], &["x"])]);
    let (mut expired, mut early) = (params("x"), params("x"));
    expired.not_after = date_time_ymd(2026, 11, 22);
    early.not_before = date_time_ymd(2026, 11, 24);
    assert_eq!(word(verifier.verify(&bank.issue(&expired), &[])), "expired");
    assert_eq!(word(verifier.verify(&bank.issue(&early), &[])), "not_yet_valid");
    assert_eq!(word(verifier.verify(&other.issue(&expired), &[])), "unknown_ca");
}

#[test]
fn an_expired_anchor_admits_no_certificate() {
    let mut old = ca_params("Old");
    old.not_after = date_time_ymd(2026, 11, 1);
    let (old, new) = (ca(old), ca(ca_params("New")));
    let verifier = verifier(&[("efi", &[&old, &new], &["x"])]);
    assert_eq!(word(verifier.verify(&old.issue(&params("x")), &[])), "expired");
    assert_eq!(word(verifier.verify(&new.issue(&params("x")), &[])), "admitted");
}

#[test]
fn a_certificate_for_a_server_or_a_ca_is_refused() {
    let bank = ca(ca_params("Bank"));
    let verifier = verifier(&[("efi", &[&bank], &["x"])]);
    let mut server = params("x");
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    assert_eq!(word(verifier.verify(&bank.issue(&server), &[])), "purpose");
    assert_eq!(word(verifier.verify(&bank.issue(&ca_params("x")), &[])), "purpose");
    server.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
    assert_eq!(word(verifier.verify(&bank.issue(&server), &[])), "admitted");
}

#[test]
fn intermediates_must_be_sent_and_their_number_is_limited() {
    let root = ca(ca_params("Root"));
    let middle = root.intermediate("Middle");
    let verifier = verifier(&[("efi", &[&root], &["x"])]);
    let leaf = middle.issue(&params("x"));
    assert_eq!(word(verifier.verify(&leaf, &[])), "unknown_ca");
    assert_eq!(word(verifier.verify(&leaf, std::slice::from_ref(&middle.der))), "admitted");
    let many = vec![middle.der.clone(); INTERMEDIATES_MAX + 1];
    assert_eq!(word(verifier.verify(&leaf, &many)), "unreadable");
}

#[test]
fn a_certificate_that_may_not_issue_is_not_a_ca() {
    let root = ca(ca_params("Root"));
    let mut no_sign = ca_params("x");
    no_sign.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    for params in [params("x"), no_sign] {
        let der = root.issue(&params);
        assert!(Anchor::new(der).unwrap().never_issues().is_some(), "{params:?}");
    }
}

#[test]
fn the_name_of_each_anchor_is_sent_once() {
    let (a, b) = (ca(ca_params("A")), ca(ca_params("B")));
    let verifier = verifier(&[("a", &[&a, &b], &["x"]), ("b", &[&b], &["x"])]);
    assert_eq!(verifier.hints.len(), 2);
}

/// The certificate with its DER edited, signed again with its CA's key.
fn resign(
    ca: &Ca,
    certificate: &CertificateDer<'_>,
    edit: impl Fn(Vec<u8>) -> Vec<u8>,
) -> CertificateDer<'static> {
    use rcgen::SigningKey as _;
    use x509_parser::prelude::{FromDer as _, X509Certificate};

    fn sequence(content: Vec<u8>) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[0x30, 0x82][..], &length, &content].concat()
    }
    let (_, read) = X509Certificate::from_der(certificate).unwrap();
    let signed = read.tbs_certificate.as_ref();
    // The tag and a length of two bytes, as in every certificate of this size.
    assert_eq!(signed[..2], [0x30, 0x82]);
    let signed = sequence(edit(signed[4..].to_vec()));
    let outer = &certificate[4 + read.tbs_certificate.as_ref().len()..];
    let algorithm = &outer[..2 + usize::from(outer[1])];
    let signature = ca.issuer.key().sign(&signed).unwrap();
    let bits = [&[0x03, u8::try_from(signature.len() + 1).unwrap(), 0][..], &signature].concat();
    CertificateDer::from(sequence([signed, algorithm.to_vec(), bits].concat()))
}

#[test]
fn extensions_are_not_ignored_for_other_version_numbers() {
    let bank = ca(ca_params("Bank"));
    let verifier = verifier(&[("efi", &[&bank], &["x"])]);
    let mut server = params("x");
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.subject_alt_names =
        vec![rcgen::SanType::DnsName("a-name-that-makes-it-long.example".try_into().unwrap())];
    let issued = bank.issue(&server);
    assert_eq!(word(verifier.verify(&resign(&bank, &issued, |same| same), &[])), "purpose");
    // [0] { INTEGER 2 } is version 3. Without it the certificate is version 1, and has extensions nevertheless.
    let version_1 = resign(&bank, &issued, |signed| {
        assert_eq!(signed[..5], [0xa0, 3, 2, 1, 2]);
        signed[5..].to_vec()
    });
    assert_eq!(word(verifier.verify(&version_1, &[])), "unreadable");
    for number in [0, 1, 3, 7] {
        let other = resign(&bank, &issued, |mut signed| {
            signed[4] = number;
            signed
        });
        assert_eq!(word(verifier.verify(&other, &[])), "unreadable", "{number}");
    }
}

#[test]
fn a_certificate_that_is_valid_until_9999_is_accepted() {
    let bank = ca(ca_params("Bank"));
    let verifier = verifier(&[("efi", &[&bank], &["x"])]);
    let mut endless = params("x");
    endless.not_after = date_time_ymd(9999, 12, 31);
    assert_eq!(word(verifier.verify(&bank.issue(&endless), &[])), "admitted");
}

#[test]
fn an_admission_ends_with_the_anchor() {
    let mut short = ca_params("Bank");
    short.not_after = date_time_ymd(2026, 12, 1);
    let bank = ca(short);
    let verifier = verifier(&[("efi", &[&bank], &["x"])]);
    let admitted = verifier.verify(&bank.issue(&params("x")), &[]).unwrap();
    assert_eq!(admitted.admission.not_after(), "2026-12-01T00:00:00Z".parse::<Timestamp>().unwrap());
}

#[test]
fn intermediates_that_issue_each_other_form_few_paths() {
    let anchors: Vec<_> = (0..5).map(|_| ca(ca_params("Bank"))).collect();
    let names: Vec<_> = (0..anchors.len()).map(|i| format!("s{i}")).collect();
    let cas: Vec<Vec<&Ca>> = anchors.iter().map(|anchor| vec![anchor]).collect();
    let rows: Vec<(&str, &[&Ca], &[&str])> =
        names.iter().zip(&cas).map(|(name, cas)| (name.as_str(), cas.as_slice(), &["x"][..])).collect();
    let verifier = verifier(&rows);
    let tangle: Vec<_> = (0..INTERMEDIATES_MAX).map(|_| ca(ca_params("X"))).collect();
    let sent: Vec<_> = tangle.iter().map(|ca| ca.der.clone()).collect();
    let leaf = tangle[0].issue(&params("x"));
    // Counts the paths instead of measuring the time: up to five in any order, without repetition.
    let paths: usize = (1..=INTERMEDIATES_MAX)
        .map(|k| (INTERMEDIATES_MAX - k + 1..=INTERMEDIATES_MAX).product::<usize>())
        .sum();
    assert!(paths < 1_000, "{paths}");
    assert_eq!(word(verifier.verify(&leaf, &sent)), "unknown_ca");
}
