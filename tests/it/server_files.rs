//! What `check` says of server chains and key files as people break them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::Value;

use crate::world::World;

/// A root, two intermediates below it, server certificates below those, and odd ones beside.
const MAKE: &str = r#"
set -eu
umask 077
cd made
issue() { # name, issuer, extensions, key
    eval "openssl genpkey -quiet ${4:--algorithm EC -pkeyopt ec_paramgen_curve:P-256}" -out $1.key 2>/dev/null
    openssl req -new -key $1.key -subj /CN=$1 -out $1.csr 2>/dev/null
    printf '%s\n' "$3" > ext
    openssl x509 -req -in $1.csr -CA $2.pem -CAkey $2.key -set_serial $RANDOM -days 99 -extfile ext -out $1.pem 2>/dev/null
}
root() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $1.key -out $1.pem -subj /CN=$1 -days 99 2>/dev/null
}
ca=basicConstraints=critical,CA:TRUE
root root; root stranger
issue upper root $ca; issue middle upper $ca
mkdir other; cp middle.pem middle.key other/
issue middle upper $ca; mv middle.pem middle.key ..; mv other/* .; mv ../middle.pem renewed.pem; rm ../middle.key
aia='authorityInfoAccess=caIssuers;URI:http://ca.example/middle.der'
openssl req -x509 -newkey rsa:2048 -nodes -keyout rsamiddle.key -out rsamiddle.pem -subj /CN=middle -days 99 2>/dev/null
cross() { # name, issuer, file: the same name and key, by another issuer
    printf '%s\n' "$ca" > ext
    openssl req -new -key $1.key -subj /CN=$1 2>/dev/null |
        openssl x509 -req -CA $2.pem -CAkey $2.key -set_serial $RANDOM -days 99 -extfile ext -out $3.pem 2>/dev/null
}
root otherroot
cross upper otherroot uppercross
issue otherupper otherroot $ca
cross middle otherupper middlecross
cross root otherroot rootcross
issue leaf middle "subjectAltName=DNS:hooks.example
$aia"
openssl x509 -req -in leaf.csr -CA middle.pem -CAkey middle.key -set_serial 7 -days 9 -extfile ext -out leafold.pem 2>/dev/null
issue plain middle subjectAltName=DNS:hooks.example
issue rsa middle subjectAltName=DNS:hooks.example '-algorithm RSA'
openssl rsa -in rsa.key -traditional -out rsa.pkcs1 2>/dev/null
openssl ec -in leaf.key -out leaf.sec1 2>/dev/null
openssl pkey -in leaf.key -aes128 -passout pass:x -out leaf.enc 2>/dev/null
openssl genpkey -quiet -algorithm RSA-PSS -out pss.key 2>/dev/null
openssl genpkey -quiet -algorithm ED448 -out ed448.key 2>/dev/null
openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:brainpoolP256r1 -out brainpool.key 2>/dev/null
openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out short.key 2>/dev/null
"#;

const MIDDLE_TWICE: &str =
    "`CN=middle` is in the chain with two certificates, issued by `CN=upper` and by `CN=otherupper`";
const UPPER_TWICE: &str =
    "`CN=upper` is in the chain with two certificates, issued by `CN=root` and by `CN=otherroot`";
const ROOT_TWICE: &str =
    "`CN=root` is in the chain with two certificates, issued by `CN=root` and by `CN=otherroot`";

/// Certificates in the order of the file, and what `check` says of them; nothing if they are a chain.
const CHAINS: &[(&str, &[&str])] = &[
    ("leaf middle upper", &[]),
    ("leaf middle upper root", &[]),
    ("leaf middle", &[]),
    (
        "leaf",
        &[
            "the certificate `CN=leaf` is the only one in the file, without the intermediate `CN=middle` that issued it",
        ],
    ),
    ("plain", &["note: the certificate `CN=plain` is the only one in the file"]),
    ("leaf upper", &["`CN=leaf` was issued by `CN=middle`, but `CN=upper` follows it in the chain"]),
    ("leaf root", &["`CN=leaf` was issued by `CN=middle`, but `CN=root` follows it in the chain"]),
    (
        "leaf upper middle",
        &["the chain is not in order: `CN=middle` issued `CN=leaf` but does not follow it directly"],
    ),
    ("leaf leaf", &["the certificate `CN=leaf` is in the chain twice"]),
    ("leaf leaf middle", &["the certificate `CN=leaf` is in the chain twice"]),
    ("leaf middle middle upper", &["the certificate `CN=middle` is in the chain twice"]),
    ("leaf middle upper leaf", &["the certificate `CN=leaf` is in the chain twice"]),
    ("leaf stranger", &["`CN=leaf` was issued by `CN=middle`, but `CN=stranger` follows it in the chain"]),
    (
        "leaf middle upper stranger",
        &["`CN=upper` was issued by `CN=root`, but `CN=stranger` follows it in the chain"],
    ),
    (
        "leaf middle upper root stranger",
        &["`CN=stranger` follows the root certificate `CN=root`, where the chain ends"],
    ),
    (
        "leaf renewed upper",
        &["`CN=leaf` is followed by a certificate with the name of its issuer, `CN=middle`, but another key"],
    ),
    (
        "leaf rsamiddle",
        &["`CN=leaf` is followed by a certificate with the name of its issuer, `CN=middle`, but another key"],
    ),
    // Two certificates of one CA by different issuers: no order is right for both paths.
    ("leaf middle middlecross", &[MIDDLE_TWICE]),
    ("leaf middle middlecross upper otherupper", &[MIDDLE_TWICE]),
    ("leaf middle upper middlecross otherupper", &[MIDDLE_TWICE]),
    (
        "leaf middlecross middle upper otherupper",
        &["`CN=middle` is in the chain with two certificates, issued by `CN=otherupper` and by `CN=upper`"],
    ),
    ("leaf middle upper uppercross", &[UPPER_TWICE]),
    ("leaf middle upper uppercross root otherroot", &[UPPER_TWICE]),
    ("leaf middle upper root rootcross", &[ROOT_TWICE]),
    ("leaf middle upper root rootcross otherroot", &[ROOT_TWICE]),
    (
        "leaf middle upper root rootcross stranger",
        &[ROOT_TWICE, "`CN=root` was issued by `CN=otherroot`, but `CN=stranger` follows it in the chain"],
    ),
    (
        "leaf middle upper uppercross middle",
        &[UPPER_TWICE, "the certificate `CN=middle` is in the chain twice"],
    ),
    // The same name and key, but no CA of the chain: an old certificate of the server.
    (
        "leaf leafold middle upper",
        &["the chain is not in order: `CN=middle` issued `CN=leaf` but does not follow it directly"],
    ),
    ("middle leaf upper", &["error: this key does not belong to the certificate (subject `CN=middle`)"]),
];

/// How a key file is made, with which certificate, and what `check` says; nothing if it is used.
const KEYS: &[(&str, &str, &str)] = &[
    ("cat stranger.key leaf.key", "leaf", ""),
    ("cat leaf.pem middle.pem leaf.key", "leaf", ""),
    ("sed 's/RSA PRIVATE/PRIVATE/' rsa.pkcs1", "rsa", ""),
    ("sed 's/EC PRIVATE/PRIVATE/' leaf.sec1", "leaf", ""),
    ("sed 's/PRIVATE/RSA PRIVATE/' leaf.key", "leaf", ""),
    (
        "cat stranger.key middle.key",
        "leaf",
        "no key of this file belongs to the certificate (subject `CN=leaf`)",
    ),
    ("cat pss.key", "leaf", "the private key cannot be used: keys of type rsassaPss are not supported"),
    ("cat ed448.key", "leaf", "the private key cannot be used: keys of type ED448 are not supported"),
    (
        "cat brainpool.key",
        "leaf",
        "the private key cannot be used: keys of type brainpoolP256r1 are not supported",
    ),
    (
        "cat short.key",
        "leaf",
        "the private key cannot be used: this rsaEncryption key is damaged, or of a length or form that is not supported",
    ),
    ("cat leaf.enc", "leaf", "the private key is encrypted with a password"),
    ("tr '\\n' ' ' < leaf.key", "leaf", "line 1: the `PRIVATE KEY` block has lost its line breaks"),
    ("cat leaf.pem", "leaf", "the file contains no private key, but a `CERTIFICATE` block"),
    (
        "sed 's/PRIVATE/OPENSSH PRIVATE/' leaf.key",
        "leaf",
        "the file contains no private key, but a `OPENSSH PRIVATE KEY` block",
    ),
    ("base64 -w 0 leaf.key", "leaf", "the file is neither PEM nor DER"),
    (
        "sed 's/^MI/AA/' leaf.key",
        "leaf",
        "the file contains no readable private key (PKCS#8, SEC1 or PKCS#1)",
    ),
];

fn bash(world: &World, script: &str) -> Vec<u8> {
    let output = Command::new("bash").args(["-c", script]).current_dir(world.path("")).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Findings of `check` about the server's files, as `severity: message`; warnings without the word.
fn findings(world: &World, chain: &[u8], key: &[u8]) -> Vec<String> {
    fs::write(world.cert("server"), chain).unwrap();
    fs::write(world.key("server"), key).unwrap();
    fs::set_permissions(world.key("server"), fs::Permissions::from_mode(0o600)).unwrap();
    let output = world.run(&["check", "--json"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    let mut found = Vec::new();
    for finding in document["findings"].as_array().unwrap() {
        let message = text(finding, "message");
        let Some((_, message)) =
            message.split_once("certs/server.pem`: ").or(message.split_once("certs/server.key`: "))
        else {
            continue;
        };
        assert!(!text(finding, "hint").is_empty(), "{finding:#}");
        found.push(format!("{}: {message}", text(finding, "severity")));
    }
    found
}

#[test]
fn a_chain_that_clients_cannot_verify_is_a_warning_that_names_both_certificates() {
    let world = World::new();
    fs::create_dir(world.path("made")).unwrap();
    bash(&world, MAKE);
    for (names, expected) in CHAINS {
        let chain = bash(&world, &format!("cd made; for name in {names}; do cat $name.pem; done"));
        let own = names.split(' ').next().unwrap();
        let key = bash(&world, &format!("cat made/{}.key", if own == "plain" { "plain" } else { "leaf" }));
        let found = findings(&world, &chain, &key);
        let fits = |(found, expected): (&String, &&str)| {
            found.contains(*expected) && (expected.contains(": ") || found.starts_with("warning"))
        };
        assert!(
            found.len() == expected.len() && found.iter().zip(*expected).all(fits),
            "{names}: {found:#?}"
        );
    }
}

#[test]
fn openssl_tries_only_the_first_of_a_cross_signed_pair() {
    let world = World::new();
    fs::create_dir(world.path("made")).unwrap();
    bash(&world, MAKE);
    for (chain, root, works) in [
        ("middle upper uppercross", "root", true),
        ("middle upper uppercross", "otherroot", false),
        ("middle uppercross upper", "root", false),
        ("middle uppercross upper", "otherroot", true),
        ("middle middlecross upper otherupper", "root", true),
        ("middle middlecross upper otherupper", "otherroot", false),
    ] {
        let file = format!("cd made; for name in {chain}; do cat $name.pem; done > file.pem");
        let verify = format!("openssl verify -CAfile {root}.pem -untrusted file.pem leaf.pem 2>/dev/null");
        let said = bash(&world, &format!("{file}; {verify} || echo fails"));
        assert_eq!(!said.ends_with(b"fails\n"), works, "{chain}, {root}");
    }
}

#[test]
fn a_key_file_is_used_if_it_can_be_and_explained_if_not() {
    let world = World::new();
    fs::create_dir(world.path("made")).unwrap();
    bash(&world, MAKE);
    for (make, certificate, expected) in KEYS {
        let chain = bash(&world, &format!("cd made; cat {certificate}.pem middle.pem upper.pem"));
        let key = bash(&world, &format!("cd made; {make}"));
        let found = findings(&world, &chain, &key);
        match *expected {
            "" => assert!(found.is_empty(), "{make}: {found:#?}"),
            expected => assert_eq!(found, [format!("error: {expected}")], "{make}"),
        }
    }
}
