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

    /// What surrounds the contents of a certificate, in version 1 and version 3.
    pub(super) fn wrappers(&mut self) {
        let root = Party::root(&Certificate::ca(Name::cn("Wrappers Root")));
        self.sender("wrappers", &[&root], "cn = [\"x\"]");
        let plain = Certificate::leaf(Name::cn("x"));
        let v1 = plain.clone().v1();
        // ECDSA with SHA-384, which is not how it is signed.
        let other = |parts: &mut Vec<Vec<u8>>| {
            parts[1] = sequence(&[tlv(0x06, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3])]);
        };
        let inner = |parts: &mut Vec<Vec<u8>>| {
            parts[1] = sequence(&[tlv(0x06, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3])]);
        };
        let unused = |parts: &mut Vec<Vec<u8>>| {
            let signature = &mut parts[2];
            let last = signature.len() - 1;
            (signature[2], signature[last]) = (1, signature[last] & 0xfe);
        };
        let null = |parts: &mut Vec<Vec<u8>>| parts.push(vec![5, 0]);
        let unique = |parts: &mut Vec<Vec<u8>>| parts.push(tlv(0x82, &[0, 1]));
        let octets = |parts: &mut Vec<Vec<u8>>| parts[2][0] = 0x04;
        let context = |parts: &mut Vec<Vec<u8>>| parts[1][0] = 0xb0;
        let without_serial = Certificate { serial: Vec::new(), ..plain.clone() };
        for (name, expected, certificate) in [
            (
                "version 1, another algorithm outside",
                "unreadable",
                Certificate { wrapper: other, ..v1.clone() },
            ),
            (
                "version 1, another algorithm inside",
                "unreadable",
                Certificate { fields: inner, ..v1.clone() },
            ),
            ("version 1, data after the key", "unreadable", Certificate { fields: null, ..v1.clone() }),
            ("version 1, a unique identifier", "unreadable", Certificate { fields: unique, ..v1.clone() }),
            (
                "version 1, data after the signature",
                "unreadable",
                Certificate { wrapper: null, ..v1.clone() },
            ),
            (
                "version 1, unused bits in the signature",
                "unreadable",
                Certificate { wrapper: unused, ..v1.clone() },
            ),
            (
                "version 1, signature as OCTET STRING",
                "unreadable",
                Certificate { wrapper: octets, ..v1.clone() },
            ),
            (
                "version 1, context tag for the algorithm",
                "unreadable",
                Certificate { wrapper: context, ..v1.clone() },
            ),
            ("version 1, serial number without content", "unreadable", without_serial.clone().v1()),
            ("serial number without content", "unreadable", without_serial),
            ("another algorithm outside", "unreadable", Certificate { wrapper: other, ..plain.clone() }),
            ("data after the signature", "unreadable", Certificate { wrapper: null, ..plain.clone() }),
            ("unused bits in the signature", "unreadable", Certificate { wrapper: unused, ..plain.clone() }),
        ] {
            self.case(name, "wrappers", expected, &root.issue(&certificate), &[]);
        }
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
