//! The idle processes of an SDK whose adapter claims `reuse`: each waits for the `start` of another case.

use super::outside_files::OutsideFiles;
use super::process::{HostCallbacks, Process, SutError};
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Weak};
use std::time::Duration;
use vouch_sim::wire::redact::Redactor;

/// After so many processes that did not become idle, no further one is reused: each may cost a deadline.
const MAX_UNUSABLE: usize = 3;
/// So many processes are idle at the most.
const MAX_IDLE: usize = 32;

/// The idle processes of one run.
#[derive(Default)]
pub struct ProcessPool {
    idle: Mutex<Vec<Arc<Process>>>,
    tally: Mutex<ProcessTally>,
}

/// The processes of an SDK whose adapter claims `reuse`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProcessTally {
    /// The processes that were started.
    pub started: usize,
    /// The launches that took a process which had served another case.
    pub reused: usize,
    /// The processes that took no further `start` although their adapter claims it.
    pub unusable: usize,
    /// Why the first of them did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl ProcessTally {
    /// The tally of two shards of a run.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            started: self.started + other.started,
            reused: self.reused + other.reused,
            unusable: self.unusable + other.unusable,
            why: self.why.or(other.why),
        }
    }
}

impl ProcessPool {
    /// A process that can serve a launch of a case which has used the processes `used`, with its callbacks bound.
    /// The files that it writes are noted in `outside`.
    pub fn take(
        &self,
        used: &[Weak<Process>],
        callbacks: &Arc<dyn HostCallbacks>,
        outside: &Arc<OutsideFiles>,
    ) -> Option<Arc<Process>> {
        let is_used = |process: &Arc<Process>| used.iter().any(|used| used.as_ptr() == Arc::as_ptr(process));
        let (taken, unfit) = {
            let mut idle = self.idle.lock();
            let unfit: Vec<_> = idle.extract_if(.., |process| !process.is_fit()).collect();
            // The one that was used last is the most likely to be in the caches.
            let at = idle.iter().rposition(|process| !is_used(process));
            (at.map(|at| idle.remove(at)), unfit)
        };
        for process in unfit {
            self.lose(&process.unfit_because().unwrap_or_default());
        }
        let process = taken?;
        process.begin_launch(callbacks.clone(), outside);
        self.tally.lock().reused += 1;
        Some(process)
    }

    /// Counts a process that was started.
    pub fn count_start(&self) {
        self.tally.lock().started += 1;
    }

    /// Counts a process that took no further `start`.
    pub fn lose(&self, why: &str) {
        let mut tally = self.tally.lock();
        tally.unusable += 1;
        tally.why.get_or_insert_with(|| Redactor::default().scrub(why).to_string());
    }

    /// Whether this process may go back to the pool once it has answered `stop`.
    pub fn wants(&self, process: &Process) -> bool {
        process.temporary().is_some() && process.is_fit() && self.tally.lock().unusable < MAX_UNUSABLE
    }

    /// Stops the app in a process and keeps the process. Returns whether it can serve another case.
    ///
    /// # Errors
    /// If it does not answer `stop` within the deadline, or refuses it.
    pub async fn stop(&self, process: &Process, within: Duration) -> Result<bool, SutError> {
        let stopped = process.stop_for_reuse(within).await;
        let why = match &stopped {
            Ok(()) => process.unfit_because(),
            Err(error) => Some(error.what.clone()),
        };
        if let Some(why) = &why {
            self.lose(why);
        }
        stopped.map(|()| why.is_none())
    }

    /// Puts a process back that [`ProcessPool::stop`] said can serve another case.
    pub fn put(&self, process: Arc<Process>) {
        let mut idle = self.idle.lock();
        if idle.len() < MAX_IDLE {
            idle.push(process);
        }
    }

    /// What happened so far.
    pub fn tally(&self) -> ProcessTally {
        self.tally.lock().clone()
    }
}
