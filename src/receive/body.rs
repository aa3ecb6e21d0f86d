//! Reads a request's body, with a limit on its bytes and its time.

use std::sync::Arc;
use std::time::Duration;

use bytes::Buf;
use futures_util::{Stream, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::error::{DeliveryError, Unavailable};
use crate::policy::{PartialPayload, Payload, Permit};

/// The bytes of a refused request's body that are read and discarded, so that its sender receives the response.
const DISCARD_BYTES_MAX: usize = 1 << 20;
/// The time limit for that.
const DISCARD_TIME_MAX: Duration = Duration::from_secs(2);

/// The memory that all bodies share.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Semaphore>);

impl Budget {
    /// Creates a budget of this many bytes. Above it, senders get 503.
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes)))
    }

    fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Unavailable> {
        let bytes = u32::try_from(bytes).map_err(|_| Unavailable::BodyMemoryFull)?;
        Arc::clone(&self.0).try_acquire_many_owned(bytes).map_err(|_| Unavailable::BodyMemoryFull)
    }
}

/// Why a body cannot be read to its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BodyFault {
    /// The sender disconnected, or canceled the request.
    CutOff,
    /// The body is not valid HTTP; the text contains no part of it.
    Malformed(&'static str),
}

/// A body that has been received completely.
#[derive(Debug)]
pub struct ReceivedBody {
    /// The body.
    pub payload: Payload,
    /// Its share of the memory, kept until it is on disk.
    pub memory: Option<OwnedSemaphorePermit>,
}

/// Reads a body to its end. It requires a permit, so the body of an unauthorized sender is never kept.
///
/// # Errors
/// If the body is too long, too slow, truncated or malformed, or there is no memory for it.
pub async fn read<S, B>(
    permit: Permit,
    body: &mut S,
    deadline: Instant,
    budget: &Budget,
) -> Result<ReceivedBody, DeliveryError>
where
    S: Stream<Item = Result<B, BodyFault>> + Unpin,
    B: Buf,
{
    let mut partial = PartialPayload::new(permit);
    let mut memory: Option<OwnedSemaphorePermit> = None;
    loop {
        let piece = match timeout_at(deadline, body.next()).await {
            Ok(Some(Ok(piece))) => piece,
            Ok(Some(Err(BodyFault::CutOff))) => return Err(DeliveryError::Aborted),
            Ok(Some(Err(BodyFault::Malformed(detail)))) => return Err(DeliveryError::BadRequest(detail)),
            Ok(None) => break,
            Err(_) => return Err(DeliveryError::Timeout),
        };
        partial.check_fits(piece.remaining())?;
        let share = budget.take(piece.remaining())?;
        match &mut memory {
            Some(all) => all.merge(share),
            none => *none = Some(share),
        }
        partial.append(piece)?;
    }
    Ok(ReceivedBody { payload: partial.finish(), memory })
}

/// Reads and discards the rest of a refused request's body: a sender that is still writing when
/// the connection closes would get a broken pipe instead of its response.
pub async fn discard_rest<S, B, E>(mut body: S)
where
    S: Stream<Item = Result<B, E>> + Unpin,
    B: Buf,
{
    let deadline = Instant::now() + DISCARD_TIME_MAX;
    let mut seen = 0_usize;
    while seen < DISCARD_BYTES_MAX {
        match timeout_at(deadline, body.next()).await {
            Ok(Some(Ok(piece))) => seen = seen.saturating_add(piece.remaining()),
            Ok(Some(Err(_)) | None) | Err(_) => return,
        }
    }
}
