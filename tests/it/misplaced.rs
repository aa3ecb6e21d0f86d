//! No output contains a secret that was written in the wrong place: in webhooks.toml, an argument or the environment.

use std::fs;
use std::process::{Command, Stdio};

use crate::key_material::Secret;
use crate::world::{World, program};

/// Arguments in which `{}` is replaced by a key.
const ARGUMENTS: &[&str] = &[
    "{}",
    "--{}",
    "--config={} check",
    "--config {} run",
    "--config {} spool list",
    "check {}",
    "certs show {}",
    "certs init --dir pki --host {}",
    "certs init --dir pki --client {}",
    "certs init --dir pki --owner {}",
    "certs init --dir certs/client.pem/{}",
    "explain --cert {}",
    "explain --cert certs/client.pem --chain {}",
    "explain --cert certs/client.pem --endpoint {}",
    "send {}",
    "send https://{}/ --insecure webhooks.toml",
    "send https://localhost:1/{} --insecure webhooks.toml",
    "send https://localhost:1/x --insecure {}",
    "send https://localhost:1/x --insecure --header {} webhooks.toml",
    "send https://localhost:1/x --insecure --cert {} webhooks.toml",
    "send https://localhost:1/x --cert certs/client.pem --key {} --ca certs/root-ca.pem webhooks.toml",
    "send https://localhost:1/x --ca {} webhooks.toml",
    "send https://localhost:1/x --insecure --rate {} webhooks.toml",
    "send https://localhost:1/x --insecure --repeat {} webhooks.toml",
    "send https://localhost:1/x --insecure --connect {} webhooks.toml",
    "probe https://{}/ --insecure",
    "probe https://localhost:1/{} --insecure",
    "spool list --endpoint {}",
    "spool list --since {}",
    "spool show {}",
    "spool done {}",
    "spool take --endpoint pix --exec {}",
    "spool take {}",
    "completions {}",
    "man certs/client.pem/{}",
];

/// Arguments in which `{}` is replaced by a password, which only its position identifies as one.
const CREDENTIALS: &[&str] = &[
    "send https://localhost:1/x?hmac={} --insecure webhooks.toml",
    "send https://user:{}@localhost:1/x --insecure webhooks.toml",
    "send http://localhost:1/x?hmac={} --insecure webhooks.toml",
    "send https://localhost:1/x --insecure --header authorization={} webhooks.toml",
    "send https://localhost:1/x --insecure --header {} webhooks.toml",
    "probe https://localhost:1/x?hmac={} --insecure",
];

/// The lines of an endpoint in which `{}` is replaced by a password or a key.
const LINES: &[&str] = &[
    "path = \"/x\"\nquery_secret = { name = \"hmac\", file = \"{}\" }",
    "path = \"/x\"\nquery_secret = { name = \"hmac\", value = \"{}\" }",
    "path = \"/x\"\nquery_secret = { name = \"{}\", file = \"certs/client.pem\" }",
    "path = \"/x\"\nquery_secret = { file = \"{}\" }",
    "path = \"/x\"\nquery_secret = \"{}\"",
    "path = \"/x\"\nquery_secret = [\"{}\"]",
    "path = \"/x\"\nquery_secret = {}",
    "path = \"/x\"\nquery_secret = \"{}",
    "path = \"/x\"\n[endpoint.query_secret]\nname = \"hmac\"\nfile = \"{}\"",
    "path = \"/x\"\n[endpoint.query_secret]\nname = \"hmac\"\nvalue = {}",
    "path = \"/x\"\nquery_secret = {\n  name = \"hmac\",\n  file = \"{}\",\n}",
    "path = \"/x\"\nquery_secret = {\n  name = \"hmac\",\n  value =\n\"{}\" }",
    "path = \"/x\"\nquery_secert = { name = \"hmac\", value = \"{}\" }",
    "path = \"/x\"\nhmac = \"{}\"",
    "path = \"/x\"\nkey_password = \"{}\"",
    "path = \"/x\"\nsignature = { scheme = \"github\", secret = \"{}\" }",
    "path = \"/x\"\nresponse = { echo_headers = [\"https://u:{}@h/\"] }",
    "path = \"/x?hmac={}\"",
    "path = \"x?hmac={}\"",
    "path = \"/x\"\nsuffixes = [\"/y?hmac={}\"]",
    "path = \"/x\"\nsuffixes = [\"/y?hmac={}\", \"/y?hmac={}\"]",
];

fn in_place(template: &str, secret: &str) -> Vec<String> {
    template.split(' ').map(|word| word.replace("{}", secret)).collect()
}

#[test]
fn no_error_shows_a_key_in_an_argument() {
    let world = World::new();
    let secret = Secret::of(fs::read_to_string(world.key("server")).unwrap());
    let certificate = fs::read_to_string(world.cert("server")).unwrap();
    let damaged = secret.damaged(&certificate);
    let texts = damaged.iter().filter_map(|bytes| std::str::from_utf8(bytes).ok());
    let texts: Vec<_> = texts.filter(|text| !text.contains('\0')).collect();
    let mut leaks = Vec::new();
    for (number, text) in texts.iter().enumerate() {
        for template in ARGUMENTS {
            let output = world.run(&in_place(template, text));
            let output = [output.stdout, output.stderr].concat();
            if let Some(piece) = secret.find(&output) {
                leaks.push(format!(
                    "file {number}, {template}: {piece}\n{}",
                    String::from_utf8_lossy(&output)
                ));
            }
        }
    }
    assert!(texts.len() > 40, "{}", texts.len());
    assert!(leaks.is_empty(), "{} of {}:\n{}", leaks.len(), texts.len() * ARGUMENTS.len(), leaks.join("\n"));
}

#[test]
fn no_error_shows_a_password_in_a_url_or_a_header() {
    let world = World::new();
    for template in CREDENTIALS {
        let output = world.run(&in_place(template, "hunter2horse"));
        let output = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(!output.contains("hunter2horse") && !output.is_empty(), "{template}\n{output}");
    }
}

#[test]
fn no_finding_shows_a_secret_instead_of_its_file() {
    let world = World::new();
    let config = fs::read_to_string(world.path("webhooks.toml")).unwrap();
    for secret in ["hunter2horse", "00112233445566778899aabbccddeeff", "h\u{200b}unter2horse"] {
        for lines in LINES {
            let endpoint = format!(
                "[[endpoint]]\nname = \"x\"\nsenders = [\"bank\"]\n{}\n",
                lines.replace("{}", secret)
            );
            fs::write(world.path("webhooks.toml"), format!("{config}\n{endpoint}")).unwrap();
            for command in ["check", "check --json", "run", "status", "spool list", "reload"] {
                let output = world.run(&command.split(' ').collect::<Vec<_>>());
                let output = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
                let shown =
                    [secret, "unter2horse", "8899aabb"].into_iter().find(|piece| output.contains(*piece));
                assert_eq!(shown, None, "{command}: {endpoint}\n{output}");
            }
        }
    }
}

#[test]
fn a_key_in_the_environment_is_not_shown() {
    let world = World::new();
    let secret = Secret::of(fs::read_to_string(world.key("server")).unwrap());
    let text = fs::read_to_string(world.path("webhooks.toml")).unwrap();
    fs::write(world.path("credential.toml"), text.replace("certs/server.key", "credential:server.key"))
        .unwrap();
    let body: String = secret.pem.lines().filter(|line| !line.contains("-----")).collect();
    for (variable, command) in [
        ("HOOKSPOOL_CONFIG", "check"),
        ("HOOKSPOOL_CONFIG", "run"),
        ("CREDENTIALS_DIRECTORY", "check --config credential.toml"),
        ("CREDENTIALS_DIRECTORY", "run --config credential.toml"),
        ("RUST_LOG", "run --config credential.toml"),
    ] {
        for value in [&secret.pem, &body] {
            let output = Command::new(program())
                .args(command.split(' '))
                .current_dir(world.path(""))
                .env(variable, value)
                .stdin(Stdio::null())
                .output()
                .unwrap();
            let output = [output.stdout, output.stderr].concat();
            assert_eq!(secret.find(&output), None, "{variable}: {}", String::from_utf8_lossy(&output));
        }
    }
}
