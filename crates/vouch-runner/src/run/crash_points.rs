//! Crash points: a case with a `crash` step runs again and again, and its process is killed one write to storage later each
//! time, until the call completes.

use std::sync::atomic::{AtomicBool, Ordering};

/// The maximum number of crash points in one case.
pub const MAX_CRASH_POINTS: u32 = 500;

/// The crash point of one execution of a case.
#[derive(Debug)]
pub struct CrashPoint {
    /// The process is killed instead of this write to storage, counted from 1.
    pub write: u32,
    reached: AtomicBool,
}

impl CrashPoint {
    pub fn at(write: u32) -> Self {
        Self { write, reached: AtomicBool::new(false) }
    }

    /// Records that the process was killed at this point.
    pub fn mark_reached(&self) {
        self.reached.store(true, Ordering::Relaxed);
    }

    /// Whether the process was killed. Then the case can run again with the next crash point.
    pub fn was_reached(&self) -> bool {
        self.reached.load(Ordering::Relaxed)
    }
}
