//! Compares the acknowledged entries with the files in the spool.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::load::{Delivery, Outcome};
use super::{ENDPOINTS, Endpoint, Fixture};

/// The numbers of outcomes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) stored: usize,
    pub(super) refused: usize,
    pub(super) broken: usize,
}

/// All acknowledged entries: the payload that was sent, by endpoint and ID.
#[derive(Default)]
pub(super) struct Ledger {
    acknowledged: BTreeMap<(usize, String), Vec<u8>>,
    seen: BTreeSet<(usize, String)>,
    pub(super) counts: Counts,
}

impl Ledger {
    /// Records deliveries. Fails if any answer was neither 200 nor 503.
    pub(super) fn record(&mut self, deliveries: Vec<Delivery>) -> Counts {
        let mut counts = Counts::default();
        for Delivery { endpoint, payload, outcome } in deliveries {
            match outcome {
                Outcome::Stored(id) => {
                    counts.stored += 1;
                    let before = self.acknowledged.insert((endpoint, id), payload);
                    assert!(before.is_none(), "two deliveries have the same ID");
                }
                Outcome::Unavailable => counts.refused += 1,
                Outcome::Broken => counts.broken += 1,
                Outcome::Unexpected(answer) => panic!("neither 200 nor a 503 with Retry-After:\n{answer}"),
            }
        }
        self.counts.stored += counts.stored;
        self.counts.refused += counts.refused;
        self.counts.broken += counts.broken;
        counts
    }

    /// Checks that all acknowledged entries exist, and reads those that an earlier call has not read.
    pub(super) fn check_new(&mut self, fixture: &Fixture, what: &str) {
        self.check_except(fixture, &self.seen.clone(), what);
    }

    /// Checks that all acknowledged entries exist, and reads all of them.
    pub(super) fn check(&mut self, fixture: &Fixture, what: &str) {
        self.check_except(fixture, &BTreeSet::new(), what);
    }

    fn check_except(&mut self, fixture: &Fixture, known: &BTreeSet<(usize, String)>, what: &str) {
        let lost = self.check_contents(fixture, known, what);
        let first: Vec<_> = lost.iter().take(10).collect();
        let of = self.acknowledged.len();
        assert!(lost.is_empty(), "{what}: of {of} acknowledged entries {} are lost\n{first:?}", lost.len());
    }

    /// Checks that every file is intact, and returns the acknowledged entries that are missing.
    pub(super) fn check_contents(
        &mut self,
        fixture: &Fixture,
        known: &BTreeSet<(usize, String)>,
        what: &str,
    ) -> Vec<(usize, String)> {
        let mut faults = Vec::new();
        let mut found = BTreeSet::new();
        for (endpoint, Endpoint { name, .. }) in ENDPOINTS.iter().enumerate() {
            for file in fs::read_dir(fixture.spool.join(name).join("new")).unwrap() {
                let path = file.unwrap().path();
                assert_eq!(path.extension(), Some(OsStr::new("hook")), "{}", path.display());
                let key = (endpoint, path.file_stem().unwrap().to_str().unwrap().to_owned());
                if !known.contains(&key)
                    && let Err(fault) = check_entry(&path, &key.1, self.acknowledged.get(&key))
                {
                    faults.push(format!("{}: {fault}", path.display()));
                }
                found.insert(key);
            }
        }
        assert!(
            faults.is_empty(),
            "{what}: {} files are not intact\n{}",
            faults.len(),
            faults.iter().take(10).cloned().collect::<Vec<_>>().join("\n"),
        );
        let lost = self.acknowledged.keys().filter(|key| !found.contains(*key)).cloned().collect();
        self.seen = found;
        lost
    }

    /// Removes every `share`th entry from `new/`, as a consumer does after processing.
    pub(super) fn consume(&mut self, fixture: &Fixture, share: usize) -> usize {
        let all: Vec<_> = self.seen.iter().cloned().collect();
        let consumed: Vec<_> = all.into_iter().step_by(share).collect();
        for key in &consumed {
            let (endpoint, id) = key;
            let file = fixture.spool.join(ENDPOINTS[*endpoint].name).join(format!("new/{id}.hook"));
            fs::remove_file(file).unwrap();
            self.seen.remove(key);
            self.acknowledged.remove(key);
        }
        consumed.len()
    }
}

/// Checks that an entry is intact and has the payload that was sent.
fn check_entry(path: &Path, id: &str, sent: Option<&Vec<u8>>) -> Result<(), String> {
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    let newline = bytes.iter().position(|byte| *byte == b'\n').ok_or("no envelope")?;
    let (envelope, payload) = (&bytes[..newline], &bytes[newline + 1..]);
    let envelope: Value = serde_json::from_slice(envelope).map_err(|error| error.to_string())?;
    if envelope["id"] != id {
        return Err(format!("the envelope's id is {}", envelope["id"]));
    }
    let length = &envelope["payload"]["length"];
    if *length != payload.len() {
        return Err(format!("{} of {length} bytes", payload.len()));
    }
    let mut digest = hookspool::envelope::PayloadDigest::default();
    digest.update(payload);
    if envelope["payload"]["sha256"] != digest.finish().to_string() {
        return Err("the digest differs".to_owned());
    }
    match sent {
        Some(sent) if sent != payload => Err("the payload differs".to_owned()),
        Some(_) | None => Ok(()),
    }
}
