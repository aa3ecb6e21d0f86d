//! A certificate of a known CA with an algorithm that is not supported is refused as that, by OpenSSL's name.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::world::World;

/// A CA, and a certificate signed by it with some options: `issue NAME KEY-OPTIONS REQUEST-OPTIONS SIGN-OPTIONS`.
const MAKE: &str = r#"
set -eu
cd made
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=bank -days 99 2>/dev/null
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:brainpoolP256r1 -nodes -keyout brainpool-ca.key -out brainpool-ca.pem \
    -subj '/CN=brainpool bank' -days 99 2>/dev/null
cat ca.pem brainpool-ca.pem > cas.pem
issue() { # name, key, how it is signed, CA
    openssl genpkey -quiet $2 -out $1.key 2>/dev/null
    openssl req -new -key $1.key -subj /CN=client -out $1.csr 2>/dev/null
    extensions='-extfile client.ext'
    case $1 in v1*) extensions= ;; esac
    openssl x509 -req -in $1.csr -CA ${4:-ca}.pem -CAkey ${4:-ca}.key -set_serial $RANDOM -days 9 $3 $extensions -out $1.pem 2>/dev/null
}
echo extendedKeyUsage=clientAuth > client.ext
ec='-algorithm EC -pkeyopt ec_paramgen_curve:P-256'
pss='-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen'
issue plain "$ec" -sha256
issue pss32 "$ec" "-sha256 $pss:32"
issue pss20 "$ec" "-sha256 $pss:20"
issue pssmax "$ec" "-sha256 $pss:max"
issue sha1 "$ec" -sha1
issue sha224 "$ec" -sha224
issue sha3 "$ec" -sha3-256
issue v1pss20 "$ec" "-sha256 $pss:20"
issue brainpool '-algorithm EC -pkeyopt ec_paramgen_curve:brainpoolP256r1' -sha256
issue secp256k1 '-algorithm EC -pkeyopt ec_paramgen_curve:secp256k1' -sha256
issue ed448 '-algorithm ED448' -sha256
issue psskey '-algorithm RSA-PSS' -sha256
issue short '-algorithm RSA -pkeyopt rsa_keygen_bits:1024' -sha256
issue bybrainpool "$ec" -sha256 brainpool-ca
openssl req -new -newkey rsa:2048 -nodes -keyout middle.key -subj /CN=middle -out middle.csr 2>/dev/null
echo basicConstraints=critical,CA:TRUE > ca.ext
openssl x509 -req -in middle.csr -CA ca.pem -CAkey ca.key -set_serial 5 -days 9 -sha224 -extfile ca.ext -out middle.pem 2>/dev/null
issue below "$ec" -sha256 middle; cat middle.pem >> below.pem
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout namesake.key -out namesake.pem -subj /CN=bank -days 99 2>/dev/null
issue bynamesake "$ec" -sha256 namesake
openssl req -x509 -newkey rsa:2048 -nodes -keyout other.key -out other.pem -subj /CN=other -days 99 2>/dev/null
issue beside "$ec" -sha256 other; cat middle.pem >> beside.pem
"#;

/// Certificates, with the reason and a part of its sentence; no reason where the certificate is accepted.
const CERTIFICATES: &[(&str, Option<&str>, &str)] = &[
    ("plain", None, ""),
    ("pss32", None, ""),
    ("pss20", Some("unsupported"), "rsassaPss with sha256 and a salt of 20 bytes"),
    ("pssmax", Some("unsupported"), "rsassaPss with sha256 and a salt of 222 bytes"),
    ("sha1", Some("unsupported"), "sha1WithRSAEncryption"),
    ("sha224", Some("unsupported"), "sha224WithRSAEncryption"),
    ("sha3", Some("unsupported"), "RSA-SHA3-256"),
    ("v1pss20", Some("unsupported"), "rsassaPss with sha256 and a salt of 20 bytes"),
    ("brainpool", Some("unsupported"), "brainpoolP256r1"),
    ("secp256k1", Some("unsupported"), "secp256k1"),
    ("ed448", Some("unsupported"), "ED448"),
    ("psskey", Some("unsupported"), "rsassaPss"),
    ("short", Some("unsupported"), "1024 bits"),
    ("bybrainpool", Some("unsupported"), "brainpoolP256r1"),
    ("below", Some("unsupported"), "sha224WithRSAEncryption"),
    // A key of another kind with the CA's name did not sign it; what is not on the path does not matter.
    ("bynamesake", Some("unknown_ca"), "has the name of a CA of this sender"),
    ("beside", Some("unknown_ca"), ""),
];

fn make(world: &World, script: &str) {
    fs::create_dir(world.path("made")).unwrap();
    let made = Command::new("bash").args(["-c", script]).current_dir(world.path("")).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// Replaces what the sender `bank` trusts.
fn trust(world: &World, ca: &str) {
    let config = fs::read_to_string(world.path("webhooks.toml")).unwrap();
    fs::write(world.path("webhooks.toml"), config.replacen("ca = [\"certs/root-ca.pem\"]", ca, 1)).unwrap();
}

fn explain(world: &World, certificate: &str) -> Value {
    let output = world.run(&["explain", "--json", "--cert", certificate]);
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{certificate}: {}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn what_is_not_supported_is_named_and_is_not_an_unknown_ca() {
    let world = World::new();
    make(&world, MAKE);
    trust(&world, "ca = [\"made/cas.pem\"]");
    for (name, reason, sentence) in CERTIFICATES {
        let explained = explain(&world, &format!("made/{name}.pem"));
        assert_eq!(explained["reason"].as_str(), *reason, "{name}: {explained:#}");
        let detail = explained["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(sentence), "{name}: {detail}");
        assert!(explained["admit"].as_array().is_none_or(Vec::is_empty), "{name}: {explained:#}");
    }
}

#[test]
fn files_that_are_joined_without_a_line_break_count_in_full() {
    let world = World::new();
    make(
        &world,
        r#"set -eu; cd made
        ca() { printf '[ca]\ndefault_ca=d\n[d]\ndatabase=%s.db\ncrlnumber=%s.n\ndefault_md=sha256\ndefault_crl_days=30\ncrl_extensions=e\n[e]\nauthorityKeyIdentifier=keyid\n' $1 $1 > $1.cnf
            openssl req -x509 -newkey rsa:2048 -nodes -keyout $1.key -out $1.pem -subj /CN=$1 -days 99 -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
            echo 01 > $1.n; printf "$2" > $1.db; openssl ca -config $1.cnf -gencrl -keyfile $1.key -cert $1.pem -out $1.crl 2>/dev/null; }
        ca old ''; ca new 'R\t360101000000Z\t261101000000Z\t4D\tunknown\t/CN=client\n'
        echo extendedKeyUsage=clientAuth > client.ext
        for serial in 77 78; do
            openssl req -newkey rsa:2048 -nodes -keyout c.key -subj /CN=client 2>/dev/null |
                openssl x509 -req -CA new.pem -CAkey new.key -set_serial $serial -days 9 -extfile client.ext -out $serial.pem 2>/dev/null
        done
        { printf %s "$(cat old.crl)"; cat new.crl; } > lists.pem
        { printf %s "$(cat old.pem)"; cat new.pem; } > cas.pem"#,
    );
    trust(&world, "ca = [\"made/cas.pem\"]\ncrl = [\"made/lists.pem\"]\ncrl_policy = \"soft\"");
    assert_eq!(explain(&world, "made/77.pem")["reason"], "revoked");
    assert_eq!(explain(&world, "made/78.pem")["reason"], Value::Null);
    // A list that is there and is not read is an error, whatever keeps it from being read.
    let old = fs::read_to_string(world.path("made/old.crl")).unwrap();
    let new = fs::read_to_string(world.path("made/new.crl")).unwrap();
    for damaged in [
        new.replacen('\n', "\nProc-Type: 4,ENCRYPTED\n\n", 1),
        new.replace("X509 CRL", "X509  CRL"),
        new.replace("X509 CRL", "CRL"),
        new.replace("X509 CRL", "x509 crl"),
    ] {
        fs::write(world.path("made/lists.pem"), format!("{old}{damaged}")).unwrap();
        assert_eq!(world.run(&["check"]).status.code(), Some(78), "{damaged}");
    }
}
