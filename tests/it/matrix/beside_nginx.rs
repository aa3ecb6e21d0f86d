//! Compares the decisions with those of Debian's nginx with the same CAs and lists: `docs/identity.md` explains
//! exactly the differences that exist.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::cases::{Catalogue, Sender};
use super::{VERSIONS, is_accepted, world};
use crate::nginx::Nginx;
use crate::world::World;

#[test]
fn every_difference_from_nginx_is_explained() {
    let catalogue = Catalogue::new();
    let world = world(&catalogue);
    let count = catalogue.senders.len();
    let nginx = Nginx::start(&world.path(""), count, |ports| {
        let servers = catalogue.senders.iter().zip(ports);
        servers.map(|(sender, port)| server(&world, sender, *port)).collect()
    });
    let port = |name: &str| {
        let place = catalogue.senders.iter().position(|sender| sender.name == name).unwrap();
        nginx.ports[place]
    };
    let mut differences = BTreeMap::new();
    for case in &catalogue.cases {
        let by_version = VERSIONS.map(|(_, version)| is_accepted(&world, port(case.sender), case, version));
        let ours = word(case.expected == "admitted");
        let theirs = match by_version {
            [both, same] if both == same => word(both),
            [false, _] => "in over TLS 1.3 only",
            [true, _] => "in over TLS 1.2 only",
        };
        if theirs != ours {
            differences.insert(case.name.to_owned(), (ours, theirs));
        }
    }
    let explained = explained();
    let shown = |table: &BTreeMap<String, (&str, &str)>| {
        table
            .iter()
            .map(|(name, (ours, theirs))| format!("| {name} | {ours} | {theirs} |\n"))
            .collect::<String>()
    };
    let explained: BTreeMap<_, _> =
        explained.iter().map(|(name, row)| (name.clone(), (row.0.as_str(), row.1.as_str()))).collect();
    assert_eq!(
        shown(&explained),
        shown(&differences),
        "docs/identity.md, left, and the observed differences, right"
    );
}

fn word(is_in: bool) -> &'static str {
    if is_in { "in" } else { "out" }
}

/// A usual configuration of nginx with this sender's CAs and lists, and its CN in the subject.
fn server(world: &World, sender: &Sender, port: u16) -> String {
    let name = sender.name;
    let file = |file: String| world.path(&file).display().to_string();
    let lists = match sender.crl.as_slice() {
        [] => String::new(),
        _ => format!("        ssl_crl {};\n", file(format!("{name}.crl"))),
    };
    let cn = sender.lines.lines().find_map(|line| line.strip_prefix("cn = [\"")?.strip_suffix("\"]"));
    let check = cn.map_or_else(String::new, |cn| {
        format!("        if ($ssl_client_s_dn !~ \"(^|,)CN={cn}(,|$)\") {{ return 403; }}\n")
    });
    format!(
        "    server {{\n        listen 127.0.0.1:{port} ssl;\n        ssl_protocols TLSv1.2 TLSv1.3;\n\
         \x20       ssl_certificate {};\n        ssl_certificate_key {};\n\
         \x20       ssl_client_certificate {};\n        ssl_verify_client on;\n        ssl_verify_depth 9;\n\
         {lists}{check}        return 200;\n    }}\n",
        world.cert("server").display(),
        world.key("server").display(),
        file(format!("{name}-ca.pem")),
    )
}

/// The rows of the table; asserts that each gives a reason.
fn explained() -> BTreeMap<String, (String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/identity.md");
    let text = fs::read_to_string(path).unwrap();
    let section = text.split("## Comparison with nginx").nth(1).expect("the section");
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| ")).skip(1);
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        assert!(cells.len() == 4 && !cells[3].is_empty(), "no reason: {row}");
        (cells[0].to_owned(), (cells[1].to_owned(), cells[2].to_owned()))
    })
    .collect()
}
