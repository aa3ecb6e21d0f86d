//! A request's body, with a bound on its bytes and on the time it takes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Buf;
use futures_util::{Stream, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::outcome::{Outcome, Unavailable};
use crate::envelope::{PayloadDigest, Sha256};
use crate::policy::Permit;

/// How much of a refused request's body is read away, so that its sender sees the answer.
const DISCARD_BYTES_MAX: usize = 1 << 20;
/// How long that may take.
const DISCARD_TIME_MAX: Duration = Duration::from_secs(2);
/// The bytes of all bodies that are being received or written. Beyond it senders get 503.
const IN_FLIGHT_BYTES_MAX: usize = 256 << 20;

/// The memory that all bodies share.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Semaphore>);

impl Default for Budget {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(IN_FLIGHT_BYTES_MAX)))
    }
}

impl Budget {
    fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Outcome> {
        let memory_full = || Outcome::Unavailable(Unavailable::BodyMemoryFull);
        let bytes = u32::try_from(bytes).map_err(|_| memory_full())?;
        Arc::clone(&self.0).try_acquire_many_owned(bytes).map_err(|_| memory_full())
    }
}

/// Why a body cannot be read to its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BodyFault {
    /// The sender disconnected, or canceled the request.
    CutOff,
    /// The body is not valid HTTP; the text contains nothing of it.
    Malformed(&'static str),
}

/// A body that arrived whole.
#[derive(Debug)]
pub struct Payload {
    /// Byte for byte, in one buffer: a sender of one-byte chunks must not cause a buffer for each.
    pub bytes: Vec<u8>,
    /// Their digest, which consumers check.
    pub sha256: Sha256,
    /// Its part of the memory, held until it is on disk.
    pub memory: Option<OwnedSemaphorePermit>,
}

/// Reads a body to its end. It requires a permit, so the body of an unauthorized sender is not read.
///
/// # Errors
/// The outcome, when it is too long, too slow, cut off, malformed, or there is no memory for it.
pub async fn read<S, B>(
    permit: &Permit,
    body: &mut S,
    deadline: Instant,
    budget: &Budget,
) -> Result<Payload, Outcome>
where
    S: Stream<Item = Result<B, BodyFault>> + Unpin,
    B: Buf,
{
    let max = permit.endpoint().max_body;
    let mut bytes = Vec::new();
    let mut digest = PayloadDigest::default();
    let mut memory: Option<OwnedSemaphorePermit> = None;
    loop {
        let mut piece = match timeout_at(deadline, body.next()).await {
            Ok(Some(Ok(piece))) => piece,
            Ok(Some(Err(BodyFault::CutOff))) => return Err(Outcome::Aborted),
            Ok(Some(Err(BodyFault::Malformed(detail)))) => return Err(Outcome::BadRequest(detail)),
            Ok(None) => break,
            Err(_) => return Err(Outcome::Timeout),
        };
        if exceeds(bytes.len().saturating_add(piece.remaining()), max) {
            return Err(Outcome::TooLarge);
        }
        let share = budget.take(piece.remaining())?;
        match &mut memory {
            Some(all) => all.merge(share),
            none => *none = Some(share),
        }
        while piece.has_remaining() {
            let chunk = piece.chunk();
            digest.update(chunk);
            bytes.extend_from_slice(chunk);
            let taken = chunk.len();
            piece.advance(taken);
        }
    }
    Ok(Payload { bytes, sha256: digest.finish(), memory })
}

fn exceeds(length: usize, max: u64) -> bool {
    u64::try_from(length).is_ok_and(|length| length > max)
}

/// Reads the rest of a refused request's body and forgets it: a sender that is still writing when
/// the connection closes would see a broken pipe instead of its answer.
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
