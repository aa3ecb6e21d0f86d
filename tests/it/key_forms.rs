//! Keys and signatures in unusual forms that OpenSSL makes and reads: the server serves with each of these keys, and
//! each of these certificates is accepted (ring issues 834 and 2133, webpki issue 267).

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::der::{pem, sequence, tlv};
use crate::tools::{bash, curl, edit};
use crate::world::World;

/// For each curve, a certificate and its key in six forms; and an Ed25519 key.
const KEYS: &str = r#"
mkdir forms
issue() { # key, name
    openssl req -new -key $1 -subj /CN=$2 2>/dev/null |
        openssl x509 -req -CA certs/root-ca.pem -CAkey certs/root-ca.key -set_serial $RANDOM -days 9 \
            -extfile <(echo subjectAltName=DNS:$2) -out forms/$2.pem 2>/dev/null
}
for curve in P-256 P-384 P-521; do
    openssl ecparam -name $curve -genkey -out parameters.key 2>/dev/null
    openssl ec -in parameters.key -out sec1.key 2>/dev/null
    openssl ec -in parameters.key -no_public -out bare.key 2>/dev/null
    openssl pkcs8 -topk8 -nocrypt -in bare.key -out bare8.key
    openssl ec -in parameters.key -param_enc explicit -out explicit.key 2>/dev/null
    openssl pkcs8 -topk8 -nocrypt -in explicit.key -out explicit8.key
    for form in parameters sec1 bare bare8 explicit explicit8; do
        name=$form.${curve,,}.example
        issue sec1.key $name
        cp $form.key forms/$name.key
    done
done
openssl genpkey -quiet -algorithm ED25519 -out ed25519.key 2>/dev/null
issue ed25519.key attributes.ed25519.example
openssl pkey -in ed25519.key -outform DER -out ed25519.der
openssl pkey -in ed25519.key -pubout -outform DER -out ed25519.pub
"#;

/// Version 2 of PKCS#8 with attributes and the public key, as in RFC 8410, section 10.3.
fn with_attributes(pkcs8: &[u8], spki: &[u8]) -> String {
    let seed = &pkcs8[pkcs8.len() - 32..];
    let public = &spki[spki.len() - 32..];
    let friendly_name = sequence(&[
        tlv(0x06, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 9, 20]),
        tlv(0x31, &tlv(0x0c, b"Curdle Chairs")),
    ]);
    let key = sequence(&[
        tlv(0x02, &[1]),
        sequence(&[tlv(0x06, &[0x2b, 0x65, 0x70])]),
        tlv(0x04, &tlv(0x04, seed)),
        tlv(0xa0, &friendly_name),
        tlv(0x81, &[&[0], public].concat()),
    ]);
    pem("PRIVATE KEY", &key)
}

#[test]
fn a_server_serves_with_its_key_in_every_form() {
    let world = World::new();
    bash(&world, KEYS);
    let read = |name: &str| fs::read(world.path(name)).unwrap();
    fs::write(
        world.path("forms/attributes.ed25519.example.key"),
        with_attributes(&read("ed25519.der"), &read("ed25519.pub")),
    )
    .unwrap();
    let mut extra = String::new();
    let mut names = Vec::new();
    for file in fs::read_dir(world.path("forms")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "key") {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let _ = writeln!(
                extra,
                "[[tls.extra]]\ncertificate = \"forms/{name}.pem\"\nkey = \"forms/{name}.key\"\nnames = [\"{name}\"]"
            );
            names.push(name);
        }
    }
    assert_eq!(names.len(), 19, "{names:?}");
    // The forms are what they are meant to be.
    let first = |name: &str| String::from_utf8(read(name)).unwrap().lines().next().unwrap().to_owned();
    assert_eq!(first("forms/parameters.p-384.example.key"), "-----BEGIN EC PARAMETERS-----");
    assert!(read("forms/bare.p-521.example.key").len() < read("forms/sec1.p-521.example.key").len());
    assert!(read("forms/explicit.p-256.example.key").len() > read("forms/sec1.p-256.example.key").len());

    edit(&world, "[spool]", &format!("{extra}\n[spool]"));
    let daemon = world.start();
    for name in &names {
        for version in ["1.2", "1.3"] {
            // The certificate's name is checked, so it is the one with this key.
            let to = format!("{name}:443:127.0.0.1:{}", daemon.port);
            let mut curl = std::process::Command::new("curl");
            curl.args(["-sS", "--noproxy", "*", "--max-time", "20", "-d", "{}", "-o", "/dev/null"]);
            curl.args(["-w", "%{http_code}", "--tls-max", version, "--connect-to", &to, "--cacert"]);
            curl.arg(world.cert("root-ca")).arg("--cert").arg(world.cert("client"));
            curl.arg("--key").arg(world.key("client")).arg(format!("https://{name}/webhooks/pix"));
            let output = curl.output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout), "200", "{name}, TLS {version}: {output:?}");
        }
    }
    assert_eq!(world.entries("pix").len(), 2 * names.len());
}

/// A CA on each curve that signs with each digest, and one with Ed25519.
const SIGNED: &str = r#"
mkdir signed
issue() { # name, CA, digest
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout signed/$1.key -subj /CN=client 2>/dev/null |
        openssl x509 -req -CA $2.pem -CAkey $2.key -set_serial $RANDOM -days 9 $3 \
            -extfile <(echo extendedKeyUsage=clientAuth) -out signed/$1.pem 2>/dev/null
}
for curve in P-256 P-384 P-521; do
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:$curve -nodes -keyout $curve.key -out $curve.pem -subj /CN=$curve -days 99 2>/dev/null
    for digest in sha256 sha384 sha512; do issue $curve-$digest $curve -$digest; done
done
openssl req -x509 -newkey ed25519 -nodes -keyout ed25519.key -out ed25519.pem -subj /CN=ed25519 -days 99 2>/dev/null
issue ed25519 ed25519 ''
cat P-256.pem P-384.pem P-521.pem ed25519.pem >cas.pem
"#;

#[test]
fn a_certificate_is_accepted_with_every_pair_of_curve_and_digest() {
    let world = World::new();
    bash(&world, SIGNED);
    edit(&world, "certs/root-ca.pem", "cas.pem");
    let daemon = world.start();
    let mut delivered = 0;
    let pairs = ["P-256", "P-384", "P-521"]
        .into_iter()
        .flat_map(|curve| ["sha256", "sha384", "sha512"].map(|digest| format!("{curve}-{digest}")));
    for name in pairs.chain(["ed25519".to_owned()]) {
        let [cert, key] = ["pem", "key"].map(|kind| format!("signed/{name}.{kind}"));
        for version in ["1.2", "1.3"] {
            let arguments =
                ["--tls-max", version, "--cacert", "certs/root-ca.pem", "--cert", &cert, "--key", &key];
            assert_eq!(curl(&world, &daemon, &arguments), "200", "{name}, TLS {version}");
            delivered += 1;
        }
    }
    assert_eq!(world.entries("pix").len(), delivered);
}
