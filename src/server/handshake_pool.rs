//! The threads on which the cryptography of handshakes runs.
//!
//! They serve source addresses in turn, and every second turn is one of an address from which a sender is connected.
//! The operating system divides the processors between them and the threads that serve requests. So a flood of
//! handshakes delays neither requests nor, beyond one turn, the handshake of another address.

use std::fmt;
use std::io;
use std::num::NonZero;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use futures_util::task::AtomicWaker;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::source_address::SourceAddress;
use super::turns::Turns;

/// Runs one step of a handshake.
type Step = Box<dyn FnOnce() + Send>;

/// A handle of the threads; they end when the last one is dropped.
#[derive(Clone)]
pub(super) struct HandshakePool(Arc<Handle>);

struct Handle(Arc<Queue>);

struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// The steps of known addresses.
    known: Turns<SourceAddress, (Instant, Step)>,
    others: Turns<SourceAddress, (Instant, Step)>,
    is_turn_of_known: bool,
    running: usize,
    is_closed: bool,
}

/// On whose behalf a handshake is driven.
#[derive(Clone, Copy, Debug)]
pub(super) struct HandshakePeer {
    pub(super) source: SourceAddress,
    /// Whether a sender is connected from this address, and has at most an equal part of the connections.
    pub(super) is_known: bool,
    /// When the handshake began.
    pub(super) since: Instant,
}

/// A handshake that is driven on the pool.
pub(super) struct PooledHandshake<F: Future> {
    pool: HandshakePool,
    peer: HandshakePeer,
    max_handshakes: usize,
    place: Place<F>,
    wake: Arc<WakeFlag>,
}

/// A handshake after a step, with its result if it has ended.
type Polled<F> = (Pin<Box<F>>, Poll<<F as Future>::Output>);

/// A handshake whose step is waiting on the pool; `None` while the step runs, or if its task has ended.
type Parked<F> = Arc<Mutex<Option<Pin<Box<F>>>>>;

enum Place<F: Future> {
    Here(Pin<Box<F>>),
    OnPool(oneshot::Receiver<Polled<F>>, Parked<F>),
    /// The handshake has ended.
    Nowhere,
}

/// More than `max_handshakes` were waiting, and this was the oldest of the address with most.
#[derive(Clone, Copy, Debug)]
pub(super) struct GaveWay;

impl HandshakePool {
    /// Starts a thread for each processor that the process may use.
    ///
    /// # Errors
    /// If the system cannot start a thread.
    pub(super) fn start() -> io::Result<Self> {
        let (known, others) = (Turns::new(), Turns::new());
        let state = State { known, others, is_turn_of_known: true, running: 0, is_closed: false };
        let queue = Arc::new(Queue { state: Mutex::new(state), changed: Condvar::new() });
        // Created first, so that the threads end if one of them cannot be started.
        let pool = Self(Arc::new(Handle(Arc::clone(&queue))));
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            let queue = Arc::clone(&queue);
            thread::Builder::new().name("handshakes".into()).spawn(move || queue.run())?;
        }
        Ok(pool)
    }

    /// Drives a handshake. Only its steps run on the pool; it waits for the peer without a thread.
    pub(super) fn drive<F>(
        &self,
        handshake: F,
        peer: HandshakePeer,
        max_handshakes: usize,
    ) -> PooledHandshake<F>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        let place = Place::Here(Box::pin(handshake));
        PooledHandshake { pool: self.clone(), peer, max_handshakes, place, wake: Arc::default() }
    }

    /// Adds a step. If too many are running or waiting, the one that gives way is dropped.
    fn submit(&self, peer: HandshakePeer, max_handshakes: usize, step: Step) {
        let queue = &*self.0.0;
        let mut state = queue.lock();
        let waiting = if peer.is_known { &mut state.known } else { &mut state.others };
        waiting.push(peer.source, (peer.since, step));
        let excess = state.running + state.waiting() > max_handshakes.max(state.running + 1);
        let gave_way = excess.then(|| state.remove_one());
        drop(state);
        queue.changed.notify_one();
        drop(gave_way);
    }
}

impl fmt::Debug for HandshakePool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandshakePool").finish_non_exhaustive()
    }
}

impl State {
    fn waiting(&self) -> usize {
        self.known.len() + self.others.len()
    }

    /// Removes the next step.
    fn pop(&mut self) -> Option<(Instant, Step)> {
        self.is_turn_of_known = !self.is_turn_of_known;
        if self.is_turn_of_known {
            self.known.pop().or_else(|| self.others.pop())
        } else {
            self.others.pop().or_else(|| self.known.pop())
        }
    }

    /// Removes the step that gives way: of known addresses if more than half of the steps are theirs.
    fn remove_one(&mut self) -> Option<(Instant, Step)> {
        let most = if self.known.len() > self.others.len() { &mut self.known } else { &mut self.others };
        most.remove_from_largest(|(since, _)| *since)
    }
}

impl Queue {
    /// Runs steps until the pool is closed.
    fn run(&self) {
        let mut state = self.lock();
        while !state.is_closed {
            let Some((_, step)) = state.pop() else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            state.running += 1;
            drop(state);
            step();
            state = self.lock();
            state.running -= 1;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.changed.notify_all();
    }
}

impl<F> Future for PooledHandshake<F>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    type Output = Result<F::Output, GaveWay>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match std::mem::replace(&mut self.place, Place::Nowhere) {
                Place::Here(handshake) => {
                    self.wake.task.register(cx.waker());
                    // It was woken since it began its last step, or it has not begun any.
                    if self.wake.is_idle.swap(true, Ordering::AcqRel) {
                        self.place = Place::Here(handshake);
                        return Poll::Pending;
                    }
                    let (reply, receiver) = oneshot::channel();
                    let waker = Waker::from(Arc::clone(&self.wake));
                    let parked = Arc::new(Mutex::new(Some(handshake)));
                    self.place = Place::OnPool(receiver, Arc::clone(&parked));
                    let step = Box::new(move || run_step(&parked, &waker, reply));
                    self.pool.submit(self.peer, self.max_handshakes, step);
                }
                Place::OnPool(mut receiver, parked) => match Pin::new(&mut receiver).poll(cx) {
                    Poll::Pending => {
                        self.place = Place::OnPool(receiver, parked);
                        return Poll::Pending;
                    }
                    Poll::Ready(Ok((_, Poll::Ready(output)))) => return Poll::Ready(Ok(output)),
                    Poll::Ready(Ok((handshake, Poll::Pending))) => self.place = Place::Here(handshake),
                    Poll::Ready(Err(_)) => return Poll::Ready(Err(GaveWay)),
                },
                Place::Nowhere => return Poll::Ready(Err(GaveWay)),
            }
        }
    }
}

impl<F: Future> Drop for PooledHandshake<F> {
    fn drop(&mut self) {
        // The step may wait long for its turn; the connection must not stay open until then.
        if let Place::OnPool(_, parked) = &self.place {
            drop(take(parked));
        }
    }
}

/// Polls a handshake once, unless its task has ended.
fn run_step<F: Future>(parked: &Parked<F>, waker: &Waker, reply: oneshot::Sender<Polled<F>>) {
    if let Some(mut handshake) = take(parked) {
        let polled = handshake.as_mut().poll(&mut Context::from_waker(waker));
        // If the task ended meanwhile, the handshake is dropped with it.
        let _ = reply.send((handshake, polled));
    }
}

fn take<F: Future>(parked: &Parked<F>) -> Option<Pin<Box<F>>> {
    parked.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Wakes the task of a handshake, and remembers that its next step can run.
#[derive(Debug, Default)]
struct WakeFlag {
    /// Whether nothing has woken the handshake since its last step began.
    is_idle: AtomicBool,
    task: AtomicWaker,
}

impl Wake for WakeFlag {
    fn wake(self: Arc<Self>) {
        self.is_idle.store(false, Ordering::Release);
        self.task.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::mpsc;

    use futures_util::FutureExt;

    use super::*;

    /// The longest time that a test waits.
    const DEADLINE: std::time::Duration = std::time::Duration::from_secs(20);

    fn peer(host: u8) -> HandshakePeer {
        let source = SourceAddress::from(SocketAddr::from(([192, 0, 2, host], 1)));
        HandshakePeer { source, is_known: false, since: Instant::now() }
    }

    #[tokio::test]
    async fn a_handshake_that_waits_for_its_peer_continues_when_it_is_woken() {
        let pool = HandshakePool::start().expect("threads");
        for _ in 0..100 {
            let (first, second) = (oneshot::channel(), oneshot::channel());
            let handshake = async move { first.1.await.and(second.1.await) };
            let driven = pool.drive(handshake, peer(1), 8);
            let peer = async {
                tokio::task::yield_now().await;
                let sent = first.0.send(()).is_ok();
                tokio::task::yield_now().await;
                assert!(sent && second.0.send(7).is_ok());
            };
            let both = async { tokio::join!(driven, peer) };
            let (output, ()) = tokio::time::timeout(DEADLINE, both).await.expect("a step after each wake-up");
            assert_eq!(output.map_err(|GaveWay| ()), Ok(Ok(7)));
        }
    }

    /// Keeps all threads busy until what it returns is dropped.
    fn busy_threads(
        pool: &HandshakePool,
    ) -> Vec<(mpsc::Sender<()>, PooledHandshake<impl Future<Output = ()>>)> {
        let (started, running) = mpsc::channel();
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let busy = (0..threads)
            .map(|_| {
                let (release, released) = mpsc::channel::<()>();
                let started = started.clone();
                let busy = async move {
                    let _ = (started.send(()), released.recv());
                };
                let mut busy = pool.drive(busy, peer(0), usize::MAX);
                assert!((&mut busy).now_or_never().is_none());
                (release, busy)
            })
            .collect();
        (0..threads).for_each(|_| running.recv().expect("a running step"));
        busy
    }

    #[test]
    fn the_oldest_step_of_the_address_with_most_gives_way() {
        let pool = HandshakePool::start().expect("threads");
        let begin = Instant::now();
        let busy = busy_threads(&pool);
        let threads = busy.len();
        let mut waiting: Vec<_> = [(1, 2), (1, 1), (2, 0), (1, 3)]
            .map(|(host, age)| {
                let since = begin + std::time::Duration::from_secs(age);
                let peer = HandshakePeer { since, ..peer(host) };
                let mut driven = pool.drive(std::future::ready(()), peer, threads + 3);
                assert!((&mut driven).now_or_never().is_none());
                driven
            })
            .into();
        let gave_way = waiting.iter_mut().map(|driven| driven.now_or_never().is_some());
        assert_eq!(gave_way.collect::<Vec<_>>(), [false, true, false, false]);
        drop(busy);
    }

    #[test]
    fn steps_of_known_addresses_give_way_if_they_are_more_than_half() {
        let mut state = State {
            known: Turns::new(),
            others: Turns::new(),
            is_turn_of_known: true,
            running: 0,
            is_closed: false,
        };
        let (now, step) = (Instant::now(), || -> Step { Box::new(|| ()) });
        (0..3).for_each(|_| state.known.push(peer(1).source, (now, step())));
        (2..4).for_each(|host| state.others.push(peer(host).source, (now, step())));
        assert!(state.remove_one().is_some());
        assert_eq!((state.known.len(), state.others.len()), (2, 2));
        assert!(state.remove_one().is_some());
        assert_eq!((state.known.len(), state.others.len()), (2, 1));
    }

    #[test]
    fn every_second_turn_is_one_of_a_known_address() {
        let pool = HandshakePool::start().expect("threads");
        let busy = busy_threads(&pool);
        let (ran, order) = mpsc::channel();
        let waiting: Vec<_> = (0..40)
            .map(|number| {
                let (ran, is_known) = (ran.clone(), number >= 30);
                let peer = HandshakePeer { is_known, ..peer(number) };
                let handshake = async move { ran.send(is_known).is_ok() };
                let mut driven = pool.drive(handshake, peer, usize::MAX);
                assert!((&mut driven).now_or_never().is_none());
                driven
            })
            .collect();
        drop(busy);
        let order: Vec<_> = waiting.iter().filter_map(|_| order.recv_timeout(DEADLINE).ok()).collect();
        let known = order[..24].iter().filter(|is_known| **is_known).count();
        assert!(order.len() == 40 && known >= 9, "{order:?}");
    }

    #[test]
    fn a_handshake_whose_task_ends_is_dropped_before_its_step_runs() {
        let pool = HandshakePool::start().expect("threads");
        let _busy = busy_threads(&pool);
        let held = Arc::new(());
        let handshake = {
            let held = Arc::clone(&held);
            async move { drop(held) }
        };
        let mut waiting = pool.drive(handshake, peer(1), usize::MAX);
        assert!((&mut waiting).now_or_never().is_none());
        drop(waiting);
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
