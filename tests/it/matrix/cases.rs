//! The certificates of the matrix, each with the verdict that is right.

use rcgen::{KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_ED25519, PKCS_RSA_SHA256};
use rustls_pki_types::CertificateDer;

use crate::der::{
    ANY_EKU, BMP, CLIENT_AUTH, Certificate, IA5, Name, PRINTABLE, Party, SERVER_AUTH, Signed, T61, UNIVERSAL,
    UTF8, alternative_names, attribute, basic_constraints, eku, extension, key_usage, permitted_dns,
    sequence, tlv,
};

/// What is presented, and what becomes of it: `admitted`, or a reason.
pub struct Case {
    pub name: &'static str,
    /// The sender whose CAs it is about.
    pub sender: &'static str,
    pub chain: Vec<CertificateDer<'static>>,
    /// PKCS#8, in DER.
    pub key: Vec<u8>,
    pub expected: &'static str,
}

/// A sender of the configuration.
pub struct Sender {
    pub name: &'static str,
    pub ca: Vec<CertificateDer<'static>>,
    pub crl: Vec<Vec<u8>>,
    /// Its rule, and whatever else, in TOML.
    pub lines: String,
}

#[derive(Default)]
pub struct Catalogue {
    pub senders: Vec<Sender>,
    pub cases: Vec<Case>,
}

impl Catalogue {
    pub fn new() -> Self {
        let mut all = Self::default();
        all.names();
        all.forms();
        all.dates_and_purposes();
        all.paths();
        all.keys();
        all.listed();
        all.other_matchers();
        all.revocation();
        all
    }

    fn sender(&mut self, name: &'static str, ca: &[&Party], lines: &str) {
        self.revoking(name, ca, &[], lines);
    }

    fn revoking(&mut self, name: &'static str, ca: &[&Party], crl: &[Vec<u8>], lines: &str) {
        let ca = ca.iter().map(|party| party.der.clone()).collect();
        self.senders.push(Sender { name, ca, crl: crl.to_vec(), lines: lines.to_owned() });
    }

    fn case(
        &mut self,
        name: &'static str,
        sender: &'static str,
        expected: &'static str,
        leaf: &Party,
        above: &[&Party],
    ) {
        let chain = [leaf].iter().chain(above).map(|party| party.der.clone()).collect();
        self.cases.push(Case { name, sender, chain, key: leaf.key.serialize_der(), expected });
    }

    /// How a common name can be written.
    fn names(&mut self) {
        let root = Party::root(&Certificate::ca(Name::cn("Names Root")));
        self.sender("names", &[&root], "cn = [\"x\"]");
        let leaf = |subject: Name| root.issue(&Certificate::leaf(subject));
        let cn = "2.5.4.3";
        let of = |tag: u8, value: &[u8]| Name::empty().and(cn, tag, value);
        let long = "x".repeat(64 << 10);
        let whole = attribute(&(cn, UTF8, b"x".to_vec()));
        let behind_attribute = [&whole[..], &[5, 0, 0]].concat();
        let behind_value = tlv(0x30, &[&whole[2..], &[5, 0]].concat());
        for (name, expected, subject) in [
            ("the CN that is asked for", "admitted", Name::cn("x")),
            ("CN as PrintableString", "admitted", of(PRINTABLE, b"x")),
            ("CN in a relative name with others", "admitted", Name::cn("x").plus("2.5.4.10", UTF8, b"Bank")),
            ("no CN", "rule", Name::empty().and("2.5.4.10", UTF8, b"x")),
            ("two CNs, the right one first", "rule", Name::cn("x").and(cn, UTF8, b"y")),
            ("two CNs, the right one last", "rule", Name::cn("y").and(cn, UTF8, b"x")),
            ("the right CN twice", "rule", Name::cn("x").and(cn, UTF8, b"x")),
            ("two CNs in one relative name", "rule", Name::cn("x").plus(cn, UTF8, b"y")),
            ("NUL in the CN", "rule", of(UTF8, b"x\0.evil.example")),
            ("line feed after the CN", "rule", of(UTF8, b"x\n")),
            ("blank after the CN", "rule", Name::cn("x ")),
            ("blank before the CN", "rule", Name::cn(" x")),
            ("dot after the CN", "rule", Name::cn("x.")),
            ("other case", "rule", Name::cn("X")),
            ("homoglyph (Cyrillic)", "rule", Name::cn("\u{445}")),
            ("wildcard", "rule", Name::cn("*")),
            ("CN as BMPString", "rule", of(BMP, b"\0x")),
            ("CN as T61String", "rule", of(T61, b"x")),
            ("CN as UniversalString", "rule", of(UNIVERSAL, b"\0\0\0x")),
            ("CN as IA5String", "rule", of(IA5, b"x")),
            ("CN that is not UTF-8", "rule", of(UTF8, b"x\xff")),
            ("empty CN", "rule", Name::cn("")),
            ("the issuer's CN", "rule", Name::cn("Names Root")),
            ("no subject", "rule", Name::empty()),
            ("CN of 64 KiB", "unreadable", Name::cn(&long)),
            (
                "empty relative name before the CN",
                "unreadable",
                Name::empty().raw(&[0x31, 0]).and(cn, UTF8, b"x"),
            ),
            (
                "empty relative name between two CNs",
                "unreadable",
                Name::cn("x").raw(&[0x31, 0]).and(cn, UTF8, b"evil"),
            ),
            ("empty relative name after the CN", "unreadable", Name::cn("x").raw(&[0x31, 0])),
            ("bytes behind the value of a CN", "unreadable", Name::empty().raw(&tlv(0x31, &behind_value))),
            ("bytes behind an attribute", "unreadable", Name::empty().raw(&tlv(0x31, &behind_attribute))),
            ("a sequence for a relative name", "unreadable", Name::cn("x").raw(&tlv(0x30, &whole))),
        ] {
            self.case(name, "names", expected, &leaf(subject), &[]);
        }
        let mut only_san = Certificate::leaf(Name::empty().and("2.5.4.10", UTF8, b"Bank"));
        only_san.extensions.push(alternative_names(&[(2, b"x")]));
        self.case("the CN in the SAN alone", "names", "rule", &root.issue(&only_san), &[]);

        let twin = Party::root(&Certificate::ca(Name::cn("Names Root")));
        self.case(
            "a stranger's CA of the same name",
            "names",
            "unknown_ca",
            &twin.issue(&Certificate::leaf(Name::cn("x"))),
            &[],
        );
        let own = Party::root(&Certificate::leaf(Name::cn("x")));
        self.case("self-signed, of nobody", "names", "unknown_ca", &own, &[]);
        let other = Party::root(&Certificate::ca(Name::cn("Other Root")));
        self.sender("other", &[&other], "cn = [\"y\"]");
        self.case("another sender's CN", "names", "rule", &leaf(Name::cn("y")), &[]);
        let foreign = other.issue(&Certificate::leaf(Name::cn("x")));
        self.case("the right CN under another sender's CA", "other", "rule", &foreign, &[]);
    }

    /// How a certificate can be built.
    fn forms(&mut self) {
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
            ("signed with SHA-1", "unknown_ca", Certificate { signed: Signed::Sha1, ..plain.clone() }),
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

    fn dates_and_purposes(&mut self) {
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
            "EKU serverAuth where any is taken",
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

    /// What stands between a certificate and an anchor.
    fn paths(&mut self) {
        let root = Party::root(&Certificate::ca(Name::cn("Paths Root")));
        self.sender("paths", &[&root], "cn = [\"x\"]");
        let plain = Certificate::leaf(Name::cn("x"));
        let ca = |name: &str| Certificate::ca(Name::cn(name));
        let large = |name: &str| {
            let mut certificate = ca(name);
            certificate.extensions.push(extension("1.3.6.1.4.1.55555.2", false, &vec![0; 25 << 10]));
            certificate
        };
        let middle = root.issue(&ca("Middle"));
        let leaf = middle.issue(&plain);
        self.case("intermediate that is sent", "paths", "admitted", &leaf, &[&middle]);
        self.case("intermediate that is missing", "paths", "unknown_ca", &leaf, &[]);
        self.case("root sent along", "paths", "admitted", &leaf, &[&middle, &root]);
        let lower = middle.issue(&ca("Lower"));
        let deep = lower.issue(&plain);
        self.case("two intermediates", "paths", "admitted", &deep, &[&lower, &middle]);
        self.case("two intermediates in the wrong order", "paths", "admitted", &deep, &[&middle, &lower]);
        self.case(
            "version 1 by an intermediate",
            "paths",
            "unknown_ca",
            &middle.issue(&plain.clone().v1()),
            &[&middle],
        );
        let old = root.issue(&Certificate::leaf(Name::cn("Old Middle")).v1());
        self.case("below a version 1 intermediate", "paths", "unknown_ca", &old.issue(&plain), &[&old]);
        let no_ca = root.issue(&Certificate::leaf(Name::cn("Customer")));
        self.case("issued by another customer", "paths", "unknown_ca", &no_ca.issue(&plain), &[&no_ca]);
        let signs_nothing =
            root.issue(&ca("Signs Nothing").with(vec![basic_constraints(true, None), key_usage(0x80)]));
        self.case(
            "intermediate without keyCertSign",
            "paths",
            "unknown_ca",
            &signs_nothing.issue(&plain),
            &[&signs_nothing],
        );
        let late = root.issue(&Certificate { to: -1, ..ca("Late") });
        self.case("below an expired intermediate", "paths", "expired", &late.issue(&plain), &[&late]);
        let young = root.issue(&Certificate { from: -2, ..ca("Young") });
        let expired = Certificate { from: -30, to: -1, ..plain.clone() };
        self.case(
            "expired below a younger intermediate",
            "paths",
            "expired",
            &young.issue(&expired),
            &[&young],
        );
        let last = root.issue(&ca("Last").with(vec![basic_constraints(true, Some(0)), key_usage(0x06)]));
        let beyond = last.issue(&ca("Beyond"));
        self.case(
            "path length of an intermediate exceeded",
            "paths",
            "unknown_ca",
            &beyond.issue(&plain),
            &[&beyond, &last],
        );
        let bound = root.issue(&ca("Bound").with(vec![
            basic_constraints(true, None),
            key_usage(0x06),
            permitted_dns("bank.example"),
        ]));
        let named = |name: &[u8]| {
            let mut certificate = plain.clone();
            certificate.extensions.push(alternative_names(&[(2, name)]));
            bound.issue(&certificate)
        };
        self.case("within name constraints", "paths", "admitted", &named(b"a.bank.example"), &[&bound]);
        self.case("against name constraints", "paths", "unknown_ca", &named(b"evil.example"), &[&bound]);
        let mut links = vec![root.issue(&ca("First Link"))];
        for _ in 0..18 {
            let next = links.last().unwrap().issue(&ca("Link"));
            links.push(next);
        }
        let end = links.last().unwrap().issue(&plain);
        let above: Vec<_> = links.iter().rev().collect();
        self.case("chain of 20", "paths", "unreadable", &end, &above);

        let for_servers = root.issue(&ca("For Servers").with(vec![
            basic_constraints(true, None),
            key_usage(0x06),
            eku(&[SERVER_AUTH]),
        ]));
        self.case(
            "below an intermediate for servers alone",
            "paths",
            "purpose",
            &for_servers.issue(&plain),
            &[&for_servers],
        );
        self.case("CA:TRUE below an intermediate", "paths", "purpose", &middle.issue(&ca("x")), &[&middle]);
        let junk: Vec<_> = (0..4).map(|_| Party::root(&ca("Paths Root"))).collect();
        let mixed: Vec<_> = junk.iter().chain([&middle]).collect();
        self.case("among CAs of nobody with the right names", "paths", "admitted", &leaf, &mixed);
        let mut heavy = vec![root.issue(&large("Heavy"))];
        for _ in 0..2 {
            let next = heavy.last().unwrap().issue(&large("Heavier"));
            heavy.push(next);
        }
        let end = heavy.last().unwrap().issue(&plain);
        let above: Vec<_> = heavy.iter().rev().collect();
        self.case("chain of 75 KiB", "paths", "unreadable", &end, &above);

        let short = ca("Short Root").with(vec![basic_constraints(true, Some(0)), key_usage(0x06)]);
        let short = Party::root(&short);
        self.sender("short", &[&short], "cn = [\"x\"]");
        let middle = short.issue(&ca("Short Middle"));
        self.case(
            "path length of the anchor exceeded",
            "short",
            "unknown_ca",
            &middle.issue(&plain),
            &[&middle],
        );
        self.case("path length of the anchor kept", "short", "admitted", &short.issue(&plain), &[]);

        let narrow = ca("Narrow Root").with(vec![
            basic_constraints(true, None),
            key_usage(0x06),
            permitted_dns("bank.example"),
        ]);
        let narrow = Party::root(&narrow);
        self.sender("narrow", &[&narrow], "cn = [\"x\"]");
        self.case(
            "version 1 by an anchor with name constraints",
            "narrow",
            "unknown_ca",
            &narrow.issue(&plain.clone().v1()),
            &[],
        );

        let root = Party::root(&ca("Hidden Root"));
        let middle = root.issue(&ca("Only Middle"));
        self.sender("middle", &[&middle], "cn = [\"x\"]");
        self.case("the anchor is an intermediate", "middle", "admitted", &middle.issue(&plain), &[]);
        let (old, new) = (Party::root(&ca("Moving Root")), Party::root(&ca("Moving Root")));
        self.sender("moving", &[&old, &new], "cn = [\"x\"]");
        self.case("old root of two with one name", "moving", "admitted", &old.issue(&plain), &[]);
        self.case("new root of two with one name", "moving", "admitted", &new.issue(&plain), &[]);
        let (gone, here) = (Party::root(&ca("Gone Root")), Party::root(&ca("Here Root")));
        self.sender("crossed", &[&here], "cn = [\"x\"]");
        let by_gone = gone.issue(&ca("Crossed"));
        let same_key = KeyPair::try_from(by_gone.key.serialize_der()).unwrap();
        let by_here = here.issue_for(&ca("Crossed"), same_key);
        let leaf = by_gone.issue(&plain);
        self.case(
            "cross-signed by the old and the new root",
            "crossed",
            "admitted",
            &leaf,
            &[&by_gone, &by_here],
        );
        self.case("cross-signed, the new one missing", "crossed", "unknown_ca", &leaf, &[&by_gone]);
        let printable = Certificate::ca(Name::empty().and("2.5.4.3", PRINTABLE, b"Strings Root"));
        let root = Party::root(&printable);
        self.sender("strings", &[&root], "cn = [\"x\"]");
        let same = Party {
            name: Name::cn("Strings Root"),
            key: KeyPair::try_from(root.key.serialize_der()).unwrap(),
            der: root.der.clone(),
        };
        self.case("issuer's name in another string type", "strings", "unknown_ca", &same.issue(&plain), &[]);
    }

    fn keys(&mut self) {
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
        // The key itself is of no use: what it says of its length is all that is looked at.
        let modulus = [&[0][..], &[0xa5; 128]].concat();
        let key = sequence(&[tlv(0x02, &modulus), tlv(0x02, &[1, 0, 1])]);
        let rsa = [0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
        let spki = sequence(&[tlv(0x30, &rsa), tlv(0x03, &[&[0][..], &key].concat())]);
        let weak = Certificate { spki: Some(spki), ..plain.clone() };
        self.case("RSA-1024", "keys", "unreadable", &root.issue(&weak), &[]);
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

    /// Certificates that stand in `ca` themselves.
    fn listed(&mut self) {
        let hidden = Party::root(&Certificate::ca(Name::cn("Bank's Hidden Root")));
        let plain = Certificate::leaf(Name::cn("x"));
        let ca_true = hidden.issue(
            &Certificate::ca(Name::cn("x")).with(vec![basic_constraints(true, Some(0)), key_usage(0x04)]),
        );
        let own = Party::root(&plain);
        let v1 = hidden.issue(&plain.clone().v1());
        let own_v1 = Party::root(&plain.clone().v1());
        let expired = hidden.issue(&Certificate { to: -1, ..plain.clone() });
        let for_servers = hidden.issue(&plain.clone().with(vec![eku(&[SERVER_AUTH])]));
        let named = hidden.issue(&Certificate::leaf(Name::cn("y")));
        let strange = hidden.issue(&Certificate::leaf(Name::cn("x")).with(vec![extension(
            "1.3.6.1.4.1.55555.1",
            true,
            &[5, 0],
        )]));
        let all = [&ca_true, &own, &v1, &own_v1, &expired, &for_servers, &named, &strange];
        self.sender("listed", &all, "cn = [\"x\"]");
        for (name, expected, party) in [
            ("listed, CA:TRUE", "admitted", &ca_true),
            ("listed, self-signed", "admitted", &own),
            ("listed, version 1", "admitted", &v1),
            ("listed, version 1 and self-signed", "admitted", &own_v1),
            ("listed, unknown critical extension", "admitted", &strange),
            ("listed and expired", "expired", &expired),
            ("listed, EKU serverAuth", "purpose", &for_servers),
            ("listed, another CN", "rule", &named),
        ] {
            self.case(name, "listed", expected, party, &[]);
        }
        self.case("issued by a listed CA:TRUE", "listed", "admitted", &ca_true.issue(&plain), &[]);
        self.case(
            "issued by a listed one that never issues",
            "listed",
            "unknown_ca",
            &own.issue(&plain),
            &[],
        );
        self.case("unlisted sibling of a listed one", "listed", "unknown_ca", &hidden.issue(&plain), &[]);
    }

    fn other_matchers(&mut self) {
        let root = |name: &str| Party::root(&Certificate::ca(Name::cn(name)));
        let with = |names: &[(u8, &[u8])]| {
            let mut certificate = Certificate::leaf(Name::empty());
            certificate.extensions.push(alternative_names(names));
            certificate
        };
        let uri = root("URI Root");
        self.sender("uri", &[&uri], "san_uri = [\"spiffe://bank/pix\"]");
        self.case(
            "URI and no subject",
            "uri",
            "admitted",
            &uri.issue(&with(&[(6, b"spiffe://bank/pix")])),
            &[],
        );
        self.case(
            "URI among others",
            "uri",
            "admitted",
            &uri.issue(&with(&[(6, b"x:y"), (6, b"spiffe://bank/pix")])),
            &[],
        );
        self.case("another URI", "uri", "rule", &uri.issue(&with(&[(6, b"spiffe://bank/pix2")])), &[]);
        self.case(
            "the URI as a DNS name",
            "uri",
            "rule",
            &uri.issue(&with(&[(2, b"spiffe://bank/pix")])),
            &[],
        );
        let two_cns = with(&[(6, b"spiffe://bank/pix")]);
        let two_cns = Certificate { subject: Name::cn("a").and("2.5.4.3", UTF8, b"b"), ..two_cns };
        self.case("two CNs where none is asked for", "uri", "admitted", &uri.issue(&two_cns), &[]);

        let ip = root("IP Root");
        self.sender("ip", &[&ip], "san_ip = [\"192.0.2.1\", \"2001:db8::1\"]\nsan_dns = [\"a.example\"]");
        let v6: [u8; 16] = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        self.case(
            "address and DNS name",
            "ip",
            "admitted",
            &ip.issue(&with(&[(7, &[192, 0, 2, 1]), (2, b"A.example")])),
            &[],
        );
        self.case(
            "IPv6 address and DNS name",
            "ip",
            "admitted",
            &ip.issue(&with(&[(7, &v6), (2, b"a.example")])),
            &[],
        );
        self.case(
            "one of two kinds that are asked for",
            "ip",
            "rule",
            &ip.issue(&with(&[(7, &[192, 0, 2, 1])])),
            &[],
        );
        self.case(
            "address of five bytes",
            "ip",
            "rule",
            &ip.issue(&with(&[(7, &[192, 0, 2, 1, 0]), (2, b"a.example")])),
            &[],
        );

        let email = root("Mail Root");
        self.sender("email", &[&email], "san_email = [\"pix@bank.example\"]");
        self.case("mailbox", "email", "admitted", &email.issue(&with(&[(1, b"pix@bank.example")])), &[]);
        self.case("another mailbox", "email", "rule", &email.issue(&with(&[(1, b"Pix@bank.example")])), &[]);

        let subject = root("Subject Root");
        self.sender("subject", &[&subject], "subject = [\"CN=x,O=Bank\\\\, S.A.,C=BR\"]");
        let name = |cn: u8| {
            Name::empty()
                .and("2.5.4.6", PRINTABLE, b"BR")
                .and("2.5.4.10", UTF8, b"Bank, S.A.")
                .and("2.5.4.3", cn, b"x")
        };
        let leaf = |name: Name| subject.issue(&Certificate::leaf(name));
        self.case("subject", "subject", "admitted", &leaf(name(UTF8)), &[]);
        self.case("subject in another string type", "subject", "admitted", &leaf(name(PRINTABLE)), &[]);
        self.case(
            "subject with one more",
            "subject",
            "rule",
            &leaf(name(UTF8).and("2.5.4.11", UTF8, b"Pix")),
            &[],
        );
        let reversed = Name::cn("x").and("2.5.4.10", UTF8, b"Bank, S.A.").and("2.5.4.6", PRINTABLE, b"BR");
        self.case("subject in the other order", "subject", "rule", &leaf(reversed), &[]);

        let pinned = root("Pins Root");
        let first = pinned.issue(&Certificate::leaf(Name::cn("x")));
        let pin = hookspool::identity::Identity::from_der(&first.der).unwrap();
        self.sender("pinned", &[&pinned], &format!("spki_sha256 = [\"{}\"]", pin.spki_sha256));
        let same_key = KeyPair::try_from(first.key.serialize_der()).unwrap();
        let renewed = pinned.issue_for(&Certificate::leaf(Name::cn("renamed")), same_key);
        self.case("renewed with the same key", "pinned", "admitted", &renewed, &[]);
        self.case(
            "the same name with another key",
            "pinned",
            "rule",
            &pinned.issue(&Certificate::leaf(Name::cn("x"))),
            &[],
        );
    }

    fn revocation(&mut self) {
        let root = Party::root(&Certificate::ca(Name::cn("Lists Root")));
        let serial = |byte: u8| vec![0x40, byte];
        let plain = |byte: u8| Certificate { serial: serial(byte), ..Certificate::leaf(Name::cn("x")) };
        let ca =
            |name: &str, byte: u8| Certificate { serial: serial(byte), ..Certificate::ca(Name::cn(name)) };
        let (good, bad, unlisted) = (
            root.issue(&ca("Good Middle", 1)),
            root.issue(&ca("Bad Middle", 2)),
            root.issue(&ca("No List", 3)),
        );
        let forged = root.issue(&ca("Forged List", 4));
        let forger = Party::root(&Certificate::ca(Name::cn("Forged List")));
        let revoked: Vec<Vec<u8>> = vec![serial(2), serial(10), serial(11)];
        let revoked: Vec<_> = revoked.iter().map(Vec::as_slice).collect();
        let lists = [
            root.list(&revoked, 20),
            good.list(&[&serial(20)], 20),
            bad.list(&[], 20),
            forger.list(&[&serial(30)], 20),
        ];
        self.revoking("strict", &[&root], &lists, "cn = [\"x\"]\ncrl_policy = \"strict\"");
        let issue = |party: &Party, byte: u8| party.issue(&plain(byte));
        self.case("on no list", "strict", "admitted", &issue(&root, 5), &[]);
        self.case("revoked", "strict", "revoked", &issue(&root, 10), &[]);
        let for_servers = plain(10).with(vec![eku(&[SERVER_AUTH])]);
        self.case("revoked, EKU serverAuth", "strict", "revoked", &root.issue(&for_servers), &[]);
        self.case("revoked, version 1", "strict", "revoked", &root.issue(&plain(11).v1()), &[]);
        self.case("below an intermediate with a list", "strict", "admitted", &issue(&good, 5), &[&good]);
        self.case("revoked by an intermediate", "strict", "revoked", &issue(&good, 20), &[&good]);
        self.case("below a revoked intermediate", "strict", "revoked", &issue(&bad, 5), &[&bad]);
        self.case(
            "below an intermediate without a list",
            "strict",
            "revocation_unknown",
            &issue(&unlisted, 5),
            &[&unlisted],
        );
        self.case(
            "list signed by someone else",
            "strict",
            "revocation_unknown",
            &issue(&forged, 5),
            &[&forged],
        );

        let root = Party::root(&Certificate::ca(Name::cn("Stale Root")));
        let stale = [root.list(&[&serial(10)], -1)];
        self.revoking("stale", &[&root], &stale, "cn = [\"x\"]");
        self.case("stale list, strict", "stale", "revocation_unknown", &issue(&root, 5), &[]);
        self.case("revoked by a stale list", "stale", "revoked", &issue(&root, 10), &[]);
        let root = Party::root(&Certificate::ca(Name::cn("Soft Root")));
        let middle = root.issue(&ca("Soft Middle", 1));
        self.revoking(
            "soft",
            &[&root],
            &[root.list(&[&serial(10)], -1)],
            "cn = [\"x\"]\ncrl_policy = \"soft\"",
        );
        self.case("stale list, soft", "soft", "admitted", &issue(&root, 5), &[]);
        self.case("revoked, soft", "soft", "revoked", &issue(&root, 10), &[]);
        self.case("intermediate without a list, soft", "soft", "admitted", &issue(&middle, 5), &[&middle]);

        let (old, new) = (
            Party::root(&Certificate::ca(Name::cn("Rekeyed"))),
            Party::root(&Certificate::ca(Name::cn("Rekeyed"))),
        );
        let lines = "cn = [\"x\"]\ncrl_policy = \"soft\"";
        self.revoking("rekeyed", &[&old, &new], &[new.list(&[&serial(10)], 20)], lines);
        self.case("old key's, revoked by the new key", "rekeyed", "revoked", &issue(&old, 10), &[]);
        self.case("old key's, not revoked", "rekeyed", "admitted", &issue(&old, 5), &[]);
        let own = Party::root(&ca("Own Number", 9));
        self.revoking("own", &[&own], &[own.list(&[&serial(9)], 20)], "cn = [\"x\"]");
        self.case("below a root whose number is on its own list", "own", "admitted", &issue(&own, 5), &[]);

        // The same name and serial number as on the list of sender `strict`.
        let twin = Party::root(&Certificate::ca(Name::cn("Lists Root")));
        self.sender("unlisting", &[&twin], "cn = [\"x\"]");
        self.case("on another sender's list", "unlisting", "admitted", &issue(&twin, 10), &[]);

        let hidden = Party::root(&Certificate::ca(Name::cn("Listing Hidden Root")));
        let (kept, struck) = (issue(&hidden, 1), issue(&hidden, 2));
        self.revoking("struck", &[&kept, &struck], &[hidden.list(&[&serial(2)], 20)], "cn = [\"x\"]");
        self.case("listed, and strict asks no list for it", "struck", "admitted", &kept, &[]);
        self.case("listed and revoked", "struck", "revoked", &struck, &[]);
        let root = Party::root(&Certificate::ca(Name::cn("Above Root")));
        let middle = root.issue(&ca("Struck Anchor", 7));
        let lists = [root.list(&[&serial(7)], 20), middle.list(&[], 20)];
        self.revoking("anchored", &[&root, &middle], &lists, "cn = [\"x\"]");
        self.case("below an anchor that is revoked", "anchored", "revoked", &issue(&middle, 5), &[]);
    }
}
