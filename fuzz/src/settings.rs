//! webhooks.toml, beside a directory with certificates.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use hookspool::clock::Clock;
use hookspool::config::{Loaded, Process, consumer_endpoints, load, load_forward, spool_settings};
use hookspool::devpki::{PkiFile, Request, make};
use tempfile::TempDir;

/// In `secrets/pix`.
const SECRET: &str = "s3cret-s3cret-s3cret";

struct World {
    /// Removes the directory.
    _folder: TempDir,
    toml: PathBuf,
    clock: Clock,
}

pub fn run(data: &[u8]) {
    static WORLD: OnceLock<World> = OnceLock::new();
    let world = WORLD.get_or_init(world);
    fs::write(&world.toml, data).unwrap();
    let now = world.clock.now();
    let process = if data.len().is_multiple_of(2) { Process::Daemon } else { Process::Check };
    let Ok(loaded) = load(&world.toml, now, process) else { return };
    let again = load(&world.toml, now, process).unwrap();
    assert_eq!(loaded.digest, again.digest);
    assert_eq!(loaded.report.render(false), again.report.render(false));
    check(&loaded);
    let forward = load_forward(&world.toml, now, Default::default()).unwrap();
    assert!(forward.settings.is_some() != forward.report.forbids_start());
    let _ = (spool_settings(&world.toml).unwrap(), consumer_endpoints(&world.toml).unwrap());
}

fn check(loaded: &Loaded) {
    let shown = loaded.report.render(false) + &loaded.elsewhere.render(false);
    assert!(!shown.contains(SECRET), "{shown}");
    let Some(settings) = &loaded.settings else {
        assert!(!loaded.report.findings().is_empty());
        return;
    };
    assert!(!loaded.report.forbids_start(), "{shown}");
    assert!(!format!("{settings:?}").contains(SECRET));
    let policy = &settings.policy;
    assert_eq!(policy.senders().len(), settings.senders.len());
    for endpoint in policy.endpoints() {
        assert!(!endpoint.senders.is_empty());
        assert!(
            endpoint.senders.iter().all(|name| policy.senders().iter().any(|sender| sender.name == *name))
        );
        for (path, suffix) in endpoint.paths() {
            let route = policy.route(&path).unwrap();
            assert_eq!((&route.endpoint.name, route.suffix), (&endpoint.name, suffix));
        }
    }
}

/// The files that the corpus names.
fn world() -> World {
    let clock = Clock::fixed_at(Clock::System.now());
    let folder = TempDir::new().unwrap();
    let (certs, secrets) = (folder.path().join("certs"), folder.path().join("secrets"));
    [&certs, &secrets].iter().for_each(|folder| fs::create_dir(folder).unwrap());
    for PkiFile { name, pem, .. } in make(&Request::default(), clock.now()).unwrap() {
        fs::write(certs.join(&name), &pem).unwrap();
        if name == "root-ca.pem" {
            fs::write(certs.join("ca.pem"), &pem).unwrap();
        }
    }
    fs::write(secrets.join("pix"), SECRET).unwrap();
    let toml = folder.path().join("webhooks.toml");
    World { _folder: folder, toml, clock }
}
