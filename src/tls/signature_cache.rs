//! Remembers which signatures of certificates were verified, and with which result.
//!
//! Many senders may have the same CA, and the path validation verifies all signatures of each path that it tries. A
//! signature is a fact that depends on neither the sender nor the time; everything else is evaluated again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls_pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm};

/// The number of results after which the older ones are forgotten. At most twice as many are kept, 50 to 100 bytes
/// each.
const RECENT_MAX: usize = 16_384;

/// The SHA-256 of an algorithm, a key, a message and a signature.
type Key = [u8; 32];

/// The results of verified signatures. If there are too many, those that were not used lately are forgotten.
#[derive(Debug, Default)]
struct SignatureCache {
    recent: HashMap<Key, bool>,
    older: HashMap<Key, bool>,
}

impl SignatureCache {
    fn get(&mut self, key: &Key) -> Option<bool> {
        self.recent.get(key).copied().or_else(|| {
            let is_valid = self.older.remove(key)?;
            self.insert(*key, is_valid);
            Some(is_valid)
        })
    }

    fn insert(&mut self, key: Key, is_valid: bool) {
        if self.recent.len() >= RECENT_MAX {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.insert(key, is_valid);
    }
}

/// A signature algorithm that verifies a signature only if its result is not known.
#[derive(Debug)]
pub(super) struct CachedAlgorithm {
    /// Distinguishes the algorithms of one cache.
    index: usize,
    algorithm: &'static dyn SignatureVerificationAlgorithm,
    cache: Arc<Mutex<SignatureCache>>,
}

impl CachedAlgorithm {
    /// The algorithms, with one empty cache for all of them.
    pub(super) fn all(algorithms: &WebPkiSupportedAlgorithms) -> Vec<Self> {
        let cache = Arc::default();
        let each = algorithms.all.iter().enumerate();
        each.map(|(index, algorithm)| Self { index, algorithm: *algorithm, cache: Arc::clone(&cache) })
            .collect()
    }

    fn key(&self, parts: [&[u8]; 3]) -> Key {
        let mut context = Context::new(&SHA256);
        context.update(&self.index.to_be_bytes());
        for part in parts {
            context.update(&part.len().to_be_bytes());
            context.update(part);
        }
        let mut key = Key::default();
        key.copy_from_slice(context.finish().as_ref());
        key
    }
}

impl SignatureVerificationAlgorithm for CachedAlgorithm {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let cache = || self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let key = self.key([public_key, message, signature]);
        let known = cache().get(&key);
        let is_valid = known.unwrap_or_else(|| {
            let is_valid = self.algorithm.verify_signature(public_key, message, signature).is_ok();
            cache().insert(key, is_valid);
            is_valid
        });
        is_valid.then_some(()).ok_or(InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.signature_alg_id()
    }
}

#[cfg(test)]
#[path = "signature_cache_tests.rs"]
mod tests;
