//! The standard error of the processes of one role, over all launches of a case.

use crate::sut::Process;
use parking_lot::Mutex;

/// Collects the standard error of processes that exited.
#[derive(Default)]
pub(super) struct StderrLog {
    /// The part that reports show.
    shown: Mutex<String>,
    /// The part that was not searched for secrets yet.
    unsearched: Mutex<String>,
}

impl StderrLog {
    /// Adds the standard error of a process that exited.
    pub fn add(&self, exited: &Process) {
        self.shown.lock().push_str(&exited.stderr_tail());
        self.unsearched.lock().push_str(&exited.take_stderr());
    }

    /// Adds a remark of the harness.
    pub fn note(&self, text: &str) {
        self.shown.lock().push_str(text);
    }

    /// The standard error since the previous call, including that of the running process.
    pub fn take(&self, running: Option<&Process>) -> String {
        let mut text = std::mem::take(&mut *self.unsearched.lock());
        if let Some(process) = running {
            text.push_str(&process.take_stderr());
        }
        text
    }

    /// The last part of the standard error of each process.
    pub fn tail(&self, running: Option<&Process>) -> String {
        let mut text = self.shown.lock().clone();
        if let Some(process) = running {
            text.push_str(&process.stderr_tail());
        }
        text
    }
}
