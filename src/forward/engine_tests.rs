//! The engine with a target whose verdicts a test specifies, on a real directory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::super::claim::ForwardSpool;
use super::super::delivery::Delivery;
use super::super::report::Observer;
use super::super::settings::{Consumer, ExecSettings, Order, RetrySettings, TargetSettings};
use super::super::status::SharedStatus;
use super::super::target::{BatchLimits, Target, Verdict};
use super::{Engine, EngineContext};
use crate::clock::Clock;
use crate::envelope::EntryId;
use crate::metrics::{ForwardMetrics, Queue};
use crate::policy::Name;
use crate::spool::{Disk, EntryLocation, FailureNote, ForwardLockError, Layout, Lease, entries, make_queues};

#[path = "engine_recovery_tests.rs"]
mod recovery;

/// The longest time that a test waits for a condition.
const DEADLINE: Duration = Duration::from_secs(20);

type Answer = Box<dyn Fn(&Delivery) -> Verdict + Send + Sync>;

/// A target that records its attempts.
struct Recorded {
    answer: Answer,
    batch: usize,
    attempts: Mutex<Vec<(EntryId, u32)>>,
    in_progress: Mutex<(usize, usize)>,
}

impl std::fmt::Debug for Recorded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recorded")
    }
}

impl Target for Recorded {
    fn limits(&self) -> BatchLimits {
        BatchLimits { entries: self.batch, bytes: 100 }
    }

    fn deliver<'a>(&'a self, batch: &'a [Delivery]) -> BoxFuture<'a, Vec<Verdict>> {
        Box::pin(async move {
            {
                let mut now = self.in_progress.lock().expect("not poisoned");
                now.0 += 1;
                now.1 = now.1.max(now.0);
            }
            let id = |delivery: &Delivery| delivery.facts.id.parse().expect("an ID");
            let attempts = batch.iter().map(|delivery| (id(delivery), delivery.attempt));
            self.attempts.lock().expect("not poisoned").extend(attempts);
            tokio::task::yield_now().await;
            let verdicts = batch.iter().map(|delivery| (self.answer)(delivery)).collect();
            self.in_progress.lock().expect("not poisoned").0 -= 1;
            verdicts
        })
    }
}

/// A spool with one endpoint, and a target.
struct World {
    _folder: tempfile::TempDir,
    spool: ForwardSpool,
    endpoint: Name,
    consumer: Consumer,
    target: Arc<Recorded>,
    status: SharedStatus,
    stop: CancellationToken,
}

impl World {
    fn new(answer: impl Fn(&Delivery) -> Verdict + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let disk = Disk::open(folder.path(), None).expect("a spool");
        let layout = Layout::new(folder.path().into());
        let endpoint: Name = "pix".parse().expect("a name");
        make_queues(&disk, &layout, std::slice::from_ref(&endpoint)).expect("queues");
        let consumer = Consumer {
            name: "ledger".parse().expect("a name"),
            endpoints: [endpoint.clone()].into(),
            concurrency: 3.try_into().expect("not 0"),
            order: Order::None,
            timeout: Duration::from_secs(10),
            retry: RetrySettings {
                min: Duration::from_millis(20),
                max: Duration::from_millis(100),
                give_up: Duration::from_secs(3600),
            },
            target: TargetSettings::Exec(ExecSettings { command: vec!["true".to_owned()] }),
        };
        let (attempts, in_progress) = (Mutex::default(), Mutex::default());
        let target = Arc::new(Recorded { answer: Box::new(answer), batch: 1, attempts, in_progress });
        let (status, stop) = (SharedStatus::default(), CancellationToken::new());
        Self {
            _folder: folder,
            spool: ForwardSpool { disk, layout },
            endpoint,
            consumer,
            target,
            status,
            stop,
        }
    }

    /// Writes an entry to a queue.
    fn put(&self, queue: Queue) -> EntryId {
        let draft = crate::spool::test_draft("pix", b"payload");
        let place = EntryLocation { id: draft.id(), endpoint: self.endpoint.clone(), queue };
        std::fs::write(place.path(&self.spool.layout), draft.pieces().concat()).expect("written");
        draft.id()
    }

    fn in_queue(&self, queue: Queue) -> Vec<EntryId> {
        let found = entries(&self.spool.disk, &self.spool.layout, &self.endpoint, queue).expect("listed");
        let mut ids: Vec<_> = found.map(|place| place.expect("an entry").id).collect();
        ids.sort();
        ids
    }

    fn engine(&self, is_single_pass: bool) -> Result<Engine, ForwardLockError> {
        let context = EngineContext {
            spool: self.spool.clone(),
            observer: Observer::log(),
            clock: Clock::System,
            status: self.status.clone(),
            stop: self.stop.clone(),
            is_single_pass,
        };
        let target: Arc<dyn Target> = Arc::<Recorded>::clone(&self.target);
        let metrics = ForwardMetrics::default().consumer("ledger");
        Engine::new(Arc::new(self.consumer.clone()), target, metrics, context)
    }

    /// Runs an engine until a condition holds, and stops it.
    async fn run_until(&self, condition: impl Fn(&Self) -> bool) {
        let engine = TaskTracker::new().spawn(self.engine(false).expect("an engine").run());
        let end = Instant::now() + DEADLINE;
        while !condition(self) {
            assert!(Instant::now() < end, "{:?} {:?}", self.status.current(), self.attempts());
            sleep(Duration::from_millis(1)).await;
        }
        self.stop.cancel();
        engine.await.expect("no panic");
    }

    fn attempts(&self) -> Vec<(EntryId, u32)> {
        self.target.attempts.lock().expect("not poisoned").clone()
    }
}

fn done() -> Verdict {
    Verdict::Done { detail: "200 OK".into() }
}

fn retry() -> Verdict {
    Verdict::Retry { after: None, reason: "503 Service Unavailable".to_owned() }
}

#[tokio::test]
async fn waiting_and_arriving_entries_are_each_delivered_once_and_concurrently() {
    let world = World::new(|_| done());
    let mut all: Vec<_> = (0..100).map(|_| world.put(Queue::New)).collect();
    world.run_until(|world| world.in_queue(Queue::Done).len() == 100).await;
    let mut attempted: Vec<_> = world.attempts().into_iter().map(|(id, _)| id).collect();
    assert!(all[..3].contains(&attempted[0]), "the oldest first");
    attempted.sort();
    assert_eq!(attempted, all);
    assert!((2..=3).contains(&world.target.in_progress.lock().expect("not poisoned").1));
    let mut world = world;
    world.stop = CancellationToken::new();
    let engine = TaskTracker::new().spawn(world.engine(false).expect("the lock is free").run());
    all.extend((0..50).map(|_| world.put(Queue::New)));
    while world.in_queue(Queue::Done).len() < 150 {
        sleep(Duration::from_millis(1)).await;
    }
    world.stop.cancel();
    engine.await.expect("no panic");
    assert_eq!(world.in_queue(Queue::Done), all);
}

#[tokio::test]
async fn batches_have_at_most_the_entries_and_bytes_of_the_target() {
    let mut world = World::new(|_| done());
    Arc::get_mut(&mut world.target).expect("one owner").batch = 500;
    let all: Vec<_> = (0..100).map(|_| world.put(Queue::New)).collect();
    world.run_until(|world| world.in_queue(Queue::Done).len() == 100).await;
    let mut attempted: Vec<_> = world.attempts().into_iter().map(|(id, _)| id).collect();
    attempted.sort();
    assert_eq!(attempted, all, "entries beyond the limit of bytes are attempted later, and once");
}

#[tokio::test]
async fn entry_that_is_not_accepted_waits_and_does_not_delay_the_others() {
    let rejected = Arc::new(Mutex::new(BTreeMap::<String, u32>::new()));
    let world = World::new(move |delivery| {
        let payload = &delivery.facts.id;
        let mut rejected = rejected.lock().expect("not poisoned");
        let is_first = rejected.is_empty();
        match rejected.get_mut(payload) {
            Some(left) if *left > 0 => *left -= 1,
            None if is_first => drop(rejected.insert(payload.clone(), 3)),
            Some(_) | None => return done(),
        }
        retry()
    });
    let all: Vec<_> = (0..20).map(|_| world.put(Queue::New)).collect();
    world.run_until(|world| world.in_queue(Queue::Done).len() == 20).await;
    let attempts = world.attempts();
    let position = |of: EntryId| attempts.iter().rposition(|(id, _)| *id == of);
    let retried = attempts.iter().find(|(_, attempt)| *attempt == 5).expect("five attempts").0;
    assert!(all.iter().all(|id| *id == retried || position(*id) < position(retried)), "{attempts:?}");
    assert_eq!(attempts.len(), 24);
}

#[tokio::test]
async fn rejected_entry_is_in_failed_with_the_reason_and_a_late_one_is_given_up() {
    let mut world = World::new(|delivery| match delivery.attempt {
        1 => retry(),
        _ => Verdict::Failed { reason: "410 Gone".to_owned() },
    });
    let id = world.put(Queue::New);
    world.run_until(|world| world.in_queue(Queue::Failed) == [id]).await;
    let note = |world: &World| {
        let place = EntryLocation { id, endpoint: world.endpoint.clone(), queue: Queue::Failed };
        FailureNote::read(&world.spool.disk, &world.spool.layout, &place).expect("a note")
    };
    let found = note(&world);
    assert_eq!((&*found.consumer, found.attempts, &*found.reason), ("ledger", 2, "410 Gone"));

    world = World::new(|_| retry());
    world.consumer.retry.give_up = Duration::from_millis(60);
    let id = world.put(Queue::New);
    world.run_until(|world| world.in_queue(Queue::Failed) == [id]).await;
    let place = EntryLocation { id, endpoint: world.endpoint.clone(), queue: Queue::Failed };
    let found = FailureNote::read(&world.spool.disk, &world.spool.layout, &place).expect("a note");
    assert!(found.attempts >= 2 && found.reason.starts_with("given up after 60ms: 503"), "{found:?}");
}

#[tokio::test]
async fn target_that_is_down_gets_one_attempt_at_a_time_until_it_recovers() {
    for unreachable in [true, false] {
        let is_up = Arc::new(Mutex::new(false));
        let answers = Arc::clone(&is_up);
        let world = World::new(move |_| match *answers.lock().expect("not poisoned") {
            true => done(),
            false if unreachable => Verdict::Unreachable { reason: "connection refused".to_owned() },
            false => retry(),
        });
        for _ in 0..200 {
            world.put(Queue::New);
        }
        let engine = TaskTracker::new().spawn(world.engine(false).expect("an engine").run());
        let end = Instant::now() + DEADLINE;
        while world.status.current().target_up || world.status.current().in_flight > 0 {
            assert!(Instant::now() < end);
            sleep(Duration::from_millis(1)).await;
        }
        let (before, started) = (world.attempts().len(), Instant::now());
        world.target.in_progress.lock().expect("not poisoned").1 = 0;
        while world.attempts().len() < before + 5 {
            assert!(Instant::now() < end && world.in_queue(Queue::Taken).len() <= 1);
            sleep(Duration::from_millis(1)).await;
        }
        // Five attempts with delays of at least 20 ms.
        assert!(started.elapsed() >= Duration::from_millis(80), "{:?}", started.elapsed());
        assert_eq!(world.target.in_progress.lock().expect("not poisoned").1, 1);
        *is_up.lock().expect("not poisoned") = true;
        while world.in_queue(Queue::Done).len() < 200 {
            assert!(Instant::now() < end, "{:?}", world.status.current());
            sleep(Duration::from_millis(1)).await;
        }
        assert!(world.status.current().target_up);
        world.stop.cancel();
        engine.await.expect("no panic");
    }
}

#[tokio::test]
async fn entries_are_attempted_in_order_of_arrival_and_a_retry_delays_the_next() {
    let mut world = World::new(|delivery| if delivery.attempt < 3 { retry() } else { done() });
    world.consumer.order = Order::Arrival;
    // The first was claimed by a process that has ended.
    let queues = [Queue::Taken, Queue::New, Queue::New, Queue::Taken].into_iter().cycle();
    let all: Vec<_> = queues.take(8).map(|queue| world.put(queue)).collect();
    world.run_until(|world| world.in_queue(Queue::Done).len() == 8).await;
    let expected: Vec<_> = all.iter().flat_map(|id| (1..=3).map(|attempt| (*id, attempt))).collect();
    assert_eq!(world.attempts(), expected);
}
