//! Crash points: a case with a `crash` or `failWrites` step runs again and again, and its fault strikes one write to storage
//! later each time, until the call completes without it.

use parking_lot::Mutex;
use vouch_sim::reference::sdk::ports::WriteFault;

/// The maximum number of crash points in one case.
pub const MAX_CRASH_POINTS: u32 = 500;

/// The crash point of one execution of a case.
#[derive(Debug)]
pub struct CrashPoint {
    /// The fault strikes instead of this write to storage, counted from 1.
    pub write: u32,
    struck: Mutex<Option<WriteFault>>,
}

impl CrashPoint {
    pub fn at(write: u32) -> Self {
        Self { write, struck: Mutex::default() }
    }

    /// Records that a fault struck at this point.
    pub fn mark_reached(&self, fault: WriteFault) {
        *self.struck.lock() = Some(fault);
    }

    /// Whether a fault struck. Then the case can run again with the next crash point.
    pub fn was_reached(&self) -> bool {
        self.struck.lock().is_some()
    }

    /// What happened at this point, for a finding; none if no fault struck.
    pub fn describe(&self) -> Option<String> {
        let what = match (*self.struck.lock())? {
            WriteFault::End => "the process was killed instead of write",
            WriteFault::NoSpace => "the disk was full from write",
            WriteFault::IoError => "an I/O error at write",
        };
        Some(format!("{what} {}", self.write))
    }
}
