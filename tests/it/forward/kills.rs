//! `kill -9` of `forward` under load, with a consumer of each kind.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{Forward, consumer, http, mixed, put, queue, seed, world_with};
use crate::servers::Options;
use crate::servers::answer::Answer;
use crate::servers::application::Application;
use crate::servers::nats::Nats;
use crate::servers::postgres::Postgres;
use crate::world::{World, eventually, rounds};

/// The endpoints, with the kind of their consumers.
const KINDS: [(&str, &str); 4] =
    [("pix", "http"), ("second", "exec"), ("ofb", "postgres"), ("quiet", "nats")];
/// The entries that wait for each kind.
const WAITING: usize = 40;
/// The longest time between two kills.
const INTERVAL: Duration = Duration::from_secs(1);
/// The default concurrency.
const CONCURRENCY: usize = 8;

/// Ends the load when it is dropped.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Puts entries into all queues, as many as are processed, until `stop`; returns their IDs by endpoint.
fn load(world: &World, stop: &AtomicBool) -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut ids: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    while !stop.load(Ordering::Relaxed) {
        for (endpoint, _) in KINDS {
            let waiting = queue(world, endpoint, "new").len();
            let all = ids.entry(endpoint).or_default();
            let payload = format!("{{\"n\":{}}}", all.len());
            all.extend((waiting..WAITING).map(|_| put(world, endpoint, payload.as_bytes())));
        }
        thread::sleep(Duration::from_millis(2));
    }
    ids
}

#[test]
fn kills_of_forward_lose_nothing_and_rows_and_messages_are_stored_once() {
    let application = Application::start(|_| Answer::status(200));
    let postgres = Postgres::start(Options::default());
    let nats = Nats::start(Options::default());
    nats.create_stream(serde_json::json!({ "name": "WEBHOOKS", "subjects": ["webhooks.>"] }));
    let world = world_with("");
    postgres.sql(&String::from_utf8(world.run(&["forward", "--print-schema"]).stdout).unwrap());
    let command = "exec = { command = [\"sh\", \"-c\", \"cat >/dev/null; echo $HOOKSPOOL_ID >> received\"] }";
    let stored = format!("postgres = {{ url = \"{}\" }}", postgres.url());
    let published = format!(
        "nats = {{ urls = [\"{}\"], stream = \"WEBHOOKS\", subject = \"webhooks.{{endpoint}}\" }}",
        nats.url()
    );
    super::configure(
        &world,
        &[
            http("pix", &application.url("/")),
            consumer("second", command, ""),
            consumer("ofb", &stored, ""),
            consumer("quiet", &published, ""),
        ]
        .concat(),
    );

    let (seed, stop, mut kills) = (seed(), AtomicBool::new(false), 0);
    let ids = thread::scope(|scope| {
        let loading = scope.spawn(|| load(&world, &stop));
        // Also if an assertion fails, because the scope waits for the thread.
        let end_of_load = Stop(&stop);
        let end = Instant::now() + Duration::from_secs(10) * u32::try_from(rounds(1).min(6)).unwrap();
        while Instant::now() < end {
            let forward = Forward::start_again(&world);
            let (done, kill_at) = (done(&world), Instant::now() + INTERVAL);
            // Sometimes soon after the start, which claims entries of all kinds.
            let wanted = done + usize::try_from(mixed(seed, kills) % 500).unwrap();
            eventually("entries are done", || {
                (self::done(&world) >= wanted || Instant::now() >= kill_at).then_some(())
            });
            drop(forward);
            kills += 1;
        }
        drop(end_of_load);
        loading.join().unwrap()
    });
    let forward = Forward::start_again(&world);
    for (endpoint, kind) in KINDS {
        forward.drained(endpoint);
        assert_eq!(queue(&world, endpoint, "done"), ids[endpoint], "{kind}");
    }
    forward.stop();

    let requests = application.requests();
    let requests = requests.iter().map(|request| request.header("webhook-id").unwrap().to_owned()).collect();
    let commands: Vec<_> =
        fs::read_to_string(world.path("received")).unwrap().lines().map(str::to_owned).collect();
    let rows: Vec<_> = postgres.sql("SELECT id FROM webhooks").lines().map(str::to_owned).collect();
    let received = [requests, commands, rows, nats.ids("WEBHOOKS")];
    for ((endpoint, kind), received) in KINDS.into_iter().zip(received) {
        let repeats = received.len() - ids[endpoint].len();
        eprintln!("{kind}: {} entries, {repeats} repeats after {kills} kills", ids[endpoint].len());
        // A kill can repeat only what was in progress.
        let allowed = if matches!(kind, "http" | "exec") { kills as usize * CONCURRENCY } else { 0 };
        assert!(repeats <= allowed, "{kind}");
        assert_eq!(received.into_iter().collect::<BTreeSet<_>>(), ids[endpoint], "{kind}");
    }
}

/// The entries that are done, of all kinds.
fn done(world: &World) -> usize {
    KINDS.iter().map(|(endpoint, _)| queue(world, endpoint, "done").len()).sum()
}
