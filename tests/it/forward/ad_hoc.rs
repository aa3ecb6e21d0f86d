//! `forward --endpoint E --to URL`, and the lock that prevents a second process.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::{Forward, http, put, queue, world_with};
use crate::servers::answer::Answer;
use crate::servers::application::Application;
use crate::world::{World, eventually, program};

/// The exit code, the standard output and the standard error of `forward` with these arguments.
fn forward(world: &World, args: &[&str]) -> (i32, String, String) {
    let output = world.run(&[&["forward"], args].concat());
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn once(world: &World, url: &str) -> (i32, String) {
    let (code, printed, errors) = forward(world, &["--endpoint", "pix", "--to", url, "--once"]);
    assert!(!errors.contains("panicked"), "{errors}");
    (code, printed)
}

#[test]
fn once_attempts_each_entry_prints_a_line_and_exits_as_documented() {
    let world = world_with("");
    let application = Application::start(|request| match request.body.as_slice() {
        b"later" => Answer::status(503).body("busy"),
        b"never" => Answer::status(410),
        _ => Answer::status(200),
    });
    let url = application.url("/hooks");
    assert_eq!(once(&world, &url), (0, String::new()));
    let done = put(&world, "pix", b"{}");
    let (code, printed) = once(&world, &url);
    let words: Vec<_> = printed.split("  ").collect();
    assert_eq!((code, &words[1..4]), (0, &[&*done, "rec", "200 OK"][..]), "{printed}");
    assert!(words[0].len() == 9 && words[0].ends_with('Z') && words[4].ends_with(" ms\n"), "{printed}");

    let later = put(&world, "pix", b"later");
    let (code, printed) = once(&world, &url);
    assert!(
        code == 75 && printed.contains(&format!("{later}  rec  503 Service Unavailable: busy")),
        "{printed}"
    );
    let never = put(&world, "pix", b"never");
    let (code, printed) = once(&world, &url);
    assert_eq!((code, printed.lines().count()), (1, 2), "{printed}");
    assert_eq!(queue(&world, "pix", "failed"), [never].into());
    assert_eq!(queue(&world, "pix", "new"), [later].into());

    // Nothing is attempted again while the target is down.
    drop(application);
    put(&world, "pix", b"{}");
    let (code, printed) = once(&world, &url);
    assert!(code == 75 && printed.contains("cannot connect"), "{printed}");
}

#[test]
fn copy_sends_what_arrives_and_claims_nothing_also_beside_a_consumer() {
    let main = Application::start(|_| Answer::status(200));
    let world = world_with(&http("pix", &main.url("/")));
    let waiting = put(&world, "pix", b"before");
    let application = Application::start(|_| Answer::status(500));
    let (url, consumer) = (application.url("/"), "`to-pix`");
    let (code, _, errors) = forward(&world, &["--endpoint", "pix", "--to", &url, "--once"]);
    assert!(code == 78 && errors.contains(consumer) && errors.contains("`--copy`"), "{code}: {errors}");
    assert_eq!(queue(&world, "pix", "new"), [waiting.clone()].into());

    let mut copy = Command::new(program());
    copy.args(["forward", "--config", "webhooks.toml", "--endpoint", "pix", "--copy", "--to", &url]);
    let mut copy = copy.current_dir(world.path("")).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(copy.stdout.take().unwrap()).lines();
    // It prints nothing when it is ready, so the first entry that it copies is not the first one that is put.
    let mut put_so_far = vec![];
    application_receives(&application, || put_so_far.push(put(&world, "pix", b"{}")));
    let line = lines.next().unwrap().unwrap();
    assert!(line.contains("500 Internal Server Error"), "{line}");
    let all: std::collections::BTreeSet<_> = put_so_far.into_iter().chain([waiting]).collect();
    assert_eq!(queue(&world, "pix", "new"), all, "nothing is claimed");
    let consumer = Forward::start(&world);
    consumer.drained("pix");
    assert_eq!(queue(&world, "pix", "done"), all);
    consumer.stop();
    assert!(Command::new("kill").arg(copy.id().to_string()).status().unwrap().success());
    assert_eq!(eventually("copy ends", || copy.try_wait().unwrap()).code(), Some(0));
}

/// Puts entries repeatedly until the application has received one.
fn application_receives(application: &Application, mut put: impl FnMut()) {
    eventually("a request", || {
        put();
        (!application.requests().is_empty()).then_some(())
    });
}

#[test]
fn second_process_for_the_same_endpoint_exits_with_73_and_the_first_one_continues() {
    let application = Application::start(|_| Answer::status(200));
    let world = world_with(&http("pix", &application.url("/")));
    let first = Forward::start(&world);
    let text = std::fs::read_to_string(world.path("webhooks.toml")).unwrap();
    std::fs::write(world.path("second.toml"), text.replace("run/forward.sock", "run/second.sock")).unwrap();
    let (code, printed, errors) = forward(&world, &["--config", "second.toml"]);
    assert!(
        code == 73 && errors.contains("another `hookspool forward` processes the endpoint `pix`"),
        "{printed}{errors}"
    );
    put(&world, "pix", b"{}");
    first.drained("pix");
    // Ad hoc for another endpoint.
    put(&world, "quiet", b"{}");
    let (code, printed, _) =
        forward(&world, &["--endpoint", "quiet", "--to", &application.url("/"), "--once"]);
    assert!(code == 0 && printed.contains("200 OK"), "{code}: {printed}");
    first.stop();

    let world = world_with("");
    std::fs::remove_file(world.path("spool/pix/.forward.lock")).unwrap();
    let (code, _, errors) = forward(&world, &["--endpoint", "pix", "--to", "http://127.0.0.1:1/", "--once"]);
    assert!(code == 74 && errors.contains("start `hookspool run` once"), "{code}: {errors}");
    let (code, _, errors) = forward(&world, &[]);
    assert!(code == 78 && errors.contains("`[[consumer]]`"), "{code}: {errors}");
}
