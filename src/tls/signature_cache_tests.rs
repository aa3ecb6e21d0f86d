//! The cache returns the results of the algorithms, and does not verify a signature twice.

use std::sync::atomic::{AtomicUsize, Ordering};

use rustls_pki_types::alg_id;

use super::*;

impl CachedAlgorithm {
    /// The number of signatures that were verified.
    pub(in crate::tls) fn results(&self) -> usize {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).recent.len()
    }
}

/// Accepts a signature that is equal to the message, and counts the calls.
#[derive(Debug)]
struct Counting(AtomicUsize);

impl SignatureVerificationAlgorithm for Counting {
    fn verify_signature(&self, _: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        self.0.fetch_add(1, Ordering::Relaxed);
        if message == signature { Ok(()) } else { Err(InvalidSignature) }
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ED25519
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ED25519
    }
}

fn cached() -> (&'static Counting, CachedAlgorithm) {
    let counting: &'static Counting = Box::leak(Box::new(Counting(AtomicUsize::new(0))));
    (counting, CachedAlgorithm { index: 0, algorithm: counting, cache: Arc::default() })
}

#[test]
fn a_signature_is_verified_once_whether_it_is_valid_or_not() {
    let (counting, cached) = cached();
    for _ in 0..3 {
        assert!(cached.verify_signature(b"key", b"message", b"message").is_ok());
        assert!(cached.verify_signature(b"key", b"message", b"other").is_err());
    }
    assert_eq!(counting.0.load(Ordering::Relaxed), 2);
}

#[test]
fn every_part_distinguishes_a_signature() {
    let (counting, cached) = cached();
    assert!(cached.verify_signature(b"key", b"aa", b"aa").is_ok());
    // The same bytes, divided differently.
    assert!(cached.verify_signature(b"key", b"aaa", b"a").is_err());
    assert!(cached.verify_signature(b"keya", b"a", b"aa").is_err());
    assert!(cached.verify_signature(b"yek", b"aa", b"aa").is_ok());
    let other = CachedAlgorithm { index: 1, algorithm: counting, cache: Arc::clone(&cached.cache) };
    assert!(other.verify_signature(b"key", b"aa", b"aa").is_ok());
    assert_eq!(counting.0.load(Ordering::Relaxed), 5);
}

#[test]
fn results_that_are_not_used_are_forgotten_first() {
    let (counting, cached) = cached();
    let verify = |message: &[u8]| cached.verify_signature(b"key", message, message).unwrap();
    let calls = || counting.0.load(Ordering::Relaxed);
    verify(b"used");
    verify(b"unused");
    for number in 0..2 * RECENT_MAX {
        verify(&number.to_be_bytes());
        verify(b"used");
    }
    assert_eq!(calls(), 2 + 2 * RECENT_MAX, "a result that is used was forgotten");
    verify(b"unused");
    assert_eq!(calls(), 3 + 2 * RECENT_MAX);
    let cache = cached.cache.lock().unwrap();
    assert!(cache.recent.len() <= RECENT_MAX && cache.older.len() <= RECENT_MAX);
}
