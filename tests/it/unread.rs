//! Peers that do not read their responses: what the kernel keeps for them, and for how long.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::net::sockopt::set_socket_recv_buffer_size;

use crate::wire::{Wire, client_config};
use crate::world::{Daemon, TIMEOUT, World, eventually, within};

/// A connection that can receive little before it is read.
fn narrow(world: &World, daemon: &Daemon) -> (Wire, String) {
    let socket =
        rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None).unwrap();
    set_socket_recv_buffer_size(&socket, 8 << 10).unwrap();
    rustix::net::connect(&socket, &std::net::SocketAddr::from(([127, 0, 0, 1], daemon.port))).unwrap();
    let tcp = TcpStream::from(socket);
    let row = format!(":{:04X} 0100007F:{:04X} ", daemon.port, tcp.local_addr().unwrap().port());
    (Wire::over(client_config(world, "client"), tcp).unwrap(), row)
}

/// The state and the unacknowledged bytes of the server's side of a connection.
fn socket(row: &str) -> Option<(String, u64)> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let line = table.lines().find(|line| line.contains(row))?;
    let fields: Vec<_> = line.split_whitespace().collect();
    Some((fields[3].to_owned(), u64::from_str_radix(fields[4].split(':').next().unwrap(), 16).unwrap()))
}

fn requests(count: usize) -> String {
    let one = "POST /nowhere HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n";
    let last = one.replace("content", "connection: close\r\ncontent");
    one.repeat(count - 1) + &last
}

/// Sends requests until the window is closed and some responses are unread, but none waits in the daemon.
fn fill(wire: &mut Wire, row: &str) {
    loop {
        wire.send(requests(1).replace("connection: close\r\n", "")).unwrap();
        let since = Instant::now();
        while socket(row).is_some_and(|(_, unread)| unread > 300) {
            if since.elapsed() > Duration::from_millis(400) {
                return;
            }
        }
    }
}

#[test]
fn a_peer_that_does_not_take_the_last_answer_is_forgotten_after_2_seconds() {
    let world = World::new();
    let daemon = world.start();
    let (mut wire, row) = narrow(&world, &daemon);
    fill(&mut wire, &row);
    wire.send(requests(1)).unwrap();
    eventually("the server closes with unread responses", || socket(&row).filter(|(state, _)| state == "04"));
    let began = Instant::now();
    within(TIMEOUT, "the kernel forgets the connection", || {
        let now = socket(&row);
        assert!(now.as_ref().is_none_or(|(state, _)| state == "04"), "{now:?}");
        now.is_none().then_some(())
    });
    let took = began.elapsed();
    assert!(took.as_millis() < 3500, "{took:?}");
}

#[test]
fn responses_that_are_still_being_read_are_not_cut() {
    let world = World::new();
    let daemon = world.start();
    let (mut wire, _) = narrow(&world, &daemon);
    wire.send(requests(300)).unwrap();
    let (mut text, mut piece, began) = (Vec::new(), [0; 1000], Instant::now());
    loop {
        match wire.0.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => text.extend_from_slice(&piece[..count]),
            Err(error) => panic!("{error} after {:?}", began.elapsed()),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(began.elapsed() > Duration::from_secs(3), "{:?}", began.elapsed());
    assert_eq!(String::from_utf8(text).unwrap().matches("HTTP/1.1 404").count(), 300);
}

#[test]
fn the_kernel_keeps_little_for_a_peer_that_reads_nothing() {
    let world = World::new();
    world.configure("idle_timeout = \"8s\"");
    let daemon = world.start();
    let (mut wire, row) = narrow(&world, &daemon);
    wire.0.sock.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let batch = requests(1000).replace("connection: close\r\n", "");
    let mut sent = 0;
    let blocked = loop {
        match wire.send(&batch) {
            Ok(()) => sent += 1000,
            Err(error) => break error,
        }
        assert!(sent < 1_000_000, "{:?}", socket(&row));
    };
    assert!(matches!(blocked.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{blocked}");
    let (_, unread) = socket(&row).unwrap();
    eprintln!("{sent} requests sent; the kernel keeps {unread} bytes of responses");
    assert!(unread < 128 << 10, "{unread}");
    let stalls = "hookspool_stalls_total{kind=\"response\"}";
    eventually("it is counted", || (daemon.metric(stalls) == 1.0).then_some(()));
    within(TIMEOUT, "the kernel forgets the connection", || socket(&row).is_none().then_some(()));
}
