//! Connections above a limit take the place of others, and one sender does not use the places of another.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use crate::wire::Wire;
use crate::world::{Daemon, TIMEOUT, World, eventually};

fn refused(reason: &str) -> String {
    format!("hookspool_connections_refused_total{{reason=\"{reason}\"}}")
}

fn silent(daemon: &Daemon) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", daemon.port)).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream
}

/// Whether the peer has closed the connection, now or within the time limit of a test.
fn is_closed(mut stream: &TcpStream) -> bool {
    match stream.read(&mut [0; 1]) {
        Ok(bytes) => bytes == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

#[test]
fn the_connection_that_has_been_idle_longest_gives_way_to_a_new_one() {
    let world = World::new();
    world.configure("max_connections = 2\nidle_timeout = \"1h\"");
    let daemon = world.start();
    let mut first = Wire::connect(&world, &daemon, "client");
    assert_eq!(first.post("/webhooks/pix", b"1").unwrap().status, 200);
    let mut second = Wire::connect(&world, &daemon, "client");
    assert_eq!(second.post("/webhooks/pix", b"2").unwrap().status, 200);
    assert_eq!(daemon.metric(&refused("share")), 0.0);
    let mut third = Wire::connect(&world, &daemon, "client");
    assert_eq!(third.post("/webhooks/pix", b"3").unwrap().status, 200);
    assert!(first.closed_cleanly());
    assert_eq!(second.post("/webhooks/pix", b"4").unwrap().status, 200);
    assert_eq!(daemon.metric(&refused("share")), 1.0);
    let logged = daemon.logged("connection closed at a limit", |_| true);
    assert_eq!((&logged["reason"], &logged["sender"]), (&"share".into(), &"bank".into()));
}

#[test]
fn a_new_stranger_replaces_the_oldest_of_its_address() {
    let world = World::new();
    world.configure("max_connections_per_address = 3\nhandshake_timeout = \"1h\"");
    let daemon = world.start();
    let mut kept = Wire::connect(&world, &daemon, "client");
    assert_eq!(kept.post("/webhooks/pix", b"1").unwrap().status, 200);
    let strangers: Vec<_> = (0..5).map(|_| silent(&daemon)).collect();
    eventually("two have given way", || (daemon.metric(&refused("address")) == 2.0).then_some(()));
    assert!(strangers.iter().take(2).all(is_closed), "the oldest");
    assert_eq!(kept.post("/webhooks/pix", b"2").unwrap().status, 200, "the sender is not a stranger");
    let mut new = Wire::connect(&world, &daemon, "client");
    assert_eq!(new.post("/webhooks/pix", b"3").unwrap().status, 200);
}

#[test]
fn silent_strangers_give_way_before_connections_of_senders() {
    let world = World::new();
    world.configure("max_connections = 8\nhandshake_timeout = \"1h\"\nidle_timeout = \"1h\"");
    let daemon = world.start();
    let mut kept = [("client", "/webhooks/pix"), ("second", "/second")].map(|(name, path)| {
        let mut wire = Wire::connect(&world, &daemon, name);
        assert_eq!(wire.post(path, b"first").unwrap().status, 200);
        (name, path, wire)
    });
    let strangers: Vec<_> = (0..20).map(|_| silent(&daemon)).collect();
    eventually("strangers have given way", || (daemon.metric(&refused("connections")) >= 14.0).then_some(()));
    for (name, path, wire) in &mut kept {
        assert_eq!(wire.post(path, b"kept").unwrap().status, 200);
        let mut new = Wire::connect(&world, &daemon, name);
        assert_eq!(new.post(path, b"new").unwrap().status, 200);
    }
    assert_eq!(daemon.metric(&refused("share")), 0.0);
    drop(strangers);
}

#[test]
fn the_idle_connections_of_one_sender_leave_room_for_another() {
    let world = World::new();
    world.configure("max_connections = 8\nidle_timeout = \"1h\"");
    let daemon = world.start();
    let greedy: Vec<_> = (0..12)
        .map(|_| {
            let mut wire = Wire::connect(&world, &daemon, "client");
            assert_eq!(wire.post("/webhooks/pix", b"{}").unwrap().status, 200);
            wire
        })
        .collect();
    let mut other = Wire::connect(&world, &daemon, "second");
    assert_eq!(other.post("/second", b"{}").unwrap().status, 200);
    // Six of eight are not reserved.
    eventually("its own connections gave way", || (daemon.metric(&refused("share")) >= 6.0).then_some(()));
    assert!(daemon.metric("hookspool_connections") <= 8.0);
    drop(greedy);
}

#[test]
fn an_idle_listener_does_not_use_a_connection() {
    let world = World::new();
    world.configure("max_connections = 1");
    let config = world.path("webhooks.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("[\"127.0.0.1:0\"]", "[\"127.0.0.1:0\", \"[::1]:0\"]")).unwrap();
    let daemon = world.start();
    for _ in 0..3 {
        let mut wire = Wire::connect(&world, &daemon, "client");
        assert_eq!(wire.post("/webhooks/pix", b"{}").unwrap().status, 200);
    }
}

#[test]
fn a_hello_of_more_than_16_kib_is_a_failed_handshake() {
    let world = World::new();
    world.configure("handshake_timeout = \"1h\"");
    let daemon = world.start();
    let mut stream = silent(&daemon);
    // The beginning of a handshake message of 60 KiB, in records of 1 KiB.
    let mut record = vec![22, 3, 1, 4, 0];
    record.extend([1, 0, 0xf0, 0]);
    record.extend([0; 1020]);
    for _ in 0..20 {
        if stream.write_all(&record).is_err() {
            break;
        }
    }
    let mut received = Vec::new();
    let end = stream.read_to_end(&mut received);
    let is_reset = end.as_ref().is_err_and(|error| error.kind() == ErrorKind::ConnectionReset);
    assert!(end.is_ok() || is_reset, "{end:?}");
    assert!(received.is_empty() || received.starts_with(&[21, 3, 3]), "{received:?}");
    let failed = "hookspool_handshakes_total{outcome=\"failed\"}";
    eventually("the failure is counted", || (daemon.metric(failed) == 1.0).then_some(()));
}
