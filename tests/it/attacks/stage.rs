//! The daemon, the honest senders and the attackers of one attack, and what is measured meanwhile.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use hookspool::clock::Timestamp;
use hookspool::devpki::{Issued, KeyKind, Root};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::runtime::Builder;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::honest::{Honest, Sender};
use super::target::{Certificates, Target};
use super::verdict::{Phase, Row};
use super::{Attack, attack_time, control_time, cores, gathering_time_max};
use crate::matrix::presenting;
use crate::world::{Daemon, World, eventually};

/// The interval between two probes of `/readyz`.
const PROBE_INTERVAL: Duration = Duration::from_millis(20);
/// After this time, a probe has failed.
const PROBE_TIME_MAX: Duration = Duration::from_secs(3);
/// The certificates of a crafted chain: as many as the daemon reads.
const CRAFTED_CHAIN: usize = 8;

pub struct Stage {
    world: World,
    daemon: Daemon,
    honest: Vec<Sender>,
    certificates: Arc<Certificates>,
    probe: tokio::runtime::Runtime,
    started: Instant,
}

impl Stage {
    pub fn new(attack: &Attack) -> Self {
        let started = Instant::now();
        let world = World::new();
        let issue = |name: &str| {
            let root = Root::new(KeyKind::EcdsaP256, Timestamp::now()).unwrap();
            fs::write(world.path(&format!("certs/{name}-ca.pem")), &root.issued.certificate_pem).unwrap();
            root
        };
        let roots = ["honest", "distant", "greedy"].map(issue);
        let [near, far, greedy] = &roots;
        let honest = [("honest", near, false), ("distant", far, true)].map(|(name, root, is_distant)| {
            Sender { name, is_distant, config: client(&world, &root.client(name).unwrap(), &[]) }
        });
        let certificates = Arc::new(certificates(&world, greedy));
        configure(&world, attack);
        let daemon = world.start_by(cores::daemon(attack.open_files));
        let probe = Builder::new_current_thread().enable_all().build().unwrap();
        Self { world, daemon, honest: honest.into(), certificates, probe, started }
    }

    /// Measures without the attack, with it, and without it again.
    pub fn play(self, attack: &Attack) -> Row {
        let honest = Honest::start(self.daemon.port, self.honest.clone());
        // Until it is connected, a sender on a slow path is not distinguished from attackers (docs/limits.md).
        let stored = "hookspool_deliveries_total{endpoint=\"distant\",outcome=\"stored\"}";
        eventually("the distant sender is connected", || {
            (self.counters().get(stored).is_some_and(|count| *count >= 3.0)).then_some(())
        });
        let before = self.measure(control_time());
        let (counters, lines) = (self.counters(), self.warnings());
        let target = self.target(attack);
        let begin = Instant::now();
        let stop = CancellationToken::new();
        let _stop_if_the_test_fails = stop.clone().drop_guard();
        let (attackers, stopped) = ((attack.attackers)(target.clone()), stop.clone());
        let attackers = thread::spawn(move || {
            cores::leave_the_daemon_alone();
            cores::give_priority_to_others();
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(stopped.run_until_cancelled(attackers));
        });
        // A daemon that limits the attack may keep it below its full strength.
        let gathering = self.measure_until(|| {
            begin.elapsed() >= gathering_time_max()
                || (target.acts() >= attack.full_strength
                    && counted(&grown(&counters, &self.counters()), attack) >= f64::from(attack.counted_min))
        });
        let during = self.measure(attack_time()).including(gathering);
        let grown = grown(&counters, &self.counters());
        let lines = self.warnings() - lines;
        stop.cancel();
        attackers.join().expect("the attackers");
        let after = self.measure(control_time());
        Row {
            name: attack.name.clone(),
            samples: honest.finish(),
            before,
            during,
            after,
            acts: target.acts(),
            counted: counted(&grown, attack),
            counted_min: attack.counted_min,
            memory_max: attack.memory_max,
            took: self.started.elapsed(),
            grown,
            lines,
        }
    }

    pub fn target(&self, attack: &Attack) -> Target {
        let (socket, certificates) = (self.world.path("run/admin.sock"), Arc::clone(&self.certificates));
        Target::new(self.daemon.port, socket, certificates, attack.addresses)
    }

    fn measure(&self, time: Duration) -> Phase {
        let end = Instant::now() + time;
        self.measure_until(|| Instant::now() >= end)
    }

    /// Probes `/readyz` and the memory until a condition holds.
    fn measure_until(&self, mut is_over: impl FnMut() -> bool) -> Phase {
        let mut phase = Phase::begin();
        while !is_over() {
            let sent = Instant::now();
            match self.admin("/readyz") {
                Ok(_) => phase.probes.push(sent.elapsed()),
                Err(why) => phase.failed_probes.push(why),
            }
            phase.memory_kib = phase.memory_kib.max(self.memory_kib());
            thread::sleep(PROBE_INTERVAL.saturating_sub(sent.elapsed()));
        }
        phase.end = Instant::now();
        phase
    }

    fn memory_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.daemon.child.id())).unwrap();
        let line =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the daemon is running");
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// The counters; nothing if the admin listener does not respond.
    pub fn counters(&self) -> BTreeMap<String, f64> {
        let text = self.admin("/metrics").unwrap_or_default();
        let series = text.lines().filter(|line| !line.starts_with('#') && !line.contains("_bucket{"));
        series
            .filter_map(|line| line.rsplit_once(' '))
            .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
            .collect()
    }

    /// The body of an answer of the admin listener with status 200, or why there is none.
    fn admin(&self, path: &str) -> Result<String, String> {
        let socket = self.world.path("run/admin.sock");
        let answer = async { timeout(PROBE_TIME_MAX, hookspool::client::get_unix(&socket, path)).await };
        match self.probe.block_on(answer) {
            Ok(Ok((status, body))) if status.as_u16() == 200 => Ok(String::from_utf8(body.to_vec()).unwrap()),
            Ok(Ok((status, _))) => Err(status.to_string()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer in {PROBE_TIME_MAX:?}")),
        }
    }

    fn warnings(&self) -> usize {
        let text = self.daemon.log_text();
        text.matches("\"level\":\"WARN\"").count() + text.matches("\"level\":\"ERROR\"").count()
    }
}

fn grown(before: &BTreeMap<String, f64>, after: &BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    let growth = |(name, value): (&String, &f64)| (name.clone(), value - before.get(name).unwrap_or(&0.0));
    after.iter().map(growth).filter(|(_, grown)| *grown > 0.0).collect()
}

/// By how much the series that an attack increments have grown.
fn counted(grown: &BTreeMap<String, f64>, attack: &Attack) -> f64 {
    let is_of_attack = |name: &str| attack.counted.iter().any(|it| name.starts_with(it));
    0.0 + grown.iter().filter(|(name, _)| is_of_attack(name)).map(|(_, grown)| grown).sum::<f64>()
}

fn configure(world: &World, attack: &Attack) {
    let mut text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n{}\n[tls]\ncertificate = \"certs/server.pem\"\nkey = \"certs/server.key\"\n\
         [spool]\nmin_free = \"1 MiB\"\n[admin]\nlisten = \"unix:run/admin.sock\"\n[log]\nformat = \"json\"\n",
        attack.server
    );
    for name in ["honest", "distant", "greedy"] {
        text += &format!(
            "[[sender]]\nname = \"{name}\"\nca = \"certs/{name}-ca.pem\"\ncn = \"{name}\"\n\
             [[endpoint]]\nname = \"{name}\"\npath = \"/{name}\"\nsenders = \"{name}\"\n"
        );
    }
    fs::write(world.path("webhooks.toml"), text).unwrap();
}

fn certificates(world: &World, greedy: &Root) -> Certificates {
    let (unknown, now) = (Root::new(KeyKind::EcdsaP256, Timestamp::now()).unwrap(), Timestamp::now());
    let own = greedy.client("greedy").unwrap();
    // All development roots have the same name: each is a candidate for the issuer of each certificate.
    let others = (1..CRAFTED_CHAIN).map(|_| Root::new(KeyKind::EcdsaP256, now).unwrap().issued.certificate);
    let mut http2 = client(world, &own, &[]);
    Arc::get_mut(&mut http2).unwrap().alpn_protocols = vec![b"h2".to_vec()];
    Certificates {
        greedy: client(world, &own, &[]),
        greedy_http2: http2,
        none: without_certificate(world),
        stranger: client(world, &unknown.client("greedy").unwrap(), &[]),
        wrong: client(world, &greedy.client("somebody").unwrap(), &[]),
        crafted: client(world, &unknown.client("greedy").unwrap(), &others.collect::<Vec<_>>()),
    }
}

fn client(world: &World, issued: &Issued, above: &[CertificateDer<'static>]) -> Arc<ClientConfig> {
    let key = PrivateKeyDer::from_pem_slice(issued.key_pem.as_bytes()).unwrap().secret_der().to_vec();
    let chain = [std::slice::from_ref(&issued.certificate), above].concat();
    presenting(world, chain, key, &TLS13)
}

fn without_certificate(world: &World) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(world.cert("root-ca")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
}
