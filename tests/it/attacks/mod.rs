//! Attacks on the daemon while two honest senders deliver. Each attack is compared with the same senders without it,
//! before and after, in the same run.
//!
//! `tests/run` plays short attacks: no delivery of an honest sender fails, and the attack is counted. `tests/long` plays
//! them at full length, also limits the times, and prints one line of the table in `docs/limits.md` for each.

mod bodies;
mod cores;
mod connections;
mod handshakes;
mod honest;
mod http2;
mod relay;
mod requests;
mod senders;
mod stage;
mod stalls;
mod target;
mod verdict;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::world::rounds;
use stage::Stage;
use target::Target;

/// What the attackers do. It ends when it is dropped.
type Attackers = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One attack, and what it must be counted as.
struct Attack {
    name: String,
    /// Lines of `[server]`.
    server: String,
    /// The limit of open files of the daemon, if not that of the test.
    open_files: Option<u32>,
    /// The number of addresses from which the attackers connect.
    addresses: u8,
    /// The number of hostile acts after which the attack has its full strength.
    full_strength: u64,
    /// The beginning of the series that the attack increments, and that honest senders do not.
    counted: &'static [&'static str],
    /// By how much all these together must grow.
    counted_min: u32,
    /// The memory of the daemon, in MiB.
    memory_max: u64,
    attackers: fn(Target) -> Attackers,
}

impl Attack {
    fn new(name: &str, attackers: fn(Target) -> Attackers) -> Self {
        Self {
            name: name.to_owned(),
            server: String::new(),
            open_files: None,
            addresses: 8,
            full_strength: 1,
            counted: &[],
            counted_min: 0,
            memory_max: 700,
            attackers,
        }
    }

    fn with_addresses(mut self, addresses: u8) -> Self {
        self.addresses = addresses;
        self.name += &format!(", {addresses} address{}", if addresses == 1 { "" } else { "es" });
        self
    }

    fn server(mut self, lines: &str) -> Self {
        lines.clone_into(&mut self.server);
        self
    }

    fn open_files(mut self, limit: u32) -> Self {
        self.open_files = Some(limit);
        self
    }

    fn full_strength(mut self, acts: usize) -> Self {
        self.full_strength = acts as u64;
        self
    }

    fn counted(mut self, minimum: u32, series: &'static [&'static str]) -> Self {
        (self.counted, self.counted_min) = (series, minimum);
        self
    }

    fn memory_max(mut self, mib: u64) -> Self {
        self.memory_max = mib;
        self
    }

    /// Plays the attack; panics with all figures if an honest sender suffers from it.
    fn play(self) {
        let _alone = alone();
        for _ in 1..RUNS_MAX {
            let row = Stage::new(&self).play(&self);
            if !row.is_noisy() {
                return row.judge();
            }
        }
        Stage::new(&self).play(&self).judge();
    }
}

/// Waits until no other attack is played, so that none is part of another one's figures, and allows many open files.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    alone
}

/// How often an attack is repeated because the machine was busy with something else.
const RUNS_MAX: usize = 3;

/// Whether times count: in `tests/long`.
fn is_long() -> bool {
    rounds(1) > 1
}

/// A number for `tests/run`, or one for `tests/long`.
fn sized<T>(short: T, long: T) -> T {
    if is_long() { long } else { short }
}

/// The time of the attack at its full strength.
fn attack_time() -> Duration {
    Duration::from_millis(sized(600, 10_000))
}

/// The time in which attackers gather before that, at most. A loaded machine needs more of it than another.
fn gathering_time_max() -> Duration {
    Duration::from_secs(sized(20, 60))
}

/// The time of each control.
fn control_time() -> Duration {
    Duration::from_millis(sized(200, 4_000))
}
