//! The payloads that were stored recently, to detect repetitions.
//!
//! Best effort: only the latest 100,000 payloads that this process stored are remembered. Two
//! that arrive at the same moment are both treated as the first. Consumers that need certainty compare digests.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use crate::envelope::{EntryId, Sha256};
use crate::policy::Name;

/// The number of deliveries that are remembered: about 15 MiB in total.
const REMEMBERED_MAX: usize = 100_000;

/// The same payload to the same endpoint is treated as the same delivery.
type Key = (Name, Sha256);

/// Remembers deliveries.
#[derive(Debug, Default)]
pub struct Recent(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    first: HashMap<Key, EntryId>,
    in_order: VecDeque<Key>,
}

impl Recent {
    /// The first entry with this payload, if it is remembered.
    pub fn first(&self, endpoint: &Name, payload: Sha256) -> Option<EntryId> {
        self.memory().first.get(&(endpoint.clone(), payload)).copied()
    }

    /// Remembers an entry that was stored, unless it is a repetition.
    pub fn stored(&self, endpoint: &Name, payload: Sha256, id: EntryId) {
        self.remember((endpoint.clone(), payload), id, REMEMBERED_MAX);
    }

    fn remember(&self, key: Key, id: EntryId, max: usize) {
        let mut memory = self.memory();
        if memory.first.contains_key(&key) {
            return;
        }
        if memory.in_order.len() >= max
            && let Some(oldest) = memory.in_order.pop_front()
        {
            memory.first.remove(&oldest);
        }
        memory.in_order.push_back(key.clone());
        memory.first.insert(key, id);
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::PayloadDigest;

    fn digest(text: &str) -> Sha256 {
        let mut digest = PayloadDigest::default();
        digest.update(text.as_bytes());
        digest.finish()
    }

    #[test]
    fn a_repetition_leads_to_the_first_at_its_own_endpoint() {
        let (pix, boleto) = ("pix".parse().unwrap(), "boleto".parse().unwrap());
        let (recent, first) = (Recent::default(), EntryId::fresh());
        assert_eq!(recent.first(&pix, digest("a")), None);
        recent.stored(&pix, digest("a"), first);
        recent.stored(&pix, digest("a"), EntryId::fresh());
        assert_eq!(recent.first(&pix, digest("a")), Some(first));
        assert_eq!((recent.first(&boleto, digest("a")), recent.first(&pix, digest("b"))), (None, None));
    }

    #[test]
    fn the_oldest_is_forgotten_first() {
        let (recent, pix): (_, Name) = (Recent::default(), "pix".parse().unwrap());
        for number in 0..10 {
            recent.remember((pix.clone(), digest(&number.to_string())), EntryId::fresh(), 3);
        }
        let known: Vec<_> = (0..10).map(|n| recent.first(&pix, digest(&n.to_string())).is_some()).collect();
        assert_eq!(known, [[false; 7].as_slice(), &[true; 3]].concat());
        let memory = recent.memory();
        assert_eq!((memory.first.len(), memory.in_order.len()), (3, 3));
    }
}
