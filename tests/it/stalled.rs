//! The admin listener while there is a crowd and the disk does not answer.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::faults::Meddled;
use crate::wire::{Wire, client_config};
use crate::world::{PATIENCE, World, rounds};

/// What a probe or a scrape may take.
const ANSWERED_WITHIN: Duration = Duration::from_millis(100);

#[test]
fn probes_are_answered_at_once_beside_a_crowd_and_a_stalled_disk() {
    let world = World::new();
    world.configure("max_connections = 20000\nidle_timeout = \"10m\"");
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let daemon = world.start();
    let config = client_config(&world, "client");
    let connect = || {
        let tcp = TcpStream::connect(("127.0.0.1", daemon.port)).unwrap();
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        Wire::over(config.clone(), tcp).unwrap()
    };
    // Each has delivered nowhere, so that it is let in and idle.
    let crowd: Vec<Wire> = (0..rounds(1000))
        .map(|_| {
            let mut wire = connect();
            assert_eq!(wire.post("/none", b"").unwrap().status, 404);
            wire
        })
        .collect();
    assert_eq!(daemon.metric("hookspool_connections ") as usize, crowd.len());

    let _stalled = Meddled::with(&daemon, "committer", "fdatasync", 1, "delay_enter=5s");
    let mut wire = connect();
    let begun = Instant::now();
    wire.send("POST /webhooks/pix HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}").unwrap();
    let (mut worst, mut probes) = (Duration::ZERO, 0);
    while begun.elapsed() < Duration::from_millis(4500) {
        for path in ["/readyz", "/metrics"] {
            let asked = Instant::now();
            assert_eq!(daemon.admin(path).0, 200);
            worst = worst.max(asked.elapsed());
            probes += 1;
        }
    }
    assert_eq!(wire.answer().unwrap().status, 200);
    let stall = begun.elapsed();
    eprintln!(
        "{} connections, a sync of {stall:?}: {probes} probes, the slowest took {worst:?}",
        crowd.len()
    );
    assert!(stall > Duration::from_millis(4500), "it was not stalled");
    assert!(worst < ANSWERED_WITHIN, "{worst:?}");
}
