//! Attacks with HTTP/2: large header sections, many streams, and frames that do no work.

use std::io;

use tokio::io::AsyncWriteExt;

use super::target::{Target, hold, pour, swarm};
use super::{Attack, Attackers};

/// The preface and empty settings.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// The requests of one attacking connection, at most: the numbers of its streams do not run out.
const STREAMS: u32 = 128;
/// Indexed fields of one request: 35 bytes each in the decoded list, and one byte on the wire.
const FIELDS: usize = 1_800;
/// The static table's entry `via`, with an empty value.
const VIA: u8 = 0x80 | 60;

const DATA: u8 = 0x0;
const HEADERS: u8 = 0x1;
const PRIORITY: u8 = 0x2;
const RST_STREAM: u8 = 0x3;
const SETTINGS: u8 = 0x4;
const PING: u8 = 0x6;
const WINDOW_UPDATE: u8 = 0x8;
const CONTINUATION: u8 = 0x9;
const UNKNOWN: u8 = 0xfa;
const END_HEADERS: u8 = 0x4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&[a, b, c, kind, flags], &stream.to_be_bytes()[..], payload].concat()
}

/// The header block of a POST to the endpoint of the greedy sender.
fn post() -> Vec<u8> {
    b"\x83\x87\x01\x09localhost\x04\x07/greedy".to_vec()
}

/// Odd numbers from 1: the streams that a client opens.
fn streams(count: u32) -> impl Iterator<Item = u32> {
    (0..count).map(|number| 2 * number + 1)
}

async fn many_fields(target: Target) -> io::Result<()> {
    let block = [post(), vec![VIA; FIELDS]].concat();
    let requests = streams(STREAMS).flat_map(|stream| frame(HEADERS, END_HEADERS, stream, &block)).collect();
    send_and_hold(target, requests).await
}

async fn many_streams(target: Target) -> io::Result<()> {
    let begin =
        |stream| [frame(HEADERS, END_HEADERS, stream, &post()), frame(DATA, 0, stream, b"{")].concat();
    send_and_hold(target, streams(115).flat_map(begin).collect()).await
}

async fn send_and_hold(target: Target, frames: Vec<u8>) -> io::Result<()> {
    let mut stream = target.greedy_http2().await?;
    stream.write_all(PREFACE).await?;
    stream.write_all(&frames).await?;
    stream.flush().await?;
    target.acted();
    hold(stream).await
}

pub fn header_sections(target: Target) -> Attackers {
    swarm(target, 50, many_fields)
}

pub fn streams_under_way(target: Target) -> Attackers {
    swarm(target, 60, many_streams)
}

#[test]
fn large_header_sections() {
    let counted = &["hookspool_deliveries_total{endpoint=\"-\",outcome=\"headers_too_large\"}"];
    let attack = Attack::new("1,800 fields per request on 50 HTTP/2 connections", header_sections);
    attack.full_strength(50).counted(200, counted).memory_max(300).play();
}

#[test]
fn many_deliveries_under_way() {
    let counted = &["hookspool_deliveries_total{endpoint=\"greedy\",outcome=\"unavailable\"}"];
    let attack = Attack::new("115 deliveries on each of 60 HTTP/2 connections", streams_under_way);
    attack.full_strength(60).counted(200, counted).play();
}

/// One kind of frame without end, on 16 connections. `begin` follows the preface.
async fn flood(target: Target, begin: Vec<u8>, mut next: impl FnMut() -> Vec<u8>) -> io::Result<()> {
    let stream = target.greedy_http2().await?;
    pour(stream, &[PREFACE, &begin].concat(), || (0..256).flat_map(|_| next()).collect(), &target).await
}

pub fn pings(target: Target) -> Attackers {
    swarm(target, 16, |target| flood(target, Vec::new(), || frame(PING, 0, 0, &[0; 8])))
}

pub fn resets(target: Target) -> Attackers {
    swarm(target, 16, |target| {
        let mut stream = 1;
        flood(target, Vec::new(), move || {
            let request = frame(HEADERS, END_HEADERS, stream, &post());
            let reset = frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]);
            stream += 2;
            [request, reset].concat()
        })
    })
}

/// The reasons for GOAWAY. The honest senders use HTTP/1.1.
const RATE: &[&str] = &["hookspool_http2_goaways_total{reason=\"rate\"}"];
const HEADER_SECTION: &[&str] = &["hookspool_http2_goaways_total{reason=\"headers\"}"];
const LIBRARY: &[&str] = &["hookspool_http2_goaways_total{reason=\"library\"}"];
/// The library and the daemon both limit RST_STREAM.
const EITHER: &[&str] = &[RATE[0], LIBRARY[0]];

/// A test for each kind of frame.
macro_rules! floods {
    ($($name:ident: $title:literal, $counted:expr, $attackers:expr;)+) => { $(
        #[test]
        fn $name() {
            Attack::new(concat!("HTTP/2 flood of ", $title), $attackers)
                .full_strength(64).counted(32, $counted).play();
        }
    )+ };
}

floods! {
    flood_of_pings: "PING", RATE, pings;
    flood_of_settings: "SETTINGS", RATE,
        |target| swarm(target, 16, |target| flood(target, Vec::new(), || frame(SETTINGS, 0, 0, b"")));
    flood_of_resets: "HEADERS and RST_STREAM", EITHER, resets;
    flood_of_resets_of_closed_streams: "RST_STREAM", EITHER, |target| swarm(target, 16, |target| {
        let begin = [frame(HEADERS, END_HEADERS, 1, &post()), frame(RST_STREAM, 0, 1, &[0, 0, 0, 8])].concat();
        flood(target, begin, || frame(RST_STREAM, 0, 1, &[0, 0, 0, 8]))
    });
    flood_of_priorities: "PRIORITY", RATE, |target| swarm(target, 16, |target| {
        flood(target, Vec::new(), || frame(PRIORITY, 0, 1, &[0, 0, 0, 3, 1]))
    });
    flood_of_window_updates: "WINDOW_UPDATE", RATE, |target| swarm(target, 16, |target| {
        flood(target, frame(HEADERS, END_HEADERS, 1, &post()), || frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]))
    });
    flood_of_unknown_frames: "unknown frames", RATE,
        |target| swarm(target, 16, |target| flood(target, Vec::new(), || frame(UNKNOWN, 0, 0, b"")));
    flood_of_empty_data: "empty DATA", LIBRARY, |target| swarm(target, 16, |target| {
        flood(target, frame(HEADERS, END_HEADERS, 1, &post()), || frame(DATA, 0, 1, b""))
    });
    flood_of_continuations: "CONTINUATION", HEADER_SECTION, |target| swarm(target, 16, |target| {
        flood(target, frame(HEADERS, 0, 1, &post()), || frame(CONTINUATION, 0, 1, b""))
    });
}
