//! A JetStream stream in NATS.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hookspool::forward::{
    Delivery, NatsSettings, SecretBytes, Target, TargetSettings, TargetTls, Template, Verdict,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::json;
use tokio::time::timeout;

use super::{block_on, entry, open, retry, unreachable};
use crate::servers::Options;
use crate::servers::nats::Nats;

fn settings(server: &Nats) -> NatsSettings {
    NatsSettings {
        urls: vec![server.url()],
        stream: "WEBHOOKS".to_owned(),
        subject: Template::parse("webhooks.{endpoint}.{event}").unwrap(),
        credentials: None,
        tls: TargetTls::default(),
        create_replicas: None,
    }
}

fn target(settings: &NatsSettings) -> Arc<dyn Target> {
    open(TargetSettings::Nats(settings.clone())).unwrap()
}

/// A server with the stream.
fn with_stream(lines: &'static str) -> Nats {
    let server = Nats::start(Options { lines, ..Options::default() });
    server.create_stream(json!({ "name": "WEBHOOKS", "subjects": ["webhooks.>"] }));
    server
}

fn ids(batch: &[Delivery]) -> Vec<String> {
    batch.iter().map(|delivery| delivery.facts.id.clone()).collect()
}

fn failed(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Failed { reason } => reason,
        _ => panic!("{verdict:?}"),
    }
}

fn done() -> Verdict {
    Verdict::Done { detail: "acknowledged".into() }
}

#[test]
fn each_entry_becomes_one_message_once() {
    let server = with_stream("");
    let target = target(&settings(&server));
    let batch: Vec<Delivery> = (0..500).map(|n| entry(format!("{n}\0"))).collect();
    block_on(async {
        assert_eq!(target.deliver(&batch[..300]).await, vec![done(); 300]);
        assert_eq!(target.deliver(&batch[200..]).await, vec![done(); 300]);
        assert_eq!(target.deliver(&[]).await, vec![]);
    });
    assert_eq!(server.ids("WEBHOOKS"), ids(&batch));
    let message = &server.messages("WEBHOOKS")[7];
    assert_eq!((message.subject.as_str(), message.payload.as_slice()), ("webhooks.pix.rec", &b"7\0"[..]));
    let id = batch[7].facts.id.as_str();
    for (name, value) in [
        ("Nats-Msg-Id", id),
        ("Nats-Expected-Stream", "WEBHOOKS"),
        ("ce-specversion", "1.0"),
        ("ce-id", id),
        ("ce-source", "/pix/efi"),
        ("ce-type", "hookspool.pix.rec"),
        ("ce-time", "2026-11-23T14:01:00.123456Z"),
        ("content-type", "application/json"),
    ] {
        assert_eq!(message.header(name), Some(value), "{name}");
    }
}

#[test]
fn a_missing_stream_is_created_only_if_configured() {
    let server = Nats::start(Options::default());
    let mut settings = settings(&server);
    let missing = target(&settings);
    assert_eq!(
        retry(&block_on(missing.deliver(&[entry("{}"), entry("{}")]))),
        "the NATS server has no stream `WEBHOOKS`; create it, or add `create_stream = { replicas = 1 }`"
    );
    settings.create_replicas = NonZeroUsize::new(3);
    let reason = block_on(target(&settings).deliver(&[entry("{}")]));
    assert!(retry(&reason).contains("replicas > 1 not supported"), "{reason:?}");
    settings.create_replicas = NonZeroUsize::new(1);
    settings.subject = Template::parse("webhooks.x-{endpoint}.{event}").unwrap();
    let batch = [entry("{}")];
    assert_eq!(block_on(target(&settings).deliver(&batch)), [done()]);
    let config = &server.stream("WEBHOOKS")["config"];
    assert_eq!(
        (&config["subjects"], &config["duplicate_window"], &config["num_replicas"], &config["storage"]),
        (&json!(["webhooks.*.*"]), &json!(3_600_000_000_000_u64), &json!(1), &json!("file"))
    );
    assert_eq!(server.ids("WEBHOOKS"), ids(&batch));
}

#[test]
fn streams_that_cannot_store_the_message_are_named() {
    let server = Nats::start(Options::default());
    let create = |name, subject| server.create_stream(json!({ "name": name, "subjects": [subject] }));
    let update = |subject| {
        let config =
            json!({ "name": "WEBHOOKS", "subjects": [subject], "retention": "limits", "storage": "file" });
        server.api("STREAM.UPDATE.WEBHOOKS", &config);
    };
    create("WEBHOOKS", "webhooks.boleto.>");
    let target = target(&settings(&server));
    let with_event = |event: &str| {
        let mut delivery = entry("{}");
        delivery.facts.event = Some(event.to_owned());
        delivery
    };
    block_on(async {
        assert_eq!(
            retry(&target.deliver(&[entry("{}")]).await),
            "the stream `WEBHOOKS` does not accept the subject `webhooks.pix.rec`, only `webhooks.boleto.>`"
        );
        let found = target.deliver(&[with_event("")]).await;
        assert_eq!(
            retry(&found),
            "the stream `WEBHOOKS` does not accept the subject `webhooks.pix._`, only `webhooks.boleto.>`"
        );
        // The stream's subjects are read again after a message was not accepted.
        update("webhooks.>");
        let batch = [entry("{}"), with_event("\u{e7} .>")];
        assert_eq!(target.deliver(&batch).await, [done(), done()]);
        assert_eq!(server.messages("WEBHOOKS")[1].subject, "webhooks.pix._____");
        // The subjects change while the connection is open.
        update("webhooks.boleto.>");
        let found = target.deliver(&[entry("{}")]).await;
        assert_eq!(retry(&found), "no stream accepts the subject `webhooks.pix.rec`");
        update("webhooks.>");
        assert_eq!(target.deliver(&[entry("{}")]).await, [done()]);
        update("webhooks.boleto.>");
        create("OTHER", "webhooks.pix.>");
        let found = target.deliver(&[entry("{}")]).await;
        assert!(retry(&found).contains("expected stream does not match"), "{found:?}");
        assert_eq!(server.stream("OTHER")["state"]["messages"], 0);
        for stream in ["WEBHOOKS", "OTHER"] {
            server.api(&format!("STREAM.DELETE.{stream}"), &json!({}));
        }
        server.create_stream(json!({ "name": "WEBHOOKS", "subjects": ["webhooks.>"], "no_ack": true }));
        let found = target.deliver(&[entry("{}")]).await;
        assert_eq!(retry(&found), "the stream `WEBHOOKS` does not acknowledge messages (`no_ack`)");
    });
}

#[test]
fn a_server_without_jetstream_is_unreachable() {
    let server = Nats::without_jetstream(Options::default());
    assert_eq!(
        unreachable(&block_on(target(&settings(&server)).deliver(&[entry("{}"), entry("{}")]))),
        "JetStream is not enabled on the NATS server"
    );
}

#[test]
fn messages_that_are_too_large_fail_and_the_others_are_stored() {
    let server = with_stream("max_payload: 4096");
    let target_of_server = target(&settings(&server));
    // With the headers, the first is too large too.
    let batch = [entry(vec![b'x'; 4000]), entry("{}"), entry(vec![b'x'; 100_000]), entry("{}")];
    let verdicts = block_on(target_of_server.deliver(&batch));
    for large in [&verdicts[0], &verdicts[2]] {
        assert_eq!(
            failed(large),
            "the message is larger than the NATS server accepts (`max_payload`): 4096 bytes, headers included"
        );
    }
    assert_eq!([&verdicts[1], &verdicts[3]], [&done(); 2]);
    assert_eq!(server.ids("WEBHOOKS"), [batch[1].facts.id.clone(), batch[3].facts.id.clone()]);

    server.api("STREAM.DELETE.WEBHOOKS", &json!({}));
    server.create_stream(json!({ "name": "WEBHOOKS", "subjects": ["webhooks.>"], "max_msg_size": 1000 }));
    let verdicts = block_on(target(&settings(&server)).deliver(&[entry(vec![b'x'; 2000]), entry("{}")]));
    assert_eq!(
        failed(&verdicts[0]),
        "the message is larger than the stream `WEBHOOKS` accepts (`max_msg_size`): 1000 bytes"
    );
    assert_eq!(verdicts[1], done());
}

#[test]
fn a_killed_server_is_unreachable_until_it_is_restarted_and_stores_each_message_once() {
    let mut server = with_stream("");
    let target = target(&settings(&server));
    let mut sent = BTreeSet::new();
    block_on(async {
        for _ in 0..3 {
            let batches: Vec<Vec<Delivery>> =
                (0..10).map(|_| (0..100).map(|_| entry("{}")).collect()).collect();
            let stored = sent.len();
            sent.extend(batches.iter().flat_map(|batch| ids(batch)));
            let all = futures_util::future::join_all(batches.iter().map(|batch| target.deliver(batch)));
            let kill = async {
                while tokio::task::block_in_place(|| server.stream("WEBHOOKS")["state"]["messages"] == stored)
                {
                    tokio::task::yield_now().await;
                }
                server.kill();
            };
            let (verdicts, ()) = futures_util::future::join(all, kill).await;
            let lost = |verdict: &Verdict| matches!(verdict, Verdict::Unreachable { .. });
            assert!(verdicts.iter().flatten().all(|verdict| *verdict == done() || lost(verdict)));
            let started = Instant::now();
            let found = target.deliver(&batches[0]).await;
            assert!(unreachable(&found).starts_with("cannot connect to NATS: "), "{found:?}");
            assert!(started.elapsed() < Duration::from_secs(10));
            tokio::task::block_in_place(|| server.restart());
            for batch in &batches {
                assert_eq!(target.deliver(batch).await, vec![done(); 100]);
            }
        }
    });
    let found = server.ids("WEBHOOKS");
    assert_eq!(found.len(), 3_000);
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), sent);
}

#[test]
fn a_dropped_attempt_does_not_disturb_the_next() {
    let server = with_stream("");
    let target = target(&settings(&server));
    let batch: Vec<Delivery> = (0..500).map(|_| entry("{}")).collect();
    block_on(async {
        for _ in 0..20 {
            let _ = timeout(Duration::from_millis(1), target.deliver(&batch)).await;
        }
        assert_eq!(target.deliver(&batch).await, vec![done(); 500]);
    });
    assert_eq!(
        server.ids("WEBHOOKS").into_iter().collect::<BTreeSet<_>>(),
        ids(&batch).into_iter().collect()
    );
    assert_eq!(server.stream("WEBHOOKS")["state"]["messages"], 500);
}

#[test]
fn errors_of_the_server_are_reasons() {
    let lines = "authorization { users: [
        { user: a, password: a, permissions: { publish: { deny: \"webhooks.pix.denied\" } } } ] }
        no_auth_user: a";
    let server = with_stream(lines);
    let urls = vec![server.url().replace("//", "//a:a@")];
    let target_of_server = target(&NatsSettings { urls, ..settings(&server) });
    let mut denied = entry("{}");
    denied.facts.event = Some("denied".to_owned());
    let verdicts = block_on(target_of_server.deliver(&[entry("{}"), denied, entry("{}")]));
    assert_eq!([&verdicts[0], &verdicts[2]], [&done(), &done()], "only one subject is denied");
    assert!(retry(&verdicts[1..2]).to_lowercase().contains("permissions violation"), "{verdicts:?}");
    assert_eq!(block_on(target(&settings(&server)).deliver(&[entry("{}")])), [done()]);

    let refusing = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let urls = vec![format!("nats://{}", refusing.local_addr().unwrap())];
    let answer = std::thread::spawn(move || {
        let (mut stream, _) = refusing.accept().unwrap();
        let info =
            json!({ "server_id": "a", "version": "2.9.10", "max_payload": 1024, "auth_required": true });
        stream.write_all(format!("INFO {info}\r\n-ERR 'Authorization Violation'\r\n").as_bytes()).unwrap();
        // Until the client disconnects.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let verdicts = block_on(target(&NatsSettings { urls, ..settings(&server) }).deliver(&[entry("{}")]));
    answer.join().unwrap();
    assert!(unreachable(&verdicts).to_lowercase().contains("authorization violation"), "{verdicts:?}");
    let credentials = Some(SecretBytes(b"confidential".to_vec().into()));
    let settings = NatsSettings { credentials, ..settings(&server) };
    let found = open(TargetSettings::Nats(settings)).unwrap_err();
    assert_eq!(found.to_string(), "`credentials` is not a credentials file of NATS, with a JWT and a seed");
}

#[test]
fn the_certificate_is_verified() {
    let server = Nats::start(Options { tls: true, ..Options::default() });
    server.create_stream(json!({ "name": "WEBHOOKS", "subjects": ["webhooks.>"] }));
    let other = Nats::start(Options { tls: true, ..Options::default() });
    let attempt = |tls| {
        let urls = vec![server.url().replace("nats://", "tls://")];
        block_on(target(&NatsSettings { urls, tls, ..settings(&server) }).deliver(&[entry("{}")]))
    };
    let anchors = |server: &Nats| vec![CertificateDer::from_pem_file(server.ca()).unwrap()];
    assert_eq!(attempt(TargetTls { anchors: anchors(&server), ..TargetTls::default() }), [done()]);
    assert_eq!(attempt(TargetTls { insecure: true, ..TargetTls::default() }), [done()]);
    for wrong in [TargetTls::default(), TargetTls { anchors: anchors(&other), ..TargetTls::default() }] {
        let verdicts = attempt(wrong);
        assert!(unreachable(&verdicts).contains("certificate"), "{verdicts:?}");
    }
}

/// Not a test: prints the entries per second.
#[test]
#[ignore = "a measurement"]
fn speed() {
    let server = with_stream("");
    let payload = format!("{{\"a\":\"{}\"}}", "0123456789abcdef".repeat(63));
    for concurrency in [1, 4, 8] {
        let batches: Vec<Vec<Delivery>> =
            (0..20).map(|_| (0..500).map(|_| entry(payload.clone())).collect()).collect();
        let target = target(&settings(&server));
        let start = Instant::now();
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
