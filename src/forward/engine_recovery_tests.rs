//! The engine after interruptions and faults: entries of ended processes, late attempts, and files that cannot be read or
//! moved.

use super::*;

#[tokio::test]
async fn claimed_entries_of_an_ended_process_are_attempted_again_and_locked_ones_are_not() {
    let world = World::new(|_| done());
    let (free, locked) = (world.put(Queue::Taken), world.put(Queue::Taken));
    let place = EntryLocation { id: locked, endpoint: world.endpoint.clone(), queue: Queue::Taken };
    let lease = Lease::take(&world.spool.disk, &world.spool.layout, &place).expect("a lease");
    world.run_until(|world| world.in_queue(Queue::Done) == [free]).await;
    assert_eq!(world.in_queue(Queue::Taken), [locked]);
    drop(lease);
}

#[tokio::test]
async fn attempt_that_exceeds_its_timeout_is_repeated_and_one_that_is_interrupted_returns_to_new() {
    #[derive(Debug)]
    struct Silent;
    impl Target for Silent {
        fn deliver<'a>(&'a self, _: &'a [Delivery]) -> BoxFuture<'a, Vec<Verdict>> {
            Box::pin(std::future::pending())
        }
    }
    let mut world = World::new(|_| done());
    let id = world.put(Queue::New);
    let run = |world: &World| {
        let context = EngineContext {
            spool: world.spool.clone(),
            observer: Observer::log(),
            clock: Clock::System,
            status: world.status.clone(),
            stop: world.stop.clone(),
            is_single_pass: false,
        };
        let metrics = ForwardMetrics::default().consumer("ledger");
        let consumer = Arc::new(world.consumer.clone());
        TaskTracker::new()
            .spawn(Engine::new(consumer, Arc::new(Silent), metrics, context).expect("an engine").run())
    };
    world.consumer.timeout = Duration::from_millis(10);
    let engine = run(&world);
    let end = Instant::now() + DEADLINE;
    while world.status.current().last_error.is_none() {
        assert!(Instant::now() < end);
        sleep(Duration::from_millis(1)).await;
    }
    world.stop.cancel();
    engine.await.expect("no panic");
    assert_eq!(
        world.status.current().last_error.map(|error| error.reason).as_deref(),
        Some("no result within 10ms")
    );
    assert_eq!(world.in_queue(Queue::New), [id]);

    (world.consumer.timeout, world.stop) = (DEADLINE, CancellationToken::new());
    let engine = run(&world);
    while world.in_queue(Queue::Taken) != [id] {
        assert!(Instant::now() < end);
        sleep(Duration::from_millis(1)).await;
    }
    engine.abort();
    while world.in_queue(Queue::New) != [id] {
        assert!(Instant::now() < end);
        sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn damaged_entry_is_moved_to_corrupt_and_a_second_engine_is_refused() {
    let world = World::new(|_| done());
    let id = EntryId::fresh();
    let path = world.spool.layout.entry(&world.endpoint, Queue::New, id);
    std::fs::write(&path, "{}\n").expect("written");
    std::fs::create_dir(world.spool.layout.corrupt()).expect("a directory");
    let engine = world.engine(true).expect("an engine");
    assert!(matches!(world.engine(true), Err(ForwardLockError::Held { .. })));
    engine.run().await;
    assert!(world.spool.layout.corrupted(id).exists() && world.attempts().is_empty());
}

#[tokio::test]
async fn entry_that_is_still_locked_after_its_move_to_new_is_attempted_soon() {
    let world = World::new(|_| done());
    let id = world.put(Queue::Taken);
    let place = EntryLocation { id, endpoint: world.endpoint.clone(), queue: Queue::Taken };
    let mut lease = Lease::take(&world.spool.disk, &world.spool.layout, &place).expect("a lease");
    let engine = TaskTracker::new().spawn(world.engine(false).expect("an engine").run());
    let end = Instant::now() + DEADLINE;
    // `spool requeue` moves an entry like this.
    lease.transfer(&world.spool.disk, &world.spool.layout, Queue::New).expect("moved");
    while world.status.current().retrying == 0 {
        assert!(Instant::now() < end, "{:?}", world.status.current());
        sleep(Duration::from_millis(1)).await;
    }
    drop(lease);
    while world.in_queue(Queue::Done) != [id] {
        assert!(Instant::now() < end, "{:?}", world.status.current());
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(world.attempts(), [(id, 1)]);
    world.stop.cancel();
    engine.await.expect("no panic");
}

#[tokio::test]
async fn unreadable_entry_is_given_up_and_does_not_delay_the_others() {
    let mut world = World::new(|_| done());
    world.consumer.order = Order::Arrival;
    world.consumer.retry.give_up = Duration::from_millis(60);
    // An entry's file is never a directory.
    let unreadable = EntryId::fresh();
    let path = world.spool.layout.entry(&world.endpoint, Queue::New, unreadable);
    std::fs::create_dir(path).expect("a directory");
    let id = world.put(Queue::New);
    world.run_until(|world| world.in_queue(Queue::Done) == [id]).await;
    assert_eq!(world.in_queue(Queue::Failed), [unreadable]);
    let error = world.status.current().last_error.expect("an error");
    assert!(error.reason.starts_with("cannot read the entry: "), "{error:?}");
}

#[tokio::test]
async fn delivered_entry_that_cannot_be_moved_is_repeated_with_a_growing_delay() {
    let mut world = World::new(|_| done());
    world.consumer.retry.max = Duration::from_secs(3600);
    let id = world.put(Queue::New);
    let moved_to = world.spool.layout.queue(&world.endpoint, Queue::Done);
    std::fs::remove_dir(&moved_to).expect("removed");
    let (started, engine) =
        (Instant::now(), TaskTracker::new().spawn(world.engine(false).expect("an engine").run()));
    while world.attempts().len() < 4 {
        assert!(started.elapsed() < DEADLINE, "{:?}", world.status.current());
        sleep(Duration::from_millis(1)).await;
    }
    // Delays of at least 20, 40 and 80 ms.
    assert!(started.elapsed() >= Duration::from_millis(140), "{:?}", started.elapsed());
    assert_eq!(world.attempts().iter().map(|(_, attempt)| *attempt).collect::<Vec<_>>(), [1, 2, 3, 4]);
    std::fs::create_dir(moved_to).expect("created");
    while world.in_queue(Queue::Done) != [id] {
        assert!(started.elapsed() < DEADLINE, "{:?}", world.status.current());
        sleep(Duration::from_millis(1)).await;
    }
    world.stop.cancel();
    engine.await.expect("no panic");
}

#[tokio::test]
async fn entries_are_moved_to_the_queues_that_have_replaced_others() {
    let world = World::new(|_| done());
    let first = world.put(Queue::New);
    let engine = TaskTracker::new().spawn(world.engine(false).expect("an engine").run());
    let end = Instant::now() + DEADLINE;
    let mut expected = first;
    for replaced in [Queue::Done, Queue::Taken, Queue::New, Queue::Done] {
        while world.in_queue(Queue::Done) != [expected] {
            assert!(Instant::now() < end, "{:?}", world.status.current());
            sleep(Duration::from_millis(1)).await;
        }
        for queue in [replaced, Queue::Done] {
            let path = world.spool.layout.queue(&world.endpoint, queue);
            let away = path.with_file_name(format!("{}-{expected}", queue.word()));
            if !away.exists() {
                std::fs::rename(&path, &away).expect("renamed");
                std::fs::create_dir(&path).expect("created");
            }
        }
        expected = world.put(Queue::New);
    }
    let away = world.spool.layout.queue(&world.endpoint, Queue::Done).with_file_name(format!("done-{first}"));
    assert_eq!(std::fs::read_dir(away).expect("listed").count(), 1);
    world.stop.cancel();
    engine.await.expect("no panic");
}
