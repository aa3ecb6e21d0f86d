//! What was acknowledged, held against what stands in the spool.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::load::{Outcome, Told};
use super::{ENDPOINTS, Endpoint, Ground};

/// How the answers were spread.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) stored: usize,
    pub(super) refused: usize,
    pub(super) broken: usize,
}

/// Everything acknowledged so far: by endpoint and id, the payload that was sent.
#[derive(Default)]
pub(super) struct Ledger {
    acknowledged: BTreeMap<(usize, String), Vec<u8>>,
    seen: BTreeSet<(usize, String)>,
    pub(super) tally: Tally,
}

impl Ledger {
    /// Takes down what the senders were told, and insists that nothing but 200 and 503 was answered.
    pub(super) fn enter(&mut self, told: Vec<Told>) -> Tally {
        let mut tally = Tally::default();
        for Told { endpoint, payload, outcome } in told {
            match outcome {
                Outcome::Stored(id) => {
                    tally.stored += 1;
                    let before = self.acknowledged.insert((endpoint, id), payload);
                    assert!(before.is_none(), "one id was given to two deliveries");
                }
                Outcome::Unavailable => tally.refused += 1,
                Outcome::Broken => tally.broken += 1,
                Outcome::Odd(answer) => panic!("neither 200 nor a 503 with Retry-After:\n{answer}"),
            }
        }
        self.tally.stored += tally.stored;
        self.tally.refused += tally.refused;
        self.tally.broken += tally.broken;
        tally
    }

    /// Insists that all that was acknowledged is there, and reads what an earlier call has not read.
    pub(super) fn check_new(&mut self, ground: &Ground, what: &str) {
        self.check_but(ground, &self.seen.clone(), what);
    }

    /// Insists that all that was acknowledged is there, and reads all of it.
    pub(super) fn check(&mut self, ground: &Ground, what: &str) {
        self.check_but(ground, &BTreeSet::new(), what);
    }

    fn check_but(&mut self, ground: &Ground, known: &BTreeSet<(usize, String)>, what: &str) {
        let lost = self.check_contents(ground, known, what);
        let first: Vec<_> = lost.iter().take(10).collect();
        let of = self.acknowledged.len();
        assert!(lost.is_empty(), "{what}: of {of} acknowledged entries {} are lost\n{first:?}", lost.len());
    }

    /// Insists that every file that is there is right, and returns the acknowledged entries that are not there.
    pub(super) fn check_contents(
        &mut self,
        ground: &Ground,
        known: &BTreeSet<(usize, String)>,
        what: &str,
    ) -> Vec<(usize, String)> {
        let mut faults = Vec::new();
        let mut there = BTreeSet::new();
        for (endpoint, Endpoint { name, .. }) in ENDPOINTS.iter().enumerate() {
            for file in fs::read_dir(ground.spool.join(name).join("new")).unwrap() {
                let path = file.unwrap().path();
                assert_eq!(path.extension(), Some(OsStr::new("hook")), "{}", path.display());
                let key = (endpoint, path.file_stem().unwrap().to_str().unwrap().to_owned());
                if !known.contains(&key)
                    && let Err(fault) = fits(&path, &key.1, self.acknowledged.get(&key))
                {
                    faults.push(format!("{}: {fault}", path.display()));
                }
                there.insert(key);
            }
        }
        assert!(
            faults.is_empty(),
            "{what}: {} files are not right\n{}",
            faults.len(),
            faults.iter().take(10).cloned().collect::<Vec<_>>().join("\n"),
        );
        let lost = self.acknowledged.keys().filter(|key| !there.contains(*key)).cloned().collect();
        self.seen = there;
        lost
    }

    /// Takes out some of what stands in `new/`, as a consumer does once it has used it.
    pub(super) fn consume(&mut self, ground: &Ground, share: usize) -> usize {
        let all: Vec<_> = self.seen.iter().cloned().collect();
        let consumed: Vec<_> = all.into_iter().step_by(share).collect();
        for key in &consumed {
            let (endpoint, id) = key;
            let file = ground.spool.join(ENDPOINTS[*endpoint].name).join(format!("new/{id}.hook"));
            fs::remove_file(file).unwrap();
            self.seen.remove(key);
            self.acknowledged.remove(key);
        }
        consumed.len()
    }
}

/// Whether an entry is whole, and the one that was sent.
fn fits(path: &Path, id: &str, sent: Option<&Vec<u8>>) -> Result<(), String> {
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
        return Err("the digest is another".to_owned());
    }
    match sent {
        Some(sent) if sent != payload => Err("not what was sent".to_owned()),
        Some(_) | None => Ok(()),
    }
}
