//! A damaged byte in a write-ahead log, and then a power cut.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;

use super::Ground;
use super::disk::Kind;
use super::load::{Outcome, deliver_to};
use crate::faults::Meddled;
use crate::world::eventually;

const DELIVERIES: usize = 40;
const BLOCK: u64 = 4096;

/// Where the damage is.
#[derive(Clone, Copy, Debug)]
enum Damage {
    /// The block that says that the log is active.
    FirstBlock,
    /// The block that says so once more.
    LastBlock,
    /// The record of this delivery.
    Record(u64),
}

impl Damage {
    /// The byte that is changed. Each delivery here is a batch of its own, of one block.
    fn offset(self, length: u64) -> u64 {
        match self {
            Self::FirstBlock => 20,
            Self::LastBlock => length - BLOCK + 20,
            Self::Record(number) => (1 + number) * BLOCK + 300,
        }
    }
}

#[test]
fn one_damaged_byte_costs_at_most_the_record_that_it_is_in() {
    let middle = u64::try_from(DELIVERIES).unwrap() / 2;
    for damage in [Damage::FirstBlock, Damage::LastBlock, Damage::Record(0), Damage::Record(middle)] {
        let ground = Ground::on_disk(Kind::Ext4);
        let mut daemon = ground.world.start();
        let slow = Meddled::with(&daemon, "checkpoint", "syncfs", 1, "delay_enter=60s");
        let mut sent = BTreeMap::new();
        for number in 0..DELIVERIES {
            let payload = format!("delivery {number}");
            match deliver_to(&ground, &daemon, 0, payload.as_bytes()) {
                Outcome::Stored(id) => _ = sent.insert(id, number),
                other => panic!("{damage:?}: {other:?}"),
            }
        }
        ground.cut();
        daemon.signal("-KILL");
        daemon.wait();
        drop(slow);
        let ground = ground.after_the_cut();
        let log = active_log(&ground);
        let file = File::options().read(true).write(true).open(&log).unwrap();
        let at = damage.offset(file.metadata().unwrap().len());
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 0x20], at).unwrap();
        drop(file);

        let daemon = ground.world.start();
        let lost: Vec<_> = sent
            .iter()
            .filter(|(id, _)| !ground.spool.join(format!("pix/new/{id}.hook")).exists())
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

/// The log that holds the deliveries.
fn active_log(ground: &Ground) -> std::path::PathBuf {
    let logs = [0, 1].map(|number| ground.spool.join(format!(".journal-{number}")));
    let is_active = |log: &std::path::PathBuf| {
        let bytes = fs::read(log).unwrap();
        bytes.windows(11).filter(|window| *window == b"delivery 10").count() == 1
    };
    logs.into_iter().find(is_active).expect("a log with the deliveries")
}

#[test]
fn a_log_of_an_unknown_version_stops_the_start_and_is_left_as_it_is() {
    let ground = Ground::on_disk(Kind::Ext4);
    let mut daemon = ground.world.start();
    daemon.signal("-TERM");
    daemon.wait();
    let log = ground.spool.join(".journal-1");
    let mut bytes = fs::read(&log).unwrap();
    bytes[..BLOCK as usize].fill(b'9');
    let last = bytes.len() - BLOCK as usize;
    bytes[last..].fill(b'9');
    fs::write(&log, &bytes).unwrap();
    for _ in 0..2 {
        let output = ground.world.run(&["run"]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(74), "{told}");
        assert!(told.contains(".journal-1") && told.contains("version"), "{told}");
        assert_eq!(fs::read(&log).unwrap(), bytes);
    }
    fs::remove_file(&log).unwrap();
    let daemon = ground.world.start();
    eventually("it is ready", || (daemon.admin("/readyz").0 == 200).then_some(()));
}
