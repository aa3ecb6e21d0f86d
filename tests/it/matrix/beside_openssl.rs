//! Compares the coverage of revocation lists with `openssl verify -crl_check`.

use std::fs;
use std::process::Command;

use super::cases::Catalogue;
use super::world;
use crate::der;

#[test]
fn openssl_agrees_on_which_certificates_a_list_with_a_distribution_point_covers() {
    let catalogue = Catalogue::new();
    let world = world(&catalogue);
    let cases: Vec<_> = catalogue.cases.iter().filter(|case| case.sender == "points").collect();
    assert!(cases.len() >= 5);
    for case in cases {
        fs::write(world.path("case.pem"), der::pem("CERTIFICATE", &case.chain[0])).unwrap();
        let output = Command::new("openssl")
            .args(["verify", "-crl_check", "-CAfile", "points-ca.pem", "-CRLfile", "points.crl", "case.pem"])
            .current_dir(world.path(""))
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), case.expected == "admitted", "{}: {printed}", case.name);
        // It reports a different scope also for a revoked certificate that names no point.
        assert!(output.status.success() || printed.contains("error 44"), "{}: {printed}", case.name);
    }
}
