//! Limits how many connections are open at once; further ones wait in the listener's backlog.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A semaphore whose limit can change while permits are held.
#[derive(Clone, Debug)]
pub(super) struct ConnectionLimit {
    permits: Arc<Semaphore>,
    size: Arc<Mutex<usize>>,
}

/// Permission for one connection, returned when it is dropped.
pub(super) type ConnectionSlot = OwnedSemaphorePermit;

impl ConnectionLimit {
    pub(super) fn new(size: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(size)), size: Arc::new(Mutex::new(size)) }
    }

    /// Waits until another connection may be opened.
    pub(super) async fn acquire(&self) -> Option<ConnectionSlot> {
        Arc::clone(&self.permits).acquire_owned().await.ok()
    }

    /// Changes the limit. Open connections are kept: if the limit is lower, the returned future removes permits as they are
    /// returned.
    pub(super) fn resize(&self, size: usize) -> impl Future<Output = ()> + use<> {
        let mut known = self.size.lock().unwrap_or_else(PoisonError::into_inner);
        self.permits.add_permits(size.saturating_sub(*known));
        let excess = u32::try_from(known.saturating_sub(size)).unwrap_or(u32::MAX);
        *known = size;
        let permits = Arc::clone(&self.permits);
        async move {
            if let Ok(removed) = permits.acquire_many_owned(excess).await {
                removed.forget();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Duration, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_limit_grows_and_shrinks_without_closing_connections() {
        let is_full =
            async |limit: &ConnectionLimit| timeout(Duration::from_secs(1), limit.acquire()).await.is_err();
        let limit = ConnectionLimit::new(1);
        let first = limit.acquire().await;
        assert!(is_full(&limit).await);
        limit.resize(2).await;
        let second = limit.acquire().await;
        assert!(is_full(&limit).await);
        let shrinking = tokio_util::task::TaskTracker::new().spawn(limit.resize(1));
        tokio::task::yield_now().await;
        drop(first);
        assert!(is_full(&limit).await, "the permit that was returned is removed");
        drop(second);
        assert!(limit.acquire().await.is_some() && shrinking.await.is_ok());
    }
}
