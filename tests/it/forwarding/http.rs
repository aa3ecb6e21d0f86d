//! The receivers for HTTP.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpStream;
use std::process::Command;

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use base64ct::{Base64, Encoding as _};
use hookspool::clock::Timestamp;

use super::{KEYS, Running, Scene, forget_python_bookings, printed, python_ledger};
use crate::documents::block;
use crate::servers::Options;
use crate::servers::port::Port;
use crate::servers::postgres::Postgres;
use crate::world::eventually;

const PAYLOAD: &[u8] = br#"{"pix":[{"endToEndId":"E1"}]}"#;

/// Starts a receiver, and waits until it accepts connections.
fn receiver(line: &str, replaced: &[(&str, &str)]) -> (Scene, Port, Running) {
    let port = Port::reserve();
    let number = port.number.to_string();
    let scene = Scene::new("ledger", &[("3000", &number)]);
    let running = Running::start(&scene.world, line, &[&[("3000", &*number)], replaced].concat());
    eventually("the receiver accepts connections", || TcpStream::connect(("127.0.0.1", port.number)).ok());
    (scene, port, running)
}

/// Delivers everything twice; `booked` returns the keys, and `forget` removes the bookings in between.
fn deliver_twice(scene: &Scene, booked: impl Fn() -> Vec<String>, forget: impl Fn()) {
    scene.deliver();
    let _forward = scene.forward();
    scene.await_attempts("done", 3);
    scene.await_attempts("failed", 1);
    assert_eq!(booked(), KEYS);
    assert!(scene.failure().contains("410 Gone"), "{}", scene.failure());
    forget();
    let before = booked();
    scene.requeue();
    scene.await_attempts("done", 6);
    assert_eq!(booked(), before);
}

/// The status of a request with this time and these signatures.
fn status(port: &Port, timestamp: i64, signature: &str) -> String {
    let mut curl = Command::new("curl");
    curl.args(["-q", "-s", "--noproxy", "*", "--max-time", "20", "-o", "/dev/null", "-w", "%{http_code}"]);
    curl.args(["-H", "webhook-id: 01a229f4-6b6a-76e8-b1bd-b41c39182dff"]);
    curl.args(["-H", &format!("webhook-timestamp: {timestamp}")]);
    curl.args(["-H", &format!("webhook-signature: {signature}"), "--data-binary"]);
    curl.arg(str::from_utf8(PAYLOAD).unwrap()).arg(format!("http://127.0.0.1:{}/webhooks", port.number));
    printed(&mut curl)
}

/// Sends requests that are signed in the right way and in wrong ways.
fn check_signatures(scene: &Scene, port: &Port) {
    let secret = fs::read_to_string(scene.world.path("secrets/webhooks")).unwrap();
    let key = Base64::decode_vec(secret.trim().strip_prefix("whsec_").unwrap()).unwrap();
    let sign_with = |key: &[u8], timestamp: i64| {
        let signed =
            [format!("01a229f4-6b6a-76e8-b1bd-b41c39182dff.{timestamp}.").as_bytes(), PAYLOAD].concat();
        format!("v1,{}", Base64::encode_string(sign(&Key::new(HMAC_SHA256, key), &signed).as_ref()))
    };
    let now = Timestamp::now().as_second();
    for wrong in ["", "v1,", "v1,AAAA", "é", &sign_with(b"another", now), &sign_with(&key, now - 1)] {
        assert_eq!(status(port, now, wrong), "401", "{wrong}");
    }
    for late in [now - 400, now + 400] {
        assert_eq!(status(port, late, &sign_with(&key, late)), "401");
    }
    let several = format!("v1,AAAA {}", sign_with(&key, now));
    assert_eq!(status(port, now, &several), "200");
}

#[test]
fn php_books_each_entry_once() {
    let postgres = Postgres::start(Options::default());
    postgres.sql(&block(super::DOCUMENT, "CREATE TABLE received"));
    let line = "SECRET=secrets/webhooks DATABASE='pgsql:host=localhost;dbname=app;user=app' php -S localhost:3000 receive.php";
    let server = format!("host=127.0.0.1;port={};", postgres.port.number);
    let (scene, port, _php) = receiver(line, &[("host=localhost;", &server), ("localhost:", "127.0.0.1:")]);
    let rows = |sql: &str| postgres.sql(sql).lines().map(str::to_owned).collect::<Vec<_>>();
    let booked = || rows("SELECT key FROM booked ORDER BY key COLLATE \"C\"");
    deliver_twice(&scene, booked, || drop(postgres.sql("DELETE FROM booked")));
    assert_eq!(rows("SELECT entry FROM received").len(), 3);
    check_signatures(&scene, &port);
    assert_eq!(booked(), ["E1"]);
}

#[test]
fn python_books_each_entry_once() {
    let (scene, port, _python) = receiver("python3 receive.py 3000 secrets/webhooks ledger.db", &[]);
    let booked = || python_ledger(&scene.world, "booked");
    deliver_twice(&scene, booked, || forget_python_bookings(&scene.world));
    assert_eq!(python_ledger(&scene.world, "received").len(), 3);
    check_signatures(&scene, &port);
    assert_eq!(booked(), ["E1"]);
}

#[test]
fn node_books_each_entry_once() {
    let (scene, port, _node) = receiver("node receive.js 3000 secrets/webhooks ledger", &[]);
    let booked = || scene.names("ledger").into_iter().collect();
    deliver_twice(&scene, booked, || ());
    check_signatures(&scene, &port);
    let all: BTreeSet<_> = KEYS.into_iter().chain(["E1"]).map(str::to_owned).collect();
    assert_eq!(scene.names("ledger"), all);
}
