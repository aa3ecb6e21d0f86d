//! Attacks with bodies that stall, are large, or are many.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::AsyncWriteExt;

use super::honest::answer;
use super::target::{Target, hold, swarm};
use super::{Attack, Attackers, sized};

const MIB: usize = 1 << 20;
/// The large bodies of one attack: they stay on disk until its end.
const LARGE_MAX: usize = 4_000;

fn head(length: usize) -> String {
    format!("POST /greedy HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n")
}

async fn all_but_a_byte(target: Target) -> io::Result<()> {
    let mut stream = target.greedy().await?;
    stream.write_all(head(MIB).as_bytes()).await?;
    stream.write_all(&vec![b'x'; MIB - 1]).await?;
    stream.flush().await?;
    target.acted();
    hold(stream).await
}

async fn large(target: Target) -> io::Result<()> {
    static SENT: AtomicUsize = AtomicUsize::new(0);
    let mut stream = target.greedy().await?;
    let body = vec![b'x'; MIB];
    while SENT.fetch_add(1, Ordering::Relaxed) < LARGE_MAX {
        stream.write_all(head(MIB).as_bytes()).await?;
        stream.write_all(&body).await?;
        stream.flush().await?;
        answer(&mut stream).await?;
        target.acted();
    }
    hold(stream).await
}

async fn small(target: Target) -> io::Result<()> {
    let mut stream = target.greedy().await?;
    let request = Arc::new(head(2) + "{}");
    loop {
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await?;
        answer(&mut stream).await?;
        target.acted();
    }
}

pub fn stalled(target: Target) -> Attackers {
    swarm(target, 300, all_but_a_byte)
}

pub fn large_bodies(target: Target) -> Attackers {
    swarm(target, 64, large)
}

pub fn small_bodies(target: Target) -> Attackers {
    swarm(target, sized(128, 512), small)
}

#[test]
fn stalled_bodies() {
    for addresses in sized(&[8][..], &[1, 8, 64]) {
        let attack =
            Attack::new("300 stalled bodies of 1 MiB less a byte", stalled).with_addresses(*addresses);
        let counted = &["hookspool_deliveries_total{endpoint=\"greedy\",outcome=\"unavailable\"}"];
        attack.full_strength(200).counted(10, counted).play();
    }
}

const STORED: &[&str] = &["hookspool_deliveries_total{endpoint=\"greedy\",outcome=\"stored\"}"];

#[test]
fn large_bodies_at_full_speed() {
    Attack::new("bodies of 1 MiB on 64 connections", large_bodies)
        .full_strength(64)
        .counted(64, STORED)
        .play();
}

#[test]
fn small_bodies_at_full_speed() {
    let name = format!("small bodies on {} connections", sized(128, 512));
    Attack::new(&name, small_bodies).full_strength(512).counted(512, STORED).play();
}
