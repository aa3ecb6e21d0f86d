//! Who can use the files of the installed package: the daemon, consumers in its group, and other users.

use super::Machine;

fn installed() -> Machine {
    let machine = Machine::boot();
    machine
        .run_ok("dpkg -i /var/hookspool.deb && cd /etc/hookspool && hookspool certs init --owner hookspool");
    machine.run_ok("echo 5f0c9f3aa1b2c3d4 | install -o hookspool -g hookspool -m 0400 /dev/stdin /etc/hookspool/secrets/pix");
    machine.run_ok("systemctl enable --now hookspool.socket hookspool.service");
    machine.deliver();
    machine
}

/// Runs a script as a user with that user's groups; returns the exit code and the output.
fn as_user(machine: &Machine, user: &str, script: &str) -> (i32, String) {
    let (_, output) =
        machine.run(&format!("runuser -u {user} -- sh -c '{script}'; code=$?; echo; echo $code"));
    let (output, code) = output.trim_end().rsplit_once('\n').unwrap();
    (code.parse().unwrap(), output.to_owned())
}

fn refused(machine: &Machine, user: &str, script: &str, code: i32, words: &str) {
    let (found, output) = as_user(machine, user, script);
    assert!(found == code && output.contains(words), "{user}: {script}: {found}: {output}");
}

fn waiting(machine: &Machine, user: &str) -> usize {
    let (code, output) = as_user(machine, user, "hookspool spool list --json");
    assert_eq!(code, 0, "{output}");
    output.matches("\"id\"").count()
}

/// The warnings and errors of a check by root, which judges as the daemon's user.
fn check(machine: &Machine) -> String {
    machine.run("hookspool check --config /etc/hookspool/webhooks.toml").1
}

#[test]
fn members_of_the_group_consume_and_read_no_keys_and_cannot_reload() {
    let machine = installed();
    let modes = machine.run_ok(
        "cd /etc/hookspool && stat -c '%n %a %U %G' . webhooks.toml certs secrets certs/server.key secrets/pix /run/hookspool/admin.sock",
    );
    let expected = [
        ". 750 root hookspool",
        "webhooks.toml 640 root hookspool",
        "certs 700 hookspool hookspool",
        "secrets 700 hookspool hookspool",
        "certs/server.key 600 hookspool root",
        "secrets/pix 400 hookspool hookspool",
        "/run/hookspool/admin.sock 600 hookspool hookspool",
    ];
    assert_eq!(modes.lines().collect::<Vec<_>>(), expected);
    machine.run_ok("useradd member && useradd stranger && usermod -aG hookspool member");
    machine.deliver();

    assert_eq!(waiting(&machine, "member"), 2);
    assert_eq!(as_user(&machine, "member", "hookspool spool take --endpoint pix --exec grep -q {}").0, 0);
    let (code, path) = as_user(&machine, "member", "hookspool spool take --endpoint pix");
    assert_eq!(code, 0, "{path}");
    assert_eq!(as_user(&machine, "member", &format!("hookspool spool done {}", path.trim())).0, 0);
    assert_eq!(waiting(&machine, "member"), 0);
    assert_eq!(machine.run_ok("ls /var/lib/hookspool/spool/pix/done").lines().count(), 2);

    let outside = "cannot read `/etc/hookspool/webhooks.toml`: user `stranger` has no access to the directory `/etc/hookspool`";
    for command in ["spool list", "spool take --endpoint pix", "reload"] {
        refused(&machine, "stranger", &format!("hookspool {command}"), 74, outside);
    }
    for user in ["member", "stranger"] {
        for file in ["certs/server.key", "certs/root-ca.key", "secrets/pix", "certs", "secrets"] {
            refused(&machine, user, &format!("grep -r . /etc/hookspool/{file}"), 2, "Permission denied");
        }
    }
    refused(&machine, "member", "hookspool reload", 69, "Permission denied");
    refused(
        &machine,
        "member",
        "curl -sS --unix-socket /run/hookspool/admin.sock http://x/reload -X POST",
        7,
        "connect",
    );
    refused(&machine, "stranger", "ls /var/lib/hookspool", 2, "Permission denied");
    assert!(!machine.run_ok("journalctl --no-pager -u hookspool -o cat").contains("unchanged"));
    machine.run_ok("systemctl reload hookspool");
    reports_what_members_can_use(&machine);
}

/// Checks the findings about a key, a secret and sockets that members of the group can use.
fn reports_what_members_can_use(machine: &Machine) {
    let findings = check(machine);
    assert!(!findings.contains("group") && findings.contains("read as user `hookspool`"), "{findings}");
    machine.run_ok("cd /etc/hookspool && chgrp hookspool certs/server.key && chmod 640 certs/server.key");
    assert!(!check(machine).contains("group"), "members cannot enter the directory");
    machine.run_ok("cd /etc/hookspool && chmod 750 certs && chmod 660 /run/hookspool/admin.sock");
    let findings = check(machine);
    assert!(
        findings.contains("`/etc/hookspool/certs/server.key` can be read or changed by the members of `[spool] group` (mode 0640)"),
        "{findings}"
    );
    assert!(
        findings.contains("members of `[spool] group` can use `/run/hookspool/admin.sock`"),
        "{findings}"
    );
    assert_eq!(as_user(machine, "member", "hookspool reload").0, 0, "the finding is true");
    machine.run_ok(
        "cd /etc/hookspool && chmod 700 certs && sed -i '/^\\[admin\\]/,/^\\[reload\\]/s/^group = \"\"/group = \"hookspool\"/' webhooks.toml \
         && systemctl restart hookspool",
    );
    assert_eq!(machine.run_ok("stat -c '%a %G' /run/hookspool/admin.sock").trim(), "660 hookspool");
    assert_eq!(as_user(machine, "member", "hookspool reload").0, 0);
    let findings = check(machine);
    assert!(findings.contains("`hookspool` is also `[spool] group`"), "{findings}");
}

#[test]
fn check_judges_as_the_daemon_and_no_hint_leads_into_an_outage() {
    let machine = installed();
    let name = |folder: &str| {
        machine.run_ok(&format!(
            "sed -i 's,^certificate = .*,certificate = \"{folder}/server.pem\",;s,^key = .*,key = \"{folder}/server.key\",' /etc/hookspool/webhooks.toml"
        ));
    };
    for (folder, mode, first) in [
        ("/root/certs", "755", "user `hookspool` has no access to the directory `/root`"),
        ("/home/ops/certs", "700", "user `hookspool` has no access to the directory `/home/ops/certs`"),
        (
            "/home/ops/more",
            "755",
            "hookspool.service cannot read `/home/ops/more/server.pem`: ProtectHome=yes",
        ),
        ("/srv/certs", "700", "user `hookspool` has no access to the directory `/srv/certs`"),
    ] {
        machine.run_ok(&format!(
            "mkdir -p {folder} && cp -a /etc/hookspool/certs/server.* {folder}/ && chmod {mode} {folder} && chmod go+x /home/ops 2>/dev/null; true"
        ));
        name(folder);
        let (succeeded, findings) = machine.run("hookspool check --config /etc/hookspool/webhooks.toml");
        assert!(
            !succeeded && findings.contains(first) && findings.contains("user `hookspool`"),
            "{folder}: {findings}"
        );
        for reload in ["hookspool reload", "systemctl reload hookspool"] {
            let (succeeded, output) = machine.run(reload);
            assert!(!succeeded && !output.contains("a restart applies"), "{folder}: {output}");
        }
        machine.deliver();
    }
    restarts_only_if_it_helps(&machine, name);
}

fn restarts_only_if_it_helps(machine: &Machine, name: impl Fn(&str)) {
    let hint =
        "user `hookspool` can read the files outside the sandbox, and they are valid: a restart applies them";
    machine.run_ok("mkdir /srv/other && hookspool certs init --dir /srv/mix --owner hookspool && cp -a /etc/hookspool/certs/server.pem /srv/mix/ && chmod 755 /srv/mix /srv/certs");
    name("/srv/mix");
    let (succeeded, output) = machine.run("hookspool reload");
    assert!(!succeeded && output.contains("a restart would fail") && !output.contains(hint), "{output}");
    name("/srv/certs");
    assert!(check(machine).contains("read as user `hookspool`"));
    for (reload, log) in [
        ("hookspool reload", ""),
        ("systemctl reload hookspool", "; journalctl --no-pager -u hookspool -n 20 -o cat"),
    ] {
        let (_, output) = machine.run(&format!("{reload}{log}"));
        assert!(output.contains(hint) && output.contains("until a restart"), "{output}");
    }
    machine.run_ok("systemctl restart hookspool");
    machine.deliver();
    // The daemon can read a path that a drop-in permits.
    name("/home/ops/more");
    machine.run_ok(
        "mkdir -p /etc/systemd/system/hookspool.service.d && printf '[Service]\\nProtectHome=read-only\\n' > /etc/systemd/system/hookspool.service.d/home.conf \
         && systemctl daemon-reload && hookspool check --config /etc/hookspool/webhooks.toml && systemctl restart hookspool",
    );
    machine.deliver();
    machine.run_ok("sed -i 's,^directory = .*,directory = \"/srv/spool\",' /etc/hookspool/webhooks.toml");
    let findings = check(machine);
    assert!(
        findings.contains("hookspool.service cannot write to `/srv/spool`: ProtectSystem=strict"),
        "{findings}"
    );
}
