//! The device of a case: its storage, its clock, and the process of the SDK that runs on it.

mod inspection;
mod lifecycle;
mod processes;
mod second_process;
mod time;

use super::app_process::AppProcess;
use super::device_error::DeviceError;
use super::device_storage::DeviceStorage;
use super::host_callbacks::{Authenticator, Notifications};
use super::role_setup::{PreviousBuild, RoleSetup};
use super::stderr_log::StderrLog;
use crate::sut::{Deadlines, DeviceHook, HostCallbacks, OutsideFiles, Process, ProcessPool, SdkRole, SutError};
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use time::DeviceClock;
use tokio::sync::Notify;
use vouch_sim::clock::Clock;
use vouch_sim::reference::sdk::AppState;
use vouch_sim::reference::sdk::ports::WriteFault;
use vouch_sim::wire::{SpokenProfile, Transcript, UnreachableAddress, WireEra};
use vouch_spec::protocol::message::Endpoint;
use vouch_spec::protocol::{Capability, ErrorKind, Realm, SdkMethod};

tokio::task_local! {
    /// Set for calls that the scenario can cancel.
    pub(super) static CANCEL: Arc<Notify>;
}

/// A build of the app that a device can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Build {
    /// The build under test.
    UnderTest,
    /// The one before it: see [`RoleSetup::previous`].
    Previous,
}

impl Build {
    fn era(self) -> WireEra {
        match self {
            Build::UnderTest => WireEra::Current,
            Build::Previous => WireEra::Earlier,
        }
    }
}

/// How an SDK call ended.
pub(super) enum Called<R> {
    Ok(R),
    Refused {
        kind: ErrorKind,
        text: String,
    },
    /// The harness killed the process during the call.
    Killed,
}

/// The device of one case.
pub(super) struct Device {
    pub storage: DeviceStorage,
    /// The process of the app around the SDK, if the app is external.
    pub app: AppProcess,
    config: DeviceConfig,
    clock: DeviceClock,
    transcript: Transcript,
    /// The number of exchanges in the transcript at each launch.
    launches: Mutex<Vec<usize>>,
    locked: Mutex<bool>,
    unreachable: Mutex<UnreachableHosts>,
    process: Mutex<Option<Arc<Process>>>,
    /// The second process on the same storage.
    second: Mutex<Option<Arc<Process>>>,
    /// The installed build.
    build: Mutex<Build>,
    /// Where the app was launched.
    app_state: Mutex<AppState>,
    /// The fault for a write of the process that is launched next.
    armed_for_launch: Mutex<Option<(u32, WriteFault)>>,
    /// The calls of the SDK that go on.
    calls: Arc<AtomicUsize>,
    /// Whether the adapter refused a call because another one went on.
    was_busy: AtomicBool,
    /// The processes that have served this case.
    used: Mutex<Vec<Weak<Process>>>,
    /// Whether one of them had served another case before, or failed when it was asked to serve another one.
    reuse_matters: AtomicBool,
    notifications: Arc<Mutex<Notifications>>,
    stderr: StderrLog,
    outside: Arc<OutsideFiles>,
    authenticator: Mutex<Option<Arc<dyn Authenticator>>>,
}

/// What does not change during a case.
struct DeviceConfig {
    role: SdkRole,
    /// What fills the role in [`Build::Previous`].
    previous: Option<SdkRole>,
    /// Where processes come from and go back to, if they can serve this case as they serve others.
    pool: Option<Arc<ProcessPool>>,
    deadlines: Deadlines,
    request_timeout: Duration,
    profile: SpokenProfile,
    capabilities: BTreeSet<Capability>,
    /// Those of the build under test, and those of the previous build.
    endpoints: [Vec<Endpoint>; 2],
    /// Whether writes to storage are intercepted, for a `crash` or `failWrites` step.
    intercept_writes: bool,
    /// Whether the files that the SDK writes outside its folders are noted.
    watches_files: bool,
    environment: Vec<(&'static str, &'static str)>,
}

/// Servers that the SDK cannot reach.
#[derive(Default)]
struct UnreachableHosts {
    auth: Option<UnreachableAddress>,
    api: Option<UnreachableAddress>,
}

/// What a device needs from its case.
pub(super) struct DeviceParts {
    /// Those of the build under test, and those of the previous build.
    pub endpoints: [Vec<Endpoint>; 2],
    /// Whether writes to storage are intercepted, for a `crash` or `failWrites` step.
    pub intercept_writes: bool,
    pub transcript: Transcript,
    pub profile: SpokenProfile,
    pub clock: Clock,
    /// How far the device's clock is ahead of it, in milliseconds.
    pub clock_offset_ms: i64,
    /// Further environment variables of the SDK's process.
    pub environment: Vec<(&'static str, &'static str)>,
    /// The build that is installed at first.
    pub build: Build,
}

impl Device {
    /// A device with empty storage and no running process.
    pub fn new(setup: &RoleSetup, parts: DeviceParts) -> std::io::Result<Self> {
        parts.profile.enter(parts.build.era());
        let storage = DeviceStorage::new()?;
        let outside = OutsideFiles::except(setup.files.not_the_sdks.iter().cloned());
        outside.exclude(storage.root());
        Ok(Self {
            outside: Arc::new(outside),
            storage,
            app: AppProcess::new(setup.app.clone(), setup.deadlines),
            config: DeviceConfig {
                role: setup.sdk.clone(),
                previous: setup.previous.as_ref().and_then(PreviousBuild::sdk).cloned(),
                pool: pool(setup, &parts),
                deadlines: setup.deadlines,
                request_timeout: setup.request_timeout,
                profile: parts.profile,
                capabilities: setup.capabilities.clone(),
                endpoints: parts.endpoints,
                intercept_writes: parts.intercept_writes,
                watches_files: setup.files.watched,
                environment: parts.environment,
            },
            clock: DeviceClock::new(parts.clock, parts.clock_offset_ms, setup.tells_time),
            transcript: parts.transcript,
            launches: Mutex::default(),
            locked: Mutex::new(false),
            unreachable: Mutex::default(),
            process: Mutex::default(),
            second: Mutex::default(),
            build: Mutex::new(parts.build),
            app_state: Mutex::new(AppState::Foreground),
            armed_for_launch: Mutex::default(),
            calls: Arc::default(),
            was_busy: AtomicBool::new(false),
            used: Mutex::default(),
            reuse_matters: AtomicBool::new(false),
            notifications: Arc::default(),
            stderr: StderrLog::default(),
            authenticator: Mutex::default(),
        })
    }

    /// Sets who answers the SDK's authenticate callback, from the next launch on.
    pub fn set_authenticator(&self, authenticator: Arc<dyn Authenticator>) {
        *self.authenticator.lock() = Some(authenticator);
    }

    /// Sets the handler of the external app's requests, from the next launch on.
    pub fn set_app_callbacks(&self, callbacks: Arc<dyn HostCallbacks>) {
        self.app.set_callbacks(callbacks);
    }

    /// Whether the SDK's process runs.
    pub fn runs(&self) -> bool {
        self.running().is_some_and(|process| process.is_alive())
    }

    /// The installed build.
    pub fn build(&self) -> Build {
        *self.build.lock()
    }

    /// Whether its process did not answer a call in time.
    pub fn missed_deadline(&self) -> bool {
        self.running().is_some_and(|process| process.missed_deadline())
    }

    /// The process that calls go to: the second one inside [`Device::in_second_process`].
    fn running(&self) -> Option<Arc<Process>> {
        let slot = if second_process::is_meant() { &self.second } else { &self.process };
        slot.lock().clone()
    }

    /// The addresses that the installed build calls.
    fn endpoints(&self) -> &[Endpoint] {
        let [current, earlier] = &self.config.endpoints;
        match self.build() {
            Build::UnderTest => current,
            Build::Previous => earlier,
        }
    }

    /// What fills the role in the installed build.
    fn role(&self) -> Result<&SdkRole, DeviceError> {
        match self.build() {
            Build::UnderTest => Ok(&self.config.role),
            Build::Previous => self.config.previous.as_ref().ok_or_else(|| {
                DeviceError::Scenario("there is no program of a previous build: give [sdk.previous] a command".into())
            }),
        }
    }

    /// Makes servers unreachable for the SDK, from the next launch on.
    pub fn set_unreachable(&self, auth: Option<UnreachableAddress>, api: Option<UnreachableAddress>) {
        *self.unreachable.lock() = UnreachableHosts { auth, api };
    }

    /// The base URL of the API, or of the identity provider, in another environment and region than `home`.
    pub fn foreign_base(&self, home: Realm, api: bool) -> String {
        let is_foreign = |e: &&Endpoint| e.environment != home.environment && e.region != home.region;
        let endpoint = self.endpoints().iter().find(is_foreign);
        endpoint.map(|endpoint| if api { endpoint.api.clone() } else { endpoint.auth.clone() }).unwrap_or_default()
    }

    /// Lets a fault strike instead of the SDK's n-th write to storage from now on, counted from 1.
    pub fn arm(&self, write: u32, fault: WriteFault) -> Result<(), DeviceError> {
        let process = self.running().ok_or_else(not_running)?;
        if process.arm(write, fault) {
            return Ok(());
        }
        Err(DeviceError::Io(std::io::Error::other("the writes of the process are not intercepted")))
    }

    /// The same for the process that is launched next, from its call `start` on.
    pub fn arm_next_launch(&self, write: u32, fault: WriteFault) {
        *self.armed_for_launch.lock() = Some((write, fault));
    }

    /// Cancels [`Device::arm`] and [`Device::arm_next_launch`]. Returns whether the fault struck.
    pub fn disarm(&self) -> bool {
        *self.armed_for_launch.lock() = None;
        self.running().is_some_and(|process| process.disarm())
    }

    /// Calls the SDK.
    pub async fn call<R: DeserializeOwned>(
        &self,
        method: SdkMethod,
        params: impl Serialize,
    ) -> Result<Called<R>, DeviceError> {
        let process = self.running().ok_or_else(not_running)?;
        let _owed = self.clock.case.begin_call();
        let others = CountedCall::begin(&self.calls);
        let result = match CANCEL.try_with(Clone::clone) {
            Ok(cancel) => {
                let cancelled = async move { cancel.notified().await };
                process.call_and_cancel::<R>(method.word(), params, cancelled).await
            }
            Err(_) => process.call::<R>(method.word(), params).await,
        };
        match result {
            Ok(Ok(value)) => Ok(Called::Ok(value)),
            Ok(Err(refusal)) => match refusal.kind() {
                Some(ErrorKind::Busy) if others.before == 0 => Err(DeviceError::Adapter(SutError::new(format!(
                    "the adapter answered `{method}` with the error busy, and no other call went on"
                )))),
                Some(kind) => {
                    self.was_busy.fetch_or(kind == ErrorKind::Busy, Ordering::Relaxed);
                    Ok(Called::Refused { kind, text: refusal.words() })
                }
                None => Err(DeviceError::Adapter(SutError::new(format!(
                    "the adapter answered `{method}` with an error without a valid `data.kind` (code {}: {})",
                    refusal.code, refusal.message
                )))),
            },
            Err(error) if error.killed_by_us => Ok(Called::Killed),
            Err(error) => Err(process.explain(error).await.into()),
        }
    }

    /// Whether the adapter refused a call because it makes one at a time.
    pub fn was_busy(&self) -> bool {
        self.was_busy.load(Ordering::Relaxed)
    }

    /// Locks or unlocks the storage of the device.
    pub async fn set_locked(&self, locked: bool) -> Result<(), DeviceError> {
        *self.locked.lock() = locked;
        let hook = if locked { DeviceHook::Lock } else { DeviceHook::Unlock };
        if self.run_hook(hook).await?.is_some() {
            return Ok(());
        }
        if self.running().is_some() {
            self.call::<Value>(SdkMethod::LockStorage, json!({ "locked": locked })).await?;
        }
        Ok(())
    }
}

/// The idle processes that may serve a case. One that intercepts writes or has environment variables of its own needs a process
/// of its own.
fn pool(setup: &RoleSetup, parts: &DeviceParts) -> Option<Arc<ProcessPool>> {
    let pool = setup.sdk_processes.clone()?;
    (!parts.intercept_writes && parts.environment.is_empty()).then_some(pool)
}

/// A call that goes on until this value is dropped.
struct CountedCall {
    all: Arc<AtomicUsize>,
    /// How many others went on when it began.
    before: usize,
}

impl CountedCall {
    fn begin(all: &Arc<AtomicUsize>) -> Self {
        Self { before: all.fetch_add(1, Ordering::Relaxed), all: all.clone() }
    }
}

impl Drop for CountedCall {
    fn drop(&mut self) {
        self.all.fetch_sub(1, Ordering::Relaxed);
    }
}

fn not_running() -> DeviceError {
    DeviceError::Scenario("the app does not run now; `launch` it first".into())
}
