//! `certs show` of standard input, and of DER with something behind it.

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

use crate::world::{World, program};

fn sh(world: &World, line: &str) -> Output {
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).env("PROGRAM", program()).current_dir(world.path(""));
    shell.env_remove("HOOKSPOOL_CONFIG").env_remove("RUST_LOG").output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn standard_input_named_twice_is_a_usage_error_that_says_so() {
    let world = World::new();
    let output = sh(&world, "\"$PROGRAM\" certs show - - < certs/client.pem");
    assert_eq!(output.status.code(), Some(64));
    let expected = "standard input (`-`) can be read only once, but is named more than once";
    assert!(said(&output).contains(expected), "{}", said(&output));
}

#[test]
fn standard_input_has_one_name() {
    let world = World::new();
    let text = sh(&world, "\"$PROGRAM\" certs show - < certs/client.pem");
    assert!(text.stdout.starts_with(b"-\n"), "{}", String::from_utf8_lossy(&text.stdout));
    let json = sh(&world, "\"$PROGRAM\" certs show --json - < certs/client.pem");
    let document: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(document["files"][0]["file"], "-");
    let refused = sh(&world, "echo | \"$PROGRAM\" certs show -");
    assert!(said(&refused).contains("`-`: the file is empty"), "{}", said(&refused));
}

#[test]
fn bytes_behind_der_are_counted() {
    let world = World::new();
    let script = "openssl x509 -in certs/client.pem -outform DER -out cert.der; printf x >> cert.der
        openssl pkey -in certs/client.key -outform DER -out key.der; printf xyz >> key.der; chmod 600 key.der
        cat cert.der cert.der > two.der; (openssl base64 -in cert.der; echo) > text
        (echo '-----BEGIN CERTIFICATE-----'; cat text; echo '-----END CERTIFICATE-----') > cert.pem";
    assert!(sh(&world, script).status.success());
    let length = fs::metadata(world.path("cert.der")).unwrap().len();
    for (file, expected) in [
        ("cert.der", "1 byte follows the DER structure at the start of the file".to_owned()),
        ("key.der", "3 bytes follow the DER structure at the start of the file".to_owned()),
        ("two.der", format!("{} bytes follow the DER structure at the start of the file", length + 1)),
        ("cert.pem", "not a readable X.509 certificate: 1 byte follows it".to_owned()),
    ] {
        let output = world.run(&["certs", "show", file]);
        assert_eq!(output.status.code(), Some(65), "{file}");
        assert!(said(&output).contains(&expected), "{file}: {}", said(&output));
    }
}

/// A root, two certificates below it with one name, both CA:TRUE, and another name.
const BANK: &str = r#"
set -eu
root() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout root.key -out root.pem -subj "/O=Bank/CN=The Bank's Root" -days 99 2>/dev/null; }
issue() { # name, common name
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $1.key -subj "/CN=$2" 2>/dev/null |
        openssl x509 -req -CA root.pem -CAkey root.key -days 99 -extfile <(echo basicConstraints=critical,CA:TRUE) -out $1.pem 2>/dev/null
}
root; issue production webhook.bank.example; issue test webhook.bank.example; issue path '..\/..\/etc\/PASSWD'; issue none ' '
cat production.pem root.pem test.pem path.pem none.pem production.pem >bank.pem
"#;

fn bash(world: &World, script: &str) {
    crate::tools::bash(world, script);
}

#[test]
fn split_writes_each_certificate_to_a_file_of_its_own_and_overwrites_nothing() {
    let world = World::new();
    bash(&world, BANK);
    let fingerprint = |file: &str| {
        let script = format!("openssl x509 -in {file} -outform DER | sha256sum | head -c 8");
        crate::tools::bash(&world, &script)
    };
    let output = world.run(&["certs", "show", "bank.pem", "--split", "new/split", "--json"]);
    assert!(output.status.success(), "{output:?}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let certificates = document["files"][0]["certificates"].as_array().unwrap();
    let written: Vec<_> =
        certificates.iter().map(|it| it["written_to"].as_str().unwrap().to_owned()).collect();
    let webhook = |file: &str| format!("new/split/webhook-bank-example-{}.pem", fingerprint(file));
    let expected = [
        webhook("production.pem"),
        "new/split/the-bank-s-root.pem".to_owned(),
        webhook("test.pem"),
        "new/split/etc-passwd.pem".to_owned(),
        "new/split/sender.pem".to_owned(),
        webhook("production.pem"),
    ];
    assert_eq!(written, expected);
    for (path, original) in
        written.iter().zip(["production.pem", "root.pem", "test.pem", "path.pem", "none.pem"])
    {
        let same = format!("cmp <(openssl x509 -in {original}) {path}; test \"$(stat -c %a {path})\" = 644");
        bash(&world, &same);
    }
    let names = |folder: &str| fs::read_dir(world.path(folder)).unwrap().count();
    assert_eq!(names("new/split"), 5);

    // One existing file, also a dangling link, and nothing is written.
    bash(&world, "mkdir taken; ln -s nowhere taken/etc-passwd.pem; cp -r new/split before");
    for (folder, existing) in [("new/split", "the-bank-s-root.pem"), ("taken", "etc-passwd.pem")] {
        let output = world.run(&["certs", "show", "bank.pem", "--split", folder]);
        assert_eq!(output.status.code(), Some(73), "{output:?}");
        assert!(
            output.stdout.is_empty() && said(&output).contains(&format!("`{folder}` already contains ")),
            "{output:?}"
        );
        assert!(said(&output).contains(existing), "{output:?}");
    }
    bash(&world, "diff -r new/split before");
    assert_eq!(names("taken"), 1);
    bash(&world, "echo x >file");
    let output = world.run(&["certs", "show", "bank.pem", "--split", "file/below"]);
    assert_eq!(output.status.code(), Some(74), "{output:?}");
    assert!(said(&output).contains("cannot write `file/below`"), "{output:?}");
}

#[test]
fn a_file_with_a_certificate_and_its_issuer_is_pointed_out() {
    let world = World::new();
    bash(&world, BANK);
    bash(&world, "cat production.pem root.pem >both.pem; cat production.pem test.pem >two.pem
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout n.key -subj \"/O=Bank/CN=The Bank's Root\" 2>/dev/null >namesake.pem
        cat production.pem namesake.pem >namesakes.pem");
    let root = "CN=The Bank's Root,O=Bank";
    let text = format!(
        "holds CN=webhook.bank.example and its issuer {root}:\n  # whatever {root} signs counts; name CN=webhook.bank.example alone"
    );
    for (file, is_shown) in
        [("both.pem", true), ("two.pem", false), ("production.pem", false), ("namesakes.pem", false)]
    {
        let output = world.run(&["certs", "show", file]);
        let shown = String::from_utf8(output.stdout).unwrap();
        assert_eq!(shown.contains(&text), is_shown, "{file}: {shown}");
        let output = world.run(&["certs", "show", "--json", file]);
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let pairs = document["files"][0]["beside_issuer"].as_array().unwrap();
        assert_eq!(pairs.len(), usize::from(is_shown), "{file}");
        if is_shown {
            assert_eq!(pairs[0]["subject"], "CN=webhook.bank.example");
            assert_eq!(pairs[0]["issuer"], root);
        }
    }
}

#[test]
fn the_test_key_of_a_bank_is_accepted_only_while_its_issuer_is_named() {
    let world = World::new();
    bash(&world, BANK);
    // With the key of the test certificate, which is a CA, anyone can issue the name of production.
    bash(&world, "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout forged.key -subj /CN=webhook.bank.example 2>/dev/null |
        openssl x509 -req -CA test.pem -CAkey test.key -days 9 -extfile <(echo extendedKeyUsage=clientAuth) -out forged.pem 2>/dev/null
        cat production.pem root.pem >published.pem");
    let explain = |ca: &str| {
        world.configure("");
        let old = "ca = [\"certs/root-ca.pem\"]\ncn = [\"client\"]";
        crate::tools::edit(&world, old, &format!("ca = [\"{ca}\"]\ncn = [\"webhook.bank.example\"]"));
        let checked = said(&world.run(&["check"]));
        let forged = world.run(&["explain", "--cert", "forged.pem", "--chain", "test.pem"]);
        let genuine = world.run(&["explain", "--cert", "production.pem"]);
        (checked.contains("and its issuer"), forged.status.code(), genuine.status.code())
    };
    assert_eq!(explain("published.pem"), (true, Some(0), Some(0)));
    bash(&world, "\"$PROGRAM\" certs show published.pem --split split >/dev/null");
    assert_eq!(explain("split/webhook-bank-example.pem"), (false, Some(1), Some(0)));
}
