//! The body of a delivery, which can be collected only with a permit.

use bytes::Buf;

use super::authorize::Permit;
use crate::envelope::{PayloadDigest, PayloadFacts, Sha256};

/// A body that is being received.
pub struct PartialPayload {
    permit: Permit,
    /// One buffer: one-byte chunks must not cause a buffer for each.
    bytes: Vec<u8>,
    digest: PayloadDigest,
}

/// A body that was collected under a permit. Created only by [`PartialPayload::finish`], which the intake calls at the
/// end of the body.
#[derive(Debug)]
pub struct Payload {
    permit: Permit,
    bytes: Vec<u8>,
    sha256: Sha256,
}

/// The body is longer than the endpoint's `max_body`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TooLong;

impl PartialPayload {
    /// Starts an empty body of a delivery that `permit` authorizes.
    pub fn new(permit: Permit) -> Self {
        Self { permit, bytes: Vec::new(), digest: PayloadDigest::default() }
    }

    /// Checks whether the endpoint accepts that many more bytes, before memory is taken for them.
    ///
    /// # Errors
    /// If the body would be longer than the endpoint's `max_body`.
    pub fn check_fits(&self, more: usize) -> Result<(), TooLong> {
        let length = u64::try_from(self.bytes.len().saturating_add(more)).unwrap_or(u64::MAX);
        if length > self.permit.endpoint().max_body { Err(TooLong) } else { Ok(()) }
    }

    /// The bytes that [`PartialPayload::append`] allocates for that many more bytes, to be counted before.
    pub fn growth(&self, more: usize) -> usize {
        let (capacity, needed) = (self.bytes.capacity(), self.bytes.len().saturating_add(more));
        if needed <= capacity {
            return 0;
        }
        // Doubled, so that a body in small pieces is not copied with each, but not beyond the limit.
        let max = usize::try_from(self.permit.endpoint().max_body).unwrap_or(usize::MAX);
        capacity.saturating_mul(2).min(max).max(needed) - capacity
    }

    /// Appends a piece.
    ///
    /// # Errors
    /// As [`PartialPayload::check_fits`]; nothing is appended.
    pub fn append(&mut self, mut piece: impl Buf) -> Result<(), TooLong> {
        self.check_fits(piece.remaining())?;
        let capacity = self.bytes.capacity().saturating_add(self.growth(piece.remaining()));
        self.bytes.reserve_exact(capacity.saturating_sub(self.bytes.len()));
        while piece.has_remaining() {
            let chunk = piece.chunk();
            self.digest.update(chunk);
            self.bytes.extend_from_slice(chunk);
            let taken = chunk.len();
            piece.advance(taken);
        }
        Ok(())
    }

    /// Completes the body.
    pub fn finish(self) -> Payload {
        Payload { permit: self.permit, bytes: self.bytes, sha256: self.digest.finish() }
    }
}

impl Payload {
    /// The permit under which the body was received, or that of a later snapshot.
    pub fn permit(&self) -> &Permit {
        &self.permit
    }

    /// Replaces the permit by that of a later snapshot.
    #[must_use]
    pub fn with_permit(self, permit: Permit) -> Self {
        Self { permit, ..self }
    }

    /// The facts for the envelope.
    pub fn facts<'a>(&self, content_type: Option<&'a str>) -> PayloadFacts<'a> {
        PayloadFacts { length: self.bytes.len(), sha256: self.sha256, content_type }
    }

    /// The bytes as received.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_grows_up_to_max_body_and_no_further() {
        let mut partial = PartialPayload::new(Permit::for_tests("pix", 5));
        assert_eq!(partial.append(&b"abc"[..]), Ok(()));
        assert_eq!(partial.append(&b"def"[..]), Err(TooLong));
        assert_eq!(partial.append(&b"de"[..]), Ok(()));
        let payload = partial.finish();
        assert_eq!(payload.facts(None).length, 5);
        assert_eq!(payload.into_bytes(), b"abcde");
    }
}
