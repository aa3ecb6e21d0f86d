//! PostgreSQL and NATS as targets: killed under load, and with entries that they do not accept.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use super::{Forward, consumer, put, queue, why, world_with};
use crate::servers::Options;
use crate::servers::nats::Nats;
use crate::servers::postgres::Postgres;
use crate::world::{TIMEOUT, World, eventually, program, rounds};

fn to_postgres(server: &Postgres, more: &str) -> String {
    consumer("pix", &format!("postgres = {{ url = \"{}\"{more} }}", server.url()), "")
}

fn to_nats(server: &Nats) -> String {
    let (url, subject) = (server.url(), "subject = \"webhooks.{endpoint}\"");
    consumer("pix", &format!("nats = {{ urls = [\"{url}\"], stream = \"WEBHOOKS\", {subject} }}"), "")
}

fn create_table(world: &World, server: &Postgres) {
    server.sql(&String::from_utf8(world.run(&["forward", "--print-schema"]).stdout).unwrap());
}

fn puts(world: &World, count: usize) -> BTreeSet<String> {
    (0..count).map(|n| put(world, "pix", format!("{{\"n\":{n}}}").as_bytes())).collect()
}

/// Waits until this number of entries is done, or until all of them wait because the target is down.
fn done(world: &World, forward: &Forward<'_>, count: usize) {
    eventually("entries are done", || {
        (queue(world, "pix", "done").len() >= count || forward.status("to-pix")["target_up"] == false)
            .then_some(())
    });
}

/// Puts entries while `restart` kills the server and starts it again. Returns the IDs of all.
fn under_load(world: &World, forward: &Forward<'_>, mut restart: impl FnMut()) -> BTreeSet<String> {
    let (mut ids, each, rounds) = (BTreeSet::new(), 1_000, rounds(3));
    for round in 1..=rounds {
        std::thread::scope(|scope| {
            let putting = scope.spawn(|| puts(world, each));
            // In the middle of the load.
            done(world, forward, (round - 1) * each + each / 4);
            restart();
            ids.extend(putting.join().unwrap());
        });
        forward.drained("pix");
    }
    assert!(!forward.lines("target down; making one attempt at a time").is_empty());
    assert_eq!(queue(world, "pix", "done"), ids);
    eprintln!("{} entries, {rounds} restarts", ids.len());
    ids
}

#[test]
fn killed_postgresql_stores_each_entry_in_exactly_one_row_and_notifies() {
    let mut server = Postgres::start(Options::default());
    let world = world_with(&to_postgres(&server, ", notify = \"hooks\""));
    create_table(&world, &server);
    let forward = Forward::start(&world);
    let ids = under_load(&world, &forward, || {
        server.kill();
        server.restart();
    });
    let rows = server.sql("SELECT id FROM webhooks ORDER BY id");
    assert_eq!(rows.lines().collect::<Vec<_>>(), ids.iter().collect::<Vec<_>>());
    assert_eq!(
        server.sql("SELECT count(*) FROM webhooks WHERE convert_from(payload, 'UTF8')::jsonb = payload_json"),
        ids.len().to_string()
    );

    let url = server.url();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, mut connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        let notification = tokio::spawn(async move {
            loop {
                let message = std::future::poll_fn(|context| connection.poll_message(context)).await;
                if let tokio_postgres::AsyncMessage::Notification(found) = message.unwrap().unwrap() {
                    return found.channel().to_owned();
                }
            }
        });
        client.batch_execute("LISTEN hooks").await.unwrap();
        put(&world, "pix", b"{}");
        assert_eq!(tokio::time::timeout(TIMEOUT, notification).await.unwrap().unwrap(), "hooks");
    });
    forward.drained("pix");
    forward.stop();
}

#[test]
fn killed_nats_server_stores_each_entry_in_exactly_one_message() {
    let mut server = Nats::start(Options::default());
    server.create_stream(json!({ "name": "WEBHOOKS", "subjects": ["webhooks.>"] }));
    let world = world_with(&to_nats(&server));
    let forward = Forward::start(&world);
    let ids = under_load(&world, &forward, || {
        server.kill();
        server.restart();
    });
    let stored = server.ids("WEBHOOKS");
    assert_eq!(stored.len(), ids.len());
    assert_eq!(stored.into_iter().collect::<BTreeSet<_>>(), ids);
    forward.stop();
}

#[test]
fn one_row_that_the_table_rejects_fails_alone() {
    let server = Postgres::start(Options::default());
    let world = world_with(&to_postgres(&server, ""));
    create_table(&world, &server);
    server.sql("ALTER TABLE webhooks ADD CONSTRAINT amounts CHECK (payload <> '{\"n\":612}'::bytea)");
    let ids = puts(&world, 1_000);
    let forward = Forward::start(&world);
    forward.drained("pix");
    assert_eq!(server.sql("SELECT count(*), count(DISTINCT id) FROM webhooks"), "999|999");
    let failed: Vec<_> = queue(&world, "pix", "failed").into_iter().collect();
    assert_eq!(failed, [ids.iter().nth(612).unwrap().clone()]);
    let note = why(&world, "pix", &failed[0]);
    let reason = note["reason"].as_str().unwrap();
    assert!(reason.contains("violates check constraint \"amounts\" (SQLSTATE 23514)"), "{note}");
    assert_eq!(queue(&world, "pix", "done").len(), 999);
    forward.stop();
}

#[test]
fn missing_table_another_schema_and_read_only_are_named_until_the_entries_arrive() {
    let server = Postgres::start(Options::default());
    let world = world_with(&to_postgres(&server, ", table = \"audit.webhooks\""));
    let ids = puts(&world, 30);
    let forward = Forward::start(&world);
    let reason = |part: &str| {
        forward.wait("to-pix", part, |status| {
            status["last_error"]["reason"].as_str().is_some_and(|reason| reason.contains(part))
        });
    };
    reason("`hookspool forward --print-schema`");
    server.sql("CREATE SCHEMA audit; CREATE TABLE audit.webhooks (id uuid PRIMARY KEY)");
    reason("column \"endpoint\" of relation \"webhooks\" does not exist");
    let schema = world.run(&["forward", "--print-schema", "audit.webhooks"]).stdout;
    server.sql(&format!("DROP TABLE audit.webhooks; {}", String::from_utf8(schema).unwrap()));
    server.sql("ALTER DATABASE app SET default_transaction_read_only = on");
    server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'hookspool'");
    put(&world, "pix", b"{}");
    reason("read-only");
    server.sql("BEGIN READ WRITE; ALTER DATABASE app RESET default_transaction_read_only; COMMIT");
    server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'hookspool'");
    forward.drained("pix");
    assert_eq!(queue(&world, "pix", "done").len(), ids.len() + 1);
    assert_eq!(server.sql("SELECT count(*) FROM audit.webhooks"), (ids.len() + 1).to_string());
    forward.stop();
}

#[test]
fn payload_above_the_limit_of_the_nats_server_fails_and_the_reason_names_the_limit() {
    let server = Nats::start(Options { lines: "max_payload: 4096", ..Options::default() });
    server.create_stream(json!({ "name": "WEBHOOKS", "subjects": ["webhooks.>"] }));
    let world = world_with(&to_nats(&server));
    let small = puts(&world, 20);
    let large = put(&world, "pix", &[b'x'; 5_000]);
    let forward = Forward::start(&world);
    forward.drained("pix");
    assert_eq!(queue(&world, "pix", "failed"), BTreeSet::from([large.clone()]));
    let note = why(&world, "pix", &large);
    assert!(note["reason"].as_str().unwrap().contains("4096 bytes"), "{note}");
    assert_eq!(server.ids("WEBHOOKS").into_iter().collect::<BTreeSet<_>>(), small);
    forward.stop();
}

/// What docs/forwarding.md states about the duplicate window.
#[test]
fn entry_that_is_published_again_is_stored_twice_only_after_the_duplicate_window() {
    let server = Nats::start(Options::default());
    let window = Duration::from_secs(2);
    let nanoseconds = u64::try_from(window.as_nanos()).unwrap();
    server.create_stream(
        json!({ "name": "WEBHOOKS", "subjects": ["webhooks.>"], "duplicate_window": nanoseconds }),
    );
    let world = world_with(&to_nats(&server));
    // Killed on the move to `done`, after the acknowledgment.
    let killed_after_acknowledgment = |id: &str, stored: usize| {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qqq", "-o", "/dev/null", "-e", "inject=renameat:signal=KILL"]);
        strace.arg("-P").arg(world.path("spool/pix/done")).arg(program());
        Forward::start_by(&world, strace).ended();
        assert_eq!(queue(&world, "pix", "taken"), BTreeSet::from([id.to_owned()]));
        assert_eq!(server.ids("WEBHOOKS").len(), stored);
    };
    let repeated = |id: &str| {
        let forward = Forward::start(&world);
        forward.drained("pix");
        assert!(queue(&world, "pix", "done").contains(id));
        forward.logged("duplicate window of the stream too short; retries may store duplicates", |_| true);
        forward.stop();
        server.ids("WEBHOOKS").into_iter().filter(|found| found == id).count()
    };
    // Within the window, unless this machine is very slow: then the case is repeated.
    let is_stored_once = eventually("a repetition within the window", || {
        let before = server.ids("WEBHOOKS").len();
        let id = put(&world, "pix", b"{}");
        killed_after_acknowledgment(&id, before + 1);
        let start = std::time::Instant::now();
        let count = repeated(&id);
        (start.elapsed() < window / 2).then_some(count == 1)
    });
    assert!(is_stored_once);

    let before = server.ids("WEBHOOKS").len();
    let id = put(&world, "pix", b"{}");
    killed_after_acknowledgment(&id, before + 1);
    // A message that the server accepts again was published after the entry.
    let probe = || server.publish("webhooks.probe", &[("Nats-Msg-Id", "probe")], b"{}").unwrap();
    probe();
    eventually("the window is over", || probe().get("duplicate").is_none().then_some(()));
    assert_eq!(repeated(&id), 2);
}
