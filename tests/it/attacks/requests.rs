//! Attacks with requests: refused, half sent, unread answers, and records of TLS that do no work.

use std::io;

use tokio::io::AsyncWriteExt;

use super::honest::answer;
use super::target::{Target, hold, pour, swarm};
use super::{Attack, Attackers};

const NOWHERE: &str = "POST /nowhere HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n";
const NOT_FOUND: &[&str] = &["hookspool_deliveries_total{endpoint=\"-\",outcome=\"not_found\"}"];
/// The requests that are sent at once where no answer is read.
const PIPELINED: usize = 64;

async fn nowhere(target: Target) -> io::Result<()> {
    let mut stream = target.greedy().await?;
    loop {
        stream.write_all(NOWHERE.as_bytes()).await?;
        stream.flush().await?;
        answer(&mut stream).await?;
        target.acted();
    }
}

async fn read_nothing(target: Target) -> io::Result<()> {
    let mut stream = target.greedy().await?;
    let requests = NOWHERE.repeat(PIPELINED);
    loop {
        stream.write_all(requests.as_bytes()).await?;
        stream.flush().await?;
        target.acted();
    }
}

async fn half(target: Target) -> io::Result<()> {
    let mut stream = target.greedy().await?;
    stream.write_all(b"POST /greedy HTTP/1.1\r\nhost: localhost\r\nx-slow: ").await?;
    stream.flush().await?;
    target.acted();
    hold(stream).await
}

async fn update_keys(target: Target) -> io::Result<()> {
    let mut stream = target.greedy().await?;
    // Without an answer first, the flood would be part of the handshake.
    stream.write_all(NOWHERE.as_bytes()).await?;
    answer(&mut stream).await?;
    loop {
        stream.get_mut().1.refresh_traffic_keys().map_err(io::Error::other)?;
        stream.flush().await?;
        target.acted();
        tokio::task::yield_now().await;
    }
}

pub fn not_found(target: Target) -> Attackers {
    swarm(target, 64, nowhere)
}

pub fn unread(target: Target) -> Attackers {
    swarm(target, 200, read_nothing)
}

pub fn half_sent(target: Target) -> Attackers {
    swarm(target, 300, half)
}

#[test]
fn not_found_at_full_speed() {
    Attack::new("404 at full speed", not_found).full_strength(500).counted(500, NOT_FOUND).play();
}

#[test]
fn unread_answers() {
    Attack::new("200 connections that read no answer", unread)
        .full_strength(1_000)
        .counted(500, NOT_FOUND)
        .play();
}

#[test]
fn pipelined_requests() {
    let attack = Attack::new("pipelined requests", |target| {
        swarm(target, 32, |target| async move {
            let stream = target.greedy().await?;
            pour(stream, b"", || NOWHERE.repeat(PIPELINED).into_bytes(), &target).await
        })
    });
    attack.full_strength(100).counted(500, NOT_FOUND).play();
}

#[test]
fn half_sent_requests() {
    let attack = Attack::new("300 half-sent requests", half_sent).server("header_timeout = \"500ms\"");
    attack.full_strength(300).counted(100, &["hookspool_stalls_total{kind=\"header\"}"]).play();
}

#[test]
fn key_updates() {
    let attack = Attack::new("TLS key updates", |target| swarm(target, 16, update_keys));
    // More than one for each attacker: the daemon ends such connections.
    attack.full_strength(64).counted(64, NOT_FOUND).play();
}
