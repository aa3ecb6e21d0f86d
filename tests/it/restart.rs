//! A restart behind a socket that systemd keeps refuses no connection.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustls::ClientConfig;

use crate::http2::Http2;
use crate::tools::{edit, stop};
use crate::wire::{Wire, client_config};
use crate::world::{Daemon, World, eventually, rounds};

const CLIENTS: usize = 4;
/// The answers of each daemon before it is stopped.
const ANSWERS: usize = 20;

/// Passes standard input, which is the socket, as systemd does.
const SYSTEMD: &str = "import os, sys\nos.dup2(0, 3)\nos.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))\n\
                       os.execv(sys.argv[1], sys.argv[1:])";

fn start(world: &World, listener: &TcpListener) -> Daemon {
    let mut command = Command::new("python3");
    let socket = OwnedFd::from(listener.try_clone().unwrap());
    command.args(["-c", SYSTEMD]).arg(crate::world::program()).stdin(Stdio::from(socket));
    world.start_by(command)
}

fn listening() -> (World, TcpListener) {
    let world = World::new();
    edit(&world, "listen = [\"127.0.0.1:0\"]", "listen = \"systemd\"");
    (world, TcpListener::bind("127.0.0.1:0").unwrap())
}

/// Connects, performs a handshake and delivers; the status, or why there is none.
fn deliver(config: Arc<ClientConfig>, port: u16) -> Result<u16, String> {
    let mut wire = Wire::with_config(config, port).map_err(|error| format!("connect: {error}"))?;
    Ok(wire.post("/webhooks/pix", b"{}").map_err(|error| error.to_string())?.status)
}

/// Ends the clients, also when the test fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn every_connection_during_restarts_is_answered() {
    let (world, listener) = listening();
    let port = listener.local_addr().unwrap().port();
    let config = client_config(&world, "client");
    let (answered, ends) = (AtomicUsize::new(0), AtomicBool::new(false));
    let results: Vec<_> = thread::scope(|scope| {
        let ended = Ends(&ends);
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    let mut results = Vec::new();
                    while !ends.load(Ordering::Relaxed) {
                        results.push(deliver(Arc::clone(&config), port));
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                    results
                })
            })
            .collect();
        for _ in 0..rounds(12) {
            let daemon = start(&world, &listener);
            let before = answered.load(Ordering::Relaxed);
            eventually("the daemon answers", || {
                (answered.load(Ordering::Relaxed) >= before + ANSWERS).then_some(())
            });
            stop(daemon);
        }
        drop(ended);
        // Answers the connections that wait for the next daemon.
        let daemon = start(&world, &listener);
        let results = clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
        stop(daemon);
        results
    });
    let refused: Vec<_> = results.iter().filter(|result| !matches!(result, Ok(200 | 503))).collect();
    let drained = results.iter().filter(|result| **result == Ok(503)).count();
    eprintln!("{} connections, {drained} answered with 503", results.len());
    assert!(refused.is_empty(), "{} of {}: {refused:?}", refused.len(), results.len());
}

/// Stops the daemon while a connection is in a state that `open` creates; the connection's answer.
fn answer_during_drain(open: impl FnOnce(&World, &Daemon) -> Wire) -> (u16, String) {
    let (world, listener) = listening();
    let mut daemon = start(&world, &listener);
    let mut wire = open(&world, &daemon);
    daemon.signal("-TERM");
    eventually("it drains", || (daemon.admin("/readyz").0 == 503).then_some(()));
    let answer = wire.post("/webhooks/pix", b"{}").unwrap();
    assert!(wire.closed_cleanly());
    assert_eq!(daemon.wait().code(), Some(0), "{}", daemon.log_text());
    (answer.status, answer.head)
}

#[test]
fn connection_before_its_first_request_is_answered_during_the_drain() {
    let opened = |daemon: &Daemon, count: f64| {
        eventually("it is accepted", || (daemon.metric("hookspool_connections ") == count).then_some(()));
    };
    let silent = |world: &World, daemon: &Daemon| {
        let wire = Wire::connect(world, daemon, "client");
        opened(daemon, 1.0);
        wire
    };
    let established = |world: &World, daemon: &Daemon| {
        let mut wire = Wire::connect(world, daemon, "client");
        while wire.0.conn.is_handshaking() {
            wire.0.conn.complete_io(&mut wire.0.sock).unwrap();
        }
        let accepted = "hookspool_handshakes_total{outcome=\"accepted\"}";
        eventually("its handshake is complete", || (daemon.metric(accepted) == 1.0).then_some(()));
        wire
    };
    let after_hello = |world: &World, daemon: &Daemon| {
        let mut wire = Wire::connect(world, daemon, "client");
        wire.0.conn.write_tls(&mut wire.0.sock).unwrap();
        // The server's part of the handshake has arrived.
        assert_eq!(wire.0.sock.peek(&mut [0]).unwrap(), 1);
        wire
    };
    for (status, head) in
        [answer_during_drain(silent), answer_during_drain(established), answer_during_drain(after_hello)]
    {
        assert_eq!(status, 503);
        assert!(head.contains("connection: close"), "{head}");
    }
}

#[test]
fn first_request_on_http2_is_answered_during_the_drain() {
    let (world, listener) = listening();
    let mut daemon = start(&world, &listener);
    let mut h2 = Http2::connect(&world, &daemon);
    h2.until(0x4, 0);
    daemon.signal("-TERM");
    eventually("it drains", || (daemon.admin("/readyz").0 == 503).then_some(()));
    // A client opens no stream after GOAWAY.
    let sent = h2.sent_before_ping();
    assert!(!sent.contains(&0x7), "{sent:?}");
    h2.request(1, b"/webhooks/pix", "content-length", "0");
    let body = String::from_utf8(h2.until(0x0, 1)).unwrap();
    assert!(body.contains("unavailable"), "{body}");
    drop(h2);
    assert_eq!(daemon.wait().code(), Some(0), "{}", daemon.log_text());
}

#[test]
fn silent_connections_delay_the_shutdown_only_a_little() {
    let (world, listener) = listening();
    world.configure("handshake_timeout = \"1h\"\nidle_timeout = \"1h\"\ndrain_timeout = \"1h\"");
    edit(&world, "listen = [\"127.0.0.1:0\"]", "listen = \"systemd\"");
    let mut daemon = start(&world, &listener);
    let _without_hello = Wire::connect(&world, &daemon, "client");
    let mut without_request = Wire::connect(&world, &daemon, "client");
    while without_request.0.conn.is_handshaking() {
        without_request.0.conn.complete_io(&mut without_request.0.sock).unwrap();
    }
    let mut idle = Wire::connect(&world, &daemon, "client");
    assert_eq!(idle.post("/webhooks/pix", b"{}").unwrap().status, 200);
    eventually("all are accepted", || (daemon.metric("hookspool_connections ") == 3.0).then_some(()));
    let stopped = Instant::now();
    daemon.signal("-TERM");
    assert!(idle.closed_cleanly());
    assert!(stopped.elapsed() < Duration::from_secs(1), "an idle connection took {:?}", stopped.elapsed());
    assert_eq!(daemon.wait().code(), Some(0), "{}", daemon.log_text());
    assert!(stopped.elapsed() < Duration::from_secs(10), "{:?}", stopped.elapsed());
}
