//! `hookspool spool`: its output, its moves and its exit codes.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Output};
use std::thread;

use serde_json::Value;

use crate::wire::Wire;
use crate::world::{World, program};

/// Creates a spool with these payloads in `pix`, and stops the daemon. Returns the IDs in order.
pub fn spool_of(payloads: &[&[u8]]) -> (World, Vec<String>) {
    let world = World::new();
    let mut daemon = world.start();
    let mut wire = Wire::connect(&world, &daemon, "client");
    let ids = payloads.iter().map(|payload| {
        let answer = wire.post("/webhooks/pix/rec", payload).unwrap();
        answer.body.split('"').nth(3).unwrap().to_owned()
    });
    let ids = ids.collect();
    daemon.signal("-TERM");
    daemon.wait();
    // A consumer needs no certificate.
    fs::remove_dir_all(world.path("certs")).unwrap();
    (world, ids)
}

fn spool(world: &World, args: &[&str]) -> Output {
    world.run(&[&["spool"], args].concat())
}

pub fn run_ok(world: &World, args: &[&str]) -> String {
    let output = spool(world, args);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command; returns its exit code and its standard error.
pub fn run_failing(world: &World, args: &[&str]) -> (i32, String) {
    let output = spool(world, args);
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

fn queue(world: &World, queue: &str) -> Vec<String> {
    let document: Value =
        serde_json::from_str(&run_ok(world, &["list", "--queue", queue, "--json"])).unwrap();
    let ids =
        document["entries"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned());
    ids.collect()
}

#[test]
fn entries_are_listed_and_shown() {
    let (world, ids) = spool_of(&[b"{\"a\":1}", b"\x00\xff\n"]);
    assert_eq!(queue(&world, "new"), ids);
    let listed = run_ok(&world, &["list", "--endpoint", "pix", "--since", "1h", "--sender", "bank"]);
    assert_eq!(listed.lines().count(), 2);
    let first = listed.lines().next().unwrap();
    assert!(first.starts_with(&ids[0]) && first.ends_with("pix/new  bank  rec  7 bytes"), "{first}");
    assert_eq!(run_ok(&world, &["list", "--sender", "second"]), "");
    assert_eq!(run_ok(&world, &["list", "--queue", "done"]), "");

    let file = fs::read(world.path(&format!("spool/pix/new/{}.hook", ids[1]))).unwrap();
    let raw = |format: &str| spool(&world, &["show", &ids[1], "--format", format]).stdout;
    assert_eq!(raw("entry"), file);
    assert_eq!(raw("payload"), b"\x00\xff\n");
    assert_eq!([raw("envelope"), raw("payload")].concat(), file);
    let by_path = run_ok(&world, &["show", &format!("spool/pix/new/{}.hook", ids[0]), "--json"]);
    let document: Value = serde_json::from_str(&by_path).unwrap();
    assert_eq!((&document["whole"], &document["envelope"]["event"]), (&true.into(), &"rec".into()));
    assert!(!run_ok(&world, &["show", &ids[1]]).contains('\u{0}'), "control characters must be escaped");

    assert_eq!(run_failing(&world, &["list", "--endpoint", "nowhere"]).0, 1);
    let unknown = "01890a5d-ac96-774b-bcce-b302099a8057";
    assert!(run_failing(&world, &["show", unknown]).1.contains("there is no entry"));
    assert_eq!(run_failing(&world, &["show", unknown]).0, 1);
    assert_eq!(run_failing(&world, &["show", &format!("spool/pix/new/{unknown}.hook")]).0, 66);
    assert_eq!(run_failing(&world, &["show", "webhooks.toml"]).0, 65);
    assert_eq!(run_failing(&world, &["purge", "--queue", "new", "--older", "1h"]).0, 64);
}

#[test]
fn entries_move_through_the_queues() {
    let (world, ids) = spool_of(&[b"1", b"2", b"3"]);
    let path = run_ok(&world, &["take", "--endpoint", "pix"]);
    assert!(path.trim().ends_with(&format!("spool/pix/taken/{}.hook", ids[0])), "{path}");
    let (code, message) = run_failing(&world, &["done", &ids[1]]);
    assert!(code == 1 && message.contains("is in `new`, not in `taken`"), "{message}");
    run_ok(&world, &["done", path.trim()]);
    run_ok(&world, &["take", &ids[1], &ids[2]]);
    run_ok(&world, &["fail", &ids[1], &ids[2]]);
    assert_eq!((queue(&world, "done"), queue(&world, "failed")), (ids[..1].to_vec(), ids[1..].to_vec()));
    assert_eq!(run_ok(&world, &["requeue", "--queue", "failed", "--older", "1h"]), "0 returned to `new`\n");
    run_ok(&world, &["requeue", &ids[1]]);
    assert_eq!(
        run_ok(&world, &["requeue", "--queue", "failed", "--endpoint", "pix"]),
        "1 returned to `new`\n"
    );
    assert_eq!(queue(&world, "new"), ids[1..]);
    assert_eq!(run_ok(&world, &["purge", "--queue", "done", "--older", "1d"]), "0 removed from `done`\n");
    assert_eq!(run_ok(&world, &["purge", "--queue", "done", "--older", "0s"]), "1 removed from `done`\n");
    assert!(queue(&world, "done").is_empty());
}

#[test]
fn exit_code_of_the_handler_selects_the_queue() {
    let (world, ids) = spool_of(&[b"first\n", b"second"]);
    let take = |command: &str| spool(&world, &["take", "--endpoint", "pix", "--exec", "sh", "-c", command]);
    let again = take("exit 75");
    assert_eq!((again.status.code(), queue(&world, "new")), (Some(1), ids.clone()));
    assert!(String::from_utf8_lossy(&again.stderr).contains("is in `new`"));
    let missing = spool(&world, &["take", "--endpoint", "pix", "--exec", "/no/such/command"]);
    assert_eq!((missing.status.code(), queue(&world, "new")), (Some(1), ids.clone()));

    let output = take("cat; env | grep ^HOOKSPOOL_ | sort; test -e \"$HOOKSPOOL_PATH\"");
    let output = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.starts_with("first\nHOOKSPOOL_CONTENT_TYPE=\nHOOKSPOOL_ENDPOINT=pix\nHOOKSPOOL_EVENT=rec\n"),
        "{output}"
    );
    for name in ["ID", "PATH", "RECEIVED_AT", "SENDER", "SHA256"] {
        assert!(output.contains(&format!("\nHOOKSPOOL_{name}=")), "{name} in {output}");
    }
    assert_eq!((queue(&world, "done"), queue(&world, "new")), (ids[..1].to_vec(), ids[1..].to_vec()));
    let failed = take("exit 3");
    assert_eq!((failed.status.code(), queue(&world, "failed")), (Some(1), ids[1..].to_vec()));
    let (code, message) = run_failing(&world, &["take", "--endpoint", "pix"]);
    assert!(code == 1 && message.contains("no entry of `pix` is waiting"), "{message}");
}

#[test]
fn damaged_entries_are_moved_to_corrupt_and_never_deleted() {
    let (world, ids) = spool_of(&[b"one", b"two", b"three", b"four"]);
    let tear = |queue: &str, id: &str| {
        let path = world.path(&format!("spool/pix/{queue}/{id}.hook"));
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    };
    tear("new", &ids[0]);
    let path = run_ok(&world, &["take", "--endpoint", "pix"]);
    assert!(path.contains(&ids[1]), "the next one is taken");
    tear("taken", &ids[1]);
    tear("new", &ids[2]);
    fs::write(world.path(&format!("spool/corrupt/{}.hook", ids[2])), "was there").unwrap();

    let output = spool(&world, &["verify", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["whole"], 1);
    let faults = document["faults"].as_array().unwrap();
    assert_eq!(faults.len(), 2);
    let of = |id: &str| faults.iter().find(|fault| fault["id"] == id).unwrap();
    assert!(of(&ids[2])["moved_to"].as_str().unwrap().ends_with(&format!("corrupt/{}.1.hook", ids[2])));
    assert_eq!(of(&ids[1])["queue"], "taken");
    assert!(of(&ids[1])["moved_to"].as_str().unwrap().contains("/corrupt/"), "its consumer has no lease");
    assert!(
        String::from_utf8_lossy(&output.stderr)
            .contains("its payload has 4 bytes instead of the 5 in its envelope")
    );
    assert_eq!(fs::read_dir(world.path("spool/corrupt")).unwrap().count(), 4);
    assert_eq!(
        fs::read_to_string(world.path(&format!("spool/corrupt/{}.hook", ids[2]))).unwrap(),
        "was there"
    );
    assert_eq!(run_ok(&world, &["verify"]), "1 intact, 0 not intact\n");
}

#[test]
fn empty_payload_is_marked_in_the_list() {
    let (world, ids) = spool_of(&[b"", b"{}"]);
    let listed = run_ok(&world, &["list"]);
    let lines: Vec<_> = listed.lines().collect();
    assert!(lines[0].starts_with(&ids[0]) && lines[0].ends_with("bank  rec  empty payload"), "{listed}");
    assert!(lines[1].ends_with("bank  rec  2 bytes"), "{listed}");
}

#[test]
fn flags_select_the_entries_to_requeue() {
    let (world, ids) = spool_of(&[b"1", b"2", b"3"]);
    let requeue = |args: &[&str]| run_ok(&world, &[&["requeue", "--queue"], args].concat());
    run_ok(&world, &["take", "--endpoint", "pix", "--all", "--exec", "true"]);
    // An entry of a second sender, and one that was received in 2023 according to its ID, although its file is new.
    let done = |id: &str| world.path(&format!("spool/pix/done/{id}.hook"));
    let text = fs::read_to_string(done(&ids[1])).unwrap();
    fs::write(done(&ids[1]), text.replace("\"sender\":\"bank\"", "\"sender\":\"second\"")).unwrap();
    let old = "01890a5d-ac96-774b-bcce-b302099a8057";
    let text = fs::read_to_string(done(&ids[2])).unwrap();
    fs::write(done(old), text.replace(&ids[2], old)).unwrap();
    fs::remove_file(done(&ids[2])).unwrap();

    assert_eq!(requeue(&["done", "--endpoint", "second"]), "0 returned to `new`\n");
    assert_eq!(requeue(&["done", "--older", "1h"]), "0 returned to `new`\n");
    assert_eq!(requeue(&["done", "--sender", "second"]), "1 returned to `new`\n");
    assert_eq!(queue(&world, "new"), ids[1..2]);
    assert_eq!(requeue(&["done", "--since", "1h"]), "1 returned to `new`\n");
    assert_eq!(queue(&world, "new"), ids[..2]);
    assert_eq!(queue(&world, "done"), [old]);
    assert_eq!(requeue(&["done"]), "1 returned to `new`\n");
    for wrong in [&["--queue", "new"][..], &["--since", "1h"], &["--sender", "bank", old]] {
        assert_eq!(run_failing(&world, &[&["requeue"], wrong].concat()).0, 64, "{wrong:?}");
    }
}

#[test]
fn only_entries_that_are_intact_after_all_return_from_corrupt() {
    let (world, ids) =
        spool_of(&[b"intact", b"damaged", b"no envelope", b"done before", b"elsewhere", b"twice"]);
    let at = |folder: &str, name: &str| world.path(&format!("spool/{folder}/{name}.hook"));
    for id in &ids {
        fs::rename(at("pix/new", id), at("corrupt", id)).unwrap();
    }
    let text = fs::read_to_string(at("corrupt", &ids[1])).unwrap();
    fs::write(at("corrupt", &ids[1]), &text[..text.len() - 1]).unwrap();
    fs::write(at("corrupt", &ids[2]), "nonsense").unwrap();
    fs::copy(at("corrupt", &ids[3]), at("pix/done", &ids[3])).unwrap();
    let text = fs::read_to_string(at("corrupt", &ids[4])).unwrap();
    fs::write(at("corrupt", &ids[4]), text.replace("\"endpoint\":\"pix\"", "\"endpoint\":\"gone\"")).unwrap();
    let numbered = format!("{}.1", ids[5]);
    fs::rename(at("corrupt", &ids[5]), at("corrupt", &numbered)).unwrap();
    fs::write(world.path("spool/corrupt/notes"), "not an entry").unwrap();

    let listed: Value =
        serde_json::from_str(&run_ok(&world, &["list", "--queue", "corrupt", "--json"])).unwrap();
    let row = |id: &String| {
        listed["entries"].as_array().unwrap().iter().find(|row| row["id"] == **id).unwrap().clone()
    };
    assert_eq!(listed["entries"].as_array().unwrap().len(), ids.len());
    assert!(row(&ids[0])["fault"].is_null() && row(&ids[0])["endpoint"] == "pix", "{listed}");
    assert_eq!(row(&ids[1])["sender"], "bank");
    assert!(row(&ids[1])["fault"].as_str().unwrap().contains("6 bytes instead of the 7"), "{listed}");
    assert!(row(&ids[2])["endpoint"].is_null() && row(&ids[5])["fault"].is_null(), "{listed}");
    let of_pix = run_ok(&world, &["list", "--queue", "corrupt", "--endpoint", "pix"]);
    assert_eq!(of_pix.lines().count(), 4, "{of_pix}");

    let shown = run_ok(&world, &["show", &ids[0], "--queue", "corrupt", "--format", "payload"]);
    assert_eq!(shown, "intact");
    assert!(run_ok(&world, &["show", &numbered_path(&world, &numbered)]).contains("twice"));
    let (code, message) = run_failing(&world, &["show", &ids[1]]);
    assert!(code == 1 && message.contains("is not intact"), "{message}");
    let (code, message) = run_failing(&world, &["show", &ids[0], "--queue", "new"]);
    assert!(code == 1 && message.contains("there is no entry"), "{message}");

    let requeue = |args: &[&str]| spool(&world, &[&["requeue", "--queue", "corrupt"], args].concat());
    for none in [&["--older", "1h"][..], &["--sender", "second"], &["--endpoint", "second"]] {
        assert_eq!(String::from_utf8_lossy(&requeue(none).stdout), "0 returned to `new`\n", "{none:?}");
    }
    let output = requeue(&["--since", "1h"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "2 returned to `new`, 4 left in `corrupt`\n");
    let defects = String::from_utf8(output.stderr).unwrap();
    for (id, defect) in [
        (&ids[1], "its payload has 6 bytes instead of the 7 in its envelope"),
        (&ids[2], "it has no envelope"),
        (&ids[3], "it is intact, but an entry with its ID is in `pix/done`"),
        (&ids[4], "the spool has no endpoint `gone`"),
    ] {
        let line = defects.lines().find(|line| line.contains(id)).unwrap();
        assert!(line.contains(defect), "{line}");
    }
    assert_eq!(queue(&world, "new"), [ids[0].clone(), ids[5].clone()]);
    assert_eq!(fs::read_dir(world.path("spool/corrupt")).unwrap().count(), 5);
    assert_eq!(run_ok(&world, &["verify", "--queue", "new"]), "2 intact, 0 not intact\n");
}

fn numbered_path(world: &World, name: &str) -> String {
    world.path(&format!("spool/corrupt/{name}.hook")).display().to_string()
}

#[test]
fn concurrent_takes_claim_different_entries() {
    let payloads: Vec<_> = (0..24).map(|number: u8| vec![number]).collect();
    let (world, ids) = spool_of(&payloads.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let take = || {
        let each = (0..6).map(|_| run_ok(&world, &["take", "--endpoint", "pix"]));
        each.map(|path| path.trim().rsplit('/').next().unwrap().replace(".hook", "")).collect::<Vec<_>>()
    };
    let taken = thread::scope(|scope| {
        let takers: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
        takers.into_iter().flat_map(|taker| taker.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(taken.len(), ids.len());
    assert_eq!(taken.into_iter().collect::<BTreeSet<_>>(), ids.into_iter().collect());
}

#[test]
fn stats_count_entries_bytes_duplicates_and_the_longest_gap() {
    let (world, ids) = spool_of(&[b"first", b"first", b"other", b"old"]);
    run_ok(&world, &["take", &ids[2], &ids[3]]);
    run_ok(&world, &["done", &ids[3]]);
    // Received in 2023 according to its ID.
    let old = "01890a5d-ac96-774b-bcce-b302099a8057";
    let done = |id: &str| world.path(&format!("spool/pix/done/{id}.hook"));
    let text = fs::read_to_string(done(&ids[3])).unwrap().replace(&ids[3], old);
    fs::write(done(old), text).unwrap();
    fs::remove_file(done(&ids[3])).unwrap();
    fs::write(world.path(&format!("spool/pix/failed/{}.hook", ids[3])), "no envelope").unwrap();

    let stats = |args: &[&str]| run_ok(&world, &[&["stats", "--endpoint", "pix"], args].concat());
    let all: Value = serde_json::from_str(&stats(&["--json"])).unwrap();
    for (queue, entries, bytes) in [("new", 2, 10), ("taken", 1, 5), ("done", 1, 3), ("failed", 1, 0)] {
        let expected = serde_json::json!({ "entries": entries, "bytes": bytes });
        assert_eq!(all["queues"][queue], expected, "{queue}");
    }
    assert_eq!([&all["entries"], &all["bytes"], &all["duplicates"], &all["unreadable"]], [5, 18, 1, 1]);
    assert!(all["since"].is_null() && all["hours"].as_array().unwrap().len() > 1);
    assert_eq!(all["longest_gap"]["from"], all["first_at"]);
    assert!(all["longest_gap"]["seconds"].as_f64().unwrap() > 86_400.0);

    let day: Value = serde_json::from_str(&stats(&["--since", "1d", "--json"])).unwrap();
    assert_eq!([&day["entries"], &day["queues"]["done"]["entries"]], [4, 0]);
    assert_eq!(day["deliveries_per_hour"], 0.2);
    let page = stats(&["--since", "1d"]);
    for line in
        ["  new         2 entries, 10 bytes\n", "  duplicates  1 entry\n", "  per hour    0.2; the most"]
    {
        assert!(page.contains(line), "{page}");
    }
    assert_eq!(run_ok(&world, &["stats", "--endpoint", "second"]).lines().count(), 7);
    let (code, message) = run_failing(&world, &["stats", "--endpoint", "nowhere"]);
    assert!(code == 1 && message.contains("has no endpoint `nowhere`"), "{message}");
}

#[test]
fn progress_is_shown_on_a_terminal_and_not_elsewhere() {
    let (world, ids) = spool_of(&[b"1", b"2"]);
    run_ok(&world, &["take", "--endpoint", "pix", "--all", "--exec", "true"]);
    let args = "--queue done --endpoint pix --since 1d --sender second";
    let elsewhere = spool(&world, &[&["requeue"][..], &args.split(' ').collect::<Vec<_>>()].concat());
    assert_eq!((elsewhere.stdout.as_slice(), elsewhere.stderr.len()), (&b"0 returned to `new`\n"[..], 0));
    let terminal = |command: &str| {
        let config = world.path("webhooks.toml");
        let line = format!("{} --config {} spool {command}", program().display(), config.display());
        let output = Command::new("script").args(["-qec", &line, "/dev/null"]).env("TERM", "xterm").output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    let requeued = terminal(&format!("requeue {args}"));
    assert!(requeued.contains("requeueing ") && requeued.contains(" of 2,"), "{requeued:?}");
    let counted = terminal("stats --endpoint pix");
    assert!(counted.contains("counting done ") && counted.contains(" of 2,"), "{counted:?}");
    assert_eq!(queue(&world, "done"), ids);
}
