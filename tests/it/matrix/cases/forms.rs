//! The form of certificates, their dates, purposes and keys.

use rcgen::{KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_ED25519, PKCS_RSA_SHA256};
use rustls_pki_types::CertificateDer;

use super::Catalogue;
use crate::der::{
    ANY_EKU, CLIENT_AUTH, Certificate, Name, Party, SERVER_AUTH, Signed, UTF8, basic_constraints, eku,
    extension, key_usage, sequence, tlv,
};

impl Catalogue {
    /// Forms of a certificate.
    pub(super) fn forms(&mut self) {
        let root = Party::root(&Certificate::ca(Name::cn("Forms Root")));
        self.sender("forms", &[&root], "cn = [\"x\"]");
        let plain = Certificate::leaf(Name::cn("x"));
        let and = |more: Vec<u8>| {
            let mut certificate = plain.clone();
            certificate.extensions.push(more);
            certificate
        };
        let unknown = |critical| extension("1.3.6.1.4.1.55555.1", critical, &[5, 0]);
        let policies = sequence(&[sequence(&[tlv(0x06, &[0x55, 0x1d, 0x20, 0x00])])]);
        for (name, expected, certificate) in [
            ("version 1 issued by the anchor", "admitted", plain.clone().v1()),
            ("version 1 with extensions", "unreadable", Certificate { version: None, ..plain.clone() }),
            ("version 2", "unreadable", Certificate { version: Some(1), ..plain.clone() }),
            ("version 4", "unreadable", Certificate { version: Some(3), ..plain.clone() }),
            ("version 3 without extensions", "admitted", plain.clone().with(Vec::new())),
            ("unknown extension", "admitted", and(unknown(false))),
            ("unknown critical extension", "unreadable", and(unknown(true))),
            ("critical certificatePolicies", "unreadable", and(extension("2.5.29.32", true, &policies))),
            ("the same extension twice", "unreadable", and(eku(&[CLIENT_AUTH]))),
            ("keyUsage without digitalSignature", "admitted", plain.clone().with(vec![key_usage(0x20)])),
            (
                "serial number of 20 bytes",
                "admitted",
                Certificate { serial: vec![0x55; 20], ..plain.clone() },
            ),
            ("signed with SHA-1", "unsupported", Certificate { signed: Signed::Sha1, ..plain.clone() }),
        ] {
            self.case(name, "forms", expected, &root.issue(&certificate), &[]);
        }
        let mut damaged = root.issue(&plain);
        damaged.der = CertificateDer::from(damaged.der[..damaged.der.len() - 1].to_vec());
        self.case("cut off", "forms", "unreadable", &damaged, &[]);
        let mut followed = root.issue(&plain);
        followed.der = CertificateDer::from([followed.der.as_ref(), &[0]].concat());
        self.case("followed by a byte", "forms", "unreadable", &followed, &[]);
        let mut altered = root.issue(&Certificate::leaf(Name::cn("y")));
        let at = altered.der.windows(3).rposition(|window| window == [UTF8, 1, b'y']).unwrap();
        let mut bytes = altered.der.to_vec();
        bytes[at + 2] = b'x';
        altered.der = CertificateDer::from(bytes);
        self.case("CN altered after signing", "forms", "unknown_ca", &altered, &[]);
    }

    pub(super) fn dates_and_purposes(&mut self) {
        let root = Party::root(&Certificate::ca(Name::cn("Dates Root")));
        self.sender("dates", &[&root], "cn = [\"x\"]");
        let plain = Certificate::leaf(Name::cn("x"));
        let marked = |purposes: &[&str]| plain.clone().with(vec![key_usage(0x80), eku(purposes)]);
        for (name, expected, certificate) in [
            ("expired", "expired", Certificate { from: -30, to: -1, ..plain.clone() }),
            ("not yet valid", "not_yet_valid", Certificate { from: 1, to: 30, ..plain.clone() }),
            ("valid until 9999", "admitted", Certificate { to: 2_900_000, ..plain.clone() }),
            ("EKU clientAuth and serverAuth", "admitted", marked(&[SERVER_AUTH, CLIENT_AUTH])),
            ("no EKU", "admitted", plain.clone().with(vec![key_usage(0x80)])),
            ("EKU serverAuth", "purpose", marked(&[SERVER_AUTH])),
            ("anyExtendedKeyUsage", "purpose", marked(&[ANY_EKU])),
            ("CA:TRUE and not listed", "purpose", Certificate::ca(Name::cn("x"))),
            ("expired, of another CN", "expired", Certificate { to: -1, ..Certificate::leaf(Name::cn("y")) }),
        ] {
            self.case(name, "dates", expected, &root.issue(&certificate), &[]);
        }
        let old = Party::root(&Certificate { to: -1, ..Certificate::ca(Name::cn("Old Root")) });
        let spare = Party::root(&Certificate::ca(Name::cn("Spare Root")));
        self.sender("old", &[&old, &spare], "cn = [\"x\"]");
        self.case("below an expired anchor", "old", "expired", &old.issue(&plain), &[]);
        let any = Party::root(&Certificate::ca(Name::cn("Any Root")));
        self.sender("any", &[&any], "cn = [\"x\"]\neku = \"any\"");
        self.case(
            "EKU serverAuth where any is accepted",
            "any",
            "admitted",
            &any.issue(&marked(&[SERVER_AUTH])),
            &[],
        );
        let servers = Certificate::ca(Name::cn("Servers Root")).with(vec![
            basic_constraints(true, None),
            key_usage(0x04),
            eku(&[SERVER_AUTH]),
        ]);
        let servers = Party::root(&servers);
        self.sender("servers", &[&servers, &spare], "cn = [\"x\"]");
        self.case("below an anchor for servers alone", "servers", "purpose", &servers.issue(&plain), &[]);
    }

    pub(super) fn keys(&mut self) {
        let root = Party::root(&Certificate::ca(Name::cn("Keys Root")));
        self.sender("keys", &[&root], "cn = [\"x\"]");
        let plain = Certificate::leaf(Name::cn("x"));
        for (name, algorithm) in [
            ("ECDSA P-384", &PKCS_ECDSA_P384_SHA384),
            ("ECDSA P-521", &PKCS_ECDSA_P521_SHA512),
            ("Ed25519", &PKCS_ED25519),
            ("RSA-2048", &PKCS_RSA_SHA256),
        ] {
            let key = KeyPair::generate_for(algorithm).unwrap();
            self.case(name, "keys", "admitted", &root.issue_for(&plain, key), &[]);
        }
        // The key cannot be used; only its length is checked.
        let modulus = [&[0][..], &[0xa5; 128]].concat();
        let key = sequence(&[tlv(0x02, &modulus), tlv(0x02, &[1, 0, 1])]);
        let rsa = [0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
        let spki = sequence(&[tlv(0x30, &rsa), tlv(0x03, &[&[0][..], &key].concat())]);
        let weak = Certificate { spki: Some(spki), ..plain.clone() };
        self.case("RSA-1024", "keys", "unsupported", &root.issue(&weak), &[]);
        let rsa = Party::root_with(
            &Certificate::ca(Name::cn("RSA Root")),
            KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap(),
        );
        self.sender("rsa", &[&rsa], "cn = [\"x\"]");
        self.case("signed with RSA", "rsa", "admitted", &rsa.issue(&plain), &[]);
        let pss = Certificate { signed: Signed::Pss, ..plain.clone() };
        self.case("signed with RSA-PSS", "rsa", "admitted", &rsa.issue(&pss), &[]);
        let edwards = Party::root_with(
            &Certificate::ca(Name::cn("Edwards Root")),
            KeyPair::generate_for(&PKCS_ED25519).unwrap(),
        );
        self.sender("edwards", &[&edwards], "cn = [\"x\"]");
        self.case("signed with Ed25519", "edwards", "admitted", &edwards.issue(&plain), &[]);
    }
}
