//! Text beside PEM blocks: what may be a block is an error that names the line, and what OpenSSL writes there is none.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::world::World;

/// A CA, its list in which the certificate 77 is revoked, and that certificate.
const MAKE: &str = r#"
set -eu
printf '[ca]\ndefault_ca=d\n[d]\ndatabase=db\ncrlnumber=n\ndefault_md=sha256\ndefault_crl_days=30\ncrl_extensions=e\n[e]\nauthorityKeyIdentifier=keyid\n' > cnf
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=bank -days 99 -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
echo 01 > n; : > db
openssl ca -config cnf -gencrl -keyfile ca.key -cert ca.pem -out intact.crl 2>/dev/null
printf 'R\t360101000000Z\t261101000000Z\t4D\tunknown\t/CN=client\n' > db
openssl ca -config cnf -gencrl -keyfile ca.key -cert ca.pem -out new.crl 2>/dev/null
"#;

/// How a list is written behind an intact one.
const WRITINGS: &[(&str, &str)] = &[
    ("without markers", "grep -v -- ----- new.crl"),
    ("in lower case", "sed 's/BEGIN X509 CRL/begin x509 crl/; s/END X509 CRL/end x509 crl/' new.crl"),
    ("in base64 once more", "base64 new.crl"),
    ("in base64 once more, in one line", "base64 -w 0 new.crl; echo"),
    ("entities for dashes", "sed 's/-/\\&#45;/g' new.crl"),
    ("typographic dashes", "sed 's/-----/\u{2014}\u{2014}/g' new.crl"),
    ("no blank after BEGIN", "sed 's/BEGIN X509/BEGINX509/' new.crl"),
    ("a tab after BEGIN", "sed 's/BEGIN X509/BEGIN\\tX509/' new.crl"),
    ("two blanks after BEGIN", "sed 's/BEGIN X509/BEGIN  X509/' new.crl"),
    ("commented out", "sed 's/^/# /' new.crl"),
    ("in DER", "openssl crl -in new.crl -outform DER"),
    ("in UTF-16", "iconv -f ASCII -t UTF-16LE new.crl"),
];

/// Lists in blocks that are not labeled as lists.
const OTHER_LABELS: &[(&str, &str)] = &[
    ("under the label of a certificate", "sed 's/X509 CRL/CERTIFICATE/' new.crl"),
    ("under the label of a public key", "sed 's/X509 CRL/PUBLIC KEY/' new.crl"),
];

fn bash(folder: &Path, script: &str) -> Vec<u8> {
    let output = Command::new("bash").args(["-c", script]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn made() -> World {
    let world = World::new();
    fs::create_dir(world.path("made")).unwrap();
    bash(&world.path("made"), MAKE);
    let config = fs::read_to_string(world.path("webhooks.toml")).unwrap();
    let trust = "ca = [\"made/ca.pem\"]\ncrl = [\"made/lists.pem\"]\ncrl_policy = \"soft\"";
    let config = config.replacen("ca = [\"certs/root-ca.pem\"]", trust, 1);
    fs::write(world.path("webhooks.toml"), config).unwrap();
    world
}

/// Messages of `check` about a file, with their severity.
fn findings(world: &World, file: &str) -> Vec<String> {
    let output = world.run(&["check", "--json"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = document["findings"].as_array().unwrap().iter();
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    let found = found.map(|finding| format!("{}: {}", text(finding, "severity"), text(finding, "message")));
    found.filter(|message| message.contains(file)).collect()
}

#[test]
fn a_list_in_an_unusual_writing_is_an_error_that_names_its_line() {
    let world = made();
    let intact = fs::read(world.path("made/intact.crl")).unwrap();
    let line = intact.split(|byte| *byte == b'\n').count();
    for (name, writing) in WRITINGS.iter().chain(OTHER_LABELS) {
        let written = bash(&world.path("made"), writing);
        fs::write(world.path("made/lists.pem"), [intact.as_slice(), &written].concat()).unwrap();
        let found = findings(&world, "lists.pem");
        let expected = if *name == "in UTF-16" { "UTF-16".to_owned() } else { format!("`: line {line}: ") };
        let is_expected = |message: &String| message.starts_with("error: ") && message.contains(&expected);
        assert!(found.len() == 1 && is_expected(&found[0]), "{name}: {found:#?}");
    }
}

#[test]
fn a_ca_and_a_chain_in_an_unusual_writing_are_errors_that_name_the_line() {
    let world = made();
    fs::copy(world.path("made/intact.crl"), world.path("made/lists.pem")).unwrap();
    for file in ["made/ca.pem", "certs/server.pem"] {
        let intact = fs::read(world.path(file)).unwrap();
        let line = intact.split(|byte| *byte == b'\n').count();
        for (name, writing) in WRITINGS.iter().filter(|(name, _)| *name != "in UTF-16") {
            let writing =
                writing.replace("new.crl", "../certs/stranger.pem").replace("X509 CRL", "CERTIFICATE");
            let writing = writing
                .replace("x509 crl", "certificate")
                .replace("X509/", "CERT/")
                .replace("BEGIN X509", "BEGIN CERT");
            let writing = writing.replace("BEGINX509", "BEGINCERT").replace("openssl crl", "openssl x509");
            let written = bash(
                &world.path("made"),
                &writing.replace("BEGIN\\tX509", "BEGIN\\tCERT").replace("BEGIN  X509", "BEGIN  CERT"),
            );
            fs::write(world.path(file), [intact.as_slice(), &written].concat()).unwrap();
            let found = findings(&world, file);
            let expected = format!("`: line {line}: ");
            let is_expected =
                |message: &String| message.starts_with("error: ") && message.contains(&expected);
            assert!(found.len() == 1 && is_expected(&found[0]), "{file}, {name}: {found:#?}");
        }
        fs::write(world.path(file), intact).unwrap();
    }
}

/// What makes a file of lists that OpenSSL reads without trouble.
const LEGAL: &[&str] = &[
    "openssl crl -in intact.crl -text",
    "openssl crl -in intact.crl -text -issuer -hash -lastupdate -nextupdate -fingerprint -sha256",
    "openssl x509 -in ca.pem -noout -text -modulus -subject -issuer -serial -dates -fingerprint -sha256; cat intact.crl",
    "openssl x509 -in ca.pem -noout -subject_hash -nameopt multiline -subject -ext keyUsage; cat intact.crl",
    "openssl pkcs12 -export -in ca.pem -inkey ca.key -passout pass: | openssl pkcs12 -passin pass: -nokeys -info 2>&1 | grep -v -- '^-----\\|^M\\|^[A-Za-z0-9+/=]*$'; cat intact.crl",
    "openssl asn1parse -in intact.crl; cat intact.crl",
    "openssl rsa -in ca.key -noout -text -modulus | grep -v '^ '; cat intact.crl",
    "sha256sum ca.pem; sha512sum ca.pem; ls -l \"$PWD\"; cat intact.crl",
    "echo '# paste what is between -----BEGIN and -----END lines'; cat intact.crl",
    "echo '# between -----BEGIN X509 CRL----- and -----END X509 CRL-----'; cat intact.crl",
    "cat intact.crl; echo 'the list ends at -----END X509 CRL-----, and no text follows'",
    "echo '#------- BEGIN CRL OF THE BANK -------'; cat intact.crl; echo '#------- END CRL OF THE BANK -------'",
    "echo '--- BEGIN KEY MATERIAL ---'; cat intact.crl",
];

#[test]
fn text_that_openssl_skips_and_that_is_no_block_is_no_finding() {
    let world = made();
    for make in LEGAL {
        let file = bash(&world.path("made"), make);
        fs::write(world.path("made/lists.pem"), &file).unwrap();
        bash(&world.path("made"), "openssl crl -in lists.pem -noout");
        let found = findings(&world, "lists.pem");
        assert!(found.is_empty(), "{make}: {found:#?}\n{}", String::from_utf8_lossy(&file));
    }
}

#[test]
fn findings_about_one_file_are_bounded() {
    const FINDINGS_MAX: usize = 22;
    const OUTPUT_MAX: usize = 64 << 10;
    let world = made();
    let intact = fs::read_to_string(world.path("made/intact.crl")).unwrap();
    let hollow = "-----BEGIN X509 CRL-----\n-----END X509 CRL-----\n".repeat(30_000);
    let damaged = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n".repeat(1_000);
    let other = "-----BEGIN ODD THING-----\nAAAA\n-----END ODD THING-----\n".repeat(30_000) + &intact;
    let bare = format!("{intact}AAAA-----END X509 CRL-----\n").repeat(500);
    let many = intact.repeat(2_000);
    for (name, text, last) in [
        ("hollow blocks", hollow, "29980 more blocks cannot be read"),
        ("damaged lists", damaged, "979 more findings are not shown"),
        ("other blocks", other, "29979 more findings are not shown"),
        ("ends without begin", bare, "480 more blocks cannot be read"),
        ("too many lists", many, "the file contains more than 1024 revocation lists"),
    ] {
        fs::write(world.path("made/lists.pem"), text).unwrap();
        let found = findings(&world, "lists.pem");
        assert!(
            found.len() <= FINDINGS_MAX && found.last().unwrap().contains(last),
            "{name}: {} {:?}",
            found.len(),
            found.last()
        );
        let output = world.run(&["check"]);
        assert!(
            output.status.code() == Some(78) && output.stderr.len() + output.stdout.len() < OUTPUT_MAX,
            "{name}"
        );
    }
}
