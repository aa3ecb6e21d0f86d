//! Attacks with connections that do nothing, or end at once.

use std::io;

use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::time::{Duration, timeout};

use super::target::{Target, hold, swarm, swarm_once};
use super::{Attack, Attackers, sized};

const REFUSED: &[&str] = &["hookspool_connections_refused_total"];

/// Fewer places than silent attackers need; in `tests/long` the default. An address of 64 attacking ones still has more
/// connections than an honest sender has handshakes under way: the address that has most gives way.
pub fn few_places() -> &'static str {
    sized("max_connections = 1024\nmax_connections_per_address = 64\nmax_handshakes = 1024", "")
}

/// More connections than there are places.
fn crowd() -> usize {
    sized(1_400, 9_000)
}

/// The same for connections that have completed a handshake.
fn idle_crowd() -> usize {
    sized(300, 9_000)
}

async fn silent(target: Target) -> io::Result<()> {
    let stream = target.tcp_in_turn().await?;
    target.acted();
    hold(stream).await
}

async fn idle(target: Target) -> io::Result<()> {
    let stream = target.greedy().await?;
    target.acted();
    hold(stream).await
}

pub fn idle_connections(target: Target) -> Attackers {
    swarm_once(target, idle_crowd(), idle)
}

pub fn churn(target: Target) -> Attackers {
    swarm(target, 64, |target| async move {
        // Some end before their first byte, some after a part of a record; dropping a connection resets it.
        let mut stream = target.tcp().await?;
        if target.acts().is_multiple_of(2) {
            stream.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").await?;
        }
        Ok(())
    })
}

#[test]
fn silent_connections() {
    for &addresses in sized(&[1, 64][..], &[1, 8, 64]) {
        let attack = Attack::new("silent TCP connections", |target| swarm_once(target, crowd(), silent));
        let attack = attack.with_addresses(addresses).server(few_places()).full_strength(crowd());
        attack.counted(100, REFUSED).play();
    }
}

#[test]
fn silent_connections_that_are_replaced() {
    let attack = Attack::new("silent TCP connections, replaced when closed", |target| {
        swarm(target, crowd(), |target| async move {
            // The pause bounds the rate; without it, this is the churn below.
            let closed = timeout(Duration::from_secs(60), silent(target)).await;
            tokio::time::sleep(Duration::from_millis(500)).await;
            closed.unwrap_or(Ok(()))
        })
    });
    attack.server(few_places()).full_strength(crowd()).counted(100, REFUSED).play();
}

#[test]
fn idle_connections_of_one_sender() {
    for &addresses in sized(&[8][..], &[1, 8, 64]) {
        let attack = Attack::new("idle mTLS connections of one sender", idle_connections);
        let attack = attack.server(sized("max_connections = 256", "")).full_strength(idle_crowd());
        attack.with_addresses(addresses).counted(50, REFUSED).play();
    }
}

#[test]
fn connection_churn_with_resets() {
    Attack::new("connections that are reset at once", churn)
        .full_strength(64)
        .counted(64, &["hookspool_handshake_failures_total{reason=\"closed\"}"])
        .play();
}

#[test]
fn few_file_descriptors() {
    let attack = Attack::new("idle mTLS connections with 256 file descriptors", |target| {
        swarm_once(target, 400, idle)
    });
    attack.open_files(256).full_strength(400).counted(100, REFUSED).play();
}

#[test]
fn silent_connections_to_the_admin_listener() {
    let attack = Attack::new("silent connections to the admin listener", |target| {
        swarm(target, 140, |target| async move {
            let stream = UnixStream::connect(&target.admin_socket).await?;
            target.acted();
            hold(stream).await?;
            // The attack is about connections that stay open: they are replaced, but not at full speed.
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(())
        })
    });
    attack.full_strength(140).play();
}
