//! From a certificate to its identity, and to the matchers that accept it.

use hookspool::identity::{DistinguishedName, Identity, ReadableParts};
use hookspool::policy::{MATCHERS, Matcher, presented};
use hookspool::tls::anchors::Anchor;
use rustls_pki_types::CertificateDer;

pub fn run(data: &[u8]) {
    let parts = ReadableParts::of(data);
    let Ok(identity) = Identity::from_der(data) else { return };
    for (name, readable) in [(&identity.subject, &parts.subject), (&identity.issuer, &parts.issuer)] {
        assert!(readable.is_some());
        let text = name.to_string();
        if !text.is_empty() {
            assert_eq!(
                text.parse::<DistinguishedName>().as_ref(),
                Ok(name),
                "a name is read as it is written"
            );
        }
    }
    assert_eq!(parts.serial.as_ref(), Some(&identity.serial));
    assert_eq!(parts.spki_sha256, Some(identity.spki_sha256));
    assert_eq!(parts.sha256, identity.sha256);
    assert_eq!(parts.validity, Some((identity.not_before, identity.not_after)));
    for key in MATCHERS {
        for value in presented(key, &identity) {
            let matcher = matcher(key, value.clone());
            assert!(
                matcher.matches(&identity),
                "{key} = {value:?} does not accept the certificate that has it"
            );
        }
    }
    if let Ok(anchor) = Anchor::new(CertificateDer::from(data.to_vec())) {
        assert!(anchor.overlaps(&anchor) && anchor.may_overlap(&anchor));
    }
}

/// The matcher that webhooks.toml would contain.
fn matcher(key: &str, value: String) -> Matcher {
    match key {
        "cn" => Matcher::Cn(vec![value]),
        "subject" => Matcher::Subject(vec![value.parse().unwrap()]),
        "san_dns" => Matcher::SanDns(vec![value]),
        "san_uri" => Matcher::SanUri(vec![value]),
        "san_ip" => Matcher::SanIp(vec![value.parse().unwrap()]),
        "san_email" => Matcher::SanEmail(vec![value]),
        "sha256" => Matcher::Sha256(vec![value.parse().unwrap()]),
        "spki_sha256" => Matcher::SpkiSha256(vec![value.parse().unwrap()]),
        other => panic!("`{other}` is no matcher"),
    }
}
