//! Which connection gives way.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures_util::FutureExt;
use proptest::prelude::*;

use super::*;

fn source(host: u8) -> SourceAddress {
    SourceAddress::from(SocketAddr::from((Ipv4Addr::new(192, 0, 2, host), 1)))
}

fn sender(number: u8) -> Name {
    format!("bank{number}").parse().expect("a name")
}

fn connections(max_connections: usize, max_connections_per_address: usize, senders: usize) -> Connections {
    Connections::new(ConnectionLimits { max_connections, max_connections_per_address, senders })
}

/// Opens a connection and admits a sender, without a request in flight.
fn idle(connections: &Connections, number: u8) -> Slot {
    let mut slot = connections.open(source(number));
    assert_eq!(slot.admit(&sender(number)), Ok(()));
    slot.activity().end();
    slot
}

fn reasons(slots: &[Slot]) -> Vec<Option<ConnectionRefusalReason>> {
    slots.iter().map(Slot::close_reason).collect()
}

#[test]
fn a_new_stranger_replaces_the_oldest_of_its_address() {
    let connections = connections(100, 2, 1);
    let slots = [source(1), source(2), source(1), source(1)].map(|source| connections.open(source));
    assert_eq!(reasons(&slots), [Some(ConnectionRefusalReason::Address), None, None, None]);
}

#[test]
fn a_connection_behind_a_proxy_counts_for_the_address_that_the_proxy_names() {
    let connections = connections(100, 1, 1);
    let mut slots = Vec::new();
    for host in 1..4 {
        let mut slot = connections.open(source(0));
        slot.move_to(source(host));
        slots.push(slot);
    }
    assert_eq!(reasons(&slots), [None; 3]);
    let mut again = connections.open(source(0));
    again.move_to(source(2));
    assert_eq!(reasons(&slots), [None, Some(ConnectionRefusalReason::Address), None]);
}

#[test]
fn of_all_strangers_the_oldest_of_the_address_with_most_gives_way() {
    // One of five is reserved, so the strangers share four.
    let connections = connections(5, 100, 2);
    let slots = [1, 2, 2, 2].map(|host| connections.open(source(host)));
    let _new = connections.open(source(3));
    assert_eq!(reasons(&slots), [None, Some(ConnectionRefusalReason::Connections), None, None]);
}

#[test]
fn of_unfinished_handshakes_those_from_the_address_of_a_sender_within_its_part_are_spared() {
    // The reserve is one of four; the strangers may have three, beside the connected sender.
    let connections = connections(8, 100, 2);
    let connected = idle(&connections, 1);
    let slow: Vec<_> = (0..3).map(|_| connections.open(source(1))).collect();
    let flood: Vec<_> = (2..9).map(|host| connections.open(source(host))).collect();
    assert_eq!(reasons(&slow), [None; 3]);
    assert!(flood.iter().any(|slot| slot.close_reason().is_some()));
    drop(connected);
    let _flood: Vec<_> = (2..9).map(|host| connections.open(source(host))).collect();
    assert!(reasons(&slow).contains(&Some(ConnectionRefusalReason::Connections)));
}

#[test]
fn the_address_of_a_sender_with_more_than_its_part_is_not_spared() {
    let connections = connections(12, 100, 3);
    let _greedy: Vec<_> = (0..6).map(|_| idle(&connections, 1)).collect();
    let slow = [1, 1, 1].map(|host| connections.open(source(host)));
    let _flood: Vec<_> = (2..9).map(|host| connections.open(source(host))).collect();
    assert!(reasons(&slow).contains(&Some(ConnectionRefusalReason::Connections)));
}

#[test]
fn of_addresses_with_equally_many_strangers_the_one_with_the_oldest_gives_way() {
    let connections = connections(4, 100, 2);
    let _older = [5, 6].map(|host| connections.open(source(host)));
    let newest = connections.open(source(9));
    let _new = [1, 2].map(|host| connections.open(source(host)));
    assert_eq!(newest.close_reason(), None);
}

#[test]
fn strangers_from_many_addresses_do_not_close_the_connections_of_a_single_sender() {
    let connections = connections(40, 100, 1);
    let admitted: Vec<_> = (0..30).map(|_| idle(&connections, 250)).collect();
    let _strangers: Vec<_> = (0..200).map(|host| connections.open(source(host))).collect();
    assert_eq!(reasons(&admitted), vec![None; 30]);
}

#[tokio::test(start_paused = true)]
async fn a_stranger_that_is_still_in_time_gives_way_only_if_no_other_one_is_late() {
    let connections = connections(5, 100, 2);
    let late = connections.open(source(1));
    tokio::time::advance(Duration::from_secs(3)).await;
    let young = [2, 2, 2].map(|host| connections.open(source(host)));
    let _new = connections.open(source(3));
    assert_eq!(late.close_reason(), Some(ConnectionRefusalReason::Connections));
    assert_eq!(reasons(&young), [None; 3]);
    let _another = connections.open(source(4));
    assert_eq!(reasons(&young), [Some(ConnectionRefusalReason::Connections), None, None]);
}

#[test]
fn strangers_beyond_an_equal_part_do_not_close_the_connections_of_a_larger_sender() {
    let connections = connections(40, 100, 10);
    let admitted: Vec<_> = (0..30).map(|_| idle(&connections, 250)).collect();
    let _strangers: Vec<_> = (0..200).map(|host| connections.open(source(host))).collect();
    assert_eq!(reasons(&admitted), vec![None; 30]);
}

#[test]
fn connections_that_wait_for_the_header_of_a_trusted_proxy_do_not_close_each_other() {
    let connections = connections(100, 2, 1);
    let mut slots: Vec<_> = (0..10).map(|_| connections.open_behind_proxy(source(0))).collect();
    assert_eq!(reasons(&slots), [None; 10]);
    slots.iter_mut().for_each(|slot| slot.move_to(source(1)));
    assert_eq!(slots.iter().filter(|slot| slot.close_reason().is_none()).count(), 2);
}

#[test]
fn strangers_do_not_close_the_connections_of_senders() {
    let connections = connections(8, 100, 2);
    let admitted = [1, 1, 2, 2].map(|number| idle(&connections, number));
    let strangers: Vec<_> = (0..200).map(|host| connections.open(source(host % 50))).collect();
    assert_eq!(reasons(&admitted), [None; 4]);
    assert!(strangers.iter().filter(|slot| slot.close_reason().is_none()).count() <= 4);
}

#[test]
fn the_sender_with_most_closes_its_connection_that_is_idle_longest() {
    let connections = connections(8, 100, 2);
    // The reserve of two is for the other sender.
    let mut greedy: Vec<_> = (0..6).map(|_| idle(&connections, 1)).collect();
    assert_eq!(reasons(&greedy), [None; 6]);
    let oldest = [greedy.remove(0), greedy.remove(0)];
    oldest[0].activity().begin();
    let _another_of_its_own = idle(&connections, 1);
    assert_eq!(reasons(&oldest), [None, Some(ConnectionRefusalReason::Share)]);
    let _others: Vec<_> = (0..4).map(|_| idle(&connections, 2)).collect();
    assert_eq!(greedy.iter().filter(|slot| slot.close_reason().is_some()).count(), 2);
}

#[test]
fn a_sender_without_an_idle_connection_is_refused_beyond_its_share() {
    let connections = connections(8, 100, 2);
    let busy: Vec<_> = (0..6).map(|_| idle(&connections, 1)).collect();
    busy.iter().for_each(|slot| slot.activity().begin());
    assert_eq!(connections.open(source(1)).admit(&sender(1)), Err(ShareUsedUp));
    let _others = [2, 2].map(|number| idle(&connections, number));
    assert_eq!(reasons(&busy), [None; 6]);
}

#[test]
fn a_sender_with_only_busy_connections_closes_the_oldest_request_for_another_sender() {
    let connections = connections(8, 100, 2);
    let busy: Vec<_> = (0..6).map(|_| idle(&connections, 1)).collect();
    let order = [3, 0, 1, 2, 4, 5];
    order.iter().for_each(|index| busy[*index].activity().begin());
    let _strangers = [3, 4, 5].map(|host| connections.open(source(host)));
    assert_eq!(reasons(&busy), [None; 6]);
    let _others = [2, 2, 2].map(|number| idle(&connections, number));
    let closed = busy.iter().position(|slot| slot.close_reason() == Some(ConnectionRefusalReason::Share));
    assert_eq!(closed, Some(3));
    assert_eq!(reasons(&busy).iter().flatten().count(), 1);
}

#[test]
fn one_sender_may_use_all_connections_and_still_connect_again() {
    let connections = connections(4, 100, 1);
    let slots = [1; 4].map(|number| idle(&connections, number));
    assert_eq!(reasons(&slots), [None; 4]);
    let _fifth = idle(&connections, 1);
    assert_eq!(reasons(&slots), [Some(ConnectionRefusalReason::Share), None, None, None]);
}

#[tokio::test]
async fn no_connection_is_accepted_while_many_that_gave_way_are_open() {
    let connections = connections(8, 100, 1);
    let mut slots: Vec<_> = (0..10).map(|_| connections.open(source(1))).collect();
    assert!(connections.closing_ones_are_few().now_or_never().is_some());
    slots.push(connections.open(source(1)));
    let waits = connections.closing_ones_are_few();
    let mut waits = std::pin::pin!(waits);
    assert!(waits.as_mut().now_or_never().is_none());
    // The oldest is one that gave way.
    drop(slots.remove(0));
    assert!(waits.now_or_never().is_some());
}

proptest! {
    #[test]
    fn the_table_holds_what_is_open_and_not_more_than_the_limit(
        steps in prop::collection::vec((0..6_u8, 0..3_u8, any::<prop::sample::Index>()), 0..200),
        max in 1..20_usize,
        senders in 1..4_usize,
    ) {
        let connections = connections(max, 5, senders);
        let mut slots: Vec<Slot> = Vec::new();
        for (host, step, index) in steps {
            match step {
                0 => slots.push(connections.open(source(host))),
                1 if !slots.is_empty() => drop(slots.swap_remove(index.index(slots.len()))),
                _ => {
                    if let Some(slot) = slots.iter_mut().find(|slot| matches!(slot.owner, Owner::Address(_))) {
                        let _ = slot.admit(&sender(host % 3));
                        slot.activity().end();
                    }
                }
            }
            let state = connections.lock();
            let strangers: usize = state.strangers.len();
            let admitted: usize = state.senders.values().map(BTreeMap::len).sum();
            prop_assert_eq!(state.shares.held_by(&Holder::Strangers), strangers);
            for (name, records) in &state.senders {
                prop_assert_eq!(state.shares.held_by(&Holder::Sender(name.clone())), records.len());
            }
            prop_assert!(strangers + admitted <= max.max(1) + 1, "{} {}", strangers, admitted);
        }
        slots.clear();
        prop_assert!(!connections.lock().shares.is_exceeded());
        prop_assert_eq!(connections.lock().strangers.len(), 0);
    }
}
