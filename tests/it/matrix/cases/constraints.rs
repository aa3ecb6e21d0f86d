//! Name constraints of intermediates and anchors.

use super::Catalogue;
use crate::der::{
    Certificate, IA5, Name, PRINTABLE, Party, UTF8, alternative_names, basic_constraints, extension,
    key_usage, name_constraints, sequence, tlv,
};

/// The tags of general names in constraints.
const EMAIL: u8 = 0x81;
const DNS: u8 = 0x82;
const DIRECTORY: u8 = 0xa4;
const URI: u8 = 0x86;
const IP: u8 = 0x87;

const EMAIL_ADDRESS: &str = "1.2.840.113549.1.9.1";
/// 192.0.2.0/24.
const IPV4: &[u8] = &[192, 0, 2, 0, 255, 255, 255, 0];
/// 192.0.2.1 as an IPv4-mapped IPv6 address.
const MAPPED: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1];

type Names<'a> = &'a [(u8, &'a [u8])];

fn constrained(name: Name, permitted: Names<'_>, excluded: Names<'_>) -> Certificate {
    Certificate::ca(name).with(vec![
        basic_constraints(true, None),
        key_usage(0x06),
        name_constraints(permitted, excluded),
    ])
}

fn root(name: &str, permitted: Names<'_>, excluded: Names<'_>) -> Party {
    Party::root(&constrained(Name::cn(name), permitted, excluded))
}

fn with(subject: Name, names: Names<'_>) -> Certificate {
    let mut certificate = Certificate::leaf(subject);
    certificate.extensions.push(alternative_names(names));
    certificate
}

impl Catalogue {
    /// Adds the cases of name constraints.
    pub(super) fn name_constraints(&mut self) {
        self.constrained_common_names();
        self.constrained_email_addresses();
        self.constrained_addresses();
        self.unprocessed_constraints();
    }

    fn constrained_common_names(&mut self) {
        let partner: Names<'_> = &[(DNS, b"partner.example")];
        let limited = root("Limited Root", partner, &[]);
        let rule = "cn = [\"webhook.bank.example\", \"a.partner.example\", \"Bank\", \"Bank.\"]";
        self.sender("limited", &[&limited], rule);
        let leaf = |cn: &str| Certificate::leaf(Name::cn(cn));
        let outside = || Name::cn("webhook.bank.example");
        let twice = Name::cn("a.partner.example").and("2.5.4.3", UTF8, b"webhook.bank.example");
        for (name, expected, certificate) in [
            ("host-like CN outside of name constraints", "unknown_ca", leaf("webhook.bank.example")),
            ("host-like CN within name constraints", "admitted", leaf("a.partner.example")),
            ("CN of one word under name constraints", "admitted", leaf("Bank")),
            ("CN with a dot at its end under name constraints", "admitted", leaf("Bank.")),
            (
                "host-like CN outside of name constraints, DNS name within",
                "unknown_ca",
                with(outside(), &[(2, b"a.partner.example")]),
            ),
            (
                "host-like CN outside of name constraints, and a URI",
                "unknown_ca",
                with(outside(), &[(6, b"https://a.partner.example/")]),
            ),
            ("second CN outside of name constraints", "unknown_ca", Certificate::leaf(twice)),
        ] {
            self.case(name, "limited", expected, &limited.issue(&certificate), &[]);
        }
        let open = Party::root(&Certificate::ca(Name::cn("Open Root")));
        self.sender("open", &[&open], rule);
        let middle = open.issue(&constrained(Name::cn("Limited Middle"), partner, &[]));
        let lower = middle.issue(&Certificate::ca(Name::cn("Limited Lower")));
        let except = open.issue(&constrained(Name::cn("Except Middle"), &[], &[(DNS, b"bank.example")]));
        let below = open.issue(&constrained(Name::cn("Dot Middle"), &[(DNS, b".partner.example")], &[]));
        let whole = open.issue(&constrained(Name::cn("Any Middle"), &[(DNS, b"")], &[]));
        for (name, expected, cn, issuer, above) in [
            (
                "host-like CN outside of an intermediate's",
                "unknown_ca",
                "webhook.bank.example",
                &middle,
                &[&middle][..],
            ),
            (
                "host-like CN outside, two above",
                "unknown_ca",
                "webhook.bank.example",
                &lower,
                &[&lower, &middle],
            ),
            ("host-like CN within, two above", "admitted", "a.partner.example", &lower, &[&lower, &middle]),
            ("host-like CN that is excluded", "unknown_ca", "webhook.bank.example", &except, &[&except]),
            ("host-like CN that is not excluded", "admitted", "a.partner.example", &except, &[&except]),
            (
                "host-like CN below a constraint with a dot",
                "admitted",
                "a.partner.example",
                &below,
                &[&below],
            ),
            ("host-like CN under the empty constraint", "admitted", "a.partner.example", &whole, &[&whole]),
        ] {
            self.case(name, "open", expected, &issuer.issue(&leaf(cn)), above);
        }
    }

    fn constrained_email_addresses(&mut self) {
        let subject = |tag: u8, address: &[u8]| Name::cn("x").and(EMAIL_ADDRESS, tag, address);
        let open = Party::root(&Certificate::ca(Name::cn("Mailing Root")));
        self.sender("mailing", &[&open], "cn = [\"x\"]");
        let middle = |name: &str, permitted: Names<'_>, excluded: Names<'_>| {
            open.issue(&constrained(Name::cn(name), permitted, excluded))
        };
        let host = middle("Mail Host", &[(EMAIL, b"bank.example")], &[]);
        let domain = middle("Mail Domain", &[(EMAIL, b".bank.example")], &[]);
        let mailbox = middle("Mail Box", &[(EMAIL, b"Pix@bank.example")], &[]);
        let except = middle("Mail Except", &[], &[(EMAIL, b"bank.example")]);
        let dns = middle("Mail DNS", &[(DNS, b"bank.example")], &[]);
        for (name, expected, issuer, tag, address) in [
            ("emailAddress of the permitted host", "admitted", &host, IA5, &b"a@Bank.example"[..]),
            ("emailAddress of another host", "unknown_ca", &host, IA5, b"a@evil.example"),
            ("emailAddress of a host below the permitted one", "unknown_ca", &host, IA5, b"a@b.bank.example"),
            ("emailAddress without a host", "unknown_ca", &host, IA5, b"bank.example"),
            ("emailAddress in the permitted domain", "admitted", &domain, IA5, b"a@b.bank.example"),
            ("emailAddress beside the permitted domain", "unknown_ca", &domain, IA5, b"a@bank.example"),
            ("emailAddress that is the permitted mailbox", "admitted", &mailbox, IA5, b"Pix@bank.example"),
            ("emailAddress in another case", "unknown_ca", &mailbox, IA5, b"pix@bank.example"),
            ("emailAddress that is excluded", "unknown_ca", &except, IA5, b"a@bank.example"),
            ("emailAddress that is not excluded", "admitted", &except, IA5, b"a@evil.example"),
            ("emailAddress as UTF8String, permitted", "admitted", &host, UTF8, b"a@bank.example"),
            ("emailAddress as UTF8String of another host", "unknown_ca", &host, UTF8, b"a@evil.example"),
            ("emailAddress that is not text", "unknown_ca", &host, 0x1e, b"\0a\0@"),
            ("emailAddress under a constraint on DNS names", "admitted", &dns, IA5, b"a@evil.example"),
        ] {
            let leaf = issuer.issue(&Certificate::leaf(subject(tag, address)));
            self.case(name, "mailing", expected, &leaf, &[issuer]);
        }
        let strange = Name::cn("Strange Middle").and(EMAIL_ADDRESS, IA5, b"ca@evil.example");
        let strange = host.issue(&Certificate::ca(strange));
        let plain = Certificate::leaf(Name::cn("x"));
        self.case(
            "emailAddress of an intermediate, of another host",
            "mailing",
            "unknown_ca",
            &strange.issue(&plain),
            &[&strange, &host],
        );
        let own = Name::cn("Own Mail").and(EMAIL_ADDRESS, IA5, b"ca@evil.example");
        let own = open.issue(&constrained(own, &[(EMAIL, b"bank.example")], &[]));
        self.case(
            "emailAddress of the constrained CA itself",
            "mailing",
            "admitted",
            &own.issue(&plain),
            &[&own],
        );
    }

    fn constrained_addresses(&mut self) {
        let open = Party::root(&Certificate::ca(Name::cn("Addresses Root")));
        self.sender("addresses", &[&open], "san_ip = [\"192.0.2.1\"]");
        let mapped = |bits: u8| [&MAPPED[..12], &[192, 0, 2, 0], &[255; 15], &[bits]].concat();
        let mapped = mapped(0);
        let everything = [0; 32];
        let middle = |name: &str, permitted: Names<'_>, excluded: Names<'_>| {
            open.issue(&constrained(Name::cn(name), permitted, excluded))
        };
        let v4 = middle("IPv4 Middle", &[(IP, IPV4)], &[]);
        let other = middle("Other Middle", &[(IP, &[198, 51, 100, 0, 255, 255, 255, 0])], &[]);
        let not_v4 = middle("Not IPv4 Middle", &[], &[(IP, IPV4)]);
        let not_mapped = middle("Not Mapped Middle", &[], &[(IP, &mapped)]);
        let v6 = middle("IPv6 Middle", &[(IP, &everything)], &[]);
        let both = middle("Both Middle", &[(IP, IPV4), (IP, &mapped)], &[]);
        let no_v6 = middle("No IPv6 Middle", &[(IP, IPV4)], &[(IP, &everything)]);
        for (name, expected, issuer, address) in [
            ("address within", "admitted", &v4, &MAPPED[12..]),
            ("address outside", "unknown_ca", &other, &MAPPED[12..]),
            ("address that is excluded", "unknown_ca", &not_v4, &MAPPED[12..]),
            ("mapped address that is excluded as IPv4", "unknown_ca", &not_v4, MAPPED),
            ("address that is excluded as mapped", "unknown_ca", &not_mapped, &MAPPED[12..]),
            ("mapped address that is excluded as mapped", "unknown_ca", &not_mapped, MAPPED),
            ("mapped address where only IPv6 is permitted", "unknown_ca", &v6, MAPPED),
            ("mapped address where only IPv4 is permitted", "unknown_ca", &v4, MAPPED),
            ("mapped address, permitted in both forms", "admitted", &both, MAPPED),
            ("address where all IPv6 is excluded", "admitted", &no_v6, &MAPPED[12..]),
        ] {
            let leaf = issuer.issue(&with(Name::cn("x"), &[(7, address)]));
            self.case(name, "addresses", expected, &leaf, &[issuer]);
        }
    }

    /// Constraints that the TLS library does not evaluate.
    fn unprocessed_constraints(&mut self) {
        let open = Party::root(&Certificate::ca(Name::cn("Unprocessed Root")));
        self.sender("unprocessed", &[&open], "cn = [\"x\"]");
        let organization = |name: &[u8]| Name::empty().and("2.5.4.10", UTF8, name);
        let bank = organization(b"Bank").der();
        let other = organization(b"Other").der();
        let middle = |name: &str, permitted: Names<'_>, excluded: Names<'_>| {
            open.issue(&constrained(Name::cn(name), permitted, excluded))
        };
        let directory = middle("Directory Middle", &[(DIRECTORY, &bank)], &[]);
        let not_directory = middle("Not Directory Middle", &[], &[(DIRECTORY, &other)]);
        let email = middle("Email Middle", &[(EMAIL, b"bank.example")], &[]);
        let uri = middle("URI Middle", &[(URI, b"bank.example")], &[]);
        let member = organization(b"Bank").and("2.5.4.3", UTF8, b"x");
        let plain = || Name::empty().and("2.5.4.3", PRINTABLE, b"x");
        for (name, expected, issuer, certificate) in [
            (
                "within a constraint on directory names",
                "unknown_ca",
                &directory,
                Certificate::leaf(member.clone()),
            ),
            (
                "outside of a constraint on directory names",
                "unknown_ca",
                &directory,
                Certificate::leaf(plain()),
            ),
            (
                "not excluded by a constraint on directory names",
                "unknown_ca",
                &not_directory,
                Certificate::leaf(member),
            ),
            (
                "rfc822Name within name constraints",
                "unknown_ca",
                &email,
                with(plain(), &[(1, b"a@bank.example")]),
            ),
            (
                "rfc822Name outside of name constraints",
                "unknown_ca",
                &email,
                with(plain(), &[(1, b"a@evil.example")]),
            ),
            ("no e-mail address under a constraint on them", "admitted", &email, Certificate::leaf(plain())),
            (
                "URI within name constraints",
                "unknown_ca",
                &uri,
                with(plain(), &[(6, b"https://bank.example/")]),
            ),
            (
                "URI outside of name constraints",
                "unknown_ca",
                &uri,
                with(plain(), &[(6, b"https://evil.example/")]),
            ),
            ("no URI under a constraint on them", "admitted", &uri, Certificate::leaf(plain())),
        ] {
            self.case(name, "unprocessed", expected, &issuer.issue(&certificate), &[issuer]);
        }
        let damaged = |name: &str, value: &[u8]| {
            let constraints = extension("2.5.29.30", true, value);
            let extensions = vec![basic_constraints(true, None), key_usage(0x06), constraints];
            open.issue(&Certificate::ca(Name::cn(name)).with(extensions))
        };
        let subtree = |more: &[u8]| sequence(&[tlv(DNS, b"bank.example"), more.to_vec()]);
        let not_a_sequence = damaged("Damaged Middle", &[5, 0]);
        let minimum = damaged("Minimum Middle", &sequence(&[tlv(0xa0, &subtree(&[0x80, 1, 1]))]));
        for (name, issuer) in [
            ("name constraints that cannot be parsed", &not_a_sequence),
            ("name constraints with a minimum", &minimum),
        ] {
            self.case(
                name,
                "unprocessed",
                "unknown_ca",
                &issuer.issue(&Certificate::leaf(plain())),
                &[issuer],
            );
        }
    }
}
