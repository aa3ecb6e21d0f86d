//! Two consumers at a time process many entries and are killed again and again.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Child, Command, Stdio};

use super::{NODE, PYTHON, SHELL, TAKE, command, ledgers, names, payloads, queues, requeue, world};
use crate::world::{World, eventually, rounds};

/// Adds an entry whose last byte is missing; returns its name.
fn damage(world: &World) -> String {
    let new = world.path("spool/pix/new");
    let victim = new.join(names(world, "spool/pix/new").first().unwrap());
    let bytes = fs::read(victim).unwrap();
    let name = "01890a5d-ac96-774b-bcce-b302099a8057.hook";
    fs::write(new.join(name), &bytes[..bytes.len() - 1]).unwrap();
    name.to_owned()
}

fn kill(mut consumer: Child) {
    let group = format!("-{}", consumer.id());
    Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status().unwrap();
    consumer.wait().unwrap();
}

fn finished(world: &World) -> usize {
    names(world, "spool/pix/done").len() + names(world, "spool/pix/failed").len()
}

/// How many entries two consumers finish before they are killed.
const KILLED_AFTER: usize = 5;

/// Two consumers at a time process many entries and are killed again and again.
fn book_under_kills(line: &str, ledger: impl Fn(&World) -> ledgers::Ledger) {
    let payloads = payloads::many(100 * rounds(1));
    let world = world(&payloads);
    let torn = damage(&world);
    let (mut kills, mut interrupted) = (0, 0);
    while !names(&world, "spool/pix/new").is_empty() {
        let before = finished(&world);
        let mut consumers = [(), ()].map(|()| {
            let mut consumer = command(&world, "", line);
            consumer.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        });
        eventually("entries are finished", || {
            let ended = consumers.iter_mut().all(|consumer| consumer.try_wait().unwrap().is_some());
            (ended || finished(&world) >= before + KILLED_AFTER).then_some(())
        });
        consumers.into_iter().for_each(kill);
        interrupted += names(&world, "spool/pix/taken").len();
        requeue(&world);
        kills += 1;
    }
    assert!(kills > 1 && interrupted > 0, "{kills} kills, {interrupted} interrupted");
    let (expected, unusable) = payloads::items(&payloads);
    assert_eq!(names(&world, "spool/corrupt"), BTreeSet::from([torn]));
    let counts = queues(&world).iter().map(BTreeSet::len).collect::<Vec<_>>();
    assert_eq!(counts, [0, 0, payloads.len() - unusable, unusable, 1], "new, taken, done, failed, corrupt");
    assert_eq!(ledger(&world), expected, "{kills} kills");
}

#[test]
fn take_books_each_item_once_under_kills() {
    book_under_kills(TAKE, ledgers::files);
}

#[test]
fn shell_books_each_item_once_under_kills() {
    book_under_kills(SHELL, ledgers::files);
}

#[test]
fn python_books_each_item_once_under_kills() {
    book_under_kills(PYTHON, ledgers::database);
}

#[test]
fn node_books_each_item_once_under_kills() {
    book_under_kills(NODE, ledgers::files);
}
