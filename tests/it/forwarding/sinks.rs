//! The receivers for commands, PostgreSQL and NATS.

use serde_json::json;

use super::{DOCUMENT, KEYS, Running, Scene, forget_python_bookings, python_ledger};
use crate::documents::block;
use crate::servers::Options;
use crate::servers::nats::Nats;
use crate::servers::postgres::Postgres;
use crate::tools::bash;
use crate::world::eventually;

#[test]
fn command_books_each_entry_once() {
    let scene = Scene::new("command", &[("/usr/local/bin/", "./")]);
    scene.deliver();
    let _forward = scene.forward();
    scene.await_attempts("done", 3);
    scene.await_attempts("failed", 1);
    assert!(scene.failure().contains("exit status: 1"), "{}", scene.failure());
    scene.requeue();
    scene.await_attempts("done", 6);
    assert_eq!(scene.names("ledger").into_iter().collect::<Vec<_>>(), KEYS);
}

#[test]
fn workers_in_sql_are_notified_and_book_each_row_once() {
    let postgres = Postgres::start(Options::default());
    let scene = Scene::new(
        "database",
        &[("postgresql://app@db.example/app", &postgres.url()), ("password = \"secrets/postgres\"\n", "")],
    );
    postgres.sql(&bash(&scene.world, "\"$PROGRAM\" forward --print-schema"));
    postgres.sql(&block(DOCUMENT, "ALTER TABLE webhooks"));
    let line = "DATABASE='pgsql:host=localhost;dbname=app;user=app' php worker.php";
    let server = format!("host=127.0.0.1;port={};", postgres.port.number);
    let _workers = [0, 1].map(|_| Running::start(&scene.world, line, &[("host=localhost;", &server)]));
    let idle = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DEALLOCATE%' AND state = 'idle'";
    eventually("the workers wait for a notification", || (postgres.sql(idle) == "2").then_some(()));

    scene.deliver();
    let _forward = scene.forward();
    scene.await_attempts("done", 4);
    let items = "SELECT coalesce(items::text, '-') FROM webhooks ORDER BY id";
    eventually("the rows are marked", || (postgres.sql(items) == "1\n3\n1\n0").then_some(()));
    let keys = "SELECT key FROM booked ORDER BY key COLLATE \"C\"";
    assert_eq!(postgres.sql(keys), KEYS.join("\n"));

    postgres.sql("DELETE FROM booked");
    scene.requeue();
    scene.await_attempts("done", 8);
    assert_eq!(postgres.sql(items), "1\n3\n1\n0");
    // The next notification shows that the workers found nothing to do with the repetition.
    postgres.sql("INSERT INTO webhooks SELECT gen_random_uuid(), endpoint, sender, event, received_at, NULL, payload, '{\"pix\":[{\"endToEndId\":\"E1\"},\"x\"]}' FROM webhooks LIMIT 1; NOTIFY webhooks");
    eventually("the other row is booked", || (postgres.sql(keys) == "E1").then_some(()));
}

#[test]
fn subscriber_of_nats_books_each_entry_once_also_after_the_duplicate_window() {
    let nats = Nats::start(Options::default());
    let window = 100_000_000; // in nanoseconds: the shortest that nats-server accepts
    nats.create_stream(json!({"name": "WEBHOOKS", "subjects": ["webhooks.>"], "duplicate_window": window}));
    let scene = Scene::new(
        "stream",
        &[("tls://nats.example:4222", &nats.url()), ("credentials = \"secrets/nats.creds\"\n", "")],
    );
    let line = "python3 subscribe.py nats://localhost:4222 ledger.db";
    let _subscriber = Running::start(&scene.world, line, &[("nats://localhost:4222", &nats.url())]);
    eventually("the subscriber is registered", || {
        (nats.stream("WEBHOOKS")["state"]["consumer_count"] == 1).then_some(())
    });
    scene.deliver();
    let _forward = scene.forward();
    scene.await_attempts("done", 4);
    let pending = || {
        let info = nats.api("CONSUMER.INFO.WEBHOOKS.ledger", &json!({}));
        info["num_pending"].as_u64().unwrap() + info["num_ack_pending"].as_u64().unwrap()
    };
    eventually("everything is acknowledged", || (pending() == 0).then_some(()));
    assert_eq!(python_ledger(&scene.world, "booked"), KEYS);

    forget_python_bookings(&scene.world);
    // It is not a Pix, and was published after all entries, so their window has ended when its own has.
    let publish = || nats.publish("webhooks.other", &[("Nats-Msg-Id", "other")], b"{}").unwrap();
    publish();
    eventually("the window has ended", || publish().get("duplicate").is_none().then_some(()));
    scene.requeue();
    scene.await_attempts("done", 8);
    eventually("everything is acknowledged", || (pending() == 0).then_some(()));
    let mut ids: Vec<_> = nats.ids("WEBHOOKS").into_iter().filter(|id| id != "other").collect();
    ids.sort();
    assert!(ids.len() == 8 && ids.chunks(2).all(|pair| pair[0] == pair[1]), "not stored twice: {ids:?}");
    assert_eq!(python_ledger(&scene.world, "booked"), [""; 0]);
    assert_eq!(python_ledger(&scene.world, "received").len(), 3);
}
