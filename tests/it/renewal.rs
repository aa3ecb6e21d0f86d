//! Renewals of the server's certificate on a booted systemd: with the deploy hook, and with systemd's credentials.

use std::process::Stdio;

use crate::booted::Machine;
use crate::world::rounds;

/// A delivery that prints only its status code. The renewed certificates are those of another CA.
const CURL: &str = "curl -skS -o /dev/null -w '%{http_code}\\n' --cert /etc/hookspool/certs/client.pem \
    --key /etc/hookspool/certs/client.key https://localhost/webhooks/pix -d '{}'";
const CLIENTS: usize = 3;
const LINEAGE: &str = "/etc/letsencrypt/live/hooks.example";

/// Issues a certificate and its key, as certbot keeps them.
fn renew(machine: &Machine) {
    machine.run_ok(&format!(
        "umask 077; hookspool certs init --force --dir /root/issued && mkdir -p {LINEAGE} && \
         cp /root/issued/server.pem {LINEAGE}/fullchain.pem && cp /root/issued/server.key {LINEAGE}/privkey.pem"
    ));
}

/// The SHA-256 of a certificate in a file, or of the one that is served.
fn fingerprint(machine: &Machine, source: &str) -> String {
    machine.run_ok(&format!("{source} | openssl x509 -noout -fingerprint -sha256"))
}

fn served(machine: &Machine) -> String {
    fingerprint(machine, "openssl s_client -connect localhost:443 </dev/null 2>/dev/null")
}

fn renewed(machine: &Machine) -> String {
    fingerprint(machine, &format!("cat {LINEAGE}/fullchain.pem"))
}

#[test]
fn renewal_by_the_deploy_hook_loses_no_delivery_and_credentials_need_a_restart() {
    let machine = Machine::boot();
    machine.run_ok("dpkg -i /var/hookspool.deb");
    machine.run_ok("cd /etc/hookspool && hookspool certs init --owner hookspool");
    machine.run_ok("systemctl enable --now hookspool.socket hookspool.service");
    renewals_by_the_hook(&machine);
    renewals_of_credentials(&machine);
}

/// Three renewals under load.
fn renewals_by_the_hook(machine: &Machine) {
    let each = 50 * rounds(1);
    let script = format!("i=0; while [ $i -lt {each} ]; do {CURL}; i=$((i+1)); done");
    let clients: Vec<_> =
        (0..CLIENTS).map(|_| machine.shell(&script).stdout(Stdio::piped()).spawn().unwrap()).collect();
    for _ in 0..3 {
        renew(machine);
        let hook = format!("RENEWED_LINEAGE={LINEAGE} /usr/share/hookspool/certbot-deploy-hook");
        assert!(machine.run_ok(&hook).contains("generation"));
        assert_eq!(served(machine), renewed(machine));
    }
    let outcomes: String = clients
        .into_iter()
        .map(|client| String::from_utf8(client.wait_with_output().unwrap().stdout).unwrap())
        .collect();
    assert_eq!(outcomes, "200\n".repeat(CLIENTS * each));
    let modes = machine
        .run_ok("cd /etc/hookspool/certs && stat -c '%a %U' server.key server.pem; ls | grep new || true");
    assert_eq!(modes, "400 hookspool\n400 hookspool\n");
}

/// The example of the package, and a renewal, which a reload cannot detect.
fn renewals_of_credentials(machine: &Machine) {
    machine.run_ok(
        "mkdir -p /etc/systemd/system/hookspool.service.d && \
         cp /usr/share/doc/hookspool/examples/load-credential.conf /etc/systemd/system/hookspool.service.d/ && \
         sed -i 's,\"certs/server.pem\",\"credential:server.pem\",; s,\"certs/server.key\",\"credential:server.key\",' \
             /etc/hookspool/webhooks.toml && systemctl daemon-reload && systemctl restart hookspool",
    );
    let before = served(machine);
    assert_eq!(before, renewed(machine));
    renew(machine);
    let reload = machine.run_ok("hookspool reload --config /etc/hookspool/webhooks.toml");
    assert!(
        reload.contains("systemd passes a renewed one at a restart") && reload.contains("unchanged"),
        "{reload}"
    );
    assert_eq!(served(machine), before);
    machine.run_ok("systemctl restart hookspool");
    assert_eq!(served(machine), renewed(machine));
    assert_eq!(machine.run_ok(CURL), "200\n");
}
