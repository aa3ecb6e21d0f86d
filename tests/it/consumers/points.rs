//! Kills a consumer at each point at which it changes something.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;

use super::{NODE, PYTHON, SHELL, TAKE, ledgers, names, needed, payloads, requeue, run, world};
use crate::documents::write_program;
use crate::world::World;

/// The calls that change a file of a consumer, or make it durable. Not every architecture has those with a question
/// mark.
const CALLS: &str = "write fsync fdatasync ?link linkat ?rename ?renameat renameat2 ?unlink unlinkat";

/// Runs a consumer that the script `prepare` causes to be killed, then another that completes the work. Returns whether
/// the first one was killed.
fn kill_at(world: &World, line: &str, prepare: &str) -> bool {
    for name in names(world, "spool/pix/done") {
        fs::rename(world.path("spool/pix/done").join(&name), world.path("spool/pix/new").join(name)).unwrap();
    }
    let first = run(world, &format!("rm -rf ledger* calls; {prepare}"), line);
    assert!(first.status.success() || first.status.signal() == Some(9), "{prepare}: {first:?}");
    requeue(world);
    if !first.status.success() {
        let second = run(world, "", line);
        assert!(second.stderr.is_empty(), "{prepare}: {second:?}");
    }
    assert_eq!(names(world, "spool/pix/done").len(), 1, "{prepare}");
    !first.status.success()
}

/// Kills a consumer of one payment with two refunds at the first, second, third, … occurrence of each point, until it
/// is not reached. `points` are prepared by a script, in which `COUNT` is the number of the occurrence.
fn book_after_each_kill(line: &str, ledger: impl Fn(&World) -> ledgers::Ledger, points: &[String]) {
    let refunded = vec![payloads::usable_samples().remove(3)];
    let world = world(&refunded);
    let expected = payloads::items(&refunded).0;
    assert_eq!(expected.len(), 3);
    fs::create_dir(world.path("killing")).unwrap();
    for tool in needed("book-the-payment").union(&needed("work-off.sh")) {
        write_program(&world.path("killing").join(tool), KILLING);
    }
    let mut kills = 0;
    for point in points {
        for count in 1.. {
            let prepare = point.replace("COUNT", &count.to_string());
            let killed = kill_at(&world, line, &prepare);
            assert_eq!(ledger(&world), expected, "{prepare}");
            if !killed {
                break;
            }
            kills += 1;
        }
    }
    assert!(kills > 10, "{kills} kills");
}

/// The points of a program: before each of its system calls that change a file.
fn calls() -> Vec<String> {
    let point =
        |call| format!("UNDER='strace -o /dev/null -e trace={call} -e inject={call}:signal=KILL:when=COUNT'");
    CALLS.split(' ').map(point).collect()
}

/// Precedes a tool in `PATH` and runs it; from the call number `KILL_AT` on, kills the consumer and all that it
/// started.
const KILLING: &str = "#!/bin/sh
echo >>calls
if [ $(/usr/bin/wc -l <calls) -ge $KILL_AT ]; then kill -KILL 0; fi
PATH=${PATH#*:}
exec \"${0##*/}\" \"$@\"
";

/// The points of a shell script: before each tool that it runs.
fn tool_runs() -> Vec<String> {
    vec!["export PATH=$PWD/killing:$PATH KILL_AT=COUNT".to_owned()]
}

#[test]
fn take_books_each_item_once_if_killed_at_any_tool() {
    book_after_each_kill(TAKE, ledgers::files, &tool_runs());
}

#[test]
fn shell_books_each_item_once_if_killed_at_any_tool() {
    book_after_each_kill(SHELL, ledgers::files, &tool_runs());
}

#[test]
fn python_books_each_item_once_if_killed_at_any_call() {
    book_after_each_kill(PYTHON, ledgers::database, &calls());
}

#[test]
fn node_books_each_item_once_if_killed_at_any_call() {
    book_after_each_kill(NODE, ledgers::files, &calls());
}
