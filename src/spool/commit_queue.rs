//! Passes drafts from the deliveries to the commit thread.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::commit_error::CommitError;
use super::draft::Draft;
use super::sender_turns::SenderTurns;
use super::writer::Pending;

/// The queue of the commit thread. It is cheap to clone, and adding a draft never waits for the disk.
#[derive(Clone, Debug, Default)]
pub(super) struct CommitQueue(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    drafts: SenderTurns<Pending<Draft>>,
    is_closed: bool,
    /// Whether the thread waits, so that a system call is made only if one is needed.
    is_waiting: bool,
}

impl CommitQueue {
    /// Adds a draft. A draft for which there is no room gets [`CommitError::Busy`], and one that is added after
    /// [`CommitQueue::close`] gets [`CommitError::Closed`].
    pub(super) fn push(&self, pending: Pending<Draft>) {
        let mut state = self.state();
        let refused = if state.is_closed {
            Some((pending, CommitError::Closed))
        } else {
            let (sender, bytes) = (pending.item.sender().clone(), pending.item.len());
            state.drafts.push(&sender, bytes, pending).map(|displaced| (displaced, CommitError::Busy))
        };
        self.wake(state);
        if let Some((Pending { reply, .. }, error)) = refused {
            // If the delivery no longer waits, nobody needs the reply.
            let _ = reply.send(Err(error));
        }
    }

    /// Accepts no more drafts. Those that wait are still taken.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        self.wake(state);
    }

    /// Waits for drafts, at most for `timeout`, and takes a batch, which is empty after a timeout. `None` once the queue
    /// is closed and empty.
    pub(super) fn next_batch(&self, timeout: Duration) -> Option<Vec<Pending<Draft>>> {
        let mut state = self.state();
        if state.drafts.is_empty() && !state.is_closed {
            state.is_waiting = true;
            let is_idle = |state: &mut State| state.drafts.is_empty() && !state.is_closed;
            let waited = self.0.changed.wait_timeout_while(state, timeout, is_idle);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            state.is_waiting = false;
        }
        let is_over = state.is_closed && state.drafts.is_empty();
        (!is_over).then(|| state.drafts.take_batch())
    }

    fn wake(&self, state: MutexGuard<'_, State>) {
        let is_waiting = state.is_waiting;
        drop(state);
        if is_waiting {
            self.0.changed.notify_one();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;
    use crate::spool::draft::tests::draft;
    use crate::spool::writer::Receipt;

    type Reply = oneshot::Receiver<Result<Receipt, CommitError>>;

    fn push(queue: &CommitQueue) -> Reply {
        let (reply, receiver) = oneshot::channel();
        queue.push(Pending { item: draft("pix", b"{}"), reply });
        receiver
    }

    #[test]
    fn drafts_without_room_get_busy_and_those_after_the_close_get_closed_while_the_others_are_taken() {
        let queue = CommitQueue::default();
        let mut replies: Vec<_> = (0..4097).map(|_| push(&queue)).collect();
        assert!(matches!(replies.pop().unwrap().try_recv(), Ok(Err(CommitError::Busy))));
        queue.close();
        assert!(matches!(push(&queue).try_recv(), Ok(Err(CommitError::Closed))));
        let mut taken = 0;
        while let Some(batch) = queue.next_batch(Duration::MAX) {
            taken += batch.len();
        }
        assert_eq!(taken, replies.len());
    }

    #[test]
    fn a_waiting_thread_is_woken_by_a_draft_and_by_the_close_and_otherwise_after_the_timeout() {
        let queue = CommitQueue::default();
        assert!(queue.next_batch(Duration::ZERO).is_some_and(|batch| batch.is_empty()));
        let (batches, received) = std::sync::mpsc::channel();
        let thread = std::thread::spawn({
            let queue = queue.clone();
            move || {
                while let Some(batch) = queue.next_batch(Duration::MAX) {
                    batches.send(batch.len()).unwrap();
                }
            }
        });
        let wait_until_idle = || {
            while !queue.state().is_waiting {
                std::thread::yield_now();
            }
        };
        wait_until_idle();
        let _reply = push(&queue);
        assert_eq!(received.recv_timeout(Duration::from_secs(20)), Ok(1));
        wait_until_idle();
        queue.close();
        thread.join().unwrap();
    }
}
