//! Files and names in encodings and forms that programs of other systems write.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::tools::{bash, curl, edit, stop};
use crate::wire::Wire;
use crate::world::{World, program};

const CLIENT: [&str; 6] =
    ["--cacert", "certs/root-ca.pem", "--cert", "certs/client.pem", "--key", "certs/client.key"];

#[test]
fn a_byte_order_mark_and_crlf_in_the_configuration_are_read() {
    let world = World::new();
    let text = fs::read_to_string(world.path("webhooks.toml")).unwrap();
    let crlf = text.replace('\n', "\r\n");
    for (name, bytes) in [
        ("BOM", format!("\u{feff}{text}")),
        ("CRLF", crlf.clone()),
        ("BOM and CRLF", format!("\u{feff}{crlf}")),
        ("a BOM, an empty line, and no line break at the end", format!("\u{feff}\r\n{}", crlf.trim_end())),
    ] {
        fs::write(world.path("webhooks.toml"), bytes).unwrap();
        let checked = world.run(&["check"]);
        assert!(checked.status.success(), "{name}: {checked:?}");
        let daemon = world.start();
        assert_eq!(curl(&world, &daemon, &CLIENT), "200", "{name}");
        stop(daemon);
    }
}

#[test]
fn utf_16_and_latin_1_in_the_configuration_are_refused_with_the_position() {
    let world = World::new();
    let text = fs::read_to_string(world.path("webhooks.toml")).unwrap();
    let utf_16 = |order: fn(u16) -> [u8; 2], mark: bool| -> Vec<u8> {
        let mark = if mark { Some(0xfeff) } else { None };
        mark.into_iter().chain(text.encode_utf16()).flat_map(order).collect()
    };
    let latin_1 = [b"# first\n# a\xe7\xe3o\n", text.as_bytes()].concat();
    for (name, bytes, line, column) in [
        ("UTF-16LE with BOM", utf_16(u16::to_le_bytes, true), 1, 1),
        ("UTF-16BE with BOM", utf_16(u16::to_be_bytes, true), 1, 1),
        ("Latin-1", latin_1, 2, 4),
    ] {
        fs::write(world.path("webhooks.toml"), bytes).unwrap();
        for command in ["check", "run"] {
            let output = world.run(&[command]);
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(65), "{name}: {said}");
            let place = format!("line {line}, column {column}");
            assert!(said.contains("not UTF-8 text") && said.contains(&place), "{name}: {said}");
        }
    }
    // Without a mark it is UTF-8 with NUL characters: the first of them is pointed at.
    for order in [u16::to_le_bytes, u16::to_be_bytes] {
        fs::write(world.path("webhooks.toml"), utf_16(order, false)).unwrap();
        let output = world.run(&["check"]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!([65, 78].contains(&output.status.code().unwrap()) && said.contains(":1:"), "{said}");
    }
}

#[test]
fn names_that_are_not_utf_8_work_everywhere() {
    let world = World::new();
    let home = world.path("").join(OsStr::from_bytes(b"caf\xe9 \xff"));
    fs::create_dir(&home).unwrap();
    fs::rename(world.path("webhooks.toml"), home.join("webhooks.toml")).unwrap();
    fs::rename(world.path("certs"), home.join("certs")).unwrap();
    let odd = OsString::from_vec(b"cli\xe9nt.pem".to_vec());
    fs::copy(home.join("certs/client.pem"), home.join(&odd)).unwrap();
    let run = |arguments: &[&OsStr]| {
        let mut command = Command::new(program());
        command.current_dir(&home).args(arguments).stdin(Stdio::null());
        let output = command.env_remove("HOOKSPOOL_CONFIG").output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        output.stdout
    };
    let config = home.join("webhooks.toml");
    run(&["check".as_ref(), "--config".as_ref(), config.as_os_str()]);
    let shown = run(&["certs".as_ref(), "show".as_ref(), "--json".as_ref(), &odd]);
    assert!(serde_json::from_slice::<Value>(&shown).is_ok(), "{}", String::from_utf8_lossy(&shown));
    run(&["explain".as_ref(), "--cert".as_ref(), &odd]);

    let mut daemon = Command::new(program())
        .args(["run", "--config"])
        .arg(&config)
        .stdin(Stdio::null())
        .stderr(fs::File::create(world.path("log")).unwrap())
        .spawn()
        .unwrap();
    let log = || fs::read_to_string(world.path("log")).unwrap();
    let address = crate::world::eventually("it listens", || {
        let log = log();
        let mut lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines
            .find(|line| line["message"] == "listening")
            .map(|line| line["address"].as_str().unwrap().to_owned())
    });
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--noproxy", "*", "-d", "{}", "-o", "/dev/null", "-w", "%{http_code}"]).args(CLIENT);
    let port = address.rsplit(':').next().unwrap();
    let sent =
        curl.arg(format!("https://localhost:{port}/webhooks/pix")).current_dir(&home).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&sent.stdout), "200", "{sent:?}");
    let path = run(&["spool".as_ref(), "take".as_ref(), "--endpoint".as_ref(), "pix".as_ref()]);
    let path = path.strip_suffix(b"\n").unwrap();
    assert!(fs::metadata(home.join(OsStr::from_bytes(path))).unwrap().is_file(), "{path:?}");
    run(&["spool".as_ref(), "done".as_ref(), OsStr::from_bytes(path)]);
    run(&["reload".as_ref()]);
    run(&["status".as_ref()]);
    let stopped = Command::new("kill").arg(daemon.id().to_string()).status().unwrap();
    assert!(stopped.success());
    assert_eq!(daemon.wait().unwrap().code(), Some(0), "{}", log());
}

#[test]
fn pipes_are_read_where_a_command_names_a_file() {
    let world = World::new();
    let daemon = world.start();
    let url = daemon.url("/webhooks/pix");
    // Without the line that names the file, and the one whose days left change with the time.
    let contents = |shown: &str| -> Vec<String> {
        shown.lines().skip(1).filter(|line| !line.contains("ends in")).map(str::to_owned).collect()
    };
    let expected = contents(&bash(&world, "\"$PROGRAM\" certs show certs/client.pem"));
    assert!(expected.len() > 10, "{expected:#?}");
    for script in [
        "\"$PROGRAM\" certs show <(cat certs/client.pem)",
        "\"$PROGRAM\" certs show /dev/stdin <certs/client.pem",
        "cat certs/client.pem | \"$PROGRAM\" certs show /dev/stdin",
        "cat certs/client.pem | \"$PROGRAM\" certs show /proc/self/fd/0",
    ] {
        assert_eq!(contents(&bash(&world, script)), expected, "{script}");
    }
    bash(&world, "\"$PROGRAM\" explain --cert <(cat certs/client.pem) --chain <(cat certs/root-ca.pem)");
    bash(&world, "cat certs/client.pem | \"$PROGRAM\" explain --cert /dev/stdin");
    for script in [
        format!(
            "\"$PROGRAM\" send {url} <(echo {{}}) --cert <(cat certs/client.pem) --key <(cat certs/client.key) --ca <(cat certs/root-ca.pem)"
        ),
        format!(
            "echo {{}} | \"$PROGRAM\" send {url} /dev/stdin --cert certs/client.pem --key certs/client.key --ca certs/root-ca.pem"
        ),
    ] {
        bash(&world, &script);
    }
    let payloads: Vec<_> = world.entries("pix").into_values().map(|entry| entry.payload).collect();
    assert_eq!(payloads, [b"{}\n", b"{}\n"]);
}

/// The same text with LF and CRLF in turn, and spaces after the dashes.
fn untidy(pem: &str) -> String {
    let lines = pem.lines().enumerate().map(|(number, line)| {
        let spaces = if line.starts_with("-----") { "  \t" } else { "" };
        format!("{line}{spaces}{}", ["\r\n", "\n"][number % 2])
    });
    lines.collect()
}

#[test]
fn untidy_pem_files_are_read_as_intended() {
    let world = World::new();
    let read = |name: &str| fs::read_to_string(world.path(name)).unwrap();
    let root = read("certs/root-ca.pem");
    let text = "subject=CN = root\nissuer=CN = root\nBag Attributes\n    friendlyName: -- root --\n";
    // The same CA twice, another one between, and text around all of them.
    let other = bash(&world, "\"$PROGRAM\" certs init --dir other >&2 && cat other/root-ca.pem");
    let bundle = [text, &untidy(&root), "\r\n", text, &untidy(&other), "# end\n\n", &untidy(&root), text];
    fs::write(world.path("certs/bundle.pem"), bundle.concat()).unwrap();
    fs::write(world.cert("server"), format!("{text}{}{text}", untidy(&read("certs/server.pem")))).unwrap();
    fs::write(world.key("server"), format!("{text}{}{text}", untidy(&read("certs/server.key")))).unwrap();
    edit(&world, "certs/root-ca.pem", "certs/bundle.pem");
    let checked = world.run(&["check", "--json"]);
    let document: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(document["ok"], true, "{document:#}");
    let said = document["findings"].to_string();
    assert!(!said.contains("block") && !said.contains("server."), "{document:#}");
    let daemon = world.start();
    assert_eq!(curl(&world, &daemon, &CLIENT), "200");
    let other = ["--cacert", "certs/root-ca.pem", "--cert", "other/client.pem", "--key", "other/client.key"];
    assert_eq!(curl(&world, &daemon, &other), "200");
    let mut wire = Wire::connect(&world, &daemon, "client");
    assert_eq!(wire.post("/webhooks/pix", b"{}").unwrap().status, 200);
    stop(daemon);
}

#[test]
fn a_certificate_in_one_line_is_refused_without_its_text() {
    let world = World::new();
    let pem = fs::read_to_string(world.cert("root-ca")).unwrap();
    for joint in [" ", ""] {
        fs::write(world.cert("root-ca"), pem.replace('\n', joint)).unwrap();
        let checked = world.run(&["check"]);
        let said = String::from_utf8_lossy(&checked.stderr);
        assert_eq!(checked.status.code(), Some(78), "{said}");
        assert!(said.contains("has lost its line breaks"), "{said}");
        let body = pem.lines().nth(2).unwrap();
        assert!(!said.contains(&body[..20]), "{said}");
    }
}

#[test]
fn a_secret_in_base64_is_compared_byte_for_byte_and_warned_about() {
    let world = World::new();
    fs::write(world.path("secret"), "q83vASNFZ4mrze8B+/A=\n").unwrap();
    let path = "path = \"/webhooks/pix\"";
    edit(&world, path, &format!("{path}\nquery_secret = {{ name = \"hmac\", file = \"secret\" }}"));
    let checked = world.run(&["check"]);
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success() && said.contains("may percent-encode"), "{said}");
    let daemon = world.start();
    let mut wire = Wire::connect(&world, &daemon, "client");
    for (value, status) in [
        ("q83vASNFZ4mrze8B+/A=", 200),
        ("q83vASNFZ4mrze8B%2B%2FA%3D", 404),
        ("q83vASNFZ4mrze8B%2b/A=", 404),
        ("q83vASNFZ4mrze8B%20/A=", 404),
        ("q83vASNFZ4mrze8B+/A", 404),
    ] {
        let answer = wire.post(&format!("/webhooks/pix?hmac={value}"), b"{}").unwrap();
        assert_eq!(answer.status, status, "{value}");
    }
    assert_eq!(world.entries("pix").len(), 1);
}
