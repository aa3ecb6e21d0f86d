//! Many senders at once on kept connections, and what each of them was told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use rustls::ClientConfig;

use super::{ENDPOINTS, Ground};
use crate::wire::{Answer, Wire, client_config};
use crate::world::{Daemon, eventually};

/// Senders at once.
pub(super) const CLIENTS: usize = 32;

/// From far less than a block to several of them.
pub(super) const MIXED: &[usize] = &[80, 1_500, 5_000, 20_000];

/// One request, and what became of it.
pub(super) struct Told {
    pub(super) endpoint: usize,
    /// Kept where it was stored.
    pub(super) payload: Vec<u8>,
    pub(super) outcome: Outcome,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    /// 200, and the id that came with it.
    Stored(String),
    /// 503 as it should be: with a `Retry-After`.
    Unavailable,
    /// Anything else that was answered.
    Odd(String),
    /// The connection ended before the answer did.
    Broken,
}

impl Outcome {
    fn of(answer: &Answer) -> Self {
        match answer.status {
            200 => {
                let body: serde_json::Value = serde_json::from_str(&answer.body).expect(&answer.body);
                Self::Stored(body["id"].as_str().expect("an id").to_owned())
            }
            503 if answer.head.contains("\r\nretry-after: ") => Self::Unavailable,
            _ => Self::Odd(format!("{}\n\n{}", answer.head, answer.body)),
        }
    }
}

/// How far the senders are.
#[derive(Default)]
pub(super) struct Progress {
    stored: AtomicUsize,
    refused: AtomicUsize,
    stop: AtomicBool,
}

impl Progress {
    /// Waits until so many more deliveries were acknowledged.
    pub(super) fn stored(&self, count: usize) {
        let wanted = self.stored.load(Ordering::Relaxed) + count;
        eventually("so many are stored", || (self.stored.load(Ordering::Relaxed) >= wanted).then_some(()));
    }

    /// Waits until so many more deliveries were answered 503.
    pub(super) fn refused(&self, count: usize) {
        let wanted = self.refused.load(Ordering::Relaxed) + count;
        eventually("so many are refused", || (self.refused.load(Ordering::Relaxed) >= wanted).then_some(()));
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Ends the load also where the test panics, or its threads would be waited for forever.
struct Stop<'a>(&'a Progress);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

/// Delivers to all endpoints with all senders until `meanwhile` returns, and lets each of them wait for
/// the answer it is owed. `round` makes the payloads unlike those of other rounds.
pub(super) fn deliver(
    ground: &Ground,
    port: u16,
    round: usize,
    sizes: &[usize],
    meanwhile: impl FnOnce(&Progress),
) -> Vec<Told> {
    let configs = ENDPOINTS.map(|endpoint| client_config(&ground.world, endpoint.certificate));
    let progress = Progress::default();
    thread::scope(|scope| {
        let stop = Stop(&progress);
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (config, progress) = (Arc::clone(&configs[client % ENDPOINTS.len()]), &progress);
                scope.spawn(move || Client { client, round, sizes, config, port }.run(progress))
            })
            .collect();
        meanwhile(&progress);
        drop(stop);
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    })
}

/// One delivery alone, on a connection of its own.
pub(super) fn deliver_one(ground: &Ground, daemon: &Daemon, payload: &[u8]) -> Outcome {
    deliver_to(ground, daemon, 0, payload)
}

/// As [`deliver_one`], to this one of [`ENDPOINTS`].
pub(super) fn deliver_to(ground: &Ground, daemon: &Daemon, endpoint: usize, payload: &[u8]) -> Outcome {
    let mut wire = Wire::connect(&ground.world, daemon, ENDPOINTS[endpoint].certificate);
    Outcome::of(&wire.post(ENDPOINTS[endpoint].path, payload).unwrap())
}

struct Client<'a> {
    client: usize,
    round: usize,
    sizes: &'a [usize],
    config: Arc<ClientConfig>,
    port: u16,
}

impl Client<'_> {
    fn run(self, progress: &Progress) -> Vec<Told> {
        let endpoint = self.client % ENDPOINTS.len();
        let mut told = Vec::new();
        let mut wire = None;
        for number in 0.. {
            if progress.is_over() {
                break;
            }
            let payload = self.payload(number);
            let outcome = self.post(&mut wire, ENDPOINTS[endpoint].path, &payload);
            match outcome {
                Outcome::Stored(_) => _ = progress.stored.fetch_add(1, Ordering::Relaxed),
                Outcome::Unavailable => _ = progress.refused.fetch_add(1, Ordering::Relaxed),
                Outcome::Odd(_) | Outcome::Broken => {}
            }
            let is_broken = outcome == Outcome::Broken;
            let payload = if matches!(outcome, Outcome::Stored(_)) { payload } else { Vec::new() };
            told.push(Told { endpoint, payload, outcome });
            if is_broken {
                break;
            }
        }
        told
    }

    fn payload(&self, number: usize) -> Vec<u8> {
        let size = self.sizes[(self.client + number) % self.sizes.len()];
        let name = format!("{}-{}-{number} ", self.round, self.client);
        let mut payload = name.repeat(size / name.len() + 1).into_bytes();
        payload.truncate(size.max(name.len()));
        payload
    }

    /// Keeps the connection for the next one, unless the answer says that it ends.
    fn post(&self, wire: &mut Option<Wire>, path: &str, payload: &[u8]) -> Outcome {
        let mut open = match wire.take() {
            Some(open) => open,
            None => match Wire::with_config(Arc::clone(&self.config), self.port) {
                Ok(open) => open,
                Err(_) => return Outcome::Broken,
            },
        };
        let Ok(answer) = open.post(path, payload) else { return Outcome::Broken };
        if !answer.head.contains("\r\nconnection: close") {
            *wire = Some(open);
        }
        Outcome::of(&answer)
    }
}
