//! How many connections there may be at once; the rest waits.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A room with so many places. Their number can change while people are inside.
#[derive(Clone, Debug)]
pub(super) struct Crowd {
    places: Arc<Semaphore>,
    size: Arc<Mutex<usize>>,
}

/// A place in the room, free again when dropped.
pub(super) type Place = OwnedSemaphorePermit;

impl Crowd {
    pub(super) fn new(size: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(size)), size: Arc::new(Mutex::new(size)) }
    }

    /// Waits for a place.
    pub(super) async fn enter(&self) -> Option<Place> {
        Arc::clone(&self.places).acquire_owned().await.ok()
    }

    /// Nobody is sent away: where there shall be fewer places, what is returned takes out those that
    /// come free.
    pub(super) fn resize(&self, size: usize) -> impl Future<Output = ()> + use<> {
        let mut known = self.size.lock().unwrap_or_else(PoisonError::into_inner);
        self.places.add_permits(size.saturating_sub(*known));
        let fewer = u32::try_from(known.saturating_sub(size)).unwrap_or(u32::MAX);
        *known = size;
        let places = Arc::clone(&self.places);
        async move {
            if let Ok(taken_out) = places.acquire_many_owned(fewer).await {
                taken_out.forget();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Duration, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_room_grows_and_shrinks_and_sends_nobody_away() {
        let is_full = async |crowd: &Crowd| timeout(Duration::from_secs(1), crowd.enter()).await.is_err();
        let crowd = Crowd::new(1);
        let first = crowd.enter().await;
        assert!(is_full(&crowd).await);
        crowd.resize(2).await;
        let second = crowd.enter().await;
        assert!(is_full(&crowd).await);
        let shrinking = tokio_util::task::TaskTracker::new().spawn(crowd.resize(1));
        tokio::task::yield_now().await;
        drop(first);
        assert!(is_full(&crowd).await, "the place that came free was taken out");
        drop(second);
        assert!(crowd.enter().await.is_some() && shrinking.await.is_ok());
    }
}
