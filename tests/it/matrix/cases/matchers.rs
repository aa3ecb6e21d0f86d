//! Matchers other than the common name.

use rcgen::KeyPair;

use super::Catalogue;
use crate::der::{Certificate, Name, PRINTABLE, Party, UTF8, alternative_names};

impl Catalogue {
    pub(super) fn other_matchers(&mut self) {
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
        self.case("one of two required kinds", "ip", "rule", &ip.issue(&with(&[(7, &[192, 0, 2, 1])])), &[]);
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
}
