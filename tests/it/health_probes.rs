//! Health probes that send HEAD, as `wget --spider` does.

use std::process::Command;

use crate::world::World;

#[test]
fn head_is_answered_as_get_without_a_body() {
    let world = World::new();
    let _daemon = world.start();
    let ask = |method: &str, path: &str| {
        let mut curl = Command::new("curl");
        curl.args(["-s", "--max-time", "10", "-D", "-", "--unix-socket"]).arg(world.path("run/admin.sock"));
        if method == "HEAD" {
            curl.arg("--head");
            // Otherwise the headers are printed twice.
            curl.args(["-o", "/dev/null"]);
        }
        let output = curl.arg(format!("http://localhost{path}")).output().unwrap();
        assert!(output.status.success(), "{method} {path}: {output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().to_owned();
        let kind = head.lines().find(|line| line.to_lowercase().starts_with("content-type"));
        (status, kind.map(ToOwned::to_owned), body.to_owned())
    };
    for (path, expected) in
        [("/livez", "200"), ("/readyz", "200"), ("/metrics", "200"), ("/status", "200"), ("/other", "404")]
    {
        let (get, head) = (ask("GET", path), ask("HEAD", path));
        assert_eq!((get.0.as_str(), head.0.as_str()), (expected, expected), "{path}");
        assert_eq!(get.1, head.1, "{path}");
        assert_eq!(head.2, "", "{path}");
    }
}
