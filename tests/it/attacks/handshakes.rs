//! Attacks with handshakes: unfinished, refused, valid, and expensive to verify.

use std::io;
use std::sync::Arc;

use rustls::{ClientConfig, ClientConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::connections::few_places;
use super::honest::answer;
use super::target::{Certificates, Target, hold, swarm};
use super::{Attack, Attackers, sized};

/// Sends a ClientHello, reads the beginning of the answer, and stops.
async fn stop_after_server_hello(target: Target) -> io::Result<()> {
    let config = Arc::clone(&target.certificates.greedy);
    let mut tls = ClientConnection::new(config, "localhost".try_into().unwrap()).unwrap();
    let mut hello = Vec::new();
    while tls.wants_write() {
        tls.write_tls(&mut hello)?;
    }
    let mut stream = target.tcp().await?;
    stream.write_all(&hello).await?;
    stream.read_u8().await?;
    target.acted();
    hold(stream).await
}

async fn complete(target: Target, certificate: fn(&Certificates) -> &Arc<ClientConfig>) -> io::Result<()> {
    let mut stream = target.tls(certificate(&target.certificates)).await?;
    // With TLS 1.3, a client learns only from the first answer whether its certificate was accepted.
    stream.write_all(b"POST /greedy HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}").await?;
    answer(&mut stream).await.map(drop)
}

pub fn unfinished(target: Target) -> Attackers {
    swarm(target, sized(1_400, 1_000), stop_after_server_hello)
}

pub fn valid(target: Target) -> Attackers {
    swarm(target, 64, |target| complete(target, |them| &them.greedy))
}

#[test]
fn handshakes_that_stop_after_the_server_hello() {
    for &addresses in sized(&[8][..], &[1, 8, 64]) {
        let attack = Attack::new("handshakes that stop after the ServerHello", unfinished);
        // In a short attack, places have to run out, because no timeout does.
        let attack = attack.server(few_places()).with_addresses(addresses).full_strength(1_000);
        attack
            .counted(
                100,
                &["hookspool_connections_refused_total", "hookspool_handshakes_total{outcome=\"timeout\"}"],
            )
            .play();
    }
}

/// More handshakes than may be under way.
fn many() -> usize {
    sized(400, 1_000)
}

/// Handshakes that gave way: of the address that has most, when too many are under way, or of an address at its limit.
const GIVEN_WAY: &str = "hookspool_connections_refused_total";

/// A test for each certificate, with few and with many handshakes under way.
macro_rules! floods {
    ($($name:ident: $title:literal, $certificate:expr, $counted:literal;)+) => { $(
        #[test]
        fn $name() {
            let flood: fn(Target) -> Attackers =
                |target| swarm(target, 64, |target| complete(target, $certificate));
            Attack::new(concat!("64 handshakes under way, ", $title), flood)
                .full_strength(64).counted(64, &[$counted]).play();
            let flood: fn(Target) -> Attackers =
                |target| swarm(target, many(), |target| complete(target, $certificate));
            for addresses in sized(&[8][..], &[1, 8, 64]) {
                Attack::new(&format!("{} handshakes under way, {}", many(), $title), flood)
                    .with_addresses(*addresses).full_strength(64).counted(100, &[$counted, GIVEN_WAY]).play();
            }
        }
    )+ };
}

floods! {
    flood_without_a_certificate: "no certificate", |them| &them.none,
        "hookspool_refusals_total{reason=\"no_certificate\"}";
    flood_of_a_stranger: "a stranger's certificate", |them| &them.stranger,
        "hookspool_refusals_total{reason=\"unknown_ca\"}";
    flood_with_a_wrong_certificate: "a wrong certificate", |them| &them.wrong,
        "hookspool_refusals_total{reason=\"rule\"}";
    flood_with_a_valid_certificate: "a valid certificate", |them| &them.greedy,
        "hookspool_deliveries_total{endpoint=\"greedy\",outcome=\"stored\"}";
    flood_of_crafted_chains: "a crafted chain", |them| &them.crafted, "hookspool_refusals_total";
}
