//! Entries of the spool, in the queue `pix/new`.

use std::path::Path;

use hookspool::envelope::PayloadDigest;
use hookspool::spool::{check_file, open_file, read_file};
use serde_json::{Value, json};

const PATH: &str = "/spool/pix/new/01919c2e-7b1f-7c3e-9d2a-5f3c6a7b8c9d.hook";

pub fn run(data: &[u8]) {
    check(data);
    if let Some(repaired) = repaired(data) {
        let is_an_envelope = open_file(&*repaired, Path::new(PATH)).is_ok();
        assert_eq!(check(&repaired), is_an_envelope, "only the length and the digest can differ");
    }
}

/// Whether the entry is intact.
fn check(data: &[u8]) -> bool {
    let checked = check_file(data, Path::new(PATH));
    match read_file(data, Path::new(PATH)) {
        Ok(entry) => {
            assert_eq!(checked.unwrap(), entry.facts);
            assert_eq!([&entry.line[..], &entry.payload].concat(), data);
            assert_eq!(usize::try_from(entry.facts.payload.length).unwrap(), entry.payload.len());
            assert!(PATH.contains(&entry.facts.id) && entry.facts.endpoint == "pix");
            true
        }
        Err(fault) => {
            assert_eq!(checked.unwrap_err().to_string(), fault.to_string());
            false
        }
    }
}

/// The entry with the length and digest of its payload in its envelope, so that mutations reach the checks after them.
fn repaired(data: &[u8]) -> Option<Vec<u8>> {
    let (line, payload) = data.split_at_checked(data.iter().position(|byte| *byte == b'\n')? + 1)?;
    let mut envelope: Value = serde_json::from_slice(line).ok()?;
    let claim = envelope.get_mut("payload")?.as_object_mut()?;
    let mut digest = PayloadDigest::default();
    digest.update(payload);
    claim.insert("length".to_owned(), json!(payload.len()));
    claim.insert("sha256".to_owned(), json!(digest.finish()));
    Some([serde_json::to_vec(&envelope).ok()?, b"\n".to_vec(), payload.to_vec()].concat())
}
