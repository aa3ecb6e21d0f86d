//! The blocks that are not ordinary `console` blocks.

use super::blocks::Use::{self, After, Config, File, NotRun, Terminal};

/// Delivers the two samples again, so that the next example has work and must skip what is booked.
const DELIVER: &str = "
    for sample in 01-pix-recebido 04-devolucao; do
        hookspool send https://localhost:8443/webhooks/pix tests/samples/$sample.json \\
            --ca certs/root-ca.pem --cert certs/client.pem --key certs/client.key
    done";

/// Issues the revocation list that the guide's next configuration names.
const LIST: &str = r#"
    printf '[ca]\ndefault_ca=d\n[d]\ndatabase=crl.db\ncrlnumber=crl.n\ndefault_md=sha256\ndefault_crl_days=30\ncrl_extensions=e\n[e]\nauthorityKeyIdentifier=keyid\n' >crl.cnf
    echo 01 >crl.n
    : >crl.db
    openssl ca -config crl.cnf -gencrl -keyfile certs/root-ca.key -cert certs/root-ca.pem -out certs/bank.crl"#;

/// The document, the beginning of the block, and what is done with the block.
pub type Row = (&'static str, &'static str, Use);

pub const BLOCKS: &[Row] = &[
    ("README.md", "$ cargo run --release -- demo", NotRun("builds the program; cli.rs runs the demo")),
    ("README.md", "$ hookspool demo", NotRun("the tour uses its ports; first.rs compares the output")),
    ("README.md", "$ cargo build --release", NotRun("builds the program")),
    ("README.md", "from http.server", File("server.py")),
    ("docs/guide.md", "[[sender]]", Config("")),
    ("docs/guide.md", "query_secret =", Config("[[endpoint]]")),
    ("docs/guide.md", "$ mkdir -p secrets", After(LIST)),
    ("docs/guide.md", "[[consumer]]", Config("")),
    ("docs/guide.md", "crl =", Config("[[sender]]")),
    ("docs/guide.md", "[tls]", Config("")),
    ("docs/guide.md", "ca =", Config("[[sender]]")),
    ("docs/guide.md", "response =", Config("[[endpoint]]")),
    ("docs/consumers.md", "#!/bin/sh", File("book-the-payment")),
    (
        "docs/consumers.md",
        "[[consumer]]",
        NotRun("names a program in /usr/local/bin; booted/forward.rs runs it"),
    ),
    ("docs/consumers.md", "install -m", File("enable-consumer.sh")),
    ("docs/consumers.md", "queue=$1", File("work-off.sh")),
    ("docs/consumers.md", "import hashlib", File("work_off.py")),
    ("docs/consumers.md", "const { createHash,", File("work-off.js")),
    ("docs/consumers.md", "$ sh work-off.sh", After(DELIVER)),
    ("docs/consumers.md", "$ python3 work_off.py", After(DELIVER)),
    ("docs/consumers.md", "$ node work-off.js", After(DELIVER)),
    ("docs/forwarding.md", "$ hookspool demo", Terminal("grep \"On disk\" $terminal")),
    ("docs/forwarding.md", "$ python3 server.py", Terminal(": </dev/tcp/127.0.0.1/3000")),
    ("docs/forwarding.md", "$ hookspool forward --endpoint", Terminal("grep OK $terminal")),
    (
        "docs/forwarding.md",
        "[[consumer]]\nname = \"command\"",
        NotRun("forwarding.rs runs it with another path"),
    ),
    ("docs/forwarding.md", "[[consumer]]", Config("")),
    ("docs/forwarding.md", "mkdir -p secrets", NotRun("forwarding.rs runs it")),
    ("docs/forwarding.md", "CREATE TABLE", NotRun("forwarding.rs runs it")),
    ("docs/forwarding.md", "ALTER TABLE", NotRun("forwarding.rs runs it")),
    ("docs/forwarding.md", "<?php\n$key", File("receive.php")),
    ("docs/forwarding.md", "const { createHmac,", File("receive.js")),
    ("docs/forwarding.md", "import json", File("ledger.py")),
    ("docs/forwarding.md", "import base64", File("receive.py")),
    ("docs/forwarding.md", "WITH entry", File("book.sql")),
    ("docs/forwarding.md", "<?php\n$database", File("worker.php")),
    ("docs/forwarding.md", "import asyncio", File("subscribe.py")),
    ("docs/forwarding.md", "{\"at\"", NotRun("failure_notes.rs tests the notes")),
    ("docs/forwarding.md", "hookspool spool requeue", NotRun("spool_commands.rs tests it")),
    ("docs/guide.md", "trusted_proxies =", Config("[server]")),
    ("docs/operating.md", "listen hookspool", NotRun("proxied.rs runs HAProxy with the same options")),
    ("docs/operating.md", "stream {", NotRun("needs a module of nginx; proxied.rs runs HAProxy")),
    ("docs/operating.md", "dpkg -i", NotRun("needs root and systemd; operator.rs runs it")),
    ("docs/operating.md", "2026-", NotRun("lines_tests.rs tests the format")),
    (
        "docs/operating.md",
        "hookspool check",
        NotRun("needs root and systemd; booted/forward.rs does the same"),
    ),
    ("docs/operating.md", "certbot certonly", NotRun("needs root and systemd; operator.rs runs it")),
    ("docs/operating.md", "journalctl", NotRun("needs systemd's journal; log_sinks.rs tests the fields")),
    ("docs/container.md", "FROM rust", NotRun("needs root; container.rs builds the image")),
    ("docs/container.md", "[server]", Config("")),
    ("docs/container.md", "spec:", NotRun("part of a Kubernetes manifest")),
    ("docs/container.md", "services:", NotRun("needs Docker")),
    ("docs/container.md", "chown", NotRun("needs root")),
    ("docs/reconciliation.md", "page() {", NotRun("needs a bank")),
];
