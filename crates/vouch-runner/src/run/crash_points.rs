//! Deaths that count up: a case is played again and again, and its process dies one write later each time, until the call
//! ends by itself.

use std::sync::atomic::{AtomicBool, Ordering};

/// A call that writes more often is tried no further.
pub const MOST_WRITES: u32 = 500;

/// The death of one playing.
#[derive(Debug)]
pub struct CrashPoint {
    /// Instead of which write to storage, from 1.
    pub at: u32,
    came: AtomicBool,
}

impl CrashPoint {
    pub fn at(write: u32) -> Self {
        Self { at: write, came: AtomicBool::new(false) }
    }

    /// Notes that the process died so.
    pub fn note(&self) {
        self.came.store(true, Ordering::Relaxed);
    }

    /// Whether it did: then it can die one write later.
    pub fn came(&self) -> bool {
        self.came.load(Ordering::Relaxed)
    }
}
