//! A process that serves one case after another: the capability `reuse`.

use super::callback_binding::CallbackBinding;
use super::outside_files::OutsideFiles;
use super::process::{HostCallbacks, Process, ProcessState, SutError};
use serde_json::Value;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tempfile::TempDir;
use vouch_spec::protocol::message::Stop;

/// How long a process must be silent after its answer to `stop`. What it wrote before then belongs to the case that ended.
const SILENCE: Duration = Duration::from_millis(2);

/// What a process needs to serve one case after another.
pub(super) struct Reuse {
    binding: Arc<CallbackBinding>,
    /// The folder for temporary files: the environment of a process cannot change.
    temporary: OnceLock<TempDir>,
}

impl Process {
    /// A process whose callbacks can be replaced.
    pub(super) fn reusable(mut self, binding: Arc<CallbackBinding>) -> Self {
        let reuse = Reuse { binding, temporary: OnceLock::new() };
        self.reuse = Some(reuse);
        self
    }

    /// Gives the process its folder for temporary files, which is removed with it.
    pub(crate) fn own_temporary(&self, folder: TempDir) {
        if let Some(reuse) = &self.reuse {
            let _ = reuse.temporary.set(folder);
        }
    }

    /// Its own folder for temporary files, if it serves one case after another.
    pub(crate) fn temporary(&self) -> Option<&Path> {
        self.reuse.as_ref()?.temporary.get().map(TempDir::path)
    }

    /// Begins the next launch, of another case.
    pub(super) fn begin_launch(&self, callbacks: Arc<dyn HostCallbacks>, outside: &Arc<OutsideFiles>) {
        let Some(reuse) = &self.reuse else { return };
        self.handle.begin_case(outside);
        self.peer.renew_unsolicited();
        reuse.binding.bind(callbacks);
    }

    /// Calls `stop` so that the process waits for the next `start`. `within`: the deadline.
    ///
    /// # Errors
    /// If it does not answer, or refuses.
    pub(super) async fn stop_for_reuse(&self, within: Duration) -> Result<(), SutError> {
        let stopped = self.call::<Value>("stop", Stop { reuse: true });
        match tokio::time::timeout(within, stopped).await {
            Ok(Ok(Ok(_))) => {}
            Ok(Ok(Err(refusal))) => {
                return Err(SutError::new(format!("the adapter refused `stop`: {}", refusal.message)));
            }
            Ok(Err(error)) => return Err(error),
            Err(_) => {
                return Err(SutError::new(format!("the adapter did not answer `stop` within {within:?} (hung?)")));
            }
        }
        if let Some(reuse) = &self.reuse {
            reuse.binding.release();
        }
        tokio::time::sleep(SILENCE).await;
        Ok(())
    }

    /// Whether the process can be asked to serve another case: it runs, has answered every call in time, and has broken no
    /// rule.
    pub(super) fn is_fit(&self) -> bool {
        let runs = *self.handle.state().borrow() == ProcessState::Running;
        let silent = self.reuse.as_ref().is_some_and(|reuse| !reuse.binding.spoke_unasked());
        runs && silent && self.is_alive() && !self.hung.load(Ordering::Relaxed) && !self.peer.has_pending_calls()
    }

    /// Why a process that answered `stop` cannot serve another case.
    pub(super) fn unfit_because(&self) -> Option<String> {
        if let ProcessState::Exited(how) = &*self.handle.state().borrow() {
            return Some(format!("it exited after `stop`: {how}"));
        }
        if let Some(violation) = self.peer.violation() {
            return Some(format!("it failed after `stop`: {violation}"));
        }
        (!self.is_fit()).then(|| "it sent a request or notification after its answer to `stop`".to_owned())
    }
}
