//! `order = "arrival"`.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::Value;

use super::{Forward, configure, consumer, mixed, queue, seed};
use crate::servers::answer::Answer;
use crate::servers::application::Application;
use crate::wire::{Wire, client_config};
use crate::world::{World, eventually, rounds};

/// The concurrent senders, each of which waits for an answer before it sends the next delivery.
const SENDERS: usize = 4;

/// Names in a queue that are no entries. With them, reading the directory takes long.
const OTHER_NAMES: usize = 20_000;
/// How often `forward` is killed.
const KILLS: usize = 5;

#[test]
fn deliveries_of_each_sender_arrive_in_order_while_new_is_listed_slowly() {
    arrive_in_order("new");
}

#[test]
fn deliveries_of_each_sender_arrive_in_order_while_claims_are_recovered_slowly() {
    arrive_in_order("taken");
}

/// The application fails now and then, and `forward` is killed.
fn arrive_in_order(slow: &str) {
    let (seed, each) = (seed(), rounds(60));
    // Large payloads take another path through the daemon than small ones.
    let size = move |sender: usize, n: usize| match mixed(seed, (sender * 100_000 + n) as u64) % 3 {
        0 => 300_000,
        1 => 5_000,
        _ => 50,
    };
    let application = Application::start(move |request| match mixed(seed, request.number as u64) % 10 {
        0 => Answer::status(500),
        1 => Answer::close(),
        _ => Answer::status(200),
    });
    let world = World::new();
    let daemon = world.start();
    let target = format!("http = {{ url = \"{}\" }}", application.url("/"));
    configure(&world, &consumer("pix", &target, "order = \"arrival\"\nconcurrency = 8"));
    for number in 0..OTHER_NAMES {
        fs::write(world.path(&format!("spool/pix/{slow}/{number}.part")), "").unwrap();
    }
    let (config, port, sent) = (client_config(&world, "client"), daemon.port, AtomicUsize::new(0));
    thread::scope(|scope| {
        for sender in 0..SENDERS {
            let (config, sent) = (config.clone(), &sent);
            scope.spawn(move || {
                let mut wire = Wire::with_config(config, port).unwrap();
                for n in 0..each {
                    let padding = "x".repeat(size(sender, n));
                    let body = format!("{{\"sender\":{sender},\"n\":{n},\"padding\":\"{padding}\"}}");
                    assert_eq!(wire.post("/webhooks/pix", body.as_bytes()).unwrap().status, 200);
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        // Some entries are found by a listing, the others by events. The entry that was claimed is still the next one.
        for kill in 1..=KILLS {
            let forward = Forward::start(&world);
            let wanted = kill * SENDERS * each / (KILLS + 1);
            eventually("deliveries", || (sent.load(Ordering::Relaxed) >= wanted).then_some(()));
            drop(forward);
        }
        let forward = Forward::start(&world);
        eventually("all are sent", || (sent.load(Ordering::Relaxed) == SENDERS * each).then_some(()));
        forward.drained("pix");
        forward.stop();
    });
    assert_eq!(queue(&world, "pix", "done").len(), SENDERS * each);

    let requests = application.requests();
    let mut ids: Vec<&str> = requests.iter().map(|request| request.header("webhook-id").unwrap()).collect();
    eprintln!("{} requests for {} entries", ids.len(), SENDERS * each);
    ids.dedup();
    let mut next = [0; SENDERS];
    let mut seen = std::collections::BTreeSet::new();
    for id in ids {
        assert!(seen.insert(id), "{id} was attempted again after another entry");
        let request = requests.iter().find(|request| request.header("webhook-id") == Some(id)).unwrap();
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let [sender, n] = ["sender", "n"].map(|key| usize::try_from(body[key].as_u64().unwrap()).unwrap());
        assert_eq!(n, next[sender], "sender {sender}");
        next[sender] += 1;
    }
    assert_eq!(next, [each; SENDERS]);
}
