//! A refusal because of name constraints names the CA and the kind of name.

use hookspool::identity::Identity;
use rustls::version::TLS13;

use super::cases::Catalogue;
use super::{is_accepted, world, write_case};
use crate::world::{Daemon, World};

#[test]
fn a_refusal_names_the_constrained_ca_and_the_name() {
    let catalogue = Catalogue::new();
    let world = world(&catalogue);
    let daemon = world.start();
    for (name, ca, what) in [
        (
            "host-like CN outside of name constraints",
            "Limited Root",
            "do not allow the common name `webhook.bank.example`",
        ),
        (
            "host-like CN outside, two above",
            "Limited Middle",
            "do not allow the common name `webhook.bank.example`",
        ),
        ("emailAddress of another host", "Mail Host", "do not allow the emailAddress `a@evil.example`"),
        ("emailAddress that is not text", "Mail Host", "do not allow an emailAddress that is not text"),
        (
            "emailAddress of an intermediate, of another host",
            "Mail Host",
            "do not allow the emailAddress `ca@evil.example`",
        ),
        ("address outside", "Other Middle", "do not allow the address `192.0.2.1`"),
        (
            "mapped address that is excluded as IPv4",
            "Not IPv4 Middle",
            "do not allow the address `192.0.2.1`",
        ),
        ("against name constraints", "Bound", "do not allow the DNS name `evil.example`"),
        ("name constraints that cannot be parsed", "Damaged Middle", "cannot be parsed"),
        ("name constraints with a minimum", "Minimum Middle", "cannot be parsed"),
    ] {
        assert_detail(
            &catalogue,
            &world,
            &daemon,
            name,
            &format!("the name constraints of the CA `CN={ca}` {what}"),
        );
    }
    for (name, ca, what) in [
        ("within a constraint on directory names", "Directory Middle", "directory names"),
        ("not excluded by a constraint on directory names", "Not Directory Middle", "directory names"),
        ("rfc822Name within name constraints", "Email Middle", "e-mail addresses (rfc822Name)"),
        ("URI within name constraints", "URI Middle", "URIs"),
    ] {
        let sentence = format!("the CA `CN={ca}` has name constraints for {what}, which are not supported");
        assert_detail(&catalogue, &world, &daemon, name, &sentence);
    }
}

/// Asserts that the log line and `explain` contain the sentence.
fn assert_detail(catalogue: &Catalogue, world: &World, daemon: &Daemon, name: &str, sentence: &str) {
    let case = catalogue.cases.iter().find(|case| case.name == name).expect(name);
    assert!(!is_accepted(world, daemon.port, case, &TLS13), "{name}");
    let sha256 = Identity::from_der(&case.chain[0]).unwrap().sha256.to_string();
    let line = daemon.logged("peer refused", |line| line["claimed_sha256"] == *sha256);
    let detail = line["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("not allowed by the name constraints of its CA (sender `"),
        "{name}: {detail}"
    );
    assert!(detail.contains(sentence), "{name}: {detail}");
    assert!(line["vouched"].is_null() && line["admit"].is_null(), "{name}: {line}");
    write_case(world, case);
    let mut args = vec!["explain", "--cert", "case.pem"];
    if case.chain.len() > 1 {
        args.extend(["--chain", "chain.pem"]);
    }
    let explained = world.run(&args);
    let text = String::from_utf8_lossy(&explained.stdout);
    assert!(text.contains(sentence), "{name}: {text}");
}
