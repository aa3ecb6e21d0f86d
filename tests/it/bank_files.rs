//! Certificates and revocation lists in the forms in which banks hand them out. Each is read, or a finding names the form
//! and the command that converts it, which is run here.

use std::fs;

use serde_json::Value;

use crate::tools::{bash, edit, try_bash};
use crate::world::World;

/// A bank with a root, an intermediate, two clients and a list that revokes one of them; and the same with a server.
const MAKE: &str = r#"
umask 077
root() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout root.key -out root.pem -subj "/CN=root" -days 99 2>/dev/null; }
issue() { # name, issuer, serial, extensions
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $1.key -subj "/CN=$1" 2>/dev/null |
        openssl x509 -req -CA $2.pem -CAkey $2.key -set_serial $3 -days 99 -extfile <(printf "$4") -out $1.pem 2>/dev/null
}
root
issue middle root 2 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign'
issue client middle 3 extendedKeyUsage=clientAuth
issue revoked middle 4 extendedKeyUsage=clientAuth
issue hooks middle 5 'subjectAltName=DNS:localhost'
printf '[ca]\ndefault_ca=d\n[d]\ndatabase=db\ncrlnumber=number\ndefault_md=sha256\ndefault_crl_days=30\ncrl_extensions=e\n[e]\nauthorityKeyIdentifier=keyid\n' >config
echo 01 >number; printf 'R\t360101000000Z\t261101000000Z\t04\tunknown\t/CN=revoked\n' >db
openssl ca -config config -gencrl -keyfile middle.key -cert middle.pem -out middle.crl 2>/dev/null
: >db; openssl ca -config config -gencrl -keyfile root.key -cert root.pem -out root.crl 2>/dev/null
cat hooks.pem middle.pem >chain.pem
cat middle.pem root.pem >bundle.pem
cat middle.crl root.crl >lists.pem
"#;

/// Writes `in` in each form that is read. The certificates of `out.reversed.p7b` begin with the last.
const FORMS: &str = r#"
pack() { if grep -q CRL $1; then openssl crl2pkcs7 -in <(sed -n "/BEGIN/,/END/p;/END/q" $1) -certfile bundle.pem "${@:2}"; else openssl crl2pkcs7 -nocrl -certfile $1 "${@:2}"; fi; }
bom() { printf '\xef\xbb\xbf'; cat; }
forms() { # file with one object, file with several
    mkdir -p $1.forms; to=$1.forms
    pack $2 >$to/pem.p7b
    pack $2 -outform DER >$to/der.p7c
    sed 's/PKCS7/CERTIFICATE/' $to/pem.p7b >$to/certnew.p7b
    sed 's/PKCS7/PKCS #7 SIGNED DATA/' $to/pem.p7b >$to/signed.p7b
    sed 's/PKCS7/CMS/' $to/pem.p7b >$to/cms.p7b
    sed 's/$/\r/' $to/pem.p7b | bom >$to/bom.p7b
    (sed 's/^/  /' $2; cat $to/pem.p7b) >$to/both.pem
    bom <$2 >$to/bom.pem
    (printf '\xff\xfe'; iconv -f UTF-8 -t UTF-16LE $2) >$to/utf-16le.pem
    (printf '\xfe\xff'; iconv -f UTF-8 -t UTF-16BE $2) >$to/utf-16be.pem
    iconv -f UTF-8 -t UTF-16LE $2 >$to/unmarked-utf-16le.pem
    iconv -f UTF-8 -t UTF-16BE <(sed 's/$/\r/' $to/pem.p7b) >$to/unmarked-utf-16be.p7b
    sed '/-----/d' $1 >$to/bare.pem
    sed '/-----/d' $1 | tr -d '\n' >$to/line.pem
    sed '/-----/d' $1 | sed 's/$/\r/' | bom >$to/bare-bom.pem
    base64 $to/der.p7c >$to/bare.p7b
    (printf '\xff\xfe'; base64 -w 0 $to/der.p7c | iconv -f UTF-8 -t UTF-16LE) >$to/bare-utf-16.p7b
}
"#;

/// The text of webhooks.toml for this world, with values for `ca`, `certificate` and further lines of the sender.
fn configure(world: &World, ca: &str, certificate: &str, more: &str) {
    world.configure("");
    edit(
        world,
        "ca = [\"certs/root-ca.pem\"]\ncn = [\"client\"]",
        &format!("ca = [\"{ca}\"]\ncn = [\"client\", \"revoked\"]\n{more}"),
    );
    edit(world, "certs/server.pem", certificate);
    if certificate.starts_with("chain") {
        edit(world, "certs/server.key", "hooks.key");
    }
}

/// Whether `check` finds no error, and all that it prints.
fn check(world: &World) -> (bool, String) {
    let output = world.run(&["check"]);
    (output.status.success(), String::from_utf8(output.stderr).unwrap())
}

fn explained(world: &World, file: &str) -> String {
    let output = world.run(&["explain", "--cert", file]);
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    text.lines().last().unwrap_or_default().to_owned()
}

fn subjects(world: &World, file: &str) -> Vec<String> {
    let output = world.run(&["certs", "show", "--json", file]);
    assert!(output.status.success(), "{file}: {output:?}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let certificates = document["files"][0]["certificates"].as_array().unwrap();
    certificates.iter().map(|it| it["subject"].as_str().unwrap().to_owned()).collect()
}

fn files(world: &World, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(world.path(folder)).unwrap();
    let mut files: Vec<_> =
        entries.map(|it| format!("{folder}/{}", it.unwrap().file_name().display())).collect();
    files.sort();
    assert_eq!(files.len(), 17, "{files:?}");
    files
}

/// Whether only one object fits a form.
fn is_single(file: &str) -> bool {
    file.contains("/bare.pem") || file.contains("/bare-bom") || file.contains("/line")
}

#[test]
fn certificates_and_lists_in_every_form_are_read_everywhere() {
    let world = World::new();
    let both = format!("{MAKE}\n{FORMS}");
    bash(
        &world,
        &format!(
            "{both}\nforms middle.pem bundle.pem; forms hooks.pem chain.pem; forms middle.crl lists.pem
        cat root.pem middle.pem client.pem >reversed.pem; forms client.pem reversed.pem"
        ),
    );
    for file in files(&world, "middle.pem.forms") {
        configure(&world, &file, "certs/server.pem", "");
        let (is_valid, said) = check(&world);
        assert!(is_valid, "{file}: {said}");
        assert!(
            explained(&world, "client.pem").starts_with("admitted as bank"),
            "{file}: {}",
            explained(&world, "client.pem")
        );
        let expected: &[_] = if is_single(&file) { &["CN=middle"] } else { &["CN=middle", "CN=root"] };
        let subjects = subjects(&world, &file);
        assert!(
            subjects.starts_with(&expected.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>()),
            "{file}: {subjects:?}"
        );
    }
    for file in files(&world, "client.pem.forms") {
        configure(&world, "root.pem", "certs/server.pem", "");
        // Text keeps its order; PKCS#7 has none.
        let is_text = file.ends_with("bom.pem") || file.ends_with("e.pem") || file.ends_with("both.pem");
        if !is_text && !is_single(&file) {
            assert!(
                explained(&world, &file).starts_with("admitted as bank"),
                "{file}: {}",
                explained(&world, &file)
            );
        }
    }
    bash(
        &world,
        &format!(
            "{FORMS}\nrm -r hooks.pem.forms; cat middle.pem hooks.pem >reversed.pem; forms hooks.pem reversed.pem"
        ),
    );
    for file in files(&world, "hooks.pem.forms").iter().filter(|file| file.contains(".p7")) {
        fs::copy(world.path(file), world.path("chain.any")).unwrap();
        configure(&world, "root.pem", "chain.any", "");
        let (is_valid, said) = check(&world);
        assert!(is_valid && !said.contains("chain.any"), "{file}: {said}");
    }
    for file in files(&world, "middle.crl.forms") {
        configure(
            &world,
            "bundle.pem",
            "certs/server.pem",
            &format!("crl = [\"{file}\"]\ncrl_policy = \"soft\""),
        );
        let (is_valid, said) = check(&world);
        assert!(is_valid && !said.contains("not used"), "{file}: {said}");
        let revoked = explained(&world, "revoked.pem");
        assert!(revoked.contains("refused: revoked"), "{file}: {revoked}");
        let client = explained(&world, "client.pem");
        assert!(client.starts_with("admitted as bank"), "{file}: {client}");
    }
}

/// The command in a message: the text between the first backticks that begins with a program.
fn command(message: &str) -> Option<&str> {
    message.split('`').skip(1).step_by(2).find(|it| it.contains("OLD"))
}

#[test]
fn each_conversion_that_a_finding_names_gives_a_file_that_is_read() {
    let world = World::new();
    bash(&world, &format!("{MAKE}
        openssl x509 -in middle.pem -trustout -addtrust clientAuth -out trusted.pem
        openssl x509 -in root.pem -trustout -out second; cat trusted.pem second >two-trusted.pem
        openssl pkcs12 -export -nokeys -in bundle.pem -passout pass: -out store.p12
        (echo -----BEGIN PKCS12-----; base64 store.p12; echo -----END PKCS12-----) >store.pem
        base64 store.p12 >store.base64
        base64 bundle.pem >twice.pem
        openssl crl2pkcs7 -nocrl -certfile bundle.pem -outform DER |
            (printf '\\x30\\x80\\x06\\x09\\x2a\\x86\\x48\\x86\\xf7\\x0d\\x01\\x07\\x02\\xa0\\x80'; tail -c +20; printf '\\0\\0\\0\\0') >ber.p7b
        (echo -----BEGIN PKCS7-----; base64 ber.p7b; echo -----END PKCS7-----) >ber.pem
        sed s/PKCS7/CMS/ ber.pem >ber-cms.pem
        sed s/PKCS7/CERTIFICATE/ ber.pem >ber-certificate.pem
        base64 ber.p7b >ber.base64
        openssl crl2pkcs7 -in middle.crl -certfile middle.pem -outform DER |
            (printf '\\x30\\x80\\x06\\x09\\x2a\\x86\\x48\\x86\\xf7\\x0d\\x01\\x07\\x02\\xa0\\x80'; tail -c +20; printf '\\0\\0\\0\\0') >lists.p7b"));
    let cases = [
        ("trusted.pem", "a `TRUSTED CERTIFICATE` block is not supported", 1),
        ("two-trusted.pem", "a `TRUSTED CERTIFICATE` block is not supported", 2),
        ("store.p12", "the file is PKCS#12 (.p12, .pfx)", 2),
        ("store.pem", "a `PKCS12` block is not supported", 2),
        ("store.base64", "the file is neither PEM nor DER", 2),
        ("twice.pem", "the file is neither PEM nor DER", 2),
        ("ber.p7b", "the file is PKCS#7 (.p7b, .p7c) in a form that is not supported", 2),
        ("ber.pem", "a `PKCS7` block is not supported", 2),
        ("ber-cms.pem", "a `CMS` block is not supported", 2),
        ("ber-certificate.pem", "a `PKCS7` block is not supported", 2),
        ("ber.base64", "the file is neither PEM nor DER", 2),
        ("lists.p7b", "the file is PKCS#7 (.p7b, .p7c) in a form that is not supported", 0),
    ];
    for (file, form, count) in cases {
        let setting = |file: &str| match count {
            0 => configure(
                &world,
                "bundle.pem",
                "certs/server.pem",
                &format!("crl = [\"{file}\"]\ncrl_policy = \"soft\""),
            ),
            _ => configure(&world, file, "certs/server.pem", ""),
        };
        let mut old = file.to_owned();
        // Base64 needs two steps.
        for step in 1.. {
            setting(&old);
            let (is_valid, said) = check(&world);
            if is_valid {
                break;
            }
            assert!(step < 3, "{file}: {said}");
            assert!(step > 1 || said.contains(form), "{file}: {said}");
            assert!(!said.contains("damaged") && !said.contains("copy"), "{file}: {said}");
            let shown = world.run(&["certs", "show", &old]);
            let new = format!("{file}.{step}");
            let by_check = command(&said).unwrap_or_else(|| panic!("{file}: {said}"));
            if count > 0 {
                let by_show = String::from_utf8(shown.stderr).unwrap();
                assert_eq!(command(&by_show), Some(by_check), "{file}: {by_show}");
            }
            let password = if by_check.contains("pkcs12") { " -passin pass:" } else { "" };
            let script = format!("{}{password}", by_check.replace("OLD", &old).replace("NEW", &new));
            bash(&world, &script);
            old = new;
        }
        if count == 0 {
            assert!(explained(&world, "revoked.pem").contains("refused: revoked"), "{file}");
        } else {
            assert_eq!(subjects(&world, &old).len(), count, "{file}");
            assert!(explained(&world, "client.pem").starts_with("admitted as bank"), "{file}");
        }
    }
}

#[test]
fn a_known_form_without_certificates_is_named() {
    let world = World::new();
    bash(
        &world,
        &format!(
            "{MAKE}
        printf '<!DOCTYPE html>\n<html><head><title>404</title></head></html>\n' >page.pem
        printf '\\xef\\xbb\\xbf\n <HTML lang=pt>\n<pre>\n' | cat - middle.pem >tutorial.pem
        openssl crl -in middle.crl -outform DER -out crl.der
        openssl req -new -key client.key -subj /CN=client -outform DER -out request.der
        openssl pkey -in client.key -pubout -outform DER -out public.der
        openssl x509 -in middle.pem -outform DER -out middle.der
        sed 's/X509 CRL/CERTIFICATE/' middle.crl >labeled.pem
        echo e30= | openssl base64 -d | openssl cms -data_create -outform DER -out data.p7b"
        ),
    );
    for (setting, file, expected) in [
        ("ca", "page.pem", "the file is an HTML page"),
        ("ca", "tutorial.pem", "the file is an HTML page"),
        ("ca", "crl.der", "the file contains no certificate, but a `X509 CRL` block"),
        ("ca", "request.der", "the file contains no certificate, but a `CERTIFICATE REQUEST` block"),
        ("ca", "public.der", "the file contains no certificate, but a `PUBLIC KEY` block"),
        ("ca", "labeled.pem", "line 1: the `CERTIFICATE` block contains the data of a `X509 CRL` block"),
        ("ca", "data.p7b", "the file is PKCS#7 (.p7b, .p7c) in a form that is not supported"),
        ("crl", "middle.der", "the file contains no revocation list, but a `CERTIFICATE` block"),
        ("crl", "page.pem", "the file is an HTML page"),
    ] {
        match setting {
            "ca" => configure(&world, file, "certs/server.pem", ""),
            _ => configure(&world, "bundle.pem", "certs/server.pem", &format!("crl = [\"{file}\"]")),
        }
        let (is_valid, said) = check(&world);
        assert!(!is_valid && said.contains(expected) && !said.contains("damaged"), "{file}: {said}");
    }
}

#[test]
fn a_key_in_another_encoding_is_read_and_its_mode_is_checked() {
    let world = World::new();
    bash(
        &world,
        "iconv -f UTF-8 -t UTF-16LE certs/server.key >utf-16.key; sed '/-----/d' certs/server.key >bare.key
        cat certs/server.pem certs/server.key | iconv -f UTF-8 -t UTF-16 >both.pem",
    );
    for (key, mode, is_valid) in [
        ("utf-16.key", "600", true),
        ("utf-16.key", "644", false),
        ("bare.key", "600", true),
        ("bare.key", "644", false),
    ] {
        bash(&world, &format!("chmod {mode} {key}"));
        world.configure("");
        edit(&world, "certs/server.key", key);
        let output = world.run(&["check"]);
        assert_eq!(output.status.success(), is_valid, "{key}, {mode}: {output:?}");
    }
    bash(&world, "chmod 644 both.pem");
    world.configure("");
    edit(&world, "certs/server.pem", "both.pem");
    let (is_valid, said) = check(&world);
    assert!(!is_valid && said.contains("both.pem"), "{said}");
    let shown = try_bash(&world, "\"$PROGRAM\" certs show both.pem");
    assert!(String::from_utf8_lossy(&shown.stdout).contains("private key   PKCS#8"), "{shown:?}");
}
