//! What `certs show` reads of a certificate is what OpenSSL reads.
//!
//! The certificates are Mozilla's, from the machine, and some that are written byte by byte. A directory with more of
//! them, such as the test vectors of pyca/cryptography, can be given in `HOOKSPOOL_TEST_CERTIFICATES`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::der::{BMP, Certificate, IA5, Name, Party, T61, UNIVERSAL, pem};
use crate::tools::bash;
use crate::world::World;

const BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Version, serial number, both dates, and the certificate's digest; none if it is not read.
type Facts = Option<[String; 5]>;

fn by_hookspool(world: &World, path: &Path) -> Facts {
    let output = world.run(&["certs".as_ref(), "show".as_ref(), "--json".as_ref(), path.as_os_str()]);
    assert!([0, 65].contains(&output.status.code().unwrap()), "{}: {output:?}", path.display());
    let document: Value = serde_json::from_slice(&output.stdout).ok().filter(|_| output.status.success())?;
    let shown = document["files"][0]["certificates"].get(0)?;
    let text = |name: &str| shown[name].as_str().unwrap_or_default().to_owned();
    Some(["version", "serial", "not_before", "not_after", "sha256"].map(text))
}

fn by_openssl(path: &Path) -> Facts {
    let bytes = fs::read(path).unwrap();
    let form = if bytes.windows(10).any(|window| window == b"-----BEGIN") { "PEM" } else { "DER" };
    let output = Command::new("openssl")
        .args(["x509", "-inform", form, "-noout", "-text", "-certopt", "no_extensions,no_sigdump,no_pubkey"])
        .args(["-serial", "-dates", "-dateopt", "iso_8601", "-fingerprint", "-sha256", "-in"])
        .arg(path)
        .output()
        .unwrap();
    if !output.status.success() {
        return None;
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let line =
        |prefix: &str| text.lines().find_map(|line| line.trim().strip_prefix(prefix)).unwrap_or_default();
    let version = line("Version: ").split(' ').next().unwrap().to_owned();
    let serial = line("serial=").to_lowercase();
    let date = |prefix: &str| line(prefix).replace(' ', "T").replace("ZZ", "Z");
    let digest = line("sha256 Fingerprint=").replace(':', "").to_lowercase();
    Some([version, serial, date("notBefore="), date("notAfter="), digest])
}

/// Compares every file, and returns how many were read alike, and which were not.
fn compare(world: &World, files: &[PathBuf]) -> (usize, Vec<String>) {
    let mut alike = 0;
    let mut different = Vec::new();
    for path in files {
        match (by_hookspool(world, path), by_openssl(path)) {
            (ours, theirs) if ours == theirs => alike += usize::from(ours.is_some()),
            (ours, theirs) => different.push(format!("{}: {ours:?}, OpenSSL: {theirs:?}", path.display())),
        }
    }
    (alike, different)
}

#[test]
fn certificates_of_mozilla_are_read_as_by_openssl() {
    let world = World::new();
    assert!(Path::new(BUNDLE).exists(), "install ca-certificates");
    bash(&world, &format!("mkdir all; cd all; awk '/BEGIN/ {{ n++ }} n {{ print >n \".pem\" }}' {BUNDLE}"));
    let files: Vec<_> = fs::read_dir(world.path("all")).unwrap().map(|file| file.unwrap().path()).collect();
    let (alike, different) = compare(&world, &files);
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert!(alike == files.len() && alike > 100, "{alike} of {}", files.len());
}

/// A certificate with one field changed after it was signed; nobody verifies the signature here.
fn patched(certificate: &Party, old: &[u8], new: &[u8]) -> Vec<u8> {
    let der = certificate.der.to_vec();
    let at = der.windows(old.len()).position(|window| window == old).unwrap();
    [&der[..at], new, &der[at + old.len()..]].concat()
}

#[test]
fn unusual_certificates_are_read_as_by_openssl_or_refused() {
    let world = World::new();
    let plain = Certificate::leaf(Name::cn("x"));
    let with =
        |serial: &[u8]| Party::root(&Certificate { serial: serial.to_vec(), ..plain.clone() }).der.to_vec();
    let name = |name: Name| Party::root(&Certificate { subject: name, ..plain.clone() }).der.to_vec();
    let attribute = |tag, value: &[u8]| name(Name::empty().and("2.5.4.3", tag, value));
    fs::create_dir(world.path("all")).unwrap();
    let mut files = Vec::new();
    let mut add = |kind: &str, der: &[u8]| {
        let path = world.path(&format!("all/{kind}.der"));
        fs::write(&path, der).unwrap();
        files.push(path);
        let path = world.path(&format!("all/{kind}.pem"));
        fs::write(&path, pem("CERTIFICATE", der)).unwrap();
        files.push(path);
    };
    add("version 1", &Party::root(&plain.clone().v1()).der);
    add("serial number of 20 bytes", &with(&[0x7f; 20]));
    add("serial number with a leading zero", &with(&[0, 0xff, 1]));
    add("serial number of one digit", &with(&[5]));
    add("Teletex string", &attribute(T61, b"caf\xe9"));
    add("BMP string", &attribute(BMP, &[0, b'x', 0x20, 0xac]));
    add("universal string", &attribute(UNIVERSAL, &[0, 0, 0, b'x']));
    add("IA5 string", &attribute(IA5, b"x"));
    add("empty name", &name(Name::empty()));
    add("two values in one relative name", &name(Name::cn("x").plus("2.5.4.10", IA5, b"y")));
    add("until 9994", &Party::root(&Certificate { to: 2_900_000, ..plain.clone() }).der);
    add("since 1950", &Party::root(&Certificate { from: -27_700, ..plain.clone() }).der);
    let (alike, different) = compare(&world, &files);
    assert!(different.is_empty() && alike == files.len(), "{alike}:\n{}", different.join("\n"));

    // Read by OpenSSL, and refused here: RFC 5280 permits only Z in a time, and nobody issues version 2.
    let signed = Party::root(&plain);
    let year = &hookspool::clock::Timestamp::now().to_string()[2..4];
    let der = signed.der.to_vec();
    let at = der.windows(2).position(|window| window == [0x18, 15]).unwrap();
    let offset = [&[0x17, 15], format!("{year}01010000+0100").as_bytes()].concat();
    for (kind, der) in [
        ("time with an offset", patched(&signed, &der[at..at + 17], &offset)),
        ("version 2", patched(&signed, &[0xa0, 3, 2, 1, 2], &[0xa0, 3, 2, 1, 1])),
        ("version 8", patched(&signed, &[0xa0, 3, 2, 1, 2], &[0xa0, 3, 2, 1, 7])),
    ] {
        let path = world.path(&format!("{kind}.der"));
        fs::write(&path, der).unwrap();
        assert_eq!(by_hookspool(&world, &path), None, "{kind}");
        assert!(by_openssl(&path).is_some(), "{kind}");
    }
}

/// Run by hand: `HOOKSPOOL_TEST_CERTIFICATES=DIRECTORY cargo test --test it -- --ignored --nocapture of_a_directory`.
#[test]
#[ignore = "reads a directory that is not here"]
fn certificates_of_a_directory_are_read_as_by_openssl() {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            match path.extension().and_then(|extension| extension.to_str()) {
                _ if path.is_dir() => walk(&path, found),
                Some("pem" | "crt" | "der" | "cer") => found.push(path),
                _ => {}
            }
        }
    }
    let world = World::new();
    let mut files = Vec::new();
    walk(Path::new(&std::env::var_os("HOOKSPOOL_TEST_CERTIFICATES").unwrap()), &mut files);
    let (alike, different) = compare(&world, &files);
    eprintln!(
        "{} files, {alike} certificates read alike, {} not:\n{}",
        files.len(),
        different.len(),
        different.join("\n")
    );
}

#[test]
fn pkcs12_is_named_with_the_command_that_converts_it() {
    let world = World::new();
    let daemon = world.start();
    bash(
        &world,
        "openssl pkcs12 -export -in certs/client.pem -inkey certs/client.key -passout pass: -out client.p12",
    );
    let url = daemon.url("/webhooks/pix");
    let tail = ["--ca", "certs/root-ca.pem"];
    for (args, new) in [
        (vec!["send", &url, "webhooks.toml", "--cert", "client.p12", "--key", "certs/client.key"], "new.pem"),
        (vec!["send", &url, "webhooks.toml", "--cert", "new.pem", "--key", "client.p12"], "new.key"),
    ] {
        let refused = world.run(&[&args[..], &tail].concat());
        let text = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(65), "{text}");
        let command = text.split('`').find(|word| word.starts_with("openssl pkcs12 ")).unwrap();
        let command = command.replace("OLD", "client.p12 -passin pass:").replace("NEW", new);
        bash(&world, &command);
    }
    let args = ["send", &url, "webhooks.toml", "--cert", "new.pem", "--key", "new.key"];
    let sent = world.run(&[&args[..], &tail].concat());
    assert!(sent.status.success(), "{sent:?}");
    for args in [&["certs", "show", "client.p12"][..], &["explain", "--cert", "client.p12"]] {
        let refused = world.run(args);
        assert_eq!(refused.status.code(), Some(65), "{refused:?}");
        assert!(
            String::from_utf8_lossy(&refused.stderr).contains("openssl pkcs12 -in OLD -nokeys"),
            "{refused:?}"
        );
    }
}
