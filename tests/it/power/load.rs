//! Many concurrent senders on persistent connections, and the outcome of each delivery.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use rustls::ClientConfig;

use super::{ENDPOINTS, Fixture};
use crate::wire::{Answer, Wire, client_config};
use crate::world::{Daemon, eventually};

/// The number of concurrent senders.
pub(super) const CLIENTS: usize = 32;

/// Payload sizes from much less than a block to several blocks.
pub(super) const MIXED: &[usize] = &[80, 1_500, 5_000, 20_000];

/// One delivery and its outcome.
pub(super) struct Delivery {
    pub(super) endpoint: usize,
    /// The payload; empty unless it was stored.
    pub(super) payload: Vec<u8>,
    pub(super) outcome: Outcome,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    /// A 200, with the ID of the entry.
    Stored(String),
    /// A 503 with a `Retry-After`.
    Unavailable,
    /// Any other answer.
    Unexpected(String),
    /// The connection ended before the end of the answer.
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
            _ => Self::Unexpected(format!("{}\n\n{}", answer.head, answer.body)),
        }
    }
}

/// The progress of the senders.
#[derive(Default)]
pub(super) struct Progress {
    stored: AtomicUsize,
    refused: AtomicUsize,
    stop: AtomicBool,
}

impl Progress {
    /// Waits until `count` more deliveries were acknowledged.
    pub(super) fn stored(&self, count: usize) {
        let wanted = self.stored.load(Ordering::Relaxed) + count;
        eventually("enough deliveries are stored", || {
            (self.stored.load(Ordering::Relaxed) >= wanted).then_some(())
        });
    }

    /// Waits until `count` more deliveries got 503.
    pub(super) fn refused(&self, count: usize) {
        let wanted = self.refused.load(Ordering::Relaxed) + count;
        eventually("enough deliveries get 503", || {
            (self.refused.load(Ordering::Relaxed) >= wanted).then_some(())
        });
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Ends the load when it is dropped. Without this, a test that panics would wait for its threads without end.
struct Stop<'a>(&'a Progress);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

/// Delivers to all endpoints with all senders until `meanwhile` returns; then each sender waits for its last answer.
/// `round` makes the payloads different from those of other rounds.
pub(super) fn deliver(
    fixture: &Fixture,
    port: u16,
    round: usize,
    sizes: &[usize],
    meanwhile: impl FnOnce(&Progress),
) -> Vec<Delivery> {
    let configs = ENDPOINTS.map(|endpoint| client_config(&fixture.world, endpoint.certificate));
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

/// Sends one delivery on a new connection.
pub(super) fn deliver_one(fixture: &Fixture, daemon: &Daemon, payload: &[u8]) -> Outcome {
    deliver_to(fixture, daemon, 0, payload)
}

/// Like [`deliver_one`], to the endpoint with this index in [`ENDPOINTS`].
pub(super) fn deliver_to(fixture: &Fixture, daemon: &Daemon, endpoint: usize, payload: &[u8]) -> Outcome {
    let mut wire = Wire::connect(&fixture.world, daemon, ENDPOINTS[endpoint].certificate);
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
    fn run(self, progress: &Progress) -> Vec<Delivery> {
        let endpoint = self.client % ENDPOINTS.len();
        let mut deliveries = Vec::new();
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
                Outcome::Unexpected(_) | Outcome::Broken => {}
            }
            let is_broken = outcome == Outcome::Broken;
            let payload = if matches!(outcome, Outcome::Stored(_)) { payload } else { Vec::new() };
            deliveries.push(Delivery { endpoint, payload, outcome });
            if is_broken {
                break;
            }
        }
        deliveries
    }

    fn payload(&self, number: usize) -> Vec<u8> {
        let size = self.sizes[(self.client + number) % self.sizes.len()];
        let name = format!("{}-{}-{number} ", self.round, self.client);
        let mut payload = name.repeat(size / name.len() + 1).into_bytes();
        payload.truncate(size.max(name.len()));
        payload
    }

    /// Sends one delivery, and keeps the connection for the next one unless the answer closes it.
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
