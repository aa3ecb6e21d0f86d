//! Certificates, CAs and the configuration change while senders deliver, and no request is lost.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hookspool::client::{ClientConnection, ServerUrl};
use hookspool::clock::Timestamp;
use hookspool::devpki::{KeyKind, Root};
use hookspool::tls::client::{ClientSettings, Connector, Protocols, TlsVersions, Trust};
use hookspool::tls::key_pair::KeyPair;
use hookspool::tls::pem;
use rustls::ClientConfig;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::der::{Name, Party, UTF8};
use crate::wire::{Wire, client_config};
use crate::world::{Daemon, World, eventually, rounds};

/// A world whose CA can issue more certificates, and whose files are laid out for a kind of rotation.
struct Rotating {
    world: World,
    root: Root,
    /// Issues no certificate; it only changes the contents of the bundle.
    unused_ca: Root,
}

/// The files that are rotated: the server's pair, and the bundle of CAs.
struct Set {
    certificate: String,
    key: String,
    bundle: String,
}

impl Rotating {
    fn new() -> Self {
        let world = World::new();
        let root = Root::new(KeyKind::EcdsaP256, Timestamp::now()).unwrap();
        let unused_ca = Root::new(KeyKind::EcdsaP256, Timestamp::now()).unwrap();
        fs::write(world.cert("root-ca"), &root.issued.certificate_pem).unwrap();
        let server = ("server", root.server(&[]).unwrap());
        let clients = ["client", "second"].map(|name| (name, root.client(name).unwrap()));
        for (name, issued) in clients.into_iter().chain([server]) {
            fs::write(world.cert(name), &issued.certificate_pem).unwrap();
            fs::write(world.key(name), &issued.key_pem).unwrap();
        }
        Self { world, root, unused_ca }
    }

    fn fresh(&self, round: usize) -> Set {
        let server = self.root.server(&[]).unwrap();
        let mut bundle = self.root.issued.certificate_pem.clone();
        if !round.is_multiple_of(2) {
            bundle += &self.unused_ca.issued.certificate_pem;
        }
        Set { certificate: server.certificate_pem, key: server.key_pem, bundle }
    }

    /// Makes webhooks.toml name the files in this directory.
    fn point_to(&self, folder: &str) {
        let path = self.world.path("webhooks.toml");
        let text = fs::read_to_string(&path).unwrap();
        let text = text.replace("certs/server", &format!("{folder}/server"));
        fs::write(path, text.replace("certs/root-ca.pem", &format!("{folder}/bundle.pem"))).unwrap();
    }
}

impl Set {
    fn files(&self) -> [(&'static str, &str); 3] {
        [("server.key", &self.key), ("server.pem", &self.certificate), ("bundle.pem", &self.bundle)]
    }

    /// Writes all three files into a directory; the key is readable only for its owner.
    fn write_into(&self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        for (name, text) in self.files() {
            write_private(&folder.join(name), text);
        }
    }
}

fn write_private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn swap_symlink(target: &str, link: &Path) {
    let next = link.with_file_name("next-link");
    symlink(target, &next).unwrap();
    fs::rename(next, link).unwrap();
}

/// Installs a set of files.
type Rotate = fn(&Path, &Set, usize);

fn rename_over(home: &Path, set: &Set, _round: usize) {
    for (name, text) in set.files() {
        write_private(&home.join("next"), text);
        fs::rename(home.join("next"), home.join(name)).unwrap();
    }
}

fn write_in_place(home: &Path, set: &Set, _round: usize) {
    set.write_into(home);
}

/// Kubernetes mounts a secret with names that are symlinks through `..data`, and swaps only that.
fn kubernetes(home: &Path, set: &Set, round: usize) {
    let revision = format!("..r{round}");
    set.write_into(&home.join(&revision));
    swap_symlink(&revision, &home.join("..data"));
    for (name, _) in set.files() {
        if !home.join(name).is_symlink() {
            symlink(format!("..data/{name}"), home.join(name)).unwrap();
        }
    }
    if round > 0 {
        fs::remove_dir_all(home.join(format!("..r{}", round - 1))).unwrap();
    }
}

/// certbot makes each name a symlink to a numbered file in another directory.
fn certbot(home: &Path, set: &Set, round: usize) {
    let archive = home.join("archive");
    fs::create_dir_all(&archive).unwrap();
    for (name, text) in set.files() {
        write_private(&archive.join(format!("{round}-{name}")), text);
        swap_symlink(&format!("archive/{round}-{name}"), &home.join(name));
    }
}

/// The directory is a symlink.
fn parent(home: &Path, set: &Set, round: usize) {
    let revision = format!("{}-r{round}", home.file_name().unwrap().to_str().unwrap());
    set.write_into(&home.with_file_name(&revision));
    swap_symlink(&revision, home);
}

/// Delivers until it is stopped, over persistent connections and over new ones.
struct Load {
    stop: Arc<AtomicBool>,
    delivered: Arc<AtomicUsize>,
    workers: Vec<thread::JoinHandle<Vec<String>>>,
}

impl Load {
    fn start(world: &World, port: u16) -> Self {
        let mut load = Self { stop: Arc::default(), delivered: Arc::default(), workers: Vec::new() };
        let config = client_config(world, "client");
        for keep in [true, true, false] {
            let config = Arc::clone(&config);
            let mut open: Option<Wire> = None;
            load.worker(move || http1(&config, port, &mut open, keep));
        }
        let connector = http2_connector(world, "client");
        for keep in [true, false] {
            let connector = connector.clone();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let mut open: Option<ClientConnection> = None;
            load.worker(move || runtime.block_on(http2(&connector, port, &mut open, keep)));
        }
        load
    }

    fn worker(&mut self, mut deliver: impl FnMut() -> Result<(), String> + Send + 'static) {
        let (stop, delivered) = (Arc::clone(&self.stop), Arc::clone(&self.delivered));
        self.workers.push(thread::spawn(move || {
            let mut failures = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                match deliver() {
                    Ok(()) => drop(delivered.fetch_add(1, Ordering::Relaxed)),
                    Err(failure) => failures.push(failure),
                }
                thread::sleep(Duration::from_millis(5));
            }
            failures
        }));
    }

    /// Returns the failures, and the number of successful deliveries.
    fn stop(self) -> (Vec<String>, usize) {
        self.stop.store(true, Ordering::Relaxed);
        let failures = self.workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect();
        (failures, self.delivered.load(Ordering::Relaxed))
    }
}

fn http1(config: &Arc<ClientConfig>, port: u16, open: &mut Option<Wire>, keep: bool) -> Result<(), String> {
    let mut wire = match open.take() {
        Some(wire) => wire,
        None => Wire::with_config(Arc::clone(config), port).map_err(|error| format!("connect: {error}"))?,
    };
    let answer = wire.post("/webhooks/pix", b"{}").map_err(|error| format!("h1: {error}"))?;
    if keep {
        *open = Some(wire);
    }
    if answer.status == 200 { Ok(()) } else { Err(format!("h1: {}", answer.status)) }
}

fn http2_connector(world: &World, name: &str) -> Connector {
    let read = |path: &Path| pem::certificates(&fs::read(path).unwrap()).unwrap();
    let keys = pem::private_keys(&fs::read(world.key(name)).unwrap()).unwrap();
    let settings = ClientSettings {
        trust: Trust::Anchors(read(&world.cert("root-ca"))),
        key_pair: Some(KeyPair::new(read(&world.cert(name)), &keys).unwrap()),
        protocols: Protocols::Http2,
        versions: TlsVersions::Both,
    };
    Connector::new(&settings).unwrap()
}

async fn http2(
    connector: &Connector,
    port: u16,
    open: &mut Option<ClientConnection>,
    keep: bool,
) -> Result<(), String> {
    let target = ServerUrl::parse(&format!("https://localhost:{port}/webhooks/pix")).unwrap();
    let mut connection = match open.take() {
        Some(connection) => connection,
        None => {
            let address = format!("127.0.0.1:{port}");
            ClientConnection::open(connector, &target, Some(&address))
                .await
                .map_err(|fault| format!("h2 open: {fault}"))?
        }
    };
    let answer = connection.post(&http::HeaderMap::new(), "{}".into()).await;
    let answer = answer.map_err(|fault| format!("h2: {fault}"))?;
    if keep {
        *open = Some(connection);
    }
    if answer.status == 200 { Ok(()) } else { Err(format!("h2: {}", answer.status)) }
}

/// The certificate that the daemon presents now, in PEM.
fn presented(config: &Arc<ClientConfig>, port: u16) -> Vec<u8> {
    let mut wire = Wire::with_config(Arc::clone(config), port).unwrap();
    wire.0.conn.complete_io(&mut wire.0.sock).unwrap();
    wire.0.conn.peer_certificates().unwrap()[0].to_vec()
}

fn reloads(daemon: &Daemon) -> usize {
    daemon.log_text().matches("\"message\":\"reloaded\"").count()
}

fn resident_kib(daemon: &Daemon) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Rotates repeatedly under load: every set is served, each is logged once, and no delivery fails.
fn rotate_under_load(kind: &str, rotate: Rotate) {
    let rotating = Rotating::new();
    let (world, home) = (&rotating.world, rotating.world.path("home"));
    fs::create_dir(&home).unwrap();
    if kind == "parent" {
        fs::remove_dir(&home).unwrap();
    }
    rotate(&home, &rotating.fresh(0), 0);
    rotating.point_to("home");
    let daemon = world.start();
    let config = client_config(world, "client");
    let load = Load::start(world, daemon.port);
    let count = rounds(20);
    let (mut slowest, mut memory) = (Duration::ZERO, 0);
    for round in 1..=count {
        let set = rotating.fresh(round);
        let expected = pem::certificates(set.certificate.as_bytes()).unwrap().remove(0);
        let begun = Instant::now();
        rotate(&home, &set, round);
        eventually(&format!("{kind}: rotation {round} is served"), || {
            (presented(&config, daemon.port) == expected.as_ref()).then_some(())
        });
        slowest = slowest.max(begun.elapsed());
        eventually("it is logged", || (reloads(&daemon) >= round).then_some(()));
        if round == count.div_ceil(4) {
            memory = resident_kib(&daemon);
        }
    }
    let grown = resident_kib(&daemon).saturating_sub(memory);
    let (failures, delivered) = load.stop();
    eprintln!(
        "{kind}: {count} rotations, slowest served after {slowest:?}, {delivered} deliveries, {grown} KiB more"
    );
    assert!(
        failures.is_empty(),
        "{kind}: {} failed: {:?}",
        failures.len(),
        &failures[..failures.len().min(5)]
    );
    assert!(delivered > count, "{delivered}");
    assert_eq!(reloads(&daemon), count, "{kind}: each is logged once");
    assert_eq!(daemon.metric("hookspool_reloads_total{outcome=\"applied\"}"), count as f64);
    assert_eq!(daemon.metric("hookspool_generation"), (count + 1) as f64);
    // The promise is two seconds, and a quarter of a second is usual; a busy machine may take longer.
    assert!(slowest < Duration::from_secs(10), "{kind}: {slowest:?}");
    assert!(grown < 16 << 10, "{kind}: {grown} KiB more");
}

#[test]
fn files_that_are_renamed_over() {
    rotate_under_load("rename", rename_over);
}

#[test]
fn files_that_are_written_in_place() {
    rotate_under_load("in place", write_in_place);
}

#[test]
fn a_secret_of_kubernetes() {
    rotate_under_load("kubernetes", kubernetes);
}

#[test]
fn symlinks_of_certbot() {
    rotate_under_load("certbot", certbot);
}

#[test]
fn a_folder_that_is_a_symlink() {
    rotate_under_load("parent", parent);
}

fn edit(world: &World, old: &str, new: &str) {
    let path = world.path("webhooks.toml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(old), "{old}");
    fs::write(world.path("next"), text.replacen(old, new, 1)).unwrap();
    fs::rename(world.path("next"), path).unwrap();
}

/// The start and the result of one delivery.
type TimedResult = (Instant, Result<(), String>);

/// Delivers continuously on one connection, and reconnects when it is closed.
fn deliver_continuously(
    world: &World,
    port: u16,
    name: &str,
    path: &'static str,
    over_http2: bool,
    stop: &Arc<AtomicBool>,
) -> thread::JoinHandle<Vec<TimedResult>> {
    let (config, connector) = (client_config(world, name), http2_connector(world, name));
    let stop = Arc::clone(stop);
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (mut wire, mut connection) = (None::<Wire>, None::<ClientConnection>);
        let mut results = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let begun = Instant::now();
            let result = if over_http2 {
                runtime.block_on(post_http2(&connector, port, path, &mut connection))
            } else {
                post_http1(&config, port, path, &mut wire)
            };
            results.push((begun, result));
            thread::sleep(Duration::from_millis(2));
        }
        results
    })
}

fn post_http1(
    config: &Arc<ClientConfig>,
    port: u16,
    path: &str,
    open: &mut Option<Wire>,
) -> Result<(), String> {
    let mut wire = match open.take() {
        Some(wire) => wire,
        None => Wire::with_config(Arc::clone(config), port).map_err(|error| error.to_string())?,
    };
    let answer = wire.post(path, b"{}").map_err(|error| error.to_string())?;
    if answer.status != 200 {
        return Err(answer.status.to_string());
    }
    *open = Some(wire);
    Ok(())
}

async fn post_http2(
    connector: &Connector,
    port: u16,
    path: &str,
    open: &mut Option<ClientConnection>,
) -> Result<(), String> {
    let mut connection = match open.take() {
        Some(connection) => connection,
        None => {
            let target = ServerUrl::parse(&format!("https://localhost:{port}{path}")).unwrap();
            let address = format!("127.0.0.1:{port}");
            ClientConnection::open(connector, &target, Some(&address))
                .await
                .map_err(|fault| fault.to_string())?
        }
    };
    let answer =
        connection.post(&http::HeaderMap::new(), "{}".into()).await.map_err(|fault| fault.to_string())?;
    if !answer.status.is_success() {
        return Err(answer.status.to_string());
    }
    *open = Some(connection);
    Ok(())
}

/// Removes one of two senders while both deliver: its deliveries are rejected, and those of the other are not
/// affected.
fn remove_one_sender(reason: &str, prepare: impl FnOnce(&Rotating), remove: impl FnOnce(&Rotating)) {
    let rotating = Rotating::new();
    prepare(&rotating);
    let world = &rotating.world;
    let daemon = world.start();
    let stop = Arc::new(AtomicBool::new(false));
    let start = |name: &str, path, over_http2| {
        deliver_continuously(world, daemon.port, name, path, over_http2, &stop)
    };
    let removed: Vec<_> = [false, true].map(|over| start("client", "/webhooks/pix", over)).into();
    let kept: Vec<_> = [false, true].map(|over| start("second", "/second", over)).into();
    eventually("both senders deliver", || (world.spool_files().len() > 40).then_some(()));
    // An idle connection is closed as well.
    let mut idle = Wire::connect(world, &daemon, "client");
    assert_eq!(idle.post("/webhooks/pix", b"{}").unwrap().status, 200);
    remove(&rotating);
    daemon.logged("reloaded", |_| true);
    let logged = Instant::now();
    idle.closed_cleanly();
    assert!(
        logged.elapsed() < Duration::from_secs(5),
        "{reason}: the idle connection stays open for {:?}",
        logged.elapsed()
    );
    let after = logged + Duration::from_secs(1);
    eventually("time passes", || (Instant::now() > after + Duration::from_millis(500)).then_some(()));
    stop.store(true, Ordering::Relaxed);
    for results in removed.into_iter().map(|worker| worker.join().unwrap()) {
        assert!(
            results.iter().any(|(begun, result)| *begun < logged && result.is_ok()),
            "it delivered before"
        );
        let late: Vec<_> = results.iter().filter(|(begun, _)| *begun > after).collect();
        assert!(!late.is_empty() && late.iter().all(|(_, result)| result.is_err()), "{reason}: {late:?}");
    }
    for results in kept.into_iter().map(|worker| worker.join().unwrap()) {
        let lost: Vec<_> = results.iter().filter(|(_, result)| result.is_err()).collect();
        assert!(lost.is_empty() && results.len() > 50, "{reason}: {lost:?}");
    }
    let refused = daemon.metric(&format!("hookspool_refusals_total{{reason=\"{reason}\"}}"));
    assert!(refused > 0.0, "a reconnecting sender is refused for {reason}");
}

#[test]
fn a_sender_whose_cn_is_removed_is_rejected() {
    remove_one_sender(
        "rule",
        |_| {},
        |rotating| edit(&rotating.world, "cn = [\"client\"]", "cn = [\"other\"]"),
    );
}

#[test]
fn a_sender_whose_ca_is_removed_is_rejected() {
    let prepare = |rotating: &Rotating| {
        // The two senders have different CAs.
        let world = &rotating.world;
        let issued = rotating.unused_ca.client("second").unwrap();
        fs::write(world.cert("second"), &issued.certificate_pem).unwrap();
        fs::write(world.key("second"), &issued.key_pem).unwrap();
        fs::write(world.path("certs/second-ca.pem"), &rotating.unused_ca.issued.certificate_pem).unwrap();
        fs::write(world.path("certs/bank-ca.pem"), &rotating.root.issued.certificate_pem).unwrap();
        edit(world, "certs/root-ca.pem", "certs/bank-ca.pem");
        edit(world, "certs/root-ca.pem", "certs/second-ca.pem");
    };
    remove_one_sender("unknown_ca", prepare, |rotating| {
        let other = Root::new(KeyKind::EcdsaP256, Timestamp::now()).unwrap();
        fs::write(rotating.world.path("certs/bank-ca.pem"), &other.issued.certificate_pem).unwrap();
    });
}

#[test]
fn a_sender_whose_certificate_is_revoked_is_rejected() {
    let list = |rotating: &Rotating, serials: &[&[u8]]| {
        let list = issuer(rotating).list(serials, 20);
        fs::write(rotating.world.path("next"), list).unwrap();
        fs::rename(rotating.world.path("next"), rotating.world.path("certs/bank.crl")).unwrap();
    };
    let prepare = |rotating: &Rotating| {
        list(rotating, &[]);
        edit(&rotating.world, "cn = [\"client\"]", "cn = [\"client\"]\ncrl = \"certs/bank.crl\"");
    };
    remove_one_sender("revoked", prepare, |rotating| {
        let own = pem::certificates(&fs::read(rotating.world.cert("client")).unwrap()).unwrap();
        let (_, certificate) = X509Certificate::from_der(&own[0]).unwrap();
        list(rotating, &[certificate.raw_serial()]);
    });
}

/// The CA of the development PKI, able to sign lists.
fn issuer(rotating: &Rotating) -> Party {
    Party {
        name: Name::empty().and("2.5.4.10", UTF8, b"hookspool development").and(
            "2.5.4.3",
            UTF8,
            b"hookspool development root",
        ),
        key: rcgen::KeyPair::from_pem(&rotating.root.issued.key_pem).unwrap(),
        der: rotating.root.issued.certificate.clone(),
    }
}

#[test]
fn an_old_and_a_new_ca_can_overlap_until_the_old_one_is_removed() {
    let rotating = Rotating::new();
    let world = &rotating.world;
    let issued = rotating.unused_ca.client("client").unwrap();
    fs::write(world.cert("renewed"), &issued.certificate_pem).unwrap();
    fs::write(world.key("renewed"), &issued.key_pem).unwrap();
    fs::write(world.path("certs/new-ca.pem"), &rotating.unused_ca.issued.certificate_pem).unwrap();
    let daemon = world.start();
    let generation = |number: f64| {
        eventually("it is in force", || (daemon.metric("hookspool_generation") == number).then_some(()));
    };
    let can_deliver =
        |wire: &mut Wire| wire.post("/webhooks/pix", b"{}").is_ok_and(|answer| answer.status == 200);
    let can_connect = |name: &str| can_deliver(&mut Wire::connect(world, &daemon, name));
    let mut old = Wire::connect(world, &daemon, "client");
    assert!(can_deliver(&mut old) && !can_connect("renewed"));
    edit(world, "ca = [\"certs/root-ca.pem\"]", "ca = [\"certs/root-ca.pem\", \"certs/new-ca.pem\"]");
    generation(2.0);
    let mut new = Wire::connect(world, &daemon, "renewed");
    assert!(can_deliver(&mut old) && can_deliver(&mut new) && can_connect("client"));
    edit(world, "ca = [\"certs/root-ca.pem\", \"certs/new-ca.pem\"]", "ca = [\"certs/new-ca.pem\"]");
    generation(3.0);
    assert!(can_deliver(&mut new) && can_connect("renewed"));
    assert!(!can_deliver(&mut old) && !can_connect("client"));
}

#[test]
fn a_request_in_flight_is_authorized_again_before_its_commit() {
    let rotating = Rotating::new();
    let world = &rotating.world;
    let daemon = world.start();
    let head = "POST /webhooks/pix HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\n{}";
    let (mut removed, mut kept) =
        (Wire::connect(world, &daemon, "client"), Wire::connect(world, &daemon, "second"));
    removed.send(head).unwrap();
    kept.send(head.replace("/webhooks/pix", "/second")).unwrap();
    edit(world, "cn = [\"client\"]", "cn = [\"other\"]");
    daemon.logged("reloaded", |_| true);
    for wire in [&mut removed, &mut kept] {
        wire.send("{}").unwrap();
    }
    let answer = removed.answer().unwrap();
    assert_eq!(answer.status, 503);
    assert!(answer.head.contains("connection: close"), "{}", answer.head);
    assert_eq!(kept.answer().unwrap().status, 200);
    assert!(world.entries("pix").is_empty());
    assert_eq!(world.entries("second").values().next().unwrap().envelope["generation"], 2);
}
