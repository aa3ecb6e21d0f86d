//! A power failure, and then a damaged byte in a write-ahead log.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;

use super::Fixture;
use super::disk::Kind;
use super::load::{Outcome, deliver_to};
use crate::faults::Injection;
use crate::world::eventually;

const DELIVERIES: usize = 40;
const BLOCK: u64 = 4096;

/// The location of the damage.
#[derive(Clone, Copy, Debug)]
enum Damage {
    /// The block with the state of the log.
    FirstBlock,
    /// The block with the copy of the state.
    LastBlock,
    /// The record of this delivery.
    Record(u64),
}

impl Damage {
    /// The offset of the byte that is changed. Each delivery here is a separate batch of one block.
    fn offset(self, length: u64) -> u64 {
        match self {
            Self::FirstBlock => 20,
            Self::LastBlock => length - BLOCK + 20,
            Self::Record(number) => (1 + number) * BLOCK + 300,
        }
    }
}

#[test]
fn damaged_byte_loses_at_most_its_own_record() {
    let middle = u64::try_from(DELIVERIES).unwrap() / 2;
    for damage in [Damage::FirstBlock, Damage::LastBlock, Damage::Record(0), Damage::Record(middle)] {
        let fixture = Fixture::on_disk(Kind::Ext4);
        let mut daemon = fixture.world.start();
        let slow = Injection::with(&daemon, "checkpoint", "syncfs", 1, "delay_enter=60s");
        let mut sent = BTreeMap::new();
        for number in 0..DELIVERIES {
            let payload = format!("delivery {number}");
            match deliver_to(&fixture, &daemon, 0, payload.as_bytes()) {
                Outcome::Stored(id) => _ = sent.insert(id, number),
                other => panic!("{damage:?}: {other:?}"),
            }
        }
        fixture.cut();
        daemon.signal("-KILL");
        daemon.wait();
        drop(slow);
        let fixture = fixture.after_power_failure();
        let log = active_log(&fixture);
        let file = File::options().read(true).write(true).open(&log).unwrap();
        let at = damage.offset(file.metadata().unwrap().len());
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 0x20], at).unwrap();
        drop(file);

        let daemon = fixture.world.start();
        let lost: Vec<_> = sent
            .iter()
            .filter(|(id, _)| !fixture.spool.join(format!("pix/new/{id}.hook")).exists())
            .map(|(_, number)| *number)
            .collect();
        let reported = daemon.log_text().contains("write-ahead log damaged");
        match damage {
            Damage::FirstBlock | Damage::LastBlock => {
                assert_eq!((lost, reported), (vec![], false), "{damage:?}")
            }
            Damage::Record(number) => {
                assert_eq!((lost, reported), (vec![usize::try_from(number).unwrap()], true), "{damage:?}");
            }
        }
    }
}

/// Returns the log that contains the deliveries.
fn active_log(fixture: &Fixture) -> std::path::PathBuf {
    let logs = [0, 1].map(|number| fixture.spool.join(format!(".journal-{number}")));
    let is_active = |log: &std::path::PathBuf| {
        let bytes = fs::read(log).unwrap();
        bytes.windows(11).filter(|window| *window == b"delivery 10").count() == 1
    };
    logs.into_iter().find(is_active).expect("a log with the deliveries")
}

#[test]
fn log_with_an_unknown_version_prevents_the_start_and_is_left_unchanged() {
    let fixture = Fixture::on_disk(Kind::Ext4);
    let mut daemon = fixture.world.start();
    daemon.signal("-TERM");
    daemon.wait();
    let log = fixture.spool.join(".journal-1");
    let mut bytes = fs::read(&log).unwrap();
    bytes[..BLOCK as usize].fill(b'9');
    let last = bytes.len() - BLOCK as usize;
    bytes[last..].fill(b'9');
    fs::write(&log, &bytes).unwrap();
    for _ in 0..2 {
        let output = fixture.world.run(&["run"]);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(74), "{message}");
        assert!(message.contains(".journal-1") && message.contains("version"), "{message}");
        assert_eq!(fs::read(&log).unwrap(), bytes);
    }
    fs::remove_file(&log).unwrap();
    let daemon = fixture.world.start();
    eventually("it is ready", || (daemon.admin("/readyz").0 == 200).then_some(()));
}
