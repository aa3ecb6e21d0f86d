//! A table in PostgreSQL.

use std::sync::Arc;
use std::time::Duration;

use hookspool::forward::{
    Delivery, PostgresSettings, SecretBytes, Target, TargetSettings, TargetTls, Verdict, print_schema,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tokio::time::timeout;

use super::{block_on, entry, open, retry, unreachable};
use crate::servers::Options;
use crate::servers::postgres::{Postgres, psql};
use crate::world::eventually;

fn settings(server: &Postgres) -> PostgresSettings {
    PostgresSettings {
        url: server.url(),
        table: vec!["webhooks".to_owned()],
        password: None,
        notify: None,
        tls: None,
    }
}

fn target(server: &Postgres) -> Arc<dyn Target> {
    with(settings(server))
}

fn with(settings: PostgresSettings) -> Arc<dyn Target> {
    open(TargetSettings::Postgres(settings)).unwrap()
}

/// A server with the table.
fn with_table(options: Options) -> Postgres {
    let server = Postgres::start(options);
    server.sql(&print_schema(&["webhooks".to_owned()]));
    server
}

fn done() -> Verdict {
    Verdict::Done { detail: "committed".into() }
}

#[test]
fn each_entry_becomes_one_row_once() {
    let server = with_table(Options::default());
    let target = target(&server);
    let mut batch: Vec<Delivery> = (0..500).map(|n| entry(format!("{{\"n\": {n}}}"))).collect();
    batch[1].facts.event = None;
    batch[1].facts.duplicate_of = Some(batch[0].facts.id.clone());
    block_on(async {
        assert_eq!(target.deliver(&batch[..300]).await, vec![done(); 300]);
        assert_eq!(target.deliver(&batch[200..]).await, vec![done(); 300]);
        let [first, second] = [target.deliver(&batch), target.deliver(&batch)];
        assert_eq!(futures_util::future::join(first, second).await.0, vec![done(); 500]);
        assert_eq!(target.deliver(&[]).await, vec![]);
    });
    assert_eq!(
        server.sql("SELECT count(*), count(DISTINCT id), sum((payload_json->>'n')::int) FROM webhooks"),
        "500|500|124750"
    );
    let row = |n: usize| {
        server.sql(&format!(
            "SELECT id, endpoint, sender, event, received_at AT TIME ZONE 'UTC', duplicate_of, convert_from(payload, 'UTF8'), \
             payload_json, envelope->>'id', stored_at > now() - interval '1 minute' FROM webhooks WHERE id = '{}'",
            batch[n].facts.id
        ))
    };
    let [zero, one] = [0, 1].map(|n| batch[n].facts.id.as_str());
    assert_eq!(
        row(0),
        format!("{zero}|pix|efi|rec|2026-11-23 14:01:00.123456||{{\"n\": 0}}|{{\"n\": 0}}|{zero}|t")
    );
    assert_eq!(
        row(1),
        format!("{one}|pix|efi||2026-11-23 14:01:00.123456|{zero}|{{\"n\": 1}}|{{\"n\": 1}}|{one}|t")
    );
}

#[test]
fn payloads_that_are_not_storable_json_are_stored_as_bytes_only() {
    let server = with_table(Options::default());
    let target = target(&server);
    let deep = "[".repeat(50_000) + &"]".repeat(50_000);
    let payloads: [&[u8]; 9] = [
        b"",
        b"pix=1",
        b"\xFF\x00\xFE",
        b"{\"a\":\"\\u0000\"}",
        b"\"\\ud83d\"",
        b"[1e400000]",
        deep.as_bytes(),
        b"{\"a\":",
        b"\0",
    ];
    let mut batch: Vec<Delivery> = (0..91).map(|_| entry("{\"a\": \"\\u00e7\"}")).collect();
    batch.extend(payloads.map(entry));
    assert_eq!(block_on(target.deliver(&batch)), vec![done(); 100]);
    let count = "SELECT count(*), count(payload_json), count(envelope), count(*) FILTER (WHERE payload_json->>'a' = 'ç')";
    assert_eq!(server.sql(&format!("{count} FROM webhooks")), "100|91|100|91");
    for delivery in &batch[91..] {
        let hex: String = delivery.payload.iter().map(|byte| format!("{byte:02x}")).collect();
        let found = server
            .sql(&format!("SELECT encode(payload, 'hex') FROM webhooks WHERE id = '{}'", delivery.facts.id));
        assert_eq!(found, hex);
    }
}

#[test]
fn rows_that_the_table_rejects_are_found_and_the_others_are_stored() {
    let server = with_table(Options::default());
    server.sql(
        "ALTER TABLE webhooks ADD CONSTRAINT small CHECK (octet_length(payload) < 1000);
         CREATE FUNCTION busy() RETURNS trigger LANGUAGE plpgsql AS
         'BEGIN IF new.payload = ''later'' THEN RAISE ''not yet''; END IF; RETURN new; END';
         CREATE TRIGGER busy BEFORE INSERT ON webhooks FOR EACH ROW EXECUTE FUNCTION busy()",
    );
    let target = target(&server);
    let mut batch: Vec<Delivery> = (0..1000).map(|n| entry(format!("{{\"n\":{n}}}"))).collect();
    batch[777] = entry("confidential".repeat(100));
    let failed = |verdict: &Verdict| match verdict {
        Verdict::Failed { reason } => reason.clone(),
        other => panic!("{other:?}"),
    };
    let verdicts = block_on(target.deliver(&batch));
    let rejected: Vec<_> = (0..1000).filter(|n| verdicts[*n] != done()).collect();
    assert_eq!(rejected, [777]);
    assert_eq!(
        failed(&verdicts[777]),
        "new row for relation \"webhooks\" violates check constraint \"small\" (SQLSTATE 23514)"
    );
    assert_eq!(server.sql("SELECT count(*) FROM webhooks"), "999");

    let batch = [entry("one"), entry("later"), entry("1".repeat(1000)), entry("two")];
    let verdicts = block_on(target.deliver(&batch));
    assert_eq!([&verdicts[0], &verdicts[3]], [&done(); 2]);
    assert_eq!(retry(&verdicts[1..2]), "not yet (SQLSTATE P0001)");
    assert!(failed(&verdicts[2]).contains("small"));
}

#[test]
fn schema_faults_are_retried_with_a_solution() {
    let server = Postgres::start(Options::default());
    let attempt = || block_on(target(&server).deliver(&[entry("{}"), entry("{}")]));
    assert_eq!(
        retry(&attempt()),
        "relation \"webhooks\" does not exist (SQLSTATE 42P01); `hookspool forward --print-schema` prints the \
         statement that creates the table"
    );
    server.sql("CREATE TABLE webhooks (id uuid PRIMARY KEY, endpoint text)");
    assert_eq!(
        retry(&attempt()),
        "column \"sender\" of relation \"webhooks\" does not exist (SQLSTATE 42703); `hookspool forward \
         --print-schema` prints the columns that it needs"
    );
    server.sql(&format!(
        "DROP TABLE webhooks; {}; ALTER TABLE webhooks DROP CONSTRAINT webhooks_pkey",
        print_schema(&["webhooks".to_owned()])
    ));
    assert!(retry(&attempt()).contains("42P10"), "{:?}", attempt());
    server.sql("ALTER TABLE webhooks ADD PRIMARY KEY (id); ALTER DATABASE app SET default_transaction_read_only = on");
    assert_eq!(retry(&attempt()), "cannot execute INSERT in a read-only transaction (SQLSTATE 25006)");
    server.sql("BEGIN READ WRITE; ALTER DATABASE app RESET default_transaction_read_only; COMMIT");
    server.sql("CREATE USER other; GRANT INSERT ON webhooks TO other");
    let url = server.url().replace("app@", "other@");
    let other = with(PostgresSettings { url, ..settings(&server) });
    assert_eq!(
        retry(&block_on(other.deliver(&[entry("{}")]))),
        "permission denied for table webhooks (SQLSTATE 42501); the role needs INSERT and SELECT on the table"
    );
    server.sql("GRANT SELECT ON webhooks TO other");
    assert_eq!(block_on(other.deliver(&[entry("{}")])), [done()]);
    assert_eq!(attempt(), vec![done(); 2]);
}

#[test]
fn a_server_that_was_killed_is_unreachable_until_it_is_restarted() {
    let mut server = with_table(Options::default());
    let target = target(&server);
    let batch = [entry("{}")];
    block_on(async {
        assert_eq!(target.deliver(&batch).await, [done()]);
        server.kill();
        for _ in 0..3 {
            unreachable(&target.deliver(&batch).await);
        }
        server.restart();
        let batch = [entry("{}")];
        assert_eq!(target.deliver(&batch).await, [done()]);
    });
    assert_eq!(server.sql("SELECT count(*) FROM webhooks"), "2");
    let unknown = server.url().replace("/app", "/unknown").replace("//unknown@", "//app@");
    let unknown = with(PostgresSettings { url: unknown, ..settings(&server) });
    assert_eq!(
        unreachable(&block_on(unknown.deliver(&batch))),
        "cannot connect to PostgreSQL: database \"unknown\" does not exist (SQLSTATE 3D000)"
    );
}

#[test]
fn a_dropped_attempt_ends_on_the_server() {
    let server = with_table(Options::default());
    let target = target(&server);
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'hookspool'";
    block_on(async {
        assert_eq!(target.deliver(&[entry("{}")]).await, [done()]);
        let lock = "BEGIN; LOCK TABLE webhooks; SELECT pg_sleep(60)";
        let url = server.url();
        let locked = std::thread::spawn(move || psql(&url, lock));
        let holds = "SELECT count(*) FROM pg_locks WHERE relation = 'webhooks'::regclass AND mode = 'AccessExclusiveLock' AND granted";
        eventually("the table is locked", || (server.sql(holds) == "1").then_some(()));
        let batch = [entry("{}")];
        {
            let attempt = target.deliver(&batch);
            tokio::pin!(attempt);
            loop {
                assert!(timeout(Duration::from_millis(20), &mut attempt).await.is_err());
                let waits = format!("{sessions} AND wait_event_type = 'Lock'");
                if tokio::task::block_in_place(|| server.sql(&waits)) == "1" {
                    break;
                }
            }
        }
        tokio::task::block_in_place(|| {
            eventually("the statement ends", || (server.sql(sessions) == "0").then_some(()));
            server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()");
            assert!(locked.join().unwrap().is_err());
        });
        assert_eq!(target.deliver(&batch).await, [done()]);
    });
    assert_eq!(server.sql("SELECT count(*) FROM webhooks"), "2");
}

#[test]
fn a_listener_is_notified_once_for_each_transaction_that_inserts() {
    let server = with_table(Options::default());
    let notify = Some("Hooks arrived".to_owned());
    let target = with(PostgresSettings { notify, ..settings(&server) });
    let batch: Vec<Delivery> = (0..10).map(|_| entry("{}")).collect();
    block_on(async {
        let (client, mut connection) =
            tokio_postgres::connect(&server.url(), tokio_postgres::NoTls).await.unwrap();
        let (sender, mut notifications) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(Ok(message)) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
                if let tokio_postgres::AsyncMessage::Notification(found) = message {
                    sender.send(format!("{} {}", found.channel(), found.payload())).unwrap();
                }
            }
        });
        client.batch_execute("LISTEN \"Hooks arrived\"; LISTEN last").await.unwrap();
        for part in [&batch[..4], &batch[..4], &batch] {
            assert_eq!(target.deliver(part).await, vec![done(); part.len()]);
        }
        client.batch_execute("NOTIFY last").await.unwrap();
        let mut found = Vec::new();
        while found.last().is_none_or(|last| last != "last ") {
            found.push(timeout(crate::world::TIMEOUT, notifications.recv()).await.unwrap().unwrap());
        }
        assert_eq!(found, ["Hooks arrived ", "Hooks arrived ", "last "]);
    });
}

#[test]
fn the_certificate_and_the_password_are_verified() {
    let server = with_table(Options { tls: true, password: true, ..Options::default() });
    let anchors = vec![CertificateDer::from_pem_file(server.ca()).unwrap()];
    let password = std::fs::read(server.password_file()).unwrap();
    let attempt = |tls: Option<TargetTls>, password: Option<&[u8]>| {
        let password = password.map(|password| SecretBytes(password.to_vec().into()));
        let target = with(PostgresSettings { tls, password, ..settings(&server) });
        block_on(target.deliver(&[entry("{}")]))
    };
    let tls = || Some(TargetTls { anchors: anchors.clone(), ..TargetTls::default() });
    assert_eq!(attempt(tls(), Some(&password)), [done()]);
    let insecure = Some(TargetTls { insecure: true, ..TargetTls::default() });
    assert_eq!(attempt(insecure, Some(&password)), [done()]);
    let found = attempt(tls(), Some(b"wrong"));
    assert_eq!(
        unreachable(&found),
        "cannot connect to PostgreSQL: password authentication failed for user \"app\" (SQLSTATE 28P01)"
    );
    let other = with_table(Options { tls: true, ..Options::default() });
    let anchors = vec![CertificateDer::from_pem_file(other.ca()).unwrap()];
    let found = attempt(Some(TargetTls { anchors, ..TargetTls::default() }), Some(&password));
    assert!(unreachable(&found).contains("certificate"), "{found:?}");
    let found = attempt(None, Some(&password));
    assert!(unreachable(&found).contains("no encryption"), "{found:?}");
    let found = attempt(tls(), None);
    assert!(unreachable(&found).contains("password"), "{found:?}");
}

/// Not a test: prints the entries per second.
#[test]
#[ignore = "a measurement"]
fn speed() {
    let server = with_table(Options::default());
    let target = target(&server);
    let payload = format!("{{\"a\":\"{}\"}}", "0123456789abcdef".repeat(63));
    let batches: Vec<Vec<Delivery>> =
        (0..20).map(|_| (0..500).map(|_| entry(payload.clone())).collect()).collect();
    for concurrency in [1, 4, 8] {
        server.sql("TRUNCATE webhooks");
        let start = std::time::Instant::now();
        block_on(async {
            use futures_util::StreamExt as _;
            let all = futures_util::stream::iter(&batches).map(|batch| target.deliver(batch));
            all.buffer_unordered(concurrency)
                .for_each(|found| async move { assert_eq!(found[0], done()) })
                .await;
        });
        let seconds = start.elapsed().as_secs_f64();
        eprintln!("{concurrency} batches in flight: {:.0} entries/s", 10_000.0 / seconds);
    }
}
