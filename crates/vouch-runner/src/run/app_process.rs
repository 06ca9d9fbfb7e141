//! The process of an external app. It starts and ends with the SDK's process, because both are one app on a real device.

use super::device_error::DeviceError;
use super::stderr_log::StderrLog;
use crate::sut::{AppRole, Deadlines, HostCallbacks, Process, SutError};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use vouch_spec::protocol::message::{AppStart, AppUser, SetUser};
use vouch_spec::protocol::{ErrorKind, Refusal};

/// How a reconciliation of an external app ended.
pub(super) enum Reconciled {
    Done,
    Refused { kind: ErrorKind, text: String },
    Killed,
}

/// The process of an external app. Without one, every function does nothing.
pub(super) struct AppProcess {
    role: AppRole,
    deadlines: Deadlines,
    callbacks: Mutex<Option<Arc<dyn HostCallbacks>>>,
    process: Mutex<Option<Arc<Process>>>,
    stderr: StderrLog,
}

impl AppProcess {
    pub fn new(role: AppRole, deadlines: Deadlines) -> Self {
        Self { role, deadlines, callbacks: Mutex::default(), process: Mutex::default(), stderr: StderrLog::default() }
    }

    /// Sets the handler of the app's requests, from the next launch on.
    pub fn set_callbacks(&self, callbacks: Arc<dyn HostCallbacks>) {
        *self.callbacks.lock() = Some(callbacks);
    }

    pub fn is_external(&self) -> bool {
        matches!(self.role, AppRole::Command(_))
    }

    /// Starts the app with this folder as its storage.
    pub async fn launch(&self, storage: &Path) -> Result<(), DeviceError> {
        self.end().await;
        let Some(callbacks) = self.callbacks.lock().clone() else { return Ok(()) };
        let Some(launched) = self.role.launch(callbacks, self.deadlines) else { return Ok(()) };
        let process = Arc::new(launched.map_err(DeviceError::StartError)?);
        *self.process.lock() = Some(process.clone());
        if let Err(error) = process.initialize().await {
            return Err(process.explain(error).await.into());
        }
        self.call_ok("start", AppStart { storage: storage.to_path_buf() }).await
    }

    /// Makes a call that the app must not refuse.
    async fn call_ok(&self, method: &str, params: impl serde::Serialize) -> Result<(), DeviceError> {
        match self.call(method, params).await? {
            Ok(_) => Ok(()),
            Err(refusal) => {
                let what = format!("the app's adapter refused `{method}`: {}", refusal.message);
                Err(SutError::new(what).into())
            }
        }
    }

    async fn call(&self, method: &str, params: impl serde::Serialize) -> Result<Result<Value, Refusal>, DeviceError> {
        let Some(process) = self.running() else {
            return Err(DeviceError::Scenario("the app does not run now; `launch` it first".into()));
        };
        match process.call::<Value>(method, params).await {
            Ok(answer) => Ok(answer),
            Err(error) => {
                let mut error = process.explain(error).await;
                error.what = error.what.replacen("the adapter", "the app's adapter", 1);
                Err(error.into())
            }
        }
    }

    /// Signs a user in to the app, or out of it.
    pub async fn set_user(&self, user: Option<AppUser>) -> Result<(), DeviceError> {
        self.call_ok("setUser", SetUser { user }).await
    }

    /// Makes the app reconcile its own sign-in with the SDK's.
    pub async fn reconcile(&self) -> Result<Reconciled, DeviceError> {
        match self.call("reconcile", json!({})).await {
            Ok(Ok(_)) => Ok(Reconciled::Done),
            Ok(Err(refusal)) => match refusal.kind() {
                Some(kind) => Ok(Reconciled::Refused { kind, text: refusal.message }),
                None => Err(SutError::new(format!(
                    "the app's adapter answered `reconcile` with an error without a valid `data.kind` (code {}: {})",
                    refusal.code, refusal.message
                ))
                .into()),
            },
            Err(DeviceError::Adapter(error)) if error.killed_by_us => Ok(Reconciled::Killed),
            Err(error) => Err(error),
        }
    }

    /// Stops the app in order.
    pub async fn stop(&self) -> Result<(), DeviceError> {
        let Some(process) = self.running() else { return Ok(()) };
        let stopped = process.stop().await;
        self.end().await;
        stopped.map_err(DeviceError::from)
    }

    /// Kills the app (SIGKILL).
    pub async fn kill(&self) {
        if let Some(process) = self.running() {
            process.mark_killed();
            process.kill().await;
        }
    }

    fn running(&self) -> Option<Arc<Process>> {
        self.process.lock().clone()
    }

    /// Ends the app, if it runs.
    pub async fn end(&self) {
        let ended = self.process.lock().take();
        if let Some(process) = ended {
            process.kill().await;
            self.stderr.add(&process);
        }
    }

    /// Its standard error since the previous call.
    pub fn take_stderr(&self) -> String {
        self.stderr.take(self.running().as_deref())
    }

    /// The last part of its standard error.
    pub fn stderr(&self) -> String {
        self.stderr.tail(self.running().as_deref())
    }
}
