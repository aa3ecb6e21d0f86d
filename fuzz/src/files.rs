//! Files of certificates, keys and revocation lists, in PEM, DER or PKCS#7.

use hookspool::identity::{Identity, RevocationList};
use hookspool::tls::pem::{
    FileUse, PemFault, certificate_pem, certificates, holds_private_key, private_keys, revocation_lists,
    unused,
};

/// The length of a word that would be a part of a key. The messages contain no word as long.
const WORD: usize = 24;

pub fn run(data: &[u8]) {
    let found = certificates(data);
    assert_eq!(found, certificates(data));
    match found {
        Ok(found) => {
            let pem: String = found.iter().map(|der| certificate_pem(der)).collect();
            // A block in PEM may contain anything; only certificates are expected to be read back.
            if found.iter().all(|der| Identity::from_der(der).is_ok()) {
                assert_eq!(certificates(pem.as_bytes()), Ok(found));
            }
        }
        Err(fault) => check_fault(&fault, data),
    }
    match revocation_lists(data) {
        Ok(lists) => lists.iter().for_each(|der| drop(RevocationList::from_der(der))),
        Err(fault) => check_fault(&fault, data),
    }
    match private_keys(data) {
        Ok(_) => assert!(holds_private_key(data), "the permissions of a file with a key matter"),
        Err(fault) => check_fault(&fault, data),
    }
    for file_use in [FileUse::Anchors, FileUse::Chain, FileUse::Key, FileUse::RevocationLists] {
        let _ = unused(data, file_use);
    }
}

/// A message contains no part of the file, which may be a key.
fn check_fault(fault: &PemFault, data: &[u8]) {
    let _ = fault.hint();
    let shown = format!("{fault} {fault:?}");
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    let leaked = shown
        .as_bytes()
        .windows(WORD)
        .filter(|word| word.iter().all(is_word))
        .find(|word| data.windows(WORD).any(|window| window == *word));
    assert!(leaked.is_none(), "{shown}");
}
