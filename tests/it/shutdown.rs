//! A shutdown loses no acknowledged entry, and its answers are correct.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::wire::{Wire, client_config};
use crate::world::{World, eventually, rounds};

const CLIENTS: usize = 200;

/// A payload and the status of its answer, if there was one.
struct Delivery {
    payload: String,
    status: Option<u16>,
}

#[test]
fn entries_match_the_answers_after_a_shutdown_under_load() {
    for round in 0..rounds(3) {
        stop_under_load(if round % 2 == 0 { "-TERM" } else { "-INT" });
    }
}

fn stop_under_load(signal: &str) {
    let world = World::new();
    let mut daemon = world.start();
    let config = client_config(&world, "client");
    let (ready, answered) = (Barrier::new(CLIENTS + 1), AtomicUsize::new(0));
    let (port, ready, answered) = (daemon.port, &ready, &answered);
    let deliveries: Vec<Delivery> = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let config = config.clone();
                scope.spawn(move || {
                    let mut wire = Wire::with_config(config, port).unwrap();
                    ready.wait();
                    deliver_until_stopped(&mut wire, client, answered)
                })
            })
            .collect();
        ready.wait();
        eventually("all clients deliver", || (answered.load(Ordering::Relaxed) >= CLIENTS).then_some(()));
        daemon.signal(signal);
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    assert_eq!(daemon.wait().code(), Some(0));

    let stored: BTreeSet<String> =
        world.entries("pix").into_values().map(|entry| String::from_utf8(entry.payload).unwrap()).collect();
    let accepted = deliveries.iter().filter(|deliveries| deliveries.status == Some(200)).count();
    assert!(accepted >= CLIENTS, "{accepted}");
    for Delivery { payload, status } in &deliveries {
        match status {
            Some(200) => assert!(stored.contains(payload), "{payload} was acknowledged and is lost"),
            Some(status) => {
                assert!(!stored.contains(payload), "{payload} was answered {status} and is in the spool")
            }
            // Without an answer, both are correct: the sender delivers again.
            None => {}
        }
    }
    assert!(world.spool_files().iter().all(|file| !file.starts_with(world.path("spool/tmp"))));
}

fn deliver_until_stopped(wire: &mut Wire, client: usize, answered: &AtomicUsize) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    for number in 0.. {
        let payload = format!("{client}-{number}");
        let status = wire.post("/webhooks/pix", payload.as_bytes()).ok().map(|answer| answer.status);
        deliveries.push(Delivery { payload, status });
        answered.fetch_add(1, Ordering::Relaxed);
        if status != Some(200) {
            break;
        }
    }
    deliveries
}

#[test]
fn shutdown_waits_for_requests_in_flight_up_to_the_drain_timeout() {
    let world = World::new();
    world.configure("drain_timeout = \"2s\"");
    let mut daemon = world.start();
    let mut finishing = Wire::connect(&world, &daemon, "client");
    let mut stalled = Wire::connect(&world, &daemon, "client");
    let mut idle = Wire::connect(&world, &daemon, "client");
    assert_eq!(idle.post("/webhooks/pix", b"idle").unwrap().status, 200);
    for wire in [&mut finishing, &mut stalled] {
        wire.send("POST /webhooks/pix HTTP/1.1\r\nhost: x\r\ncontent-length: 8\r\n\r\nhalf").unwrap();
    }
    eventually("both are in flight", || (daemon.metric("hookspool_connections ") == 3.0).then_some(()));
    assert!(finishing.is_silent_for(Duration::from_millis(100)));
    daemon.signal("-TERM");
    let signaled = Instant::now();
    assert!(idle.closed_cleanly());
    let (status, body) = daemon.admin("/readyz");
    assert_eq!(status, 503);
    assert!(body.contains("\"draining\""), "{body}");
    finishing.send("done").unwrap();
    assert_eq!(finishing.answer().unwrap().status, 200);
    assert_eq!(daemon.wait().code(), Some(0));
    let waited = signaled.elapsed();
    assert!(
        waited >= Duration::from_secs(2),
        "the shutdown did not wait for the stalled request: {waited:?}"
    );
    assert!(stalled.answer().is_err());
    let payloads: Vec<_> = world.entries("pix").into_values().map(|entry| entry.payload).collect();
    assert_eq!(payloads, [b"idle".to_vec(), b"halfdone".to_vec()]);
}

#[test]
fn second_signal_ends_the_drain() {
    let world = World::new();
    world.configure("drain_timeout = \"1h\"\nbody_timeout = \"1h\"");
    let mut daemon = world.start();
    let mut stalled = Wire::connect(&world, &daemon, "client");
    stalled.send("POST /webhooks/pix HTTP/1.1\r\nhost: x\r\ncontent-length: 8\r\n\r\nhalf").unwrap();
    assert!(stalled.is_silent_for(Duration::from_millis(100)));
    daemon.signal("-TERM");
    daemon.logged("stopping", |_| true);
    eventually("it drains", || (daemon.admin("/readyz").0 == 503).then_some(()));
    daemon.signal("-INT");
    assert_eq!(daemon.wait().code(), Some(0));
}

#[test]
fn fifo_instead_of_a_watched_file_does_not_delay_the_shutdown() {
    let world = World::new();
    let mut daemon = world.start();
    let (pipe, watched) = (world.path("pipe"), world.cert("server"));
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::fs::rename(pipe, watched).unwrap();
    daemon.logged("reload rejected; the previous configuration stays in force", |_| true);
    daemon.signal("-TERM");
    assert_eq!(daemon.wait().code(), Some(0));
}
