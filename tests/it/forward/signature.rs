//! The reference libraries verify the signature, and read the CloudEvents headers.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use hookspool::clock::Timestamp;
use hookspool::envelope::EntryIds;
use serde_json::{Value, json};

use super::{Forward, configure, consumer, put_as};
use crate::servers::answer::Answer;
use crate::servers::application::{Application, Request};
use crate::servers::python::python;
use crate::wire::Wire;
use crate::world::World;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const VERIFY: &str = r#"
import json, sys
from standardwebhooks import Webhook, WebhookVerificationError
from cloudevents.core.bindings.http import HTTPMessage, from_http_event

for request in json.load(sys.stdin):
    headers, body = request["headers"], bytes(request["body"])
    Webhook(sys.argv[1]).verify(body, headers)
    try:
        Webhook("whsec_" + "A" * 32).verify(body, headers)
        raise SystemExit("another key is accepted")
    except WebhookVerificationError:
        pass
    event = from_http_event(HTTPMessage(headers, body))
    assert event.get_specversion() == "1.0"
    print(event.get_id(), event.get_source(), event.get_type(), event.get_time().isoformat(), json.dumps(event.get_data()))
"#;

/// What the libraries read in these requests.
fn verified(requests: &[Arc<Request>]) -> Vec<String> {
    use std::io::Write;
    let requests: Vec<Value> = requests
        .iter()
        .map(|request| {
            let headers: serde_json::Map<String, Value> =
                request.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
            json!({ "headers": headers, "body": request.body })
        })
        .collect();
    let mut python: Command = python(VERIFY);
    python.arg(SECRET).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = python.spawn().unwrap();
    child.stdin.take().unwrap().write_all(&serde_json::to_vec(&requests).unwrap()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn reference_libraries_verify_each_attempt_also_for_an_entry_that_is_ten_minutes_old() {
    // The second attempt of each entry has the time and the signature of its own.
    let application = Application::start(|request| match request.header("hookspool-attempt") {
        Some("1") => Answer::status(503),
        _ => Answer::status(200),
    });
    let world = World::new();
    let daemon = world.start();
    super::write_secret(&world, "signing", SECRET);
    let target = format!("http = {{ url = \"{}\", secret = \"signing\" }}", application.url("/"));
    configure(&world, &consumer("pix", &target, "order = \"arrival\""));
    let now = Timestamp::now();
    let long_ago = now.checked_sub(Duration::from_secs(600)).unwrap();
    let old = put_as(&world, "pix", EntryIds::after(None).next(long_ago), br#"{"pix": ["old"]}"#);
    let mut wire = Wire::connect(&world, &daemon, "client");
    wire.send(
        b"POST /webhooks/pix/rec HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
          content-length: 12\r\n\r\n{\"pix\": [1]}",
    )
    .unwrap();
    let fresh = wire.answer().unwrap().body.split('"').nth(3).unwrap().to_owned();
    let forward = Forward::start(&world);
    forward.drained("pix");
    forward.stop();

    let requests = application.requests();
    assert_eq!(requests.len(), 4);
    for request in &requests {
        let sent: i64 = request.header("webhook-timestamp").unwrap().parse().unwrap();
        assert!((now.as_second()..=Timestamp::now().as_second()).contains(&sent), "the time of the attempt");
        assert_eq!(request.header("webhook-id"), request.header("ce-id"));
    }
    let read = verified(&requests);
    for (line, id) in read.iter().zip([&old, &old, &fresh, &fresh]) {
        let data = if id == &old { "old" } else { "1" };
        assert!(line.starts_with(&format!("{id} /pix/bank hookspool.pix.rec 20")), "{line}");
        assert!(line.contains(data) && line.ends_with("]}"), "{line}");
    }
    let time = requests[0].header("ce-time").unwrap();
    assert_eq!(time.parse::<Timestamp>().unwrap().as_second(), long_ago.as_second());
}
