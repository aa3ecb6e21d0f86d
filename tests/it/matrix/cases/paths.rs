//! Paths from an anchor to a certificate.

use rcgen::KeyPair;

use super::Catalogue;
use crate::der::{
    Certificate, Name, PRINTABLE, Party, SERVER_AUTH, alternative_names, basic_constraints, eku, extension,
    key_usage, permitted_dns,
};

impl Catalogue {
    /// Adds the cases of intermediates and anchors.
    pub(super) fn paths(&mut self) {
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
}
