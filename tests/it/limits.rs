//! Clients that never finish.

use std::io::Read;
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::wire::Wire;
use crate::world::{TIMEOUT, World, eventually};

/// Short limits, each far from the next.
const SHORT: &str = "handshake_timeout = \"400ms\"\nheader_timeout = \"500ms\"\nbody_timeout = \"600ms\"\nidle_timeout = \"1500ms\"";

#[test]
fn a_body_that_stalls_is_408_and_leaves_nothing() {
    let world = World::new();
    world.configure(SHORT);
    let daemon = world.start();
    for body in ["content-length: 10\r\n\r\nhalf", "transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"] {
        let mut wire = Wire::connect(&world, &daemon, "client");
        wire.send(format!("POST /webhooks/pix HTTP/1.1\r\nhost: x\r\n{body}")).unwrap();
        let answer = wire.answer().unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (408, "{\"error\":\"timeout\"}\n"));
        assert!(wire.closed_cleanly());
    }
    assert_eq!(world.spool_files(), Vec::<PathBuf>::new());
}

#[test]
fn a_connection_with_nothing_to_say_is_closed_with_close_notify() {
    let world = World::new();
    world.configure(SHORT);
    let daemon = world.start();
    let mut used = Wire::connect(&world, &daemon, "client");
    assert_eq!(used.post("/webhooks/pix", b"{}").unwrap().status, 200);
    assert!(used.closed_cleanly());
}

#[test]
fn headers_that_never_end_close_the_connection_before_it_is_idle() {
    let world = World::new();
    world.configure(&SHORT.replace("1500ms", "1h"));
    let daemon = world.start();
    let mut wire = Wire::connect(&world, &daemon, "client");
    assert_eq!(wire.post("/webhooks/pix", b"{}").unwrap().status, 200);
    wire.send("POST /webhooks/pix HTTP/1.1\r\nhost: x\r\nx-slow: ").unwrap();
    wire.closed_cleanly();
}

#[test]
fn a_handshake_that_stalls_is_given_up() {
    let world = World::new();
    world.configure(SHORT);
    let daemon = world.start();
    let mut silent = TcpStream::connect(("127.0.0.1", daemon.port)).unwrap();
    silent.set_read_timeout(Some(TIMEOUT)).unwrap();
    assert_eq!(silent.read(&mut [0; 1]).unwrap(), 0);
    let timeouts = "hookspool_handshakes_total{outcome=\"timeout\"}";
    eventually("the timeout is counted", || (daemon.metric(timeouts) == 1.0).then_some(()));
}

#[test]
fn who_does_not_speak_tls_is_counted_and_not_served() {
    let world = World::new();
    let daemon = world.start();
    let mut plain = TcpStream::connect(("127.0.0.1", daemon.port)).unwrap();
    plain.set_read_timeout(Some(TIMEOUT)).unwrap();
    std::io::Write::write_all(
        &mut plain,
        b"POST /webhooks/pix HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n",
    )
    .unwrap();
    let mut said = Vec::new();
    let _ = plain.read_to_end(&mut said);
    assert!(!said.starts_with(b"HTTP"), "{said:?}");
    let failed = "hookspool_handshakes_total{outcome=\"failed\"}";
    eventually("the failure is counted", || (daemon.metric(failed) == 1.0).then_some(()));
}

#[test]
fn more_connections_than_there_is_room_for_wait_their_turn() {
    let world = World::new();
    world.configure("max_connections = 2");
    let daemon = world.start();
    let first = Wire::connect(&world, &daemon, "client");
    let mut second = Wire::connect(&world, &daemon, "client");
    assert_eq!(second.post("/webhooks/pix", b"{}").unwrap().status, 200);
    let port = daemon.port;
    let config = crate::wire::client_config(&world, "client");
    let third = std::thread::spawn(move || {
        let mut wire = Wire::with_config(config, port).unwrap();
        wire.post("/webhooks/pix", b"third").unwrap().status
    });
    let soon = Instant::now() + Duration::from_millis(300);
    while Instant::now() < soon {
        assert_eq!(world.entries("pix").len(), 1, "the third had to wait");
    }
    drop(first);
    assert_eq!(third.join().unwrap(), 200);
}

#[test]
fn a_listener_with_nothing_to_do_takes_no_place_from_another() {
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
fn a_refused_body_that_is_still_coming_is_not_the_head_of_the_next_request() {
    let world = World::new();
    world.configure("header_timeout = \"400ms\"\nidle_timeout = \"1h\"");
    let daemon = world.start();
    let mut wire = Wire::connect(&world, &daemon, "client");
    wire.send("POST /nowhere HTTP/1.1\r\nhost: x\r\ncontent-length: 8\r\n\r\nhalf").unwrap();
    assert_eq!(wire.answer().unwrap().status, 404);
    wire.send("more").unwrap();
    assert!(wire.is_silent_for(Duration::from_millis(800)), "twice the time that headers may take");
    assert_eq!(wire.post("/webhooks/pix", b"{}").unwrap().status, 200);
}
