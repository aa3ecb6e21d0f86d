//! One sender does everything at once.

use futures_util::future::join_all;

use super::target::Target;
use super::{Attack, Attackers, bodies, connections, handshakes, http2, requests, sized};

fn everything(target: Target) -> Attackers {
    let all: [fn(Target) -> Attackers; 14] = [
        connections::idle_connections,
        connections::churn,
        handshakes::unfinished,
        bodies::stalled,
        bodies::large_bodies,
        bodies::small_bodies,
        requests::not_found,
        requests::unread,
        requests::half_sent,
        http2::header_sections,
        http2::streams_under_way,
        http2::pings,
        http2::resets,
        handshakes::valid,
    ];
    Box::pin(async move {
        join_all(all.map(|attackers| tokio::spawn(attackers(target.clone())))).await;
    })
}

#[test]
fn everything_at_once() {
    for &addresses in sized(&[8][..], &[1, 8, 64]) {
        let attack = Attack::new("everything at once", everything).with_addresses(addresses);
        let counted =
            &["hookspool_connections_refused_total", "hookspool_deliveries_total{endpoint=\"greedy\""];
        attack.full_strength(2_000).counted(500, counted).play();
    }
}
