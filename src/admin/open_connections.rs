//! The open connections of the admin listener: silent ones give way to new ones, so that they cannot make it
//! unreachable.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// The number of concurrent connections.
const CONNECTIONS_MAX: usize = 64;

/// All open connections, the oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct OpenConnections(Arc<Mutex<VecDeque<Arc<Connection>>>>);

#[derive(Debug, Default)]
struct Connection {
    is_answering: AtomicBool,
    gives_way: CancellationToken,
}

/// An open connection. It is removed when this is dropped.
#[derive(Debug)]
pub(super) struct OpenConnection {
    all: OpenConnections,
    connection: Arc<Connection>,
}

impl OpenConnections {
    /// Adds a connection. At the limit, the oldest one whose request is not being answered gives way. Returns `None` if all
    /// are being answered.
    pub(super) fn add(&self) -> Option<OpenConnection> {
        let mut all = self.lock();
        if all.len() >= CONNECTIONS_MAX {
            let waiting = all.iter().position(|it| !it.is_answering.load(Ordering::Relaxed))?;
            all.remove(waiting)?.gives_way.cancel();
        }
        let connection = Arc::<Connection>::default();
        all.push_back(Arc::clone(&connection));
        drop(all);
        Some(OpenConnection { all: self.clone(), connection })
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Connection>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenConnection {
    /// Answers a request; meanwhile the connection does not give way.
    pub(super) async fn answering<T>(&self, answer: impl Future<Output = T>) -> T {
        self.connection.is_answering.store(true, Ordering::Relaxed);
        let answer = answer.await;
        self.connection.is_answering.store(false, Ordering::Relaxed);
        answer
    }

    /// Waits until the connection has to give way.
    pub(super) async fn gives_way(&self) {
        self.connection.gives_way.cancelled().await;
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.all.lock().retain(|it| !Arc::ptr_eq(it, &self.connection));
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn the_oldest_connection_that_is_not_being_answered_gives_way() {
        let all = OpenConnections::default();
        let open: Vec<_> = (0..CONNECTIONS_MAX).filter_map(|_| all.add()).collect();
        let [first, second, ..] = open.as_slice() else { panic!("too few") };
        let has_given_way = |it: &OpenConnection| it.gives_way().now_or_never().is_some();
        let mut answering = Box::pin(first.answering(pending::<()>()));
        assert!(answering.as_mut().now_or_never().is_none());
        let new = all.add();
        assert!(new.is_some() && !has_given_way(first) && has_given_way(second));
        drop(answering);
        assert_eq!(first.answering(ready(1)).now_or_never(), Some(1));
        let _another = all.add();
        assert!(has_given_way(first));
    }

    #[test]
    fn a_connection_is_refused_if_all_are_being_answered() {
        let all = OpenConnections::default();
        let open: Vec<_> = (0..CONNECTIONS_MAX).filter_map(|_| all.add()).collect();
        let mut answering: Vec<_> = open.iter().map(|it| Box::pin(it.answering(pending::<()>()))).collect();
        assert!(answering.iter_mut().all(|it| it.now_or_never().is_none()));
        assert!(all.add().is_none());
        drop(answering);
        drop(open);
        assert!(all.add().is_some());
    }
}
