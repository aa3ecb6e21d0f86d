//! The admin listener with many open connections and a disk that does not respond.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::faults::Injection;
use crate::wire::{Wire, client_config};
use crate::world::{TIMEOUT, World, rounds};

/// The time limit for a probe or a scrape.
const ANSWER_TIME_MAX: Duration = Duration::from_millis(100);

#[test]
fn probes_are_fast_with_many_connections_and_a_stalled_disk() {
    let world = World::new();
    world.configure("max_connections = 20000\nidle_timeout = \"10m\"");
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let daemon = world.start();
    let config = client_config(&world, "client");
    let connect = || {
        let tcp = TcpStream::connect(("127.0.0.1", daemon.port)).unwrap();
        tcp.set_read_timeout(Some(TIMEOUT)).unwrap();
        Wire::over(config.clone(), tcp).unwrap()
    };
    // Each has sent a request to an unknown path, so that its handshake is complete and it is idle.
    let connections: Vec<Wire> = (0..rounds(1000))
        .map(|_| {
            let mut wire = connect();
            assert_eq!(wire.post("/none", b"").unwrap().status, 404);
            wire
        })
        .collect();
    assert_eq!(daemon.metric("hookspool_connections ") as usize, connections.len());

    let _stalled = Injection::with(&daemon, "committer", "fdatasync", 1, "delay_enter=5s");
    let mut wire = connect();
    let started = Instant::now();
    wire.send("POST /webhooks/pix HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}").unwrap();
    let (mut worst, mut probes) = (Duration::ZERO, 0);
    while started.elapsed() < Duration::from_millis(4500) {
        for path in ["/readyz", "/metrics"] {
            let sent = Instant::now();
            assert_eq!(daemon.admin(path).0, 200);
            worst = worst.max(sent.elapsed());
            probes += 1;
        }
    }
    assert_eq!(wire.answer().unwrap().status, 200);
    let stall = started.elapsed();
    eprintln!(
        "{} connections, a sync of {stall:?}: {probes} probes, the slowest took {worst:?}",
        connections.len()
    );
    assert!(stall > Duration::from_millis(4500), "the disk was not stalled");
    assert!(worst < ANSWER_TIME_MAX, "{worst:?}");
}
