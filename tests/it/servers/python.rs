//! The Python packages of `tests/run`: the reference library of Standard Webhooks, and the SDK of CloudEvents.

use std::path::Path;
use std::process::Command;

/// A command that runs a Python script with the packages of `tests/python.txt`.
pub fn python(script: &str) -> Command {
    let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python");
    assert!(modules.join("installed.txt").exists(), "{}: run tests/run first", modules.display());
    let mut python = Command::new("python3");
    python.args(["-c", script]).env("PYTHONPATH", modules).env("PYTHONDONTWRITEBYTECODE", "1");
    python
}

#[test]
fn reference_libraries_verify_a_signature_and_read_an_event() {
    let script = r#"
from standardwebhooks import Webhook, WebhookVerificationError
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from datetime import datetime, timezone

key = Webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
now = datetime.now(tz=timezone.utc)
headers = {
    "webhook-id": "1",
    "webhook-timestamp": str(int(now.timestamp())),
    "webhook-signature": key.sign("1", now, '{"pix":[]}'),
}
key.verify('{"pix":[]}', headers)
try:
    key.verify('{"pix":[1]}', headers)
    raise SystemExit("a wrong signature is accepted")
except WebhookVerificationError:
    pass

event = from_http_event(HTTPMessage({
    "ce-specversion": "1.0", "ce-id": "1", "ce-source": "/pix/bank", "ce-type": "hookspool.pix",
    "ce-time": "2026-01-02T03:04:05Z", "content-type": "application/json",
}, b'{"pix":[]}'))
print(event.get_id(), event.get_source(), event.get_type(), event.get_data())
"#;
    let output = python(script).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "1 /pix/bank hookspool.pix {'pix': []}\n");
}
