//! Whether the spool can take deliveries right now.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What ails the spool.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ailment {
    /// Something could not be made durable, and no probe has succeeded since.
    Failing,
    /// Less space is free than the operator wants to keep.
    LowSpace {
        /// Bytes that are free.
        free: u64,
        /// Bytes that should be.
        min_free: u64,
    },
}

impl Ailment {
    /// The code that `/readyz` shows.
    pub fn code(self) -> &'static str {
        match self {
            Self::Failing => "spool_failing",
            Self::LowSpace { .. } => "spool_low_space",
        }
    }
}

impl std::fmt::Display for Ailment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Failing => f.write_str("the last write to the spool failed"),
            Self::LowSpace { free, min_free } => {
                write!(f, "{free} bytes are free, and [spool] min_free asks for {min_free}")
            }
        }
    }
}

/// Written by the committer alone, read by everyone before a body is taken.
#[derive(Debug)]
pub struct Health {
    failing: AtomicBool,
    free: AtomicU64,
    min_free: u64,
}

impl Health {
    pub(super) fn new(min_free: u64) -> Self {
        Self { failing: AtomicBool::new(false), free: AtomicU64::new(u64::MAX), min_free }
    }

    pub(super) fn set_failing(&self, failing: bool) {
        self.failing.store(failing, Ordering::Relaxed);
    }

    pub(super) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    pub(super) fn set_free(&self, bytes: u64) {
        self.free.store(bytes, Ordering::Relaxed);
    }

    /// Bytes that were free when last looked at.
    pub fn free(&self) -> u64 {
        self.free.load(Ordering::Relaxed)
    }

    /// All that ails the spool, worst first; empty when it is well.
    pub fn ailments(&self) -> impl Iterator<Item = Ailment> {
        let failing = self.is_failing().then_some(Ailment::Failing);
        let free = self.free();
        let low = (free < self.min_free).then_some(Ailment::LowSpace { free, min_free: self.min_free });
        failing.into_iter().chain(low)
    }
}
