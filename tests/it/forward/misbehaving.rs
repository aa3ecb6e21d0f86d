//! An application that is killed, is slow, and sends wrong or incomplete answers: no entry is lost, and each
//! repeated attempt has a reason.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::{Forward, configure, http, mixed, put, queue, seed, why};
use crate::servers::answer::Answer;
use crate::servers::application::{Application, Request};
use crate::wire::{Wire, client_config};
use crate::world::{TIMEOUT, World, rounds};

/// The shortest delay that the application asks for with 429.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What the application answers to an attempt.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Plan {
    Success,
    /// A success after a while.
    Slow,
    /// A success whose body is incomplete.
    HalfBody,
    Gone,
    Error,
    TooMany,
    HalfHead,
    Garbage,
    Close,
}

impl Plan {
    /// The plan for an attempt of the delivery with this number.
    fn of(seed: u64, request: &Request) -> Self {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let attempt: u64 = request.header("hookspool-attempt").unwrap().parse().unwrap();
        match mixed(seed, body["n"].as_u64().unwrap() * 1000 + attempt) % 100 {
            0..50 => Self::Success,
            50..58 => Self::Slow,
            58..64 => Self::HalfBody,
            64..68 => Self::Gone,
            68..78 => Self::Error,
            78..86 => Self::TooMany,
            86..92 => Self::HalfHead,
            92..96 => Self::Garbage,
            _ => Self::Close,
        }
    }

    fn answer(self) -> Answer {
        match self {
            Self::Success => Answer::status(200).body("stored"),
            Self::Slow => Answer::status(201).after(Duration::from_millis(200)),
            Self::HalfBody => Answer::half(),
            Self::Gone => Answer::status(410).body("no such account"),
            Self::Error => Answer::status(500).body("database locked"),
            Self::TooMany => Answer::status(429).header("retry-after", &RETRY_AFTER.as_secs().to_string()),
            Self::HalfHead => Answer::bytes("HTTP/1.1 200 OK\r\ncontent-le"),
            Self::Garbage => Answer::garbage(),
            Self::Close => Answer::close(),
        }
    }

    /// Whether the answer accepts or rejects the entry, so that no attempt follows it.
    fn is_final(self) -> bool {
        matches!(self, Self::Success | Self::Slow | Self::HalfBody | Self::Gone)
    }
}

#[test]
fn every_entry_reaches_a_misbehaving_application_and_every_repeat_has_a_reason() {
    let seed = seed();
    let mut application = Application::start(move |request| Plan::of(seed, request).answer());
    let world = World::new();
    let daemon = world.start();
    configure(&world, &http("pix", &application.url("/hooks{suffix}?endpoint={endpoint}")));
    let forward = Forward::start(&world);
    let (files, deliveries, kills) = (rounds(900), rounds(100), rounds(4));
    let payload = |n: usize| {
        let padding = "x".repeat(if n.is_multiple_of(20) { 50_000 } else { n % 300 });
        format!("{{\"n\":{n},\"padding\":\"{padding}\"}}").into_bytes()
    };

    let (config, port) = (client_config(&world, "client"), daemon.port);
    let mut expected: BTreeMap<String, usize> = thread::scope(|scope| {
        let delivering = scope.spawn(move || {
            let mut wire = Wire::with_config(config, port).unwrap();
            let one = |n| {
                let answer = wire.post("/webhooks/pix/rec", &payload(n)).unwrap();
                assert_eq!(answer.status, 200);
                (answer.body.split('"').nth(3).unwrap().to_owned(), n)
            };
            (files..files + deliveries).map(one).collect()
        });
        let (world, forward) = (&world, &forward);
        let putting = scope.spawn(move || -> Vec<_> {
            // A part is put while the application works, the rest at once.
            (0..files).map(|n| (put(world, "pix", &payload(n)), n)).collect()
        });
        for kill in 1..=kills {
            let wanted = kill * (files + deliveries) / (kills + 1);
            application.wait_until("requests", TIMEOUT, |requests| requests.len() >= wanted);
            application.stop();
            forward.wait("to-pix", "the target counts as down", |status| status["target_up"] == false);
            application.restart();
        }
        let all: BTreeMap<_, _> = delivering.join().unwrap();
        all.into_iter().chain(putting.join().unwrap()).collect()
    });
    forward.drained("pix");

    let mut failed = queue(&world, "pix", "failed");
    let done = queue(&world, "pix", "done");
    assert_eq!(done.len() + failed.len(), files + deliveries);
    let mut by_id: BTreeMap<String, Vec<Arc<Request>>> = BTreeMap::new();
    for request in application.requests() {
        by_id.entry(request.header("webhook-id").unwrap().to_owned()).or_default().push(request);
    }
    let mut repeats: BTreeMap<String, usize> = BTreeMap::new();
    for (id, requests) in &by_id {
        let n = expected.remove(id).expect("an entry");
        assert!(requests.iter().all(|request| request.body == payload(n)));
        assert!(requests.iter().all(|request| request.path == "/hooks/rec?endpoint=pix"));
        for pair in requests.windows(2) {
            let plan = Plan::of(seed, &pair[0]);
            let reason = match pair[0].was_answered() {
                true => format!("{plan:?}"),
                false => "killed before the answer".to_owned(),
            };
            assert!(
                !plan.is_final() || !pair[0].was_answered(),
                "{id} is repeated after {plan:?}: {requests:#?}"
            );
            let waited = pair[1].at - pair[0].at;
            if plan == Plan::TooMany && pair[0].was_answered() {
                assert!(waited >= RETRY_AFTER, "{id} is repeated after {waited:?}, not {RETRY_AFTER:?}");
            }
            *repeats.entry(reason).or_default() += 1;
        }
        let last = requests.last().unwrap();
        let plan = Plan::of(seed, last);
        assert!(plan.is_final() && last.was_answered(), "{id} ended with {plan:?}");
        assert_eq!(failed.remove(id), plan == Plan::Gone, "{id}: {plan:?}");
        if plan == Plan::Gone {
            let note = why(&world, "pix", id);
            assert_eq!(
                (&note["consumer"], &note["reason"]),
                (&"to-pix".into(), &"410 Gone: no such account".into())
            );
            assert_eq!(note["attempts"].to_string(), last.header("hookspool-attempt").unwrap());
        }
    }
    assert!(expected.is_empty() && failed.is_empty(), "not received: {expected:?}; without 410: {failed:?}");
    let status = forward.status("to-pix");
    assert_eq!(status["done"], done.len());
    eprintln!(
        "{} entries, {} requests, repeated after {repeats:?}",
        by_id.len(),
        application.requests().len()
    );
    forward.stop();
}
