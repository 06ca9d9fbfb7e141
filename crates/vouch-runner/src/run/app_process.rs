//! The process of an app from outside: it starts and ends with the SDK's, as both are one app on a real device.

use super::device_error::DeviceError;
use crate::sut::{AppRole, Deadlines, HostCallbacks, Process, SutError};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use vouch_spec::protocol::message::{AppStart, AppUser, SetUser};
use vouch_spec::protocol::{ErrorKind, Refusal};

/// How a reconciliation of an app from outside ended.
pub(super) enum Reconciled {
    Done,
    Refused { kind: ErrorKind, text: String },
    Killed,
}

/// The app's process, if the app is one from outside.
pub(super) struct AppProcess {
    role: AppRole,
    deadlines: Deadlines,
    callbacks: Mutex<Option<Arc<dyn HostCallbacks>>>,
    process: Mutex<Option<Arc<Process>>>,
    stderr: Mutex<String>,
    /// What ended processes wrote there and nobody has searched yet.
    unsearched: Mutex<String>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl AppProcess {
    pub fn new(role: AppRole, deadlines: Deadlines) -> Self {
        Self {
            role,
            deadlines,
            callbacks: Mutex::default(),
            process: Mutex::default(),
            stderr: Mutex::default(),
            unsearched: Mutex::default(),
        }
    }

    pub fn set_ears(&self, callbacks: Arc<dyn HostCallbacks>) {
        *lock(&self.callbacks) = Some(callbacks);
    }

    pub fn is_from_outside(&self) -> bool {
        matches!(self.role, AppRole::Command(_))
    }

    pub async fn launch(&self, storage: &Path) -> Result<(), DeviceError> {
        self.end().await;
        let Some(callbacks) = lock(&self.callbacks).clone() else { return Ok(()) };
        let Some(launched) = self.role.launch(callbacks, self.deadlines) else { return Ok(()) };
        let process = Arc::new(launched.map_err(DeviceError::StartError)?);
        *lock(&self.process) = Some(process.clone());
        if let Err(broken) = process.initialize().await {
            return Err(process.explain(broken).await.into());
        }
        self.must("start", AppStart { storage: storage.to_path_buf() }).await
    }

    /// A call that an app has no reason to refuse.
    async fn must(&self, method: &str, params: impl serde::Serialize) -> Result<(), DeviceError> {
        match self.call(method, params).await? {
            Ok(_) => Ok(()),
            Err(refusal) => {
                Err(SutError::new(format!("the app's adapter refused `{method}`: {}", refusal.message)).into())
            }
        }
    }

    async fn call(&self, method: &str, params: impl serde::Serialize) -> Result<Result<Value, Refusal>, DeviceError> {
        let Some(process) = lock(&self.process).clone() else {
            return Err(DeviceError::Scenario("the app does not run now; `launch` it first".into()));
        };
        match process.call::<Value>(method, params).await {
            Ok(answer) => Ok(answer),
            Err(broken) => {
                let mut broken = process.explain(broken).await;
                broken.what = broken.what.replacen("the adapter", "the app's adapter", 1);
                Err(broken.into())
            }
        }
    }

    /// Somebody signs in to the app, or out of it.
    pub async fn set_user(&self, user: Option<AppUser>) -> Result<(), DeviceError> {
        self.must("setUser", SetUser { user }).await
    }

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
            Err(DeviceError::Adapter(broken)) if broken.killed_by_us => Ok(Reconciled::Killed),
            Err(error) => Err(error),
        }
    }

    pub async fn stop(&self) -> Result<(), DeviceError> {
        let process = lock(&self.process).clone();
        let Some(process) = process else { return Ok(()) };
        let stopped = process.stop().await;
        self.end().await;
        stopped.map_err(DeviceError::from)
    }

    /// SIGKILL, if there is anything to kill.
    pub async fn kill(&self) {
        let process = lock(&self.process).clone();
        if let Some(process) = process {
            process.mark_killed();
            process.kill().await;
        }
    }

    async fn end(&self) {
        let ended = lock(&self.process).take();
        if let Some(process) = ended {
            process.kill().await;
            lock(&self.stderr).push_str(&process.stderr_tail());
            lock(&self.unsearched).push_str(&process.take_stderr());
        }
    }

    /// What it wrote to standard error since the last time this was asked.
    pub fn take_stderr(&self) -> String {
        let mut text = std::mem::take(&mut *lock(&self.unsearched));
        if let Some(process) = &*lock(&self.process) {
            text.push_str(&process.take_stderr());
        }
        text
    }

    pub fn stderr(&self) -> String {
        let mut text = lock(&self.stderr).clone();
        if let Some(process) = &*lock(&self.process) {
            text.push_str(&process.stderr_tail());
        }
        text
    }
}
