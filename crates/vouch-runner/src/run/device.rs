//! The device: storage areas on disk, and the process of the SDK that runs on it.

mod inspection;
mod time;

use super::app_process::AppProcess;
use super::device_error::DeviceError;
use super::device_storage::DeviceStorage;
use super::host_callbacks::{Authenticator, Notifications, Rest, SdkCallbacks};
use crate::sut::{AppRole, Deadlines, HostCallbacks, LaunchOptions, Process, SdkRole, SutError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use vouch_sim::clock::Clock;
use vouch_sim::wire::{Transcript, Unreachable};
use vouch_spec::profile::Profile;
use vouch_spec::protocol::message::{self, Area, Endpoint, Start};
use vouch_spec::protocol::{Capability, ErrorKind};

tokio::task_local! {
    /// Set for calls that the scenario can cancel.
    pub(super) static CANCEL: Arc<Notify>;
}

/// How a call into the SDK ended.
pub(super) enum Called<R> {
    Ok(R),
    Refused {
        kind: ErrorKind,
        text: String,
    },
    /// The process was killed on purpose while the call went on.
    Killed,
}

/// The device of one case.
pub(super) struct Device {
    pub storage: DeviceStorage,
    role: SdkRole,
    /// The app around the SDK, where it is one from outside.
    pub app: AppProcess,
    deadlines: Deadlines,
    request_timeout: Duration,
    endpoints: Vec<Endpoint>,
    profile: Arc<Profile>,
    transcript: Transcript,
    launches: Mutex<Vec<usize>>,
    clock: Clock,
    pub capabilities: BTreeSet<Capability>,
    locked: Mutex<bool>,
    /// How far the device's clock is ahead of the servers', in milliseconds.
    clock_off_ms: Arc<AtomicI64>,
    clock_was_skewed: AtomicBool,
    tells_time: bool,
    rest: Arc<Rest>,
    /// The last time that the SDK was told.
    told_ms: AtomicI64,
    /// Held while it notices.
    noticing: tokio::sync::Mutex<()>,
    traps: bool,
    /// Servers that cannot be reached: identity provider, API.
    nowhere: Mutex<(Option<Unreachable>, Option<Unreachable>)>,
    process: Mutex<Option<Arc<Process>>>,
    /// Everything heard so far, over all launches.
    heard: Arc<Mutex<Notifications>>,
    stderr: Mutex<String>,
    /// What ended processes wrote to standard error and nobody has searched yet.
    unsearched: Mutex<String>,
    authenticator: Mutex<Option<Arc<dyn Authenticator>>>,
}

/// What a device is made of.
pub(super) struct DeviceParts {
    pub sdk: SdkRole,
    pub app: AppRole,
    pub deadlines: Deadlines,
    pub request_timeout: Duration,
    pub endpoints: Vec<Endpoint>,
    /// Whether processes run under a trap for writes to storage.
    pub traps: bool,
    /// For marking launches in it.
    pub transcript: Transcript,
    pub profile: Arc<Profile>,
    pub clock: Clock,
    pub capabilities: BTreeSet<Capability>,
    /// Whether the SDK takes its time from the harness.
    pub tells_time: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Device {
    pub fn new(parts: DeviceParts) -> std::io::Result<Self> {
        Ok(Self {
            storage: DeviceStorage::new()?,
            role: parts.sdk,
            app: AppProcess::new(parts.app, parts.deadlines),
            deadlines: parts.deadlines,
            request_timeout: parts.request_timeout,
            endpoints: parts.endpoints,
            profile: parts.profile,
            transcript: parts.transcript,
            launches: Mutex::default(),
            clock: parts.clock,
            capabilities: parts.capabilities,
            locked: Mutex::new(false),
            clock_off_ms: Arc::default(),
            clock_was_skewed: AtomicBool::new(false),
            tells_time: parts.tells_time,
            rest: Arc::default(),
            told_ms: AtomicI64::new(0),
            noticing: tokio::sync::Mutex::default(),
            traps: parts.traps,
            nowhere: Mutex::default(),
            process: Mutex::default(),
            heard: Arc::default(),
            stderr: Mutex::default(),
            unsearched: Mutex::default(),
            authenticator: Mutex::default(),
        })
    }

    pub fn set_authenticator(&self, authenticator: Arc<dyn Authenticator>) {
        *lock(&self.authenticator) = Some(authenticator);
    }

    pub fn set_app_ears(&self, callbacks: Arc<dyn HostCallbacks>) {
        self.app.set_ears(callbacks);
    }

    /// Launches the app: a new process on the same storage.
    pub async fn launch(&self) -> Result<(), DeviceError> {
        self.launch_sdk().await?;
        self.app.launch(&self.storage.app()).await
    }

    async fn launch_sdk(&self) -> Result<(), DeviceError> {
        if self.runs() {
            return Err(DeviceError::Scenario("the app runs already; close or kill it first".into()));
        }
        self.end_process().await;
        self.rest.launches.send_modify(|launch| *launch += 1);
        self.rest.unnoticed.send_replace(false);
        lock(&self.launches).push(self.transcript.len());
        let callbacks = SdkCallbacks {
            clock: self.clock.clone(),
            clock_off_ms: self.clock_off_ms.clone(),
            heard: self.heard.clone(),
            authenticator: lock(&self.authenticator).clone(),
            rest: self.rest.clone(),
            launch: *self.rest.launches.borrow(),
        };
        let (intercept_writes, temp_dir) = (self.traps.then(|| self.storage.root()), self.storage.temporary());
        let options = LaunchOptions { intercept_writes, temp_dir: Some(&temp_dir) };
        let launched = self.role.launch(Arc::new(callbacks), self.deadlines, options);
        let process = Arc::new(launched.map_err(DeviceError::StartError)?);
        *lock(&self.process) = Some(process.clone());
        if let Err(broken) = process.initialize().await {
            return Err(process.explain(broken).await.into());
        }
        let known = Profile::built_in(&self.profile.name).is_some_and(|known| *known == *self.profile);
        let custom = if known { None } else { serde_json::to_value(&*self.profile).ok() };
        let start = Start {
            profile: if custom.is_some() { "custom".into() } else { self.profile.name.clone() },
            custom,
            storage: message::Storage {
                secure: self.storage.area(Area::Secure),
                plain: self.storage.area(Area::Plain),
                volatile: self.storage.area(Area::Volatile),
                locked: *lock(&self.locked),
            },
            endpoints: self.endpoints(),
            now: self.time_at_launch(),
            request_timeout_ms: u64::try_from(self.request_timeout.as_millis()).unwrap_or(u64::MAX),
        };
        match self.call::<Value>("start", start).await? {
            Called::Ok(_) | Called::Killed => Ok(()),
            Called::Refused { text, .. } => {
                Err(DeviceError::Adapter(SutError::new(format!("the adapter refused `start`: {text}"))))
            }
        }
    }

    /// How many exchanges there had been at each launch.
    pub fn launches(&self) -> Vec<usize> {
        lock(&self.launches).clone()
    }

    pub fn runs(&self) -> bool {
        self.running().is_some_and(|process| process.is_alive())
    }

    fn running(&self) -> Option<Arc<Process>> {
        lock(&self.process).clone()
    }

    /// Closes the app in order.
    pub async fn stop(&self) -> Result<(), DeviceError> {
        let process = self.running().ok_or_else(not_running)?;
        let owed = self.clock.owe();
        let (stopped, app) = (process.stop().await, self.app.stop().await);
        drop(owed);
        self.end_process().await;
        stopped.map_err(DeviceError::from).and(app)
    }

    /// SIGKILL, if there is anything to kill.
    pub async fn kill(&self) {
        let process = self.running();
        if let Some(process) = &process {
            // Before anything else can see that the app is gone.
            process.mark_killed();
        }
        self.app.kill().await;
        if let Some(process) = process {
            process.kill().await;
        }
    }

    /// Forgets the process, keeping what it wrote to standard error.
    async fn end_process(&self) {
        let ended = lock(&self.process).take();
        if let Some(process) = ended {
            process.kill().await;
            let mut stderr = lock(&self.stderr);
            stderr.push_str(&process.stderr_tail());
            lock(&self.unsearched).push_str(&process.take_stderr());
        }
    }

    pub async fn reboot(&self) -> Result<(), DeviceError> {
        self.kill().await;
        self.end_process().await;
        self.storage.empty(Area::Volatile)?;
        self.storage.empty_temporary()?;
        self.launch().await
    }

    /// Removes the app and installs it again.
    pub async fn reinstall(&self, keeps_secure: bool) -> Result<(), DeviceError> {
        self.kill().await;
        self.end_process().await;
        self.storage.empty(Area::Plain)?;
        self.storage.empty(Area::Volatile)?;
        self.storage.empty_app()?;
        self.storage.empty_temporary()?;
        if !keeps_secure {
            self.storage.empty(Area::Secure)?;
        }
        self.launch().await
    }

    /// From the next launch on, these servers cannot be reached.
    pub fn set_hosts(&self, auth: Option<Unreachable>, api: Option<Unreachable>) {
        *lock(&self.nowhere) = (auth, api);
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        let (auth, api) = &*lock(&self.nowhere);
        let url =
            |nowhere: &Option<Unreachable>, usual: &str| nowhere.as_ref().map_or(usual.to_owned(), |n| n.url.clone());
        let end = |of: &Endpoint| Endpoint { auth: url(auth, &of.auth), api: url(api, &of.api), ..of.clone() };
        self.endpoints.iter().map(end).collect()
    }

    /// Has the SDK's process end instead of its n-th write to storage from now on.
    pub fn arm(&self, writes: u32) -> Result<(), DeviceError> {
        let process = self.running().ok_or_else(not_running)?;
        if process.arm(writes) {
            return Ok(());
        }
        Err(DeviceError::Io(std::io::Error::other("the process does not run under a trap for writes")))
    }

    /// Takes that back; whether it has happened.
    pub fn disarm(&self) -> bool {
        self.running().is_some_and(|process| process.disarm())
    }

    /// Calls the SDK.
    pub async fn call<R: DeserializeOwned>(
        &self,
        method: &str,
        params: impl Serialize,
    ) -> Result<Called<R>, DeviceError> {
        let process = self.running().ok_or_else(not_running)?;
        let _owed = self.clock.owe();
        let result = match CANCEL.try_with(Clone::clone) {
            Ok(cancel) => process.call_and_cancel::<R>(method, params, async move { cancel.notified().await }).await,
            Err(_) => process.call::<R>(method, params).await,
        };
        match result {
            Ok(Ok(value)) => Ok(Called::Ok(value)),
            Ok(Err(refusal)) => match refusal.kind() {
                Some(kind) => Ok(Called::Refused { kind, text: refusal.words() }),
                None => Err(DeviceError::Adapter(SutError::new(format!(
                    "the adapter answered `{method}` with an error without a valid `data.kind` (code {}: {})",
                    refusal.code, refusal.message
                )))),
            },
            Err(broken) if broken.killed_by_us => Ok(Called::Killed),
            Err(broken) => Err(process.explain(broken).await.into()),
        }
    }

    pub async fn set_locked(&self, locked: bool) -> Result<(), DeviceError> {
        *lock(&self.locked) = locked;
        if self.running().is_some() {
            self.call::<Value>("lockStorage", json!({ "locked": locked })).await?;
        }
        Ok(())
    }

    pub async fn shut_down(&self) {
        self.app.kill().await;
        self.end_process().await;
    }
}

fn not_running() -> DeviceError {
    DeviceError::Scenario("the app does not run now; `launch` it first".into())
}
