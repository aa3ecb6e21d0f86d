//! What the parts of a delivery cost: `cargo bench --bench parts`.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark may panic, and is no library")]

use std::fs;
use std::hint::black_box;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use futures_util::future::join_all;
use hookspool::clock::Clock;
use hookspool::config::{self, Settings};
use hookspool::devpki::{KeyKind, Root};
use hookspool::envelope::{ENVELOPE_VERSION, EntryId, Envelope, PeerFacts, RequestFacts};
use hookspool::identity::Identity;
use hookspool::metrics::Metrics;
use hookspool::policy::{PartialPayload, Payload, Peer, Permit, Policy, Session};
use hookspool::spool::{self, Committer, Draft};
use hookspool::tls::verifier::SenderVerifier;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

const PAYLOAD: &[u8] = &[b'p'; 921];

/// The configuration of the repository on certificates made here, and a client's certificate.
fn world(folder: &Path) -> (Settings, CertificateDer<'static>) {
    let root = Root::new(KeyKind::EcdsaP256, Clock::System.now()).unwrap();
    let (server, client) = (root.server(&[]).unwrap(), root.client("client").unwrap());
    let certs = folder.join("certs");
    fs::create_dir(&certs).unwrap();
    fs::write(certs.join("root-ca.pem"), &root.issued.certificate_pem).unwrap();
    fs::write(certs.join("server.pem"), &server.certificate_pem).unwrap();
    let key = certs.join("server.key");
    fs::write(&key, &server.key_pem).unwrap();
    fs::set_permissions(key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let file = folder.join("webhooks.toml");
    fs::write(&file, include_str!("../webhooks.toml")).unwrap();
    let settings =
        config::load(&file, Clock::System.now(), config::Process::Daemon).unwrap().settings.unwrap();
    (settings, CertificateDer::from_pem_slice(client.certificate_pem.as_bytes()).unwrap())
}

fn facts() -> PeerFacts {
    let long = || "0123456789abcdef".repeat(4);
    PeerFacts {
        address: "203.0.113.9:41234".into(),
        proxy: None,
        subject: "CN=client,O=hookspool development".into(),
        issuer: "CN=hookspool development root,O=hookspool development".into(),
        common_name: Some("client".into()),
        serial: "0a1b2c3d".into(),
        sha256: long(),
        spki_sha256: long(),
        not_before: "2026-11-23T00:00:00Z".into(),
        not_after: "2027-11-23T00:00:00Z".into(),
        tls_version: "TLSv1.3",
        cipher_suite: "TLS13_AES_256_GCM_SHA384".into(),
    }
}

fn payload(permit: &Permit) -> Payload {
    let mut partial = PartialPayload::new(permit.clone());
    partial.append(PAYLOAD).unwrap();
    partial.finish()
}

fn draft(peer: &PeerFacts, permit: &Permit) -> Draft {
    let payload = payload(permit);
    let envelope = Envelope {
        version: ENVELOPE_VERSION,
        id: EntryId::fresh(),
        received_at: "2026-11-23T14:01:00.123456Z".into(),
        endpoint: "pix",
        sender: "dev",
        event: Some("pix"),
        request: RequestFacts {
            method: "POST",
            path: "/webhooks/pix/pix".into(),
            query: None,
            http_version: "HTTP/1.1".into(),
            headers: vec![("content-type", "application/json".into()), ("host", "localhost".into())],
        },
        peer,
        generation: 1,
        payload: payload.facts(Some("application/json")),
        duplicate_of: None,
    };
    Draft::new(&envelope, payload)
}

/// A verified peer, with its certificate and the policy and verifier that accepted it.
fn verified(folder: &Path) -> (Policy, SenderVerifier, CertificateDer<'static>, Peer) {
    let (settings, client) = world(folder);
    let verifier = SenderVerifier::new(settings.senders, Clock::System);
    let admitted = verifier.verify(&client, &[]).unwrap();
    let session = Session { tls_version: "TLSv1.3", cipher_suite: String::new() };
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    let peer = Peer::new(address.into(), admitted.identity, admitted.admission, session);
    (settings.policy, verifier, client, peer)
}

fn permit(policy: &Policy, peer: &Peer) -> Permit {
    let route = policy.route(black_box("/webhooks/pix/pix")).unwrap();
    policy.authorize(peer, &route.endpoint, Clock::System.now()).unwrap()
}

fn judging(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let (policy, verifier, client, peer) = verified(folder.path());
    c.bench_function("a certificate is read", |b| b.iter(|| Identity::from_der(black_box(&client))));
    c.bench_function("verify a certificate", |b| b.iter(|| verifier.verify(black_box(&client), &[])));
    c.bench_function("a request is routed and permitted", |b| b.iter(|| permit(&policy, &peer)));
    let file = folder.path().join("webhooks.toml");
    c.bench_function("a configuration is loaded", |b| {
        b.iter(|| config::load(&file, Clock::System.now(), config::Process::Daemon).unwrap());
    });
}

fn writing(c: &mut Criterion) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (policy, _, _, sender) = verified(folder.path());
    let (permit, peer) = (permit(&policy, &sender), facts());
    c.bench_function("a draft is put together", |b| b.iter(|| draft(black_box(&peer), &permit)));

    let metrics = Arc::new(Metrics::new(["pix"]));
    let opened = {
        let root = folder.path().join("spool");
        spool::make_root(&root, None).unwrap();
        spool::open(root, None, &["pix".parse().unwrap()]).unwrap()
    };
    let committer =
        Committer::start(opened.disk, opened.layout, 0, vec!["pix".parse().unwrap()], metrics).unwrap();
    let spool = committer.spool();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut group = c.benchmark_group("entries are durable");
    group.sample_size(20).measurement_time(Duration::from_secs(4));
    for count in [1_usize, 16, 64, 256] {
        group.throughput(Throughput::Elements(u64::try_from(count).unwrap()));
        group.bench_function(count.to_string(), |b| {
            b.iter_batched(
                || (0..count).map(|_| draft(&peer, &permit)).collect::<Vec<_>>(),
                |drafts| {
                    let commits = join_all(drafts.into_iter().map(|draft| spool.commit(draft)));
                    runtime.block_on(commits).into_iter().for_each(|receipt| drop(receipt.unwrap()));
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
    committer.stop();
}

criterion_group!(parts, judging, writing);
criterion_main!(parts);
