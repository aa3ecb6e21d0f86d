//! Certificates created with plain OpenSSL as in many tutorials. They are version 1, and they are accepted.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use crate::world::{Daemon, World};

/// The commands of the tutorials, and two more clients: one issued by a client, and an expired one.
const RECIPE: &str = r#"
set -eu
openssl genpkey -algorithm RSA -out rootCA-private-key.pem
openssl req -new -key rootCA-private-key.pem -out rootCA.csr -subj "/CN=root"
openssl x509 -req -days 3650 -in rootCA.csr -signkey rootCA-private-key.pem -out rootCA.crt
for name in client localhost; do
    openssl genpkey -algorithm RSA -out $name-private-key.pem
    openssl req -new -key $name-private-key.pem -out $name.csr -subj "/CN=$name"
    openssl x509 -req -days 365 -in $name.csr -CA rootCA.crt -CAkey rootCA-private-key.pem -CAcreateserial -out $name.crt
done
openssl genpkey -algorithm RSA -out below-private-key.pem
openssl req -new -key below-private-key.pem -out below.csr -subj "/CN=client"
openssl x509 -req -days 365 -in below.csr -CA client.crt -CAkey client-private-key.pem -CAcreateserial -out below-leaf.crt
cat below-leaf.crt client.crt > below.crt
cp client-private-key.pem expired-private-key.pem
openssl x509 -req -days -1 -in client.csr -CA rootCA.crt -CAkey rootCA-private-key.pem -CAcreateserial -out expired.crt
"#;

const CONFIG: &str = r#"
[server]
listen = "127.0.0.1:0"

[tls]
certificate = "localhost.crt"
key = "localhost-private-key.pem"

[spool]
min_free = "1 MiB"

[admin]
listen = "unix:run/admin.sock"

[log]
format = "json"

[[sender]]
name = "client"
ca = "rootCA.crt"
cn = "client"

[[endpoint]]
name = "pix"
path = "/webhooks/pix"
senders = "client"
"#;

/// The options of curl for TLS 1.2 and 1.3.
const VERSIONS: [&[&str]; 2] = [&["--tls-max", "1.2"], &["--tlsv1.3"]];

fn world() -> World {
    let world = World::new();
    let made = Command::new("sh").args(["-c", RECIPE]).current_dir(world.path("")).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    // openssl creates keys with the permissions of the umask; other users must not be able to read them.
    let key = world.path("localhost-private-key.pem");
    fs::set_permissions(key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(world.path("webhooks.toml"), CONFIG).unwrap();
    world
}

fn version(world: &World, certificate: &str) -> String {
    let path = world.path(certificate);
    let text = Command::new("openssl").args(["x509", "-noout", "-text", "-in"]).arg(path).output().unwrap();
    let text = String::from_utf8(text.stdout).unwrap();
    text.lines().find(|line| line.contains("Version:")).unwrap().trim().to_owned()
}

fn curl(world: &World, daemon: &Daemon, client: &str, tls: &[&str]) -> Output {
    let mut command = Command::new("curl");
    command.args(["-sS", "--max-time", "20", "-w", "%{http_code}", "-o", "/dev/null", "-d", "{}"]).args(tls);
    // A version 1 certificate contains its host only in the CN, which curl does not check.
    command.arg("--insecure").arg("--cert").arg(world.path(&format!("{client}.crt")));
    command.arg("--key").arg(world.path(&format!("{client}-private-key.pem")));
    command.arg(daemon.url("/webhooks/pix")).output().unwrap()
}

#[test]
fn the_recipes_certificates_work_for_server_and_client() {
    let world = world();
    let daemon = world.start();
    for (round, tls) in VERSIONS.into_iter().enumerate() {
        let output = curl(&world, &daemon, "client", tls);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "200", "{output:?}");
        assert_eq!(world.entries("pix").len(), round + 1);
    }
    let entries = world.entries("pix");
    let entry = entries.values().next().unwrap();
    assert_eq!(entry.envelope["peer"]["common_name"], "client");
    assert_eq!(entry.envelope["peer"]["issuer"], "CN=root");
    if version(&world, "client.crt") != "Version: 1 (0x0)" {
        eprintln!("this OpenSSL makes version 3 certificates by default");
        return;
    }
    let warned = world.run(&["check"]);
    assert!(warned.status.success());
    assert!(String::from_utf8_lossy(&warned.stderr).contains("version 1"), "{warned:?}");
}

#[test]
fn a_version_1_certificate_never_issues_and_its_dates_count() {
    let world = world();
    let daemon = world.start();
    for tls in VERSIONS {
        for (client, reason) in [("below", "unknown_ca"), ("expired", "expired")] {
            let output = curl(&world, &daemon, client, tls);
            assert_ne!(String::from_utf8_lossy(&output.stdout), "200", "{client}: {output:?}");
            daemon.logged("peer refused", |line| line["reason"] == reason);
        }
    }
    assert!(world.spool_files().is_empty());
}

#[test]
fn send_presents_a_version_1_certificate_and_explains_why_it_rejects_the_server() {
    let world = world();
    let daemon = world.start();
    fs::write(world.path("body"), "{}").unwrap();
    let url = daemon.url("/webhooks/pix");
    let identity = ["--cert", "client.crt", "--key", "client-private-key.pem"];
    let refused = world.run(&[&["send", &url, "body", "--ca", "rootCA.crt"][..], &identity].concat());
    assert!(!refused.status.success());
    let printed = String::from_utf8_lossy(&refused.stderr);
    assert!(printed.contains("--insecure") && printed.contains("version"), "{printed}");
    let sent = world.run(&[&["send", &url, "body", "--insecure"][..], &identity].concat());
    assert!(sent.status.success(), "{sent:?}");
    assert_eq!(world.entries("pix").len(), 1);
}
