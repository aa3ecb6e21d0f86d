//! An operator's first days on a booted systemd, with the commands of docs/operating.md as they are written: from the
//! installation to a renewed certificate, a consumer, a reboot and an upgrade.

use std::process::Stdio;

use crate::booted::Machine;
use crate::documents::block;
use crate::world::{eventually, rounds};

/// Replaces certbot, which needs an ACME server: issues a certificate, and runs the deploy hook as certbot does.
const CERTBOT: &str = r#"#!/bin/sh
set -e
while [ $# -gt 0 ]; do
    case $1 in --deploy-hook) hook=$2; shift ;; -d) name=$2; shift ;; esac
    shift
done
umask 077
export RENEWED_LINEAGE=/etc/letsencrypt/live/$name RENEWED_DOMAINS=$name
hookspool certs init --force --dir /root/issued --host "$name" >/dev/null
mkdir -p "$RENEWED_LINEAGE"
cp /root/issued/server.pem "$RENEWED_LINEAGE/fullchain.pem"
cp /root/issued/server.key "$RENEWED_LINEAGE/privkey.pem"
exec "$hook"
"#;

/// A sender that retries, as a bank does; prints the last status code.
const SEND: &str = "curl -skS --retry 9 --retry-all-errors --retry-delay 1 -o /dev/null -w '%{http_code}\\n' \
    --cert /etc/hookspool/certs/client.pem --key /etc/hookspool/certs/client.key https://localhost/webhooks/pix -d '{}'";

fn run_block(machine: &Machine, begin: &str) {
    let commands = block("docs/operating.md", begin);
    machine.run_ok(&format!("cd /root && cat >commands <<'END'\n{commands}END\nsh -e commands"));
}

fn queue(machine: &Machine, queue: &str) -> usize {
    machine.run_ok(&format!("ls /var/lib/hookspool/spool/pix/{queue}")).lines().count()
}

#[test]
fn the_documented_commands_lead_from_installation_to_an_upgrade_without_a_failed_delivery() {
    let mut machine = Machine::boot();
    machine
        .run_ok("mkdir -p /root/target/debian && cp /var/hookspool.deb /root/target/debian/hookspool_0.deb");
    machine.run_ok("useradd --badname CONSUMER");
    run_block(&machine, "dpkg -i");
    assert_eq!(machine.run_ok(SEND), "200\n");

    machine.run_ok(&format!(
        "cat >/usr/local/bin/certbot <<'END'\n{CERTBOT}END\nchmod +x /usr/local/bin/certbot"
    ));
    run_block(&machine, "certbot certonly");
    let subject =
        "openssl s_client -connect localhost:443 </dev/null 2>/dev/null | openssl x509 -noout -text";
    assert!(machine.run_ok(subject).contains("DNS:hooks.shop.example"));
    assert_eq!(machine.run_ok(SEND), "200\n");

    let take = "setpriv --reuid CONSUMER --regid CONSUMER --init-groups \
        hookspool spool take --config /etc/hookspool/webhooks.toml --endpoint pix --all --exec true";
    machine.run_ok(take);
    assert_eq!((queue(&machine, "new"), queue(&machine, "done")), (0, 2));

    machine.reboot();
    eventually("the daemon serves after the reboot", || {
        (machine.run_ok("systemctl is-active hookspool || true").trim() == "active").then_some(())
    });
    assert_eq!(machine.run_ok(SEND), "200\n");

    // As a release without the group created them.
    machine.run_ok("chmod 2750 /var/lib/hookspool/spool/pix/* /var/lib/hookspool/spool/corrupt");
    upgrade_under_load(&machine);
    machine.run_ok(take);
    assert_eq!((queue(&machine, "new"), queue(&machine, "taken")), (0, 0));
}

fn upgrade_under_load(machine: &Machine) {
    let (clients, each) = (3, 20 * rounds(1));
    let script = format!("i=0; while [ $i -lt {each} ]; do {SEND}; i=$((i+1)); done");
    let load: Vec<_> =
        (0..clients).map(|_| machine.shell(&script).stdout(Stdio::piped()).spawn().unwrap()).collect();
    let before = machine.waiting();
    eventually("deliveries arrive", || (machine.waiting() > before).then_some(()));
    machine.run_ok("dpkg -i /root/target/debian/hookspool_*.deb");
    let outcomes: String = load
        .into_iter()
        .map(|client| String::from_utf8(client.wait_with_output().unwrap().stdout).unwrap())
        .collect();
    assert_eq!(outcomes, "200\n".repeat(clients * each));
    assert!(machine.waiting() >= clients * each);
}
