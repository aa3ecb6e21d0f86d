//! `hookspool-forward.service`: what it forwards, and what it cannot access.

use super::{CURL, Machine};
use crate::documents::{block, file, read};
use crate::world::eventually;

const CONFIG: &str = "/etc/hookspool/webhooks.toml";
const SPOOL: &str = "/var/lib/hookspool/spool/pix";

/// Writes to the file `seen` its group, a secret of `forward`, and everything that it can read or change although it
/// should not.
const INTRUDER: &str = r#"#!/bin/sh
exec >seen 2>/dev/null
id -Gn | cut -d" " -f1
cat /etc/hookspool/forward/ledger
for root in "" /proc/[0-9]*/root; do
    head -v $root/etc/hookspool/certs/server.key $root/etc/hookspool/secrets/pix $root/run/credentials/hookspool.service/*
done
head -v /var/lib/hookspool/spool/.journal-* /var/lib/hookspool/spool/.lock
hookspool reload --config /etc/hookspool/webhooks.toml && echo reloaded
for place in /etc /etc/hookspool/forward /usr /var/lib /var/lib/hookspool /var/lib/hookspool/spool \
    /var/lib/hookspool/spool/pix /home /root /dev/shm; do
    touch $place/intruder && echo wrote $place
done
touch /var/lib/hookspool-forward/own && echo end
"#;

/// A table that adds an application, with a secret that only the unit of `forward` receives.
const APPLICATION: &str = r#"
[[endpoint]]
name = "app"
path = "/webhooks/app"
senders = ["dev"]

[[consumer]]
name = "app"
endpoints = ["app"]
http = { url = "http://127.0.0.1:3000/", secret = "credential:signing" }
"#;

const SERVER: &str = r#"
from http.server import BaseHTTPRequestHandler, HTTPServer
class Application(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        with open("/root/received", "a") as file:
            file.write(self.headers["webhook-signature"][:3] + " " + body.decode() + "\n")
        self.send_response(204)
        self.end_headers()
HTTPServer(("127.0.0.1", 3000), Application).serve_forever()
"#;

fn write(machine: &Machine, path: &str, text: &str) {
    machine.run_ok(&format!("cat >{path} <<'END'\n{text}END"));
}

/// Replaces the tables after those of the package.
fn configure(machine: &Machine, tables: &str) {
    write(machine, "/root/tables", tables);
    machine.run_ok(&format!("cat /root/base.toml /root/tables >/root/next && cat /root/next >{CONFIG}"));
}

fn deliver(machine: &Machine, path: &str, payload: &str) {
    let url = CURL.replace("/webhooks/pix", path);
    assert_eq!(machine.run_ok(&format!("{url} --data-binary @- <<'END'\n{payload}\nEND\n")), "200");
}

fn count(machine: &Machine, queue: &str) -> usize {
    machine.run_ok(&format!("ls {SPOOL}/{queue} | grep -c hook$; true")).trim().parse().unwrap()
}

fn property(machine: &Machine, name: &str) -> String {
    machine.run_ok(&format!("systemctl show hookspool-forward -P {name}")).trim().to_owned()
}

pub(super) fn forwards(machine: &Machine) {
    machine.run_ok(&format!("cp {CONFIG} /root/base.toml"));
    runs_the_documented_command(machine);
    tries_again_what_a_stop_left_in_taken(machine);
    cannot_access_what_belongs_to_the_daemon(machine);
    reload_adds_a_consumer_with_a_credential_that_the_daemon_does_not_have(machine);
    broken_table_stops_only_forward(machine);
    machine.run_ok("systemctl disable --now hookspool-forward");
    configure(machine, "");
}

fn runs_the_documented_command(machine: &Machine) {
    configure(machine, &block("docs/consumers.md", "[[consumer]]"));
    write(machine, "/root/book-the-payment", &file("docs/consumers.md", "book-the-payment"));
    let commands = file("docs/consumers.md", "enable-consumer.sh");
    machine.run_ok(&format!("cd /root && cat >commands <<'END'\n{commands}END\nsh -e commands"));
    // The payloads of the tests before this one are not payments.
    eventually("everything is attempted", || {
        (count(machine, "new") + count(machine, "taken") == 0).then_some(())
    });
    let notes = machine.run_ok(&format!("cd {SPOOL}/failed && stat -c '%a %U %G' *.why | sort -u"));
    assert_eq!(notes, "660 hookspool-forward hookspool\n");
    deliver(machine, "/webhooks/pix", &read("tests/samples/01-pix-recebido.json"));
    let ledger = "ls /var/lib/hookspool-forward/ledger";
    eventually("the payment is booked", || {
        (machine.run(ledger).1 == "E99999004202611231312aB3dE5fG7h1\n").then_some(())
    });
    let status = machine.run_ok("hookspool status");
    assert!(status.contains("  ledger           exec, entries of pix, target up\n"), "{status}");
    let sockets = machine.run_ok("stat -c '%a %U %G' /run/hookspool-forward /run/hookspool-forward/*.sock");
    assert_eq!(sockets, "750 hookspool-forward hookspool\n600 hookspool-forward hookspool\n");
}

fn tries_again_what_a_stop_left_in_taken(machine: &Machine) {
    machine.run_ok("systemctl stop hookspool-forward");
    let done = count(machine, "done");
    deliver(machine, "/webhooks/pix", &read("tests/samples/01-pix-recebido.json"));
    machine.run_ok(&format!("cd {SPOOL} && mv new/*.hook taken/ && systemctl start hookspool-forward"));
    eventually("the entry is done", || (count(machine, "done") == done + 1).then_some(()));
}

fn cannot_access_what_belongs_to_the_daemon(machine: &Machine) {
    machine
        .run_ok("echo 5f0c9f3aa1b2c3d4 | install -o hookspool -m 0400 /dev/stdin /etc/hookspool/secrets/pix");
    machine
        .run_ok("echo ours | install -g hookspool-forward -m 0640 /dev/stdin /etc/hookspool/forward/ledger");
    write(machine, "/usr/local/bin/book-the-payment", INTRUDER);
    deliver(machine, "/webhooks/pix", "{}");
    let seen = eventually("the command has tried", || {
        let (_, seen) = machine.run("cat /var/lib/hookspool-forward/seen");
        seen.ends_with("end\n").then_some(seen)
    });
    assert_eq!(seen, "hookspool\nours\nend\n");
}

fn reload_adds_a_consumer_with_a_credential_that_the_daemon_does_not_have(machine: &Machine) {
    write(machine, "/root/app.py", SERVER);
    machine.run_ok("systemd-run --quiet --unit=app python3 /root/app.py");
    machine.run_ok(
        "(umask 077 && echo whsec_$(openssl rand -base64 32) >/root/signing) \
         && mkdir -p /etc/systemd/system/hookspool-forward.service.d \
         && printf '[Service]\\nLoadCredential=signing:/root/signing\\n' >/etc/systemd/system/hookspool-forward.service.d/signing.conf \
         && systemctl daemon-reload && systemctl restart hookspool-forward",
    );
    configure(machine, APPLICATION);
    machine.run_ok("systemctl reload hookspool && systemctl reload hookspool-forward");
    deliver(machine, "/webhooks/app", "first");
    receives(machine, "v1, first\n");
    let log = machine.run_ok("journalctl --no-pager -u hookspool-forward -o cat");
    assert!(log.contains("SIGHUP received; reloading") && log.contains("consumer started"), "{log}");

    // The daemon does not need the credential, and a check that cannot read it reports that.
    machine.run_ok("systemctl restart hookspool");
    let findings = machine.run_ok("hookspool check");
    assert!(findings.contains("note: ") && findings.contains("credential:signing"), "{findings}");
    let findings = machine.run_ok("hookspool check --process forward");
    assert!(findings.contains("no findings, read as user `hookspool-forward`"), "{findings}");

    // Without an exec consumer, it restricts itself, and forwards as before.
    machine.run_ok("systemctl restart hookspool-forward");
    deliver(machine, "/webhooks/app", "second");
    receives(machine, "v1, second\n");
    let log = machine.run_ok("journalctl --no-pager -u hookspool-forward -o cat");
    assert!(log.contains("sandboxed"), "{log}");
}

/// Waits until the application has received a delivery with a signature.
fn receives(machine: &Machine, line: &str) {
    eventually("the application receives it", || {
        machine.run("cat /root/received").1.contains(line).then_some(())
    });
}

fn broken_table_stops_only_forward(machine: &Machine) {
    configure(machine, &APPLICATION.replace("http =", "htp ="));
    machine.run_ok("systemctl reload hookspool && systemctl restart hookspool");
    machine.deliver();
    assert_eq!(machine.run("hookspool check; echo $?").1.lines().last(), Some("78"));
    assert!(!machine.run("systemctl restart hookspool-forward").0);
    assert_eq!((&*property(machine, "ExecMainStatus"), &*property(machine, "NRestarts")), ("78", "0"));
    let status = machine.run_ok("hookspool status");
    assert!(status.contains("forward is not running"), "{status}");
}
