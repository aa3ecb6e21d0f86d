//! `hookspool view` in Debian's chromium. Each test runs a script of `browser/`, with the Node packages of `tests/node`.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hookspool::clock::Timestamp;
use hookspool::envelope::{EntryId, PayloadDigest};
use serde_json::{Value, json};

use crate::spool_commands::spool_of;
use crate::tools::{bash, edit, stop};
use crate::view::View;
use crate::wire::{Wire, client_config};
use crate::world::{Daemon, World, eventually, rounds};

/// Markup that would run a script, and characters that change a terminal or the direction of a text.
const HOSTILE: &str =
    "<script>alert(1);ran=1</script>\"'><img src=x onerror=alert(2)></code></pre><b>\u{202e}\u{1b}[31m\u{7}";

/// Runs a script with facts about the world. It has to end with 0.
fn browse(script: &str, world: &World, view: &View, daemon: Option<&Daemon>, more: &Value) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let modules = root.join("target/node/node_modules");
    assert!(modules.exists(), "install the Node packages with tests/run");
    let facts = json!({
        "link": view.new_link(),
        "page": format!("http://127.0.0.1:{}{}", view.port, view.prefix),
        "view": view.pid(),
        "directory": world.path(""),
        "daemon": daemon.map(|daemon| daemon.port),
        "more": more,
    });
    let mut node = Command::new("node");
    node.arg(root.join("tests/it/browser").join(script));
    let output = node.env("NODE_PATH", modules).env("FACTS", facts.to_string()).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {error}");
}

fn file(world: &World, queue: &str, id: &str) -> std::path::PathBuf {
    world.path(&format!("spool/pix/{queue}/{id}.hook"))
}

fn move_from_new(world: &World, queue: &str, id: &str) {
    fs::rename(file(world, "new", id), file(world, queue, id)).unwrap();
}

/// An ID with this time and number.
fn id_at(at: Timestamp, number: usize) -> String {
    let mut bytes = *EntryId::first_of(at).as_bytes();
    bytes[6] = 0x70;
    bytes[8..].copy_from_slice(&u64::try_from(number).unwrap().to_be_bytes());
    bytes[8] = 0x80;
    EntryId::from_bytes(bytes).to_string()
}

/// Writes an entry to `new` with the envelope of another one, after a change of it.
fn write_entry(world: &World, id: &str, mut envelope: Value, payload: &[u8]) {
    let mut digest = PayloadDigest::default();
    digest.update(payload);
    envelope["id"] = json!(id);
    envelope["payload"]["length"] = json!(payload.len());
    envelope["payload"]["sha256"] = json!(digest.finish().to_string());
    let line = serde_json::to_vec(&envelope).unwrap();
    fs::write(file(world, "new", id), [&line, &b"\n"[..], payload].concat()).unwrap();
}

#[test]
fn link_works_once_and_a_delivery_appears_within_a_second() {
    let world = World::new();
    let daemon = world.start();
    let view = View::start(&world, &[]);
    browse("live.js", &world, &view, Some(&daemon), &json!({}));
}

#[test]
fn filters_and_search_find_one_of_many_and_a_search_is_stopped() {
    let (world, ids) = spool_of(&[b"{}"]);
    let envelope = world.entries("pix").remove(&ids[0]).unwrap().envelope;
    let (total, now) = (rounds(10_000), Timestamp::now());
    // Over 20 days, so that a day is a part of them.
    let pause = Duration::from_secs(20 * 86_400) / u32::try_from(total).unwrap();
    let mut wanted = None;
    // As long as a usual Pix.
    let filler = "x".repeat(2_000);
    for number in 0..total {
        let at = now - pause * u32::try_from(total - number).unwrap();
        let id = id_at(at, number);
        let mut envelope = envelope.clone();
        let is_wanted = number == total / 3;
        if is_wanted {
            envelope["event"] = json!("pix");
            let day = at.in_tz("America/Sao_Paulo").unwrap().date().to_string();
            wanted = Some((id.clone(), day));
        }
        let payload =
            format!("{{\"endToEndId\":\"E{}{number:06}\",\"x\":\"{filler}\"}}", u8::from(is_wanted));
        write_entry(&world, &id, envelope, payload.as_bytes());
    }
    let (id, day) = wanted.unwrap();
    let view = View::start(&world, &[]);
    let more = json!({ "id": id, "day": day, "needle": format!("E1{:06}", total / 3) });
    browse("search.js", &world, &view, None, &more);
}

#[test]
fn entry_is_requeued_with_mouse_keyboard_and_without_scripts_in_both_languages() {
    let payloads: Vec<_> = (0..6).map(|number| format!("{{\"txid\":\"T{number}\"}}")).collect();
    let bytes: Vec<_> = payloads.iter().map(String::as_bytes).collect();
    let (world, ids) = spool_of(&bytes);
    ids.iter().for_each(|id| move_from_new(&world, "done", id));
    let texts: serde_json::Map<_, _> =
        ids.iter().enumerate().map(|(number, id)| (id.clone(), json!(format!("\"T{number}\"")))).collect();
    let view = View::start(&world, &[]);
    browse("moves.js", &world, &view, None, &json!({ "ids": ids, "payloads": texts }));
}

/// Connects with this certificate, which is refused.
fn refuse(world: &World, daemon: &Daemon, name: &str) {
    let refused = Wire::with_config(client_config(world, name), daemon.port);
    assert!(refused.and_then(|mut wire| wire.post("/webhooks/pix", b"{}")).is_err());
}

/// The refusals in the status of the daemon, as soon as there are so many.
fn refusals(daemon: &Daemon, count: usize) -> Vec<Value> {
    eventually("the refusals", || {
        let status: Value = serde_json::from_str(&daemon.admin("/status").1).unwrap();
        let refusals = status["refusals"].as_array().unwrap().clone();
        (refusals.len() >= count).then_some(refusals)
    })
}

#[test]
fn lines_that_would_admit_a_refused_certificate_are_copied() {
    let world = World::new();
    let daemon = world.start();
    refuse(&world, &daemon, "nobody");
    let refusals = refusals(&daemon, 1);
    // Of two senders with the same CA, so that the names of the senders are part of the text.
    let admit = refusals[0]["admit"].as_str().expect("lines");
    let view = View::start(&world, &[]);
    browse("refused.js", &world, &view, Some(&daemon), &json!({ "admit": admit }));
}

/// Issues a certificate of the world's CA with a hostile common name.
fn hostile_certificate(world: &World) {
    fs::write(world.path("hostile.cnf"), "[req]\nprompt = no\nutf8 = yes\nstring_mask = utf8only\ndistinguished_name = dn\n[dn]\nCN = \"<script>alert(1)</script><img src=x onerror=alert(2)>\u{202e}\u{1b}[31m\"\n[v3]\nextendedKeyUsage = clientAuth\n").unwrap();
    bash(
        world,
        "openssl req -new -config hostile.cnf -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout certs/hostile.key -out hostile.csr 2>/dev/null
         openssl x509 -req -in hostile.csr -CA certs/root-ca.pem -CAkey certs/root-ca.key -days 30 -extfile hostile.cnf -extensions v3 -out certs/hostile.pem 2>/dev/null",
    );
}

#[test]
fn hostile_texts_are_shown_as_text_and_nothing_runs() {
    let world = World::new();
    hostile_certificate(&world);
    let daemon = world.start();
    refuse(&world, &daemon, "hostile");
    refusals(&daemon, 1);
    // The daemon then accepts it by its key.
    let key = bash(
        &world,
        "openssl x509 -in certs/hostile.pem -pubkey -noout | openssl pkey -pubin -outform der | sha256sum | cut -c1-64",
    );
    edit(
        &world,
        "[[endpoint]]\nname = \"pix\"",
        &format!(
            "[[sender]]\nname = \"hostile\"\nca = [\"certs/root-ca.pem\"]\nspki_sha256 = [\"{}\"]\n\n[[endpoint]]\nname = \"hostile\"\npath = \"/hostile\"\nsenders = [\"hostile\"]\n\n[[endpoint]]\nname = \"pix\"",
            key.trim()
        ),
    );
    let mut wire = eventually("the certificate is accepted", || {
        let mut wire = Wire::with_config(client_config(&world, "hostile"), daemon.port).ok()?;
        (wire.post("/hostile", HOSTILE.as_bytes()).ok()?.status == 200).then_some(wire)
    });
    let json = json!({ "endToEndId": HOSTILE, HOSTILE: [HOSTILE] }).to_string();
    assert_eq!(wire.post("/hostile", json.as_bytes()).unwrap().status, 200);
    let mut pages: Vec<_> = world.entries("hostile").keys().map(|id| format!("entry/{id}")).collect();
    assert_eq!(pages.len(), 2);

    // Files that somebody else writes to the spool.
    let mut wire = Wire::connect(&world, &daemon, "client");
    assert_eq!(wire.post("/webhooks/pix", b"{}").unwrap().status, 200);
    let (id, entry) = world.entries("pix").pop_first().unwrap();
    let mut envelope = entry.envelope;
    for key in ["sender", "event", "received_at", "duplicate_of"] {
        envelope[key] = json!(HOSTILE);
    }
    for key in ["address", "subject", "issuer", "serial", "sha256", "not_before", "not_after", "tls_version"]
    {
        envelope["peer"][key] = json!(HOSTILE);
    }
    let forged = id_at(Timestamp::now(), 1);
    write_entry(&world, &forged, envelope, HOSTILE.as_bytes());
    move_from_new(&world, "failed", &forged);
    let note = json!({ "at": HOSTILE, "consumer": HOSTILE, "attempts": 1, "reason": HOSTILE });
    fs::write(file(&world, "failed", &forged).with_extension("why"), format!("{note}\n")).unwrap();
    let damaged = id_at(Timestamp::now(), 2);
    let line = json!({ "id": HOSTILE, "received_at": "", "endpoint": "pix", "sender": "", "payload": { "length": 0, "sha256": "" } });
    fs::write(file(&world, "new", &damaged), format!("{line}\n")).unwrap();
    fs::write(file(&world, "new", &id).with_file_name("<script>alert(1)<script>.hook"), "").unwrap();
    pages.extend(["deliveries", "refused"].map(str::to_owned));
    pages.extend([&forged, &damaged].map(|id| format!("entry/{id}")));
    let view = View::start(&world, &[]);
    browse("hostile.js", &world, &view, Some(&daemon), &json!({ "pages": pages, "payload": HOSTILE }));
}

#[test]
fn other_sites_receive_no_cookie_and_can_neither_read_nor_move_anything() {
    let (world, ids) = spool_of(&[b"{\"secret\":\"s3cr3t\"}"]);
    move_from_new(&world, "done", &ids[0]);
    let view = View::start(&world, &[]);
    browse("other_site.js", &world, &view, None, &json!({ "id": ids[0], "secret": "s3cr3t" }));
}

#[test]
fn axe_finds_no_violation_on_any_page_and_none_scrolls_sideways() {
    let (world, daemon, mut pages) = world_of_every_page();
    let view = View::start(&world, &[]);
    browse("pages.js", &world, &view, Some(&daemon), &json!({ "pages": pages }));
    // What is shown while no daemon runs.
    stop(daemon);
    pages = ["", "refused", "senders"].map(str::to_owned).to_vec();
    browse("pages.js", &world, &view, None, &json!({ "pages": pages }));
}

/// A world in which every page shows something, and the paths of the pages.
fn world_of_every_page() -> (World, Daemon, Vec<String>) {
    let world = World::new();
    let daemon = world.start();
    let mut wire = Wire::connect(&world, &daemon, "client");
    let binary: Vec<u8> = (0..=255).collect();
    for payload in [&b"{\"pix\":[{\"valor\":\"10.00\"}]}"[..], b"[]", b"[]", &binary, b"broken", b"failed"] {
        assert_eq!(wire.post("/webhooks/pix/pix", payload).unwrap().status, 200);
    }
    let ids: Vec<_> = world.entries("pix").into_keys().collect();
    let (broken, failed) = (&ids[4], &ids[5]);
    let mut bytes = fs::read(file(&world, "new", broken)).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(file(&world, "new", broken), bytes).unwrap();
    move_from_new(&world, "taken", &ids[3]);
    move_from_new(&world, "failed", failed);
    let note =
        json!({ "at": "2026-11-23T12:00:00Z", "consumer": "crm", "attempts": 10, "reason": "status 500" });
    fs::write(file(&world, "failed", failed).with_extension("why"), format!("{note}\n")).unwrap();
    for name in ["nobody", "stranger"] {
        refuse(&world, &daemon, name);
    }
    refusals(&daemon, 2);
    let mut pages: Vec<_> = ids.iter().map(|id| format!("entry/{id}")).collect();
    pages.extend([format!("entry/{failed}/requeue"), format!("entry/{}/done", ids[3])]);
    let others = [
        "",
        "deliveries",
        "deliveries?q=valor",
        "deliveries?q=nothing",
        "deliveries?day=x",
        "refused",
        "senders",
        "missing",
    ];
    pages.extend(others.map(str::to_owned));
    (world, daemon, pages)
}
