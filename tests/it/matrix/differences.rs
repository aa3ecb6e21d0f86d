//! Compares the decisions with `openssl verify` and with Debian's nginx, with the same CAs and lists.
//! `docs/identity.md` contains exactly the differences that exist.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::cases::{Case, Catalogue, Sender};
use super::{VERSIONS, is_accepted, world, write_case};
use crate::nginx::Nginx;
use crate::world::World;

/// What hookspool, `openssl verify` and nginx decide.
type Row = [String; 3];

#[test]
fn the_table_of_differences_is_complete() {
    let catalogue = Catalogue::new();
    let world = world(&catalogue);
    // nginx does not start with a list that OpenSSL cannot read.
    let served: Vec<_> =
        catalogue.senders.iter().filter(|sender| has_readable_lists(&world, sender)).collect();
    let nginx = Nginx::start(&world.path(""), served.len(), |ports| {
        served.iter().zip(ports).map(|(sender, port)| server(&world, sender, *port)).collect()
    });
    let port = |name: &str| {
        let place = served.iter().position(|sender| sender.name == name)?;
        Some(nginx.ports[place])
    };
    let mut observed = BTreeMap::new();
    for case in &catalogue.cases {
        let sender = catalogue.senders.iter().find(|sender| sender.name == case.sender).unwrap();
        let by_version = port(case.sender)
            .map_or([false; 2], |port| VERSIONS.map(|(_, version)| is_accepted(&world, port, case, version)));
        let by_nginx = match by_version {
            [both, same] if both == same => word(both),
            [false, _] => "in over TLS 1.3 only",
            [true, _] => "in over TLS 1.2 only",
        };
        let ours = word(case.expected == "admitted");
        // `openssl verify` does not evaluate a rule.
        let is_trusted = ["admitted", "rule"].contains(&case.expected);
        let is_verified = openssl_verifies(&world, sender, case);
        if by_nginx != ours || is_verified != is_trusted {
            let row = [ours, word(is_verified), by_nginx].map(ToOwned::to_owned);
            observed.insert(case.name.to_owned(), row);
        }
    }
    assert_eq!(
        shown(&documented()),
        shown(&observed),
        "docs/identity.md, left, and the observed differences, right"
    );
}

fn shown(table: &BTreeMap<String, Row>) -> String {
    let row = |(name, row): (&String, &Row)| format!("| {name} | {} |\n", row.join(" | "));
    table.iter().map(row).collect()
}

fn word(is_in: bool) -> &'static str {
    if is_in { "in" } else { "out" }
}

fn ca_file(sender: &Sender) -> String {
    format!("{}-ca.pem", sender.name)
}

fn list_file(sender: &Sender) -> String {
    format!("{}.crl", sender.name)
}

fn openssl(world: &World, args: &[&str]) -> bool {
    let output = Command::new("openssl").args(args).current_dir(world.path("")).output().unwrap();
    output.status.success()
}

fn has_readable_lists(world: &World, sender: &Sender) -> bool {
    sender.crl.is_empty() || openssl(world, &["crl", "-noout", "-in", &list_file(sender)])
}

/// Whether OpenSSL finds a valid path, as a server with `ssl_verify_client` does.
fn openssl_verifies(world: &World, sender: &Sender, case: &Case) -> bool {
    write_case(world, case);
    let (ca, list) = (ca_file(sender), list_file(sender));
    let mut args = vec!["verify", "-purpose", "sslclient", "-auth_level", "2", "-no-CApath", "-no-CAstore"];
    args.extend(["-CAfile", &ca]);
    if case.chain.len() > 1 {
        args.extend(["-untrusted", "chain.pem"]);
    }
    if !sender.crl.is_empty() {
        args.extend(["-CRLfile", &list, "-crl_check_all"]);
    }
    args.push("case.pem");
    openssl(world, &args)
}

/// A usual configuration of nginx with this sender's CAs and lists, and its CN in the subject.
fn server(world: &World, sender: &Sender, port: u16) -> String {
    let file = |file: String| world.path(&file).display().to_string();
    let lists = match sender.crl.as_slice() {
        [] => String::new(),
        _ => format!("        ssl_crl {};\n", file(list_file(sender))),
    };
    let names = sender.lines.lines().find_map(|line| line.strip_prefix("cn = [")?.strip_suffix("]"));
    let check = names.map_or_else(String::new, |names| {
        let any = names.replace("\", \"", "|").replace('"', "").replace('.', "[.]");
        format!("        if ($ssl_client_s_dn !~ \"(^|,)CN=({any})(,|$)\") {{ return 403; }}\n")
    });
    format!(
        "    server {{\n        listen 127.0.0.1:{port} ssl;\n        ssl_protocols TLSv1.2 TLSv1.3;\n\
         \x20       ssl_certificate {};\n        ssl_certificate_key {};\n\
         \x20       ssl_client_certificate {};\n        ssl_verify_client on;\n        ssl_verify_depth 9;\n\
         {lists}{check}        return 200;\n    }}\n",
        world.cert("server").display(),
        world.key("server").display(),
        file(ca_file(sender)),
    )
}

/// The rows of the table; asserts that each gives a reason.
fn documented() -> BTreeMap<String, Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/identity.md");
    let text = fs::read_to_string(path).unwrap();
    let section = text.split("## Comparison with OpenSSL and nginx").nth(1).expect("the section");
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| ")).skip(1);
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [name, ours, openssl, nginx, why] = cells.as_slice() else { panic!("not five cells: {row}") };
        assert!(!why.is_empty(), "no reason: {row}");
        ((*name).to_owned(), [ours, openssl, nginx].map(|cell| (*cell).to_owned()))
    })
    .collect()
}
