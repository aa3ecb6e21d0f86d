//! The lease on a claimed entry lasts as long as its handler runs.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use crate::faults::Injection;
use crate::power::disk::Journaled;
use crate::wire::Wire;
use crate::world::{Daemon, World, eventually, program};

/// Writes its process ID to a file, waits for the file `end`, and exits with the status in it.
const HANDLER: &str =
    "echo $$ >\"started-$HOOKSPOOL_ID\"; until [ -s end ]; do sleep 0.05; done; exit $(cat end)";

fn deliver(world: &World, daemon: &Daemon, count: usize) -> Vec<String> {
    let mut wire = Wire::connect(world, daemon, "client");
    let deliver_one = |number| {
        let answer = wire.post("/webhooks/pix", format!("{{\"number\":{number}}}").as_bytes()).unwrap();
        assert_eq!(answer.status, 200);
        answer.body.split('"').nth(3).unwrap().to_owned()
    };
    (0..count).map(deliver_one).collect()
}

fn command(world: &World, args: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.arg("spool").args(args).current_dir(world.path("")).env_remove("HOOKSPOOL_CONFIG");
    command.env_remove("RUST_LOG").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn spool(world: &World, args: &[&str]) -> Output {
    command(world, args).output().unwrap()
}

fn path(world: &World, queue: &str, id: &str) -> PathBuf {
    world.path(&format!("spool/pix/{queue}/{id}.hook"))
}

fn is_in(world: &World, queue: &str, id: &str) -> bool {
    path(world, queue, id).exists()
}

/// Starts a `take` and waits until its handler runs; returns the handler's process ID too.
fn taking(world: &World, id: &str, options: &[&str]) -> (Child, String) {
    let args = [&["take", "--endpoint", "pix"][..], options, &["--exec", "sh", "-c", HANDLER]].concat();
    let take = command(world, &args).spawn().unwrap();
    (take, started(world, id))
}

fn started(world: &World, id: &str) -> String {
    eventually("the handler runs", || {
        let pid = fs::read_to_string(world.path(&format!("started-{id}"))).ok()?;
        pid.ends_with('\n').then(|| pid.trim().to_owned())
    })
}

fn end(world: &World, status: &str) {
    fs::write(world.path("end.tmp"), status).unwrap();
    fs::rename(world.path("end.tmp"), world.path("end")).unwrap();
}

fn is_refused(output: &Output) -> bool {
    output.status.code() == Some(1) && String::from_utf8_lossy(&output.stderr).contains("is being processed")
}

/// Checks that no command moves the entry while its handler runs.
fn assert_leased(world: &World, id: &str) {
    for move_it in ["done", "fail", "requeue"] {
        let refused = spool(world, &[move_it, id]);
        assert!(is_refused(&refused), "{move_it}: {refused:?}");
    }
    let all = spool(world, &["requeue", "--queue", "taken"]);
    assert_eq!(String::from_utf8_lossy(&all.stdout), "0 put back into `new`, 1 left: being processed\n");
    assert!(is_in(world, "taken", id));
}

fn kill(pid: &str, signal: &str) {
    assert!(Command::new("kill").args([signal, pid]).status().unwrap().success());
}

#[test]
fn entry_being_processed_is_not_given_to_another_consumer() {
    let world = World::new();
    let daemon = world.start();
    let ids = deliver(&world, &daemon, 3);
    let (take, _) = taking(&world, &ids[0], &[]);
    assert_leased(&world, &ids[0]);
    let next = spool(&world, &["take", "--endpoint", "pix"]);
    assert!(String::from_utf8_lossy(&next.stdout).contains(&ids[1]), "{next:?}");
    // An entry that is locked in `new` is skipped too.
    let locked = fs::File::open(path(&world, "new", &ids[2])).unwrap();
    locked.lock().unwrap();
    let none = spool(&world, &["take", "--endpoint", "pix"]);
    assert!(String::from_utf8_lossy(&none.stderr).contains("no entry of `pix` is waiting"), "{none:?}");
    drop(locked);

    let forced = spool(&world, &["requeue", "--force", &ids[0]]);
    assert!(forced.status.success() && is_in(&world, "new", &ids[0]), "{forced:?}");
    fs::rename(path(&world, "new", &ids[0]), path(&world, "taken", &ids[0])).unwrap();
    end(&world, "0");
    let output = take.wait_with_output().unwrap();
    assert!(output.status.success() && is_in(&world, "done", &ids[0]), "{output:?}");
}

#[test]
fn lease_outlives_a_killed_take() {
    let world = World::new();
    let daemon = world.start();
    let ids = deliver(&world, &daemon, 1);
    let (mut take, handler) = taking(&world, &ids[0], &[]);
    take.kill().unwrap();
    take.wait().unwrap();
    assert_leased(&world, &ids[0]);
    kill(&handler, "-9");
    eventually("the entry is put back", || {
        let all = spool(&world, &["requeue", "--queue", "taken"]);
        (String::from_utf8_lossy(&all.stdout) == "1 put back into `new`\n").then_some(())
    });
    assert!(is_in(&world, "new", &ids[0]));
}

#[test]
fn lease_outlives_the_daemon_and_a_repair() {
    let world = Journaled::world();
    let mut daemon = world.start();
    let ids = {
        // Delayed, so that the log still contains the entry when the daemon is killed.
        let _slow = Injection::with(&daemon, "checkpoint", "syncfs", 1, "delay_enter=60s");
        let ids = deliver(&world, &daemon, 1);
        let (take, _) = taking(&world, &ids[0], &[]);
        daemon.signal("-KILL");
        daemon.wait();
        daemon = world.start();
        daemon.logged("spool ready", |line| line["restored"] == 1);
        assert_leased(&world, &ids[0]);
        end(&world, "0");
        assert!(take.wait_with_output().unwrap().status.success());
        ids
    };
    assert!(is_in(&world, "done", &ids[0]));

    fs::remove_file(world.path("end")).unwrap();
    let ids = {
        let failing = Injection::with(&daemon, "checkpoint", "syncfs", 1, "error=EIO");
        let ids = deliver(&world, &daemon, 1);
        let (take, _) = taking(&world, &ids[0], &[]);
        failing.wait("a failing syncfs");
        daemon.logged("spool recovered", |line| line["restored"].as_u64() > Some(0));
        assert_leased(&world, &ids[0]);
        end(&world, "0");
        assert!(take.wait_with_output().unwrap().status.success());
        ids
    };
    assert!(is_in(&world, "done", &ids[0]));
}

#[test]
fn take_forwards_signals_and_waits_for_its_handler() {
    for signal in ["-TERM", "-INT", "-HUP", "-QUIT"] {
        let world = World::new();
        let daemon = world.start();
        let ids = deliver(&world, &daemon, 2);
        let name = signal.trim_start_matches('-');
        let handler = format!(
            "trap 'echo received >received; exit 75' {name}; touch started; while :; do sleep 0.05; done"
        );
        let take = command(&world, &["take", "--endpoint", "pix", "--all", "--exec", "sh", "-c", &handler])
            .spawn()
            .unwrap();
        eventually("the handler runs", || world.path("started").exists().then_some(()));
        kill(&take.id().to_string(), signal);
        let output = take.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(75), "{signal}: {output:?}");
        assert!(world.path("received").exists(), "{signal}");
        // No other entry is taken after that.
        assert!(ids.iter().all(|id| is_in(&world, "new", id)), "{signal}");
    }
}

#[test]
fn entry_of_a_killed_handler_is_retried_and_fails_after_three_attempts() {
    let world = World::new();
    let daemon = world.start();
    let ids = deliver(&world, &daemon, 2);
    let once = spool(&world, &["take", "--endpoint", "pix", "--exec", "sh", "-c", "kill -9 $$"]);
    assert_eq!(once.status.code(), Some(1), "{once:?}");
    assert!(is_in(&world, "new", &ids[0]), "{once:?}");
    let handler = format!("echo >>tried-$HOOKSPOOL_ID; [ $HOOKSPOOL_ID != {} ] || kill -9 $$", ids[0]);
    let all = spool(&world, &["take", "--endpoint", "pix", "--all", "--exec", "sh", "-c", &handler]);
    assert_eq!(all.status.code(), Some(1), "{all:?}");
    assert!(is_in(&world, "failed", &ids[0]) && is_in(&world, "done", &ids[1]), "{all:?}");
    assert_eq!(fs::read_to_string(world.path(&format!("tried-{}", ids[0]))).unwrap(), "\n\n\n");
}

#[test]
fn exit_code_of_take_reports_retried_and_failed_entries() {
    let world = World::new();
    let daemon = world.start();
    let ids = deliver(&world, &daemon, 4);
    let take = |options: &[&str], handler: &str| {
        let args = [&["take", "--endpoint", "pix"][..], options, &["--exec", "sh", "-c", handler]].concat();
        spool(&world, &args).status.code()
    };
    // The first entry must wait, and does not delay the others.
    let defer_first = format!("echo $HOOKSPOOL_ID >>order; [ $HOOKSPOOL_ID != {} ] || exit 75", ids[0]);
    assert_eq!(take(&["--batch", "2"], &defer_first), Some(75));
    assert!(is_in(&world, "new", &ids[0]) && is_in(&world, "done", &ids[1]));
    assert_eq!(take(&["--batch", "1"], "exit 3"), Some(1));
    assert!(is_in(&world, "failed", &ids[0]));
    assert_eq!(take(&["--all"], "echo $HOOKSPOOL_ID >>order"), Some(0));
    assert_eq!(fs::read_to_string(world.path("order")).unwrap().lines().collect::<Vec<_>>(), ids);
    assert_eq!(take(&["--all"], "true"), Some(1), "nothing is waiting");
}

#[test]
fn directories_are_synced_before_a_move_is_reported() {
    let world = World::new();
    let mut daemon = world.start();
    let ids = deliver(&world, &daemon, 3);
    daemon.signal("-TERM");
    daemon.wait();
    let trace = |args: &[&str]| {
        let output = Command::new("strace")
            .args(["-f", "-y", "-e", "trace=renameat,fsync,write", "-o"])
            .arg(world.path("trace/calls"))
            .arg(program())
            .arg("spool")
            .args(args)
            .current_dir(world.path(""))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let calls = fs::read_to_string(world.path("trace/calls")).unwrap();
        let is_relevant =
            |line: &&str| line.contains("renameat") || line.contains("fsync") || line.contains("write(1");
        calls.lines().filter(is_relevant).map(str::to_owned).collect::<Vec<_>>()
    };
    let order = |calls: &[String], expected: &[[&str; 2]]| {
        let found: Vec<_> = expected
            .iter()
            .map(|[call, place]| calls.iter().rposition(|line| line.contains(call) && line.contains(place)))
            .collect();
        assert!(found.iter().all(Option::is_some) && found.is_sorted(), "{expected:?} in {calls:#?}");
    };
    let claimed =
        [["renameat", "/pix/taken"], ["fsync", "/pix/taken"], ["fsync", "/pix/new"], ["write(1", ""]];
    order(&trace(&["take", "--endpoint", "pix"]), &claimed);
    order(
        &trace(&["done", &ids[0]]),
        &[["renameat", "/pix/done"], ["fsync", "/pix/done"], ["fsync", "/pix/taken"]],
    );
    order(
        &trace(&["take", "--endpoint", "pix", "--exec", "true"]),
        &[["renameat", "/pix/done"], ["fsync", "/pix/done"], ["fsync", "/pix/taken"]],
    );
    let requeued =
        [["renameat", "/pix/new"], ["fsync", "/pix/new"], ["fsync", "/pix/taken"], ["write(1", ""]];
    trace(&["take", &ids[2]]);
    order(&trace(&["requeue", "--queue", "taken"]), &requeued);
}

#[test]
fn entry_in_the_queue_of_another_endpoint_is_not_intact() {
    let world = World::new();
    let daemon = world.start();
    let ids = deliver(&world, &daemon, 1);
    fs::rename(path(&world, "new", &ids[0]), world.path(&format!("spool/second/new/{}.hook", ids[0])))
        .unwrap();
    let verified = spool(&world, &["verify", "--endpoint", "second"]);
    assert_eq!(verified.status.code(), Some(1));
    let message = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(message.contains("belongs to an entry of endpoint `pix`"), "{message}");
    assert!(world.path(&format!("spool/corrupt/{}.hook", ids[0])).exists());
}
