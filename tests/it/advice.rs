//! The text of refusals: it can be pasted from every log format, and is bounded.

use std::fs::{self, File};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::der::{
    CLIENT_AUTH, Certificate, Name, Party, alternative_names, basic_constraints, eku, key_usage, pem,
};
use crate::tools::{bash, edit};
use crate::unproven::{deliver, world_of};
use crate::world::{Daemon, World, eventually};

/// `client` with the Cyrillic letter that looks like `c`.
const LOOKALIKE: &str = "\u{441}lient";

fn bank() -> Party {
    Party::root(&Certificate::ca(Name::cn("Bank")))
}

fn explain(world: &World, name: &str, party: &Party) -> Value {
    fs::write(world.path(name), pem("CERTIFICATE", &party.der)).unwrap();
    let output = world.run(&["explain", "--json", "--cert", name]);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

/// Waits until a refusal for this reason is in `/status`.
fn status(daemon: &Daemon, reason: &str) -> Value {
    eventually(reason, || {
        let status: Value = serde_json::from_str(&daemon.admin("/status").1).unwrap();
        status["refusals"].as_array().unwrap().iter().find(|it| it["reason"] == reason).cloned()
    })
}

#[test]
fn a_line_of_advice_can_be_pasted_from_text_and_json_as_they_are() {
    for format in ["text", "json"] {
        let bank = bank();
        let world = world_of(&bank);
        edit(&world, "format = \"json\"", &format!("format = \"{format}\""));
        // The file contains what the daemon writes, byte for byte.
        let log = File::create(world.path("log")).unwrap();
        let mut command = Command::new(crate::world::program());
        command.args(["run", "--config"]).arg(world.path("webhooks.toml"));
        let mut child = command.env_remove("RUST_LOG").stdin(Stdio::null()).stderr(log).spawn().unwrap();
        let log = || fs::read_to_string(world.path("log")).unwrap();
        let port = eventually("the daemon listens", || {
            let log = log();
            let line = log.lines().find(|line| line.contains("listening"))?;
            let (_, rest) = line.split_once("127.0.0.1:")?;
            rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
        });
        let renewed = bank.issue(&Certificate::leaf(Name::cn("Banco \u{e9} S.A.")));
        assert!(deliver(&world, port, &renewed.der, &renewed.key, 0).is_err());
        let line = eventually("the refusal is logged", || {
            let log = log();
            let advice = log.lines().find(|line| line.contains("sender `bank`: cn"));
            advice.filter(|_| log.contains("peer refused") && log.ends_with('\n')).map(ToOwned::to_owned)
        });
        child.kill().unwrap();
        child.wait().unwrap();
        let (_, rest) = line.split_once("sender `bank`: ").unwrap();
        // A person copies from `cn` to the end of the comment.
        let advice = &rest[..rest.find("U+00E9").unwrap() + 6];
        assert!(
            advice.contains("# this CA also issues for others: ask the bank; not ASCII: U+00E9"),
            "{line}"
        );
        assert!(explain(&world, "renewed.pem", &renewed)["reason"] == "rule");
        edit(&world, "cn = [\"client\"]", advice);
        assert_eq!(explain(&world, "renewed.pem", &renewed)["verdict"], "admitted", "{format}: {advice}");
    }
}

#[test]
fn characters_that_are_not_ascii_are_named_wherever_advice_is_shown() {
    let bank = bank();
    let world = world_of(&bank);
    let lookalike = bank.issue(&Certificate::leaf(Name::cn(LOOKALIKE)));
    let explained = explain(&world, "lookalike.pem", &lookalike);
    assert!(explained["admit"].as_str().unwrap().ends_with("; not ASCII: U+0441"), "{explained:#}");
    let shown = world.run(&["certs", "show", "lookalike.pem"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains(&format!("cn = ['{LOOKALIKE}']  # not ASCII: U+0441")), "{shown}");
    let ascii = bank.issue(&Certificate::leaf(Name::cn("it's \"quoted\"")));
    let explained = explain(&world, "ascii.pem", &ascii);
    let expected = "sender `bank`: cn = ['client', \"it's \\\"quoted\\\"\"]  # this CA also issues for others: ask the bank";
    assert_eq!(explained["admit"], expected);
}

#[test]
fn a_line_names_eight_senders_and_counts_the_others() {
    let bank = bank();
    let world = world_of(&bank);
    let mut config = fs::read_to_string(world.path("webhooks.toml")).unwrap();
    for number in 0..120 {
        config += &format!(
            "\n[[sender]]\nname = \"s{number}\"\nca = [\"bank.pem\"]\ncn = [\"s{number}\"]\nsan_dns = [\"s{number}.example\"]\n"
        );
    }
    fs::write(world.path("webhooks.toml"), config).unwrap();
    let daemon = world.start();
    let names: Vec<_> = (0..100).map(|n| format!("{n}-{}.example", "x".repeat(200))).collect();
    let names: Vec<_> = names.iter().map(|name| (0x82_u8, name.as_bytes())).collect();
    let extensions = vec![key_usage(0x80), eku(&[CLIENT_AUTH]), alternative_names(&names)];
    let other = bank.issue(&Certificate::leaf(Name::cn("other")).with(extensions));
    assert!(deliver(&world, daemon.port, &other.der, &other.key, 0).is_err());
    let line = daemon.logged("peer refused", |line| line["reason"] == "rule");
    // The rule of `bank` is closest, because it requires only a name.
    assert!(line["vouched"].as_str().unwrap().ends_with(",113 more"), "{line:#}");
    assert!(
        line["admit"].as_str().unwrap().starts_with("sender `bank`: cn = ['client', 'other']; "),
        "{line:#}"
    );
    assert!(line.to_string().len() < 20_000, "{}", line.to_string().len());
    let kept = status(&daemon, "rule");
    let named = kept["vouched"].as_array().unwrap().len();
    assert_eq!((named, &kept["vouched_count"]), (8, &Value::from(121)), "{kept:#}");
}

#[test]
fn the_certificate_of_a_ca_is_in_status_and_is_admitted_once_it_is_in_ca() {
    let bank = bank();
    let world = world_of(&bank);
    let daemon = world.start();
    let extensions = vec![basic_constraints(true, None), key_usage(0x86), eku(&[CLIENT_AUTH])];
    let client = bank.issue(&Certificate::leaf(Name::cn("client")).with(extensions));
    let other_key = rcgen::KeyPair::generate().unwrap();
    assert!(deliver(&world, daemon.port, &client.der, &other_key, 0).is_err());
    assert_eq!(status(&daemon, "unproven")["pem"], Value::Null);
    assert!(deliver(&world, daemon.port, &client.der, &client.key, 0).is_err());
    daemon.logged("peer refused", |line| line["reason"] == "purpose" && line["vouched"] == "bank");
    let offered = status(&daemon, "purpose")["pem"].as_str().unwrap().to_owned();
    let page = String::from_utf8(world.run(&["status"]).stdout).unwrap();
    assert!(page.contains("ask the bank, then add this certificate to `ca` of bank:"), "{page}");
    let (_, printed) = page.split_once("-----BEGIN CERTIFICATE-----").unwrap();
    assert!(printed.lines().nth(1).unwrap().trim() == offered.lines().nth(1).unwrap(), "{page}");
    fs::write(world.path("pinned.pem"), offered).unwrap();
    edit(&world, "ca = [\"bank.pem\"]", "ca = [\"bank.pem\", \"pinned.pem\"]");
    eventually("the certificate is admitted", || {
        let answer = deliver(&world, daemon.port, &client.der, &client.key, 1).ok()?;
        (answer.status == 200).then_some(())
    });
}

#[test]
fn an_unreadable_certificate_is_identified_by_what_could_be_read() {
    let bank = bank();
    let world = world_of(&bank);
    let daemon = world.start();
    let damaged = Certificate::leaf(Name::cn("client")).with(vec![vec![0x30, 0x01, 0xff]]);
    let damaged = bank.issue(&Certificate { serial: vec![0x5a, 0x17], ..damaged });
    assert!(deliver(&world, daemon.port, &damaged.der, &damaged.key, 0).is_err());
    let line = daemon.logged("peer refused", |line| line["reason"] == "unreadable");
    let digest = hookspool::identity::Fingerprint::of_certificate(&damaged.der).to_string();
    for (field, expected) in [
        ("claimed_sha256", &*digest),
        ("claimed_subject", "CN=client"),
        ("claimed_issuer", "CN=Bank"),
        ("claimed_serial", "5a17"),
    ] {
        assert_eq!(line[field], expected, "{field}: {line:#}");
    }
    let explained = explain(&world, "damaged.pem", &damaged);
    assert_eq!(explained["certificate"]["sha256"], *digest, "{explained:#}");
    // A name that cannot be parsed is not shown as if it could.
    let cut = Party { der: damaged.der[..40].to_vec().into(), ..damaged };
    let explained = explain(&world, "cut.pem", &cut);
    assert_eq!(
        (&explained["certificate"]["subject"], &explained["reason"]),
        (&"".into(), &"unreadable".into())
    );
}

#[test]
fn a_refusal_by_a_revocation_list_names_its_file() {
    let bank = bank();
    let world = world_of(&bank);
    let revoked = Certificate { serial: vec![0x4d], ..Certificate::leaf(Name::cn("client")) };
    let revoked = bank.issue(&revoked);
    fs::write(world.path("bank.crl"), pem("X509 CRL", &bank.list(&[&[0x4d]], 20))).unwrap();
    edit(&world, "ca = [\"bank.pem\"]", "ca = [\"bank.pem\"]\ncrl = [\"bank.crl\"]");
    let explained = explain(&world, "revoked.pem", &revoked);
    let detail = explained["detail"].as_str().unwrap();
    let expected = "is on the revocation list of `CN=Bank` in `bank.crl`";
    assert!(explained["reason"] == "revoked" && detail.ends_with(expected), "{explained:#}");
    // The certificate itself, in `ca`.
    edit(&world, "ca = [\"bank.pem\"]", "ca = [\"bank.pem\", \"revoked.pem\"]");
    let explained = explain(&world, "revoked.pem", &revoked);
    assert!(explained["detail"].as_str().unwrap().ends_with(expected), "{explained:#}");
    fs::write(world.path("bank.crl"), pem("X509 CRL", &bank.list(&[], -1))).unwrap();
    edit(&world, "ca = [\"bank.pem\", \"revoked.pem\"]", "ca = [\"bank.pem\"]");
    let explained = explain(&world, "revoked.pem", &revoked);
    let detail = explained["detail"].as_str().unwrap();
    let expected = "the next update of the revocation list of `CN=Bank` in `bank.crl` was due";
    assert!(explained["reason"] == "revocation_unknown" && detail.contains(expected), "{explained:#}");
}

#[test]
fn a_missing_certificate_is_explained() {
    let world = World::new();
    let daemon = world.start();
    bash(&world, &format!("! curl -sk --noproxy '*' https://localhost:{}/", daemon.port));
    let line = daemon.logged("peer refused", |line| line["reason"] == "no_certificate");
    assert!(line["detail"].as_str().unwrap().contains("when a webhook is registered"), "{line:#}");
}
