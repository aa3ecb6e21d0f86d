//! Revocation lists, compared with another parser.

use hookspool::identity::{RevocationList, Serial};
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

pub fn run(data: &[u8]) {
    let digest = RevocationList::digest_of(data);
    let Ok(list) = RevocationList::from_der(data) else { return };
    assert_eq!(digest.as_ref(), Some(&list.digest));
    assert!(!list.precedes(&list));
    assert_eq!(list.series(None), RevocationList::from_der(data).unwrap().series(None));
    let _ = (list.issue(), list.issuer.to_string());
    // The other parser reads fewer extensions of entries, so it may reject the list.
    if let Ok((_, other)) = CertificateRevocationList::from_der(data) {
        let mut serials: Vec<_> = other
            .iter_revoked_certificates()
            .filter_map(|entry| Serial::from_integer(entry.raw_serial()))
            .collect();
        serials.sort();
        serials.dedup();
        assert_eq!(list.len(), serials.len());
    }
}
