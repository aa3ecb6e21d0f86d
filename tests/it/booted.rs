//! Installs the package on a booted systemd and enables, reloads, restarts, blocks, stops and removes it.

mod forward;
mod machine;
mod permissions;

use std::process::{Child, Stdio};

use crate::world::{eventually, rounds};
pub use machine::Machine;

/// A delivery that prints only its status code.
const CURL: &str = "curl -sS -o /dev/null -w '%{http_code}' --cacert /etc/hookspool/certs/root-ca.pem \
    --cert /etc/hookspool/certs/client.pem --key /etc/hookspool/certs/client.key https://localhost/webhooks/pix";

#[test]
fn package_works_from_installation_to_removal() {
    let machine = Machine::boot();
    installs(&machine);
    is_sandboxed(&machine);
    reloads(&machine);
    forward::forwards(&machine);
    restarts_without_a_refusal(&machine);
    is_restarted_by_the_watchdog(&machine);
    drains_when_it_stops(&machine);
    keeps_the_spool_when_it_is_removed(&machine);
}

fn installs(machine: &Machine) {
    machine.run_ok("dpkg -i /var/hookspool.deb");
    for unit in ["hookspool.service", "hookspool.socket", "hookspool-forward.service"] {
        assert_eq!(machine.run(&format!("systemctl is-active {unit}")).1.trim(), "inactive");
        assert_eq!(machine.run(&format!("systemctl is-enabled {unit}")).1.trim(), "disabled");
    }
    machine.run_ok("cd /etc/hookspool && hookspool certs init --owner hookspool");
    let owners = machine.run_ok("cd /etc/hookspool/certs && stat -c '%U %a' root-ca.key server.key");
    assert_eq!(owners, "root 600\nhookspool 600\n");
    machine.run_ok("systemctl enable --now hookspool.socket hookspool.service");
    machine.deliver();
    members_of_the_group_can_consume(machine);
    let status = machine.run_ok("systemctl status hookspool");
    assert!(
        status.contains("Status: \"generation 1, first to expire /etc/hookspool/certs/server.pem at "),
        "{status}"
    );
    let entry = "-u hookspool -o json HOOKSPOOL_ENDPOINT=pix HOOKSPOOL_SENDER=dev";
    let logged = eventually("the delivery in the journal", || {
        let (_, output) = machine.run(&format!("journalctl --no-pager {entry}"));
        output.contains("MESSAGE").then_some(output)
    });
    assert!(logged.contains("delivery stored") && logged.contains("\"HOOKSPOOL_BYTES\":\"2\""), "{logged}");
}

/// Checks the modes without a drop-in: the spool inherits the group of the state directory.
fn members_of_the_group_can_consume(machine: &Machine) {
    let modes = machine
        .run_ok("cd /var/lib/hookspool/spool && stat -c '%a %G' . tmp pix pix/new corrupt pix/new/*.hook");
    let expected = ["2750", "2750", "2750", "2770", "2770", "660"].map(|mode| format!("{mode} hookspool"));
    assert_eq!(modes.lines().collect::<Vec<_>>(), expected);
    machine.run_ok("useradd --groups hookspool consumer");
    machine.run_ok("cd /var/lib/hookspool/spool/pix && setpriv --reuid consumer --regid consumer --init-groups sh -ec \
        'for entry in new/*.hook; do mv $entry taken/; done; mv taken/*.hook done/; ! touch ../x 2>/dev/null; ! rm ../.lock 2>/dev/null'");
}

/// Checks the rating of systemd, and the file access of a process in the unit.
fn is_sandboxed(machine: &Machine) {
    for unit in ["hookspool.service", "hookspool-forward.service"] {
        let rate = "systemd-analyze security --offline=yes --threshold=15 /usr/lib/systemd/system";
        machine.run_ok(&format!("{rate}/{unit}"));
    }
    for unit in ["hookspool.service", "hookspool.socket", "hookspool-forward.service"] {
        assert_eq!(machine.run_ok(&format!("systemd-analyze verify {unit}")), "", "{unit}");
    }
    let sandboxed = machine.run_ok("journalctl --no-pager -u hookspool -o cat");
    assert!(sandboxed.contains("sandboxed"), "{sandboxed}");
    let tries = "cat /etc/shadow && echo read; for place in /etc /etc/hookspool /usr /var/tmp/. /var/lib /run /home /root /dev/shm; do \
        touch $place/intruder && echo wrote $place; done; touch /var/lib/hookspool/own && echo may";
    machine.run_ok(&format!(
        "mkdir -p /run/systemd/system/hookspool.service.d && printf '[Service]\\nPrivateTmp=no\\nExecStartPre=/bin/sh -c \"%s\"\\n' '{tries}' \
         > /run/systemd/system/hookspool.service.d/tries.conf && systemctl daemon-reload && systemctl restart hookspool"
    ));
    let output = machine.run_ok("journalctl --no-pager -u hookspool -o cat -t sh");
    assert!(output.contains("may"), "{output}");
    assert!(!output.contains("read") && !output.contains("wrote"), "{output}");
    machine.run_ok("rm -r /run/systemd/system/hookspool.service.d && systemctl daemon-reload && systemctl restart hookspool");
}

fn reloads(machine: &Machine) {
    machine.run_ok(
        "cd /etc/hookspool && hookspool certs init --force --owner hookspool && systemctl reload hookspool",
    );
    machine.deliver();
    machine.run_ok(
        "cp -a /etc/hookspool/certs/server.pem /root/ && echo nonsense > /etc/hookspool/certs/server.pem",
    );
    let (succeeded, output) = machine.run("systemctl reload hookspool");
    assert!(!succeeded, "{output}");
    let status = machine.run_ok("systemctl status hookspool --lines=20 --full");
    assert!(
        status.contains("Active: active (running)") && status.contains("Status: \"generation"),
        "{status}"
    );
    // In the status line and in the output of the command.
    let lines = status.lines().filter(|line| line.contains("/etc/hookspool/certs/server.pem"));
    assert!(lines.count() >= 2, "{status}");
    assert!(status.contains("degraded: ") && status.contains("rejected, generation"), "{status}");
    machine.deliver();
    machine.run_ok("cp -a /root/server.pem /etc/hookspool/certs/ && systemctl reload hookspool");
}

/// Checks that clients that connect during a restart wait in the backlog.
fn restarts_without_a_refusal(machine: &Machine) {
    let (clients, deliveries, restarts) = (4, 30 * rounds(1), 3 * rounds(1));
    let before = machine.waiting();
    let load: Vec<Child> = (0..clients)
        .map(|_| {
            // curl exits with 7 if it cannot connect.
            let one = format!("{CURL} -d '{{}}' 2>/dev/null; echo \" $?\"");
            let script = format!("i=0; while [ $i -lt {deliveries} ]; do {one}; i=$((i+1)); done");
            machine.shell(&script).stdout(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for _ in 0..restarts {
        let waiting = machine.waiting();
        eventually("deliveries continue", || (machine.waiting() > waiting).then_some(()));
        machine.run_ok("systemctl restart hookspool");
    }
    let outcomes: Vec<String> = load
        .into_iter()
        .map(|client| String::from_utf8(client.wait_with_output().unwrap().stdout).unwrap())
        .flat_map(|output| output.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let count = |outcome: &str| outcomes.iter().filter(|line| line.as_str() == outcome).count();
    let stored = count("200 0");
    eprintln!("{restarts} restarts: {stored} of {} deliveries stored at once", outcomes.len());
    assert_eq!(outcomes.len(), clients * deliveries);
    assert_eq!(count("000 7"), 0, "refused: {outcomes:?}");
    assert!(machine.waiting() - before >= stored);
    assert!(stored * 10 > outcomes.len() * 8, "{outcomes:?}");
}

fn is_restarted_by_the_watchdog(machine: &Machine) {
    machine.run_ok(
        "mkdir -p /run/systemd/system/hookspool.service.d && printf '[Service]\\nWatchdogSec=4s\\nTimeoutAbortSec=1s\\n' \
         > /run/systemd/system/hookspool.service.d/watchdog.conf && systemctl daemon-reload && systemctl restart hookspool",
    );
    machine.deliver();
    let (pid, waiting) = (machine.run_ok("systemctl show hookspool -P MainPID"), machine.waiting());
    machine.run_ok(&format!("kill -STOP {pid}"));
    eventually("the watchdog has restarted the daemon", || {
        let now = machine.run_ok("systemctl show hookspool -P MainPID");
        (now != pid && now.trim() != "0").then_some(())
    });
    assert!(machine.run_ok("journalctl --no-pager -u hookspool -o cat").contains("Watchdog timeout"));
    machine.deliver();
    assert_eq!(machine.waiting(), waiting + 1);
}

/// Checks that a delivery whose body is incomplete is finished before the stop.
fn drains_when_it_stops(machine: &Machine) {
    machine.run_ok("mkfifo /tmp/body");
    let slow = format!("{CURL} --http1.1 -X POST -H 'Expect: 100-continue' -T - < /tmp/body");
    let client = machine.shell(&slow).stdout(Stdio::piped()).spawn().unwrap();
    let body = machine.shell("exec 3>/tmp/body; printf '{' >&3; read go < /tmp/go; printf '}' >&3");
    machine.run_ok("mkfifo /tmp/go");
    let mut body = { body }.spawn().unwrap();
    eventually("a connection is open", || {
        let (_, output) = machine.run("curl -s localhost:9464/metrics");
        output.contains("hookspool_connections 1\n").then_some(())
    });
    let mut stop = machine.shell("systemctl stop hookspool.socket hookspool.service").spawn().unwrap();
    eventually("it drains", || {
        machine.run_ok("systemctl show hookspool -P StatusText").starts_with("draining").then_some(())
    });
    machine.run_ok("echo go > /tmp/go");
    assert!(body.wait().unwrap().success());
    assert_eq!(String::from_utf8(client.wait_with_output().unwrap().stdout).unwrap(), "200");
    assert!(stop.wait().unwrap().success());
    assert_eq!(machine.run_ok("systemctl show hookspool -P Result").trim(), "success");
}

fn keeps_the_spool_when_it_is_removed(machine: &Machine) {
    let waiting = machine.waiting();
    machine.run_ok("systemctl enable hookspool-forward");
    let output = machine.run_ok("dpkg --purge hookspool");
    assert!(output.contains("the spool stays in /var/lib/hookspool"), "{output}");
    assert_eq!(machine.waiting(), waiting);
    assert!(!machine.run("systemctl cat hookspool.service").0);
    // The drop-in is from the operator.
    assert_eq!(machine.run_ok("find /etc/systemd -name 'hookspool*' -not -name '*.service.d'"), "");
}
