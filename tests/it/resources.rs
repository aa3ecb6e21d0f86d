//! Limits that follow from the memory and the open file limit of the process.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::wire::Wire;
use crate::world::{World, eventually, program};

/// A command that runs the program after a line of shell.
fn after(line: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{line}; exec \"$0\" \"$@\"")).arg(program());
    command
}

const LOWERED: &str =
    "open file limit below [server] max_connections; raise LimitNOFILE or lower max_connections";

#[test]
fn with_more_clients_than_descriptors_deliveries_and_the_admin_listener_work_also_after_a_reload() {
    let world = World::new();
    let daemon = world.start_by(after("ulimit -n 256"));
    let lowered = daemon.logged(LOWERED, |line| line["configured"] == 8192);
    assert_eq!((&lowered["allowed"], &lowered["max_connections"]), (&256.into(), &128.into()));
    world.configure("max_connections = 5000");
    daemon.logged(LOWERED, |line| line["configured"] == 5000 && line["max_connections"] == 128);
    daemon.logged("reloaded", |_| true);

    let mut kept = Wire::connect(&world, &daemon, "client");
    assert_eq!(kept.post("/webhooks/pix", b"first").unwrap().status, 200);
    let silent: Vec<_> = (0..300).map(|_| TcpStream::connect(("127.0.0.1", daemon.port)).unwrap()).collect();
    // The reserve of a quarter is kept for senders.
    let refused = "hookspool_connections_refused_total{reason=\"connections\"}";
    eventually("strangers have given way", || (daemon.metric(refused) >= 300.0 - 96.0).then_some(()));
    for _ in 0..20 {
        assert_eq!(kept.post("/webhooks/pix", &[b'a'; 100 << 10]).unwrap().status, 200);
        let asked = Instant::now();
        assert_eq!(daemon.admin("/readyz").0, 200);
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    }
    assert!(daemon.metric("hookspool_connections") <= 128.0);
    assert!(daemon.lines("accept failed; retrying").is_empty(), "{}", daemon.log_text());
    drop(silent);
}

#[test]
fn limits_fit_into_the_memory_of_the_cgroup() {
    let Some(cgroup) = Cgroup::with_limit(200 << 20) else {
        eprintln!("NOT TESTED: no cgroup with a memory controller can be created here");
        return;
    };
    let world = World::new();
    let daemon = world.start_by(after(&format!("echo $$ > {}/cgroup.procs", cgroup.0.display())));
    let message = "limits lowered to fit the memory; raise MemoryMax or lower [server] max_connections";
    let lowered = daemon.logged(message, |_| true);
    assert_eq!((&lowered["memory"], &lowered["configured"]), (&"200 MiB".into(), &8192.into()));
    assert_eq!((&lowered["max_connections"], &lowered["body_bytes"]), (&2400.into(), &(50 << 20).into()));
    assert!(lowered["limited_by"].as_str().unwrap().starts_with("/sys/fs/cgroup/"), "{lowered}");
    let mut wire = Wire::connect(&world, &daemon, "client");
    assert_eq!(wire.post("/webhooks/pix", b"{}").unwrap().status, 200);

    let checked = after(&format!("echo $$ > {}/cgroup.procs", cgroup.0.display()))
        .args(["check", "--config"])
        .arg(world.path("webhooks.toml"))
        .output()
        .unwrap();
    let findings = String::from_utf8(checked.stderr).unwrap();
    assert!(checked.status.success(), "{findings}");
    let expected = "warning: `max_connections` is 8192, and 209715200 bytes of memory (/sys/fs/cgroup/";
    assert!(
        findings.contains(expected) && findings.contains("hold 2400; the daemon lowers it"),
        "{findings}"
    );
}

/// A cgroup of this test, removed with it. The daemon must be dropped before it.
struct Cgroup(PathBuf);

impl Cgroup {
    /// Version 2, with the memory controller enabled at the root, or version 1; none if neither can be created.
    fn with_limit(bytes: u64) -> Option<Self> {
        let name = format!("hookspool-test-{}", std::process::id());
        [("/sys/fs/cgroup", "memory.max"), ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")]
            .into_iter()
            .find_map(|(root, file)| {
                let folder = Path::new(root).join(&name);
                fs::create_dir(&folder).ok()?;
                let cgroup = Self(folder);
                let limit = cgroup.0.join(file);
                // Outside of a cgroup file system, the file would be created.
                (limit.exists() && fs::write(limit, bytes.to_string()).is_ok()).then_some(cgroup)
            })
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // A process that has just ended may still be in it.
        eventually("the cgroup is removed", || {
            (fs::remove_dir(&self.0).is_ok() || !self.0.exists()).then_some(())
        });
    }
}
