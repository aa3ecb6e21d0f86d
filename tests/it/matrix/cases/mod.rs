//! The certificates of the matrix, each with the correct decision.

mod constraints;
mod forms;
mod listed;
mod matchers;
mod names;
mod paths;
mod revocation;

use rustls_pki_types::CertificateDer;

use crate::der::Party;

/// A certificate with its chain and the expected decision: `admitted`, or a reason.
pub struct Case {
    pub name: &'static str,
    /// The sender whose CAs the case concerns.
    pub sender: &'static str,
    pub chain: Vec<CertificateDer<'static>>,
    /// The client's key, PKCS#8 in DER.
    pub key: Vec<u8>,
    pub expected: &'static str,
}

/// A sender of the configuration.
pub struct Sender {
    pub name: &'static str,
    pub ca: Vec<CertificateDer<'static>>,
    pub crl: Vec<Vec<u8>>,
    /// The rule and other keys, in TOML.
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
        all.wrappers();
        all.dates_and_purposes();
        all.paths();
        all.name_constraints();
        all.keys();
        all.listed();
        all.other_matchers();
        all.revocation();
        all.distribution_points();
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
}
