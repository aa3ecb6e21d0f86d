//! The application as curl sees it.

use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::answer::Answer;
use super::application::Application;
use super::write_certificates;
use crate::world::TIMEOUT;

fn curl(args: &[&str]) -> Output {
    let mut curl = Command::new("curl");
    curl.args(["-q", "-sS", "--noproxy", "*", "--max-time", "20", "-w", "%{http_code}"]);
    curl.args(args).output().unwrap()
}

/// What curl prints: the body and the status.
fn printed(args: &[&str]) -> String {
    let output = curl(args);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn requests_are_recorded_and_answered_by_a_closure() {
    let application = Application::start(|request| match request.path.as_str() {
        "/busy" => Answer::status(429).header("retry-after", "7").body("later"),
        _ => Answer::status(204),
    });
    let posted =
        printed(&["-d", "{}", "-H", "Webhook-Id: 1", &application.url("/a?b=c"), &application.url("/d")]);
    assert_eq!(posted, "204204");
    let busy = printed(&["-i", "-H", "transfer-encoding: chunked", "-d", "xyz", &application.url("/busy")]);
    assert!(busy.contains("retry-after: 7\r\n") && busy.ends_with("later429"), "{busy}");

    let requests = application.requests();
    let seen = |number: usize| (requests[number].path.as_str(), requests[number].body.as_slice());
    assert_eq!([seen(0), seen(1), seen(2)], [("/a?b=c", &b"{}"[..]), ("/d", b"{}"), ("/busy", b"xyz")]);
    assert_eq!((requests[0].method.as_str(), requests[0].header("webhook-id")), ("POST", Some("1")));
    assert!(requests[0].at < requests[2].at && requests[2].number == 2);
}

#[test]
fn invalid_answers_cause_the_expected_errors_of_curl() {
    // The exit statuses of curl(1).
    const OPERATION_TIMEDOUT: i32 = 28;
    let delay = Duration::from_millis(200);
    let answers = [
        (Answer::half(), 18),
        (Answer::garbage(), 1),
        (Answer::close(), 52),
        (Answer::endless(), OPERATION_TIMEDOUT),
        (Answer::never(), OPERATION_TIMEDOUT),
        (Answer::redirect("/elsewhere").after(delay), 0),
    ];
    let application = Application::answering(answers.iter().map(|(answer, _)| answer.clone()).collect());
    for (number, (_, status)) in answers.iter().enumerate() {
        let start = Instant::now();
        let limit = if *status == OPERATION_TIMEDOUT { "1.5" } else { "20" };
        let output = curl(&["-o", "/dev/null", "--max-time", limit, &application.url("/")]);
        assert_eq!(output.status.code(), Some(*status), "{number}: {output:?}");
        let code = String::from_utf8(output.stdout).unwrap();
        let expected = ["200", "000", "000", "200", "000", "302"][number];
        assert_eq!(code, expected, "{number}");
        assert!(number != 5 || start.elapsed() >= delay);
    }
    assert_eq!(printed(&["-o", "/dev/null", &application.url("/")]), "302");
}

#[test]
fn stopped_application_refuses_new_connections_and_closes_open_ones() {
    let mut application = Application::answering(vec![Answer::status(200), Answer::never()]);
    let url = application.url("/");
    assert_eq!(printed(&[&url]), "200");
    for count in 2..4 {
        let hanging = std::thread::spawn({
            let url = url.clone();
            move || curl(&[&url]).status.code()
        });
        application.wait_until("another request", TIMEOUT, |requests| requests.len() == count);
        application.stop();
        assert_eq!(hanging.join().unwrap(), Some(52));
        assert_eq!(curl(&[&url]).status.code(), Some(7));
        application.restart();
    }
}

#[test]
fn application_listens_with_tls_or_on_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let [ca, certificate, key] = write_certificates(folder.path());
    let chain = vec![CertificateDer::from_pem_file(certificate).unwrap()];
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let config = config.unwrap().with_no_client_auth().with_single_cert(chain, key).unwrap();
    let tls = Application::start_tls(Arc::new(config), |_| Answer::status(201));
    assert_eq!(printed(&["--cacert", ca.to_str().unwrap(), &tls.url("/")]), "201");

    let socket = folder.path().join("socket");
    let mut unix = Application::start_unix(&socket, |_| Answer::status(202));
    for _ in 0..2 {
        assert_eq!(printed(&["--unix-socket", socket.to_str().unwrap(), "http://localhost/"]), "202");
        unix.stop();
        unix.restart();
    }
}
