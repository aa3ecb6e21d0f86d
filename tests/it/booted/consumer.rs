//! The units that start a consumer when entries arrive.

use super::{CURL, Machine};
use crate::documents::{file, read};
use crate::world::eventually;

/// The working directory of the consumer.
const FILES: &str = "/var/lib/hookspool/consumers/pix";
/// Answers 75 to the payload `later` while the file `down` exists, ignores SIGTERM and does not end with the payload
/// `stuck` while the file `stuck` exists, and fails with the payload `bad`. The payload `intrude` makes it write to
/// the file `seen` what it can read of the keys and secrets, and whether it can reload the daemon.
const CONSUMER: &str = r#"#!/bin/sh
case $(cat) in
later) [ ! -e down ] || { echo >>attempts; exit 75; } ;;
stuck) trap "" TERM; touch started; while [ -e stuck ]; do sleep 0.1; done ;;
bad) exit 3 ;;
intrude)
    for root in "" /proc/[0-9]*/root; do
        head -v $root/etc/hookspool/certs/server.key $root/etc/hookspool/secrets/pix $root/run/credentials/*/*
    done >seen
    hookspool reload >>seen && echo reloaded >>seen
    touch intruded ;;
esac
"#;
const UNITS: &str = "hookspool-consumer@pix.path hookspool-consumer@pix.service";

fn deliver(machine: &Machine, payload: &str) {
    assert_eq!(machine.run_ok(&format!("{CURL} -d {payload}")), "200");
}

/// The number of entries in a queue.
fn count(machine: &Machine, queue: &str) -> usize {
    machine.run_ok(&format!("ls /var/lib/hookspool/spool/pix/{queue}")).lines().count()
}

fn wait_until(machine: &Machine, queue: &str, entries: usize) {
    eventually(&format!("{entries} entries in {queue}"), || {
        assert_eq!(machine.run("systemctl is-active hookspool-consumer@pix.path").1.trim(), "active");
        (count(machine, queue) == entries).then_some(())
    });
}

/// Installs a consumer with the commands of the document.
fn install(machine: &Machine, consumer: &str) {
    let commands = file("docs/consumers.md", "enable-consumer.sh");
    machine.run_ok(&format!("cd /root && cat >book-the-payment <<'END'\n{consumer}END\nset -e\n{commands}"));
}

pub(super) fn processes_every_entry(machine: &Machine) {
    books_with_the_documented_consumer(machine);
    install(machine, CONSUMER);
    keeps_keys_and_the_daemon_from_the_consumer(machine);
    continues_beside_an_unreadable_entry_in_taken(machine);
    survives_more_starts_than_the_default_limit(machine);
    retries_without_delaying_younger_entries(machine);
    returns_entries_that_a_stop_left_in_taken(machine);
    machine.run_ok(&format!("systemctl disable {UNITS} && systemctl stop {UNITS}"));
}

fn books_with_the_documented_consumer(machine: &Machine) {
    let state = "stat -c '%a %U %G' /var/lib/hookspool";
    let before = machine.run_ok(state);
    install(machine, &file("docs/consumers.md", "book-the-payment"));
    // The payloads of the tests before this one are not payments.
    wait_until(machine, "new", 0);
    let payment = read("tests/samples/01-pix-recebido.json");
    assert_eq!(machine.run_ok(&format!("{CURL} --data-binary @- <<'END'\n{payment}END\n")), "200");
    wait_until(machine, "done", 2);
    assert_eq!(machine.run_ok(&format!("ls {FILES}/ledger")), "E99999004202611231312aB3dE5fG7h1\n");
    assert_eq!(machine.run_ok(&format!("stat -c '%a %U' {FILES}")), "750 hookspool\n");
    assert_eq!(machine.run_ok(state), before);
}

fn keeps_keys_and_the_daemon_from_the_consumer(machine: &Machine) {
    machine
        .run_ok("echo 5f0c9f3aa1b2c3d4 | install -o hookspool -m 0400 /dev/stdin /etc/hookspool/secrets/pix");
    deliver(machine, "intrude");
    eventually("the consumer has tried", || {
        machine.run(&format!("test -e {FILES}/intruded")).0.then_some(())
    });
    assert_eq!(machine.run_ok(&format!("cat {FILES}/seen")), "");
}

fn continues_beside_an_unreadable_entry_in_taken(machine: &Machine) {
    let before = count(machine, "done");
    machine.run_ok(
        "cd /var/lib/hookspool/spool/pix && entry=$(ls done | head -n 1) && install -m 0600 done/$entry taken/",
    );
    deliver(machine, "ok");
    wait_until(machine, "done", before + 1);
    machine.run_ok("rm /var/lib/hookspool/spool/pix/taken/*");
}

fn survives_more_starts_than_the_default_limit(machine: &Machine) {
    let before = count(machine, "done");
    // Each entry is delivered after the previous one is done, so each causes a start of the service.
    for number in 1..=12 {
        deliver(machine, "ok");
        wait_until(machine, "done", before + number);
    }
    let failed = count(machine, "failed");
    deliver(machine, "bad");
    wait_until(machine, "failed", failed + 1);
}

fn retries_without_delaying_younger_entries(machine: &Machine) {
    let before = count(machine, "done");
    machine.run_ok(&format!("touch {FILES}/down"));
    deliver(machine, "later");
    let attempts = |expected: usize| {
        eventually("the entry is tried again", || {
            let (_, lines) = machine.run(&format!("cat {FILES}/attempts"));
            (lines.lines().count() >= expected).then_some(())
        });
    };
    attempts(4);
    deliver(machine, "ok");
    wait_until(machine, "done", before + 1);
    attempts(8);
    machine.run_ok(&format!("rm {FILES}/down"));
    wait_until(machine, "done", before + 2);
}

fn returns_entries_that_a_stop_left_in_taken(machine: &Machine) {
    let before = count(machine, "done");
    let drop_in = "/run/systemd/system/hookspool-consumer@pix.service.d";
    machine.run_ok(&format!(
        "mkdir {drop_in} && printf '[Service]\\nTimeoutStopSec=1s\\n' >{drop_in}/stop.conf && systemctl daemon-reload"
    ));
    machine.run_ok(&format!("touch {FILES}/stuck"));
    deliver(machine, "stuck");
    eventually("the consumer runs", || machine.run(&format!("test -e {FILES}/started")).0.then_some(()));
    // The consumer ignores SIGTERM and is killed.
    machine.run_ok(&format!("systemctl stop {UNITS}"));
    assert_eq!((count(machine, "new"), count(machine, "taken")), (0, 1));
    // With the drop-in, the pause of ExecStopPost= could exceed the timeout, and the unit would be left as failed.
    machine.run_ok(&format!("rm -r {FILES}/stuck {drop_in} && systemctl daemon-reload"));
    machine.run_ok("systemctl start hookspool-consumer@pix.path");
    wait_until(machine, "done", before + 1);
}
