//! Certificates that are in `ca` (pinned certificates).

use super::Catalogue;
use crate::der::{Certificate, Name, Party, SERVER_AUTH, basic_constraints, eku, extension, key_usage};

impl Catalogue {
    /// Adds the cases of certificates that are in `ca`.
    pub(super) fn listed(&mut self) {
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
}
