//! Invalid answers, and secrets that appear nowhere.

use std::fs;

use super::{Forward, configure, consumer, http, put, queue, why, world_with, write_secret};
use crate::servers::Options;
use crate::servers::answer::Answer;
use crate::servers::application::Application;
use crate::servers::postgres::Postgres;
use crate::world::{World, eventually};

#[test]
fn redirects_garbage_and_endless_answers_are_reported_and_retried() {
    let elsewhere = Application::start(|_| Answer::status(200));
    let cases = [
        (Answer::redirect(&elsewhere.url("/stolen")), "302 Found: it redirects to"),
        (Answer::status(307).header("location", &elsewhere.url("/stolen")), "redirects are not followed"),
        (Answer::garbage(), "no valid HTTP response"),
        (Answer::close(), "closed the connection without a complete response"),
        (
            Answer::bytes("HTTP/1.1 500 Internal\r\ncontent-length: 10737418240\r\n\r\nno"),
            "500 Internal Server Error: no",
        ),
        (Answer::never(), "no result within 1s"),
    ];
    let answers: Vec<_> =
        cases.iter().map(|(answer, _)| answer.clone()).chain([Answer::status(200)]).collect();
    let count = cases.len();
    let application = Application::answering(answers);
    let table = http("pix", &application.url("/")) + "timeout = \"1s\"\n";
    let world = world_with(&table);
    put(&world, "pix", b"{}");
    let forward = Forward::start(&world);
    forward.drained("pix");
    let reasons = forward.lines("entry not accepted; retrying later");
    for ((_, part), line) in cases.iter().zip(&reasons) {
        assert!(line["reason"].as_str().unwrap().contains(part), "{part}: {line}");
    }
    assert_eq!((reasons.len(), elsewhere.requests().len()), (count, 0));
    assert_eq!(queue(&world, "pix", "done").len(), 1);
    forward.stop();
}

#[test]
fn an_answer_without_end_is_read_up_to_a_limit() {
    // Only the status determines the verdict, not the body.
    let application = Application::start(|_| Answer::endless());
    let world = world_with(&http("pix", &application.url("/")));
    (0..20).for_each(|_| drop(put(&world, "pix", b"{}")));
    let forward = Forward::start(&world);
    forward.drained("pix");
    assert_eq!((queue(&world, "pix", "done").len(), application.requests().len()), (20, 20));
    let status = fs::read_to_string(format!("/proc/{}/status", forward.pid())).unwrap();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kibibytes: u64 = most.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kibibytes < 100 << 10, "{kibibytes} KiB");
    forward.stop();
}

/// The texts that must appear nowhere: a signing secret, a header, a value in the query, and a password.
const SECRETS: [&str; 4] =
    ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "token-of-the-header", "value-in-the-query", "password-of-the-role"];

fn no_secret(what: &str, text: &str) {
    assert!(!text.is_empty(), "{what}");
    for secret in SECRETS {
        assert!(!text.contains(secret), "{what} contains {secret}: {text}");
    }
}

#[test]
fn secrets_are_in_no_log_error_status_title_or_note() {
    // The application repeats the request in its answer.
    let application = Application::start(|request| {
        let headers: String =
            request.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        Answer::status(if request.header("hookspool-attempt") == Some("3") { 410 } else { 500 })
            .body(format!("{} {}", request.path, headers.split("authorization").last().unwrap_or_default()))
    });
    let postgres = Postgres::start(Options { password: true, ..Options::default() });
    let world: World = world_with("");
    let files = ["signing", "token", "password"];
    for (file, secret) in files.iter().zip([SECRETS[0], SECRETS[1], SECRETS[3]]) {
        write_secret(&world, file, &format!("{}{secret}", if *file == "signing" { "whsec_" } else { "" }));
    }
    let url = application.url("/hooks?key=value-in-the-query");
    let headers = "headers = { authorization = { file = \"token\" } }";
    let to_http = format!("http = {{ url = \"{url}\", secret = \"signing\", {headers} }}");
    let to_postgres = format!("postgres = {{ url = \"{}\", password = \"password\" }}", postgres.url());
    let tables = [consumer("pix", &to_http, ""), consumer("ofb", &to_postgres, "")].concat();
    configure(&world, &tables);
    let id = put(&world, "pix", b"{}");
    put(&world, "ofb", b"{}");
    let forward = Forward::start(&world);
    forward.wait("to-pix", "the third attempt is rejected", |status| status["failed"] == 1);
    forward.wait("to-ofb", "the password is wrong", |status| {
        status["last_error"]["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("password authentication failed"))
    });
    assert!(application.requests()[0].header("authorization").unwrap().contains(SECRETS[1]), "it was sent");

    for file in ["cmdline", "comm", "environ"] {
        let text = fs::read(format!("/proc/{}/{file}", forward.pid())).unwrap();
        no_secret(file, &String::from_utf8_lossy(&text));
    }
    no_secret(
        "the status",
        &[forward.status("to-pix"), forward.status("to-ofb")].map(|it| it.to_string()).concat(),
    );
    no_secret("the note", &why(&world, "pix", &id).to_string());
    let output = |args: &[&str]| {
        let output = world.run(args);
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    no_secret("check", &output(&["check", "--json"]));
    no_secret("show", &output(&["spool", "show", &id, "--json"]));
    // Also when the files are wrong.
    configure(&world, &tables.replace("signing", "token"));
    eventually("the reload is rejected", || {
        (!forward.lines("reload rejected; the previous configuration stays in force").is_empty())
            .then_some(())
    });
    no_secret("check of a wrong file", &output(&["check", "--json"]));
    no_secret("the log", &forward.log_text());
    forward.stop();
}
