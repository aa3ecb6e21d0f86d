//! Revoked certificates and revocation lists.

use super::Catalogue;
use crate::der::{Certificate, List, Name, Party, SERVER_AUTH, crl_points, eku};

impl Catalogue {
    pub(super) fn revocation(&mut self) {
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

        self.padded_numbers();

        // The same name and serial number as on the list of the sender `strict`.
        let twin = Party::root(&Certificate::ca(Name::cn("Lists Root")));
        self.sender("unlisting", &[&twin], "cn = [\"x\"]");
        self.case("on another sender's list", "unlisting", "admitted", &issue(&twin, 10), &[]);

        let hidden = Party::root(&Certificate::ca(Name::cn("Listing Hidden Root")));
        let (kept, struck) = (issue(&hidden, 1), issue(&hidden, 2));
        self.revoking("struck", &[&kept, &struck], &[hidden.list(&[&serial(2)], 20)], "cn = [\"x\"]");
        self.case("listed, and strict requires no list for it", "struck", "admitted", &kept, &[]);
        self.case("listed and revoked", "struck", "revoked", &struck, &[]);
        let root = Party::root(&Certificate::ca(Name::cn("Above Root")));
        let middle = root.issue(&ca("Struck Anchor", 7));
        let lists = [root.list(&[&serial(7)], 20), middle.list(&[], 20)];
        self.revoking("anchored", &[&root, &middle], &lists, "cn = [\"x\"]");
        self.case("below an anchor that is revoked", "anchored", "revoked", &issue(&middle, 5), &[]);
    }

    /// Serial numbers are compared as numbers, however they are encoded.
    fn padded_numbers(&mut self) {
        let numbered =
            |serial: &[u8]| Certificate { serial: serial.to_vec(), ..Certificate::leaf(Name::cn("x")) };
        let root = Party::root(&Certificate::ca(Name::cn("Numbers Root")));
        self.revoking("numbers", &[&root], &[root.list(&[&[7], &[0, 0x8a], &[0x8b]], 20)], "cn = [\"x\"]");
        for (name, expected, serial) in [
            ("revoked, zeros before the serial number", "revoked", &[0, 0, 7][..]),
            ("revoked, serial number without its sign byte", "revoked", &[0x8a]),
            ("revoked, sign byte missing on the list", "revoked", &[0, 0x8b]),
            ("revoked, negative serial number with a redundant byte", "revoked", &[0xff, 0x8b]),
            ("serial number that ends like a revoked one", "admitted", &[1, 7]),
        ] {
            self.case(name, "numbers", expected, &root.issue(&numbered(serial)), &[]);
        }
        let root = Party::root(&Certificate::ca(Name::cn("Padding Root")));
        self.revoking("padding", &[&root], &[root.list(&[&[0, 0, 7]], 20)], "cn = [\"x\"]");
        self.case("revoked, zeros on the list", "padding", "revoked", &root.issue(&numbered(&[7])), &[]);
    }

    /// Lists that cover only the certificates that name their distribution point.
    pub(super) fn distribution_points(&mut self) {
        const HERE: &str = "http://crl.example/1.crl";
        const THERE: &str = "http://crl.example/2.crl";
        // OpenSSL requires that a list covers the root as well.
        let mut root = Certificate::ca(Name::cn("Points Root"));
        root.extensions.push(crl_points(&[HERE]));
        let root = Party::root(&root);
        let list = root.issue_list(&List { point: Some(HERE), ..List::of(&[&[0x40, 10]]) });
        self.revoking("points", &[&root], &[list], "cn = [\"x\"]");
        let issue = |byte: u8, points: &[&str]| {
            let mut leaf = Certificate { serial: vec![0x40, byte], ..Certificate::leaf(Name::cn("x")) };
            leaf.extensions.extend((!points.is_empty()).then(|| crl_points(points)));
            root.issue(&leaf)
        };
        let unknown = "revocation_unknown";
        self.case("names the list's point", "points", "admitted", &issue(5, &[HERE]), &[]);
        self.case("names the list's point second", "points", "admitted", &issue(5, &[THERE, HERE]), &[]);
        self.case("names no point, and the list has one", "points", unknown, &issue(5, &[]), &[]);
        self.case("names another point than the list's", "points", unknown, &issue(5, &[THERE]), &[]);
        self.case("revoked, and names no point", "points", "revoked", &issue(10, &[]), &[]);
    }
}
