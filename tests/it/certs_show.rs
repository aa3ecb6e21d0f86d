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
