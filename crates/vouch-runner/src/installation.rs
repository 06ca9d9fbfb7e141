//! An installed SDK that is driven through its adapter without a case: by a user of a load, or by a device of a forecast.
//!
//! It launches, calls and ends the SDK on a storage of its own. It must not know why, and judges nothing.

use crate::run::DeviceStorage;
use crate::sut::{Deadlines, HostCallbacks, LaunchError, LaunchOptions, Process, SdkRole, SutError};
use crate::target_file::Target;
use crate::target_setup::TargetError;
use async_trait::async_trait;
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use vouch_sim::clock::Clock;
use vouch_sim::wire::{FaultInjector, Link, Party, RecordingProxy, Transcript, Upstream};
use vouch_spec::profile::Profile;
use vouch_spec::protocol::message::{self, Area, Endpoint, Initialized, SdkName, Start, Stop};
use vouch_spec::protocol::{Capability, ErrorKind, Realm, Refusal, SdkMethod};

/// The clock of the device that an SDK is installed on.
#[async_trait]
pub trait DeviceClock: Send + Sync + 'static {
    /// Milliseconds since 1970, as the device shows them.
    fn now_ms(&self) -> i64;
    /// Ends a wait of the SDK. `background`: no call of the app waits for it.
    async fn sleep(&self, duration: Duration, background: bool);
}

/// A proxy of an SDK keeps this many exchanges. Nothing reads them.
const KEPT_EXCHANGES: usize = 2;

/// The addresses that one SDK calls in place of its cloud. They close when this is dropped.
pub struct SdkAddresses {
    /// What `start` says of them.
    pub endpoint: Endpoint,
    _proxy: RecordingProxy,
}

impl SdkAddresses {
    /// Opens an address each for the API and the identity provider of a realm. `upstream` answers the calls to both.
    ///
    /// # Errors
    /// If this machine gives no port.
    pub async fn open(
        realm: Realm,
        clock: Clock,
        profile: Arc<Profile>,
        upstream: Arc<dyn Upstream>,
    ) -> std::io::Result<Self> {
        let transcript = Transcript::limited(clock.clone(), profile, KEPT_EXCHANGES);
        let proxy = RecordingProxy::new(transcript, FaultInjector::default(), clock);
        let mut url = [String::new(), String::new()];
        for (url, to) in url.iter_mut().zip([Party::Api, Party::Auth]) {
            *url = format!("http://{}", proxy.open(Link { from: Party::Sdk, to, realm }, upstream.clone()).await?);
        }
        let ([api, auth], Realm { environment, region }) = (url, realm);
        Ok(Self { endpoint: Endpoint { environment, region, api, auth }, _proxy: proxy })
    }
}

/// What all installations of one SDK have in common.
pub struct InstallableSdk {
    pub role: SdkRole,
    pub deadlines: Deadlines,
    /// How long the SDK may wait for one HTTP answer, in real time.
    pub request_timeout: Duration,
    pub profile: Arc<Profile>,
    /// What its adapter claims.
    pub claims: BTreeSet<Capability>,
}

impl InstallableSdk {
    /// Starts the SDK `name` of a target once, and asks its adapter what it claims. Also returns how it describes itself.
    ///
    /// # Errors
    /// If it does not start, or does not answer as the protocol says.
    pub async fn probe(
        name: &str,
        role: &SdkRole,
        target: &Target,
        profile: Arc<Profile>,
    ) -> Result<(Self, SdkName), TargetError> {
        let not_ready = |error| TargetError::NotReady { name: name.to_owned(), error };
        let Initialized { sdk, capabilities, .. } = role.probe(target.deadlines).await?.map_err(not_ready)?;
        let installable = Self {
            role: role.clone(),
            deadlines: target.deadlines,
            request_timeout: target.request_timeout,
            profile,
            claims: capabilities.known.into_iter().collect(),
        };
        Ok((installable, sdk))
    }
}

/// An error that the SDK returned to its caller.
#[derive(Clone, PartialEq, Eq)]
pub struct SdkRefusal {
    pub kind: ErrorKind,
    /// From outside; it may hold a token.
    pub text: String,
}

/// Why an installation could not do what it was asked for. It is no answer of the SDK.
#[derive(Debug, thiserror::Error)]
pub enum InstallationError {
    /// The process cannot be launched.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// The process failed, or broke a rule of the protocol.
    #[error(transparent)]
    Adapter(#[from] SutError),
    /// The folders of the device cannot be made or emptied.
    #[error("the storage of a device: {0}")]
    Storage(#[from] std::io::Error),
}

/// One installation: a device with its storage, and the process that runs on it.
pub struct Installation {
    sdk: Arc<InstallableSdk>,
    clock: Arc<dyn DeviceClock>,
    endpoints: Vec<Endpoint>,
    storage: DeviceStorage,
    locked: bool,
    /// Its process.
    killer: Killer,
    /// The time that the process knows.
    sent_ms: i64,
}

impl Installation {
    /// A new installation. Nothing runs yet.
    ///
    /// # Errors
    /// If this machine gives no temporary folder.
    pub fn new(
        sdk: Arc<InstallableSdk>,
        clock: Arc<dyn DeviceClock>,
        endpoints: Vec<Endpoint>,
    ) -> Result<Self, InstallationError> {
        Self::with_killer(sdk, clock, endpoints, Killer::default())
    }

    /// The same, for a caller that must be able to kill its process in the middle of a call.
    ///
    /// # Errors
    /// If this machine gives no temporary folder.
    pub fn with_killer(
        sdk: Arc<InstallableSdk>,
        clock: Arc<dyn DeviceClock>,
        endpoints: Vec<Endpoint>,
        killer: Killer,
    ) -> Result<Self, InstallationError> {
        let storage = DeviceStorage::new()?;
        Ok(Self { sdk, clock, endpoints, storage, locked: false, killer, sent_ms: 0 })
    }

    /// Whether its process runs.
    pub fn runs(&self) -> bool {
        self.process().is_some_and(|process| process.is_alive())
    }

    /// Its process, for those who measure it.
    pub fn process(&self) -> Option<Arc<Process>> {
        self.killer.0.lock().clone()
    }

    fn claims(&self, capability: Capability) -> bool {
        self.sdk.claims.contains(&capability)
    }

    /// Launches the app in a new process on the same storage. A process that still runs is killed.
    ///
    /// # Errors
    /// If the process cannot be started, or its adapter fails.
    pub async fn launch(&mut self, background: bool) -> Result<(), InstallationError> {
        self.kill().await;
        let temporary = self.storage.temporary();
        let options = LaunchOptions { temp_dir: Some(&temporary), background, ..LaunchOptions::default() };
        let callbacks = Arc::new(Callbacks(self.clock.clone()));
        let process = Arc::new(self.sdk.role.launch(callbacks, self.sdk.deadlines, options).await?);
        *self.killer.0.lock() = Some(process.clone());
        if let Err(error) = process.initialize().await {
            return Err(process.explain(error).await.into());
        }
        self.start(background).await
    }

    /// Calls `start`.
    async fn start(&mut self, background: bool) -> Result<(), InstallationError> {
        let now = self.clock.now_ms();
        self.sent_ms = now;
        let (profile, custom) = announced(&self.sdk.profile);
        let area = |area| self.storage.area(area);
        let start = Start {
            profile,
            custom,
            storage: message::Storage {
                secure: area(Area::Secure),
                plain: area(Area::Plain),
                volatile: area(Area::Volatile),
                locked: self.locked && self.claims(Capability::StorageLock),
            },
            background: background && self.claims(Capability::Wake),
            endpoints: self.endpoints.clone(),
            now: self.claims(Capability::Clock).then_some(now),
            request_timeout_ms: u64::try_from(self.sdk.request_timeout.as_millis()).unwrap_or(u64::MAX),
        };
        self.must(SdkMethod::Start, start).await
    }

    /// Empties the device and launches the app as after its installation: in the same process, if its adapter claims `reuse`.
    ///
    /// # Errors
    /// As [`Installation::launch`].
    pub async fn install_again(&mut self) -> Result<(), InstallationError> {
        let kept = match self.process().filter(|process| process.is_alive() && self.claims(Capability::Reuse)) {
            // A process that cannot serve another installation is replaced.
            Some(process) => matches!(process.call::<Value>("stop", Stop { reuse: true }).await, Ok(Ok(_))),
            None => false,
        };
        if !kept {
            self.kill().await;
        }
        Area::ALL.into_iter().try_for_each(|area| self.storage.empty(area))?;
        self.storage.empty_temporary()?;
        self.locked = false;
        if kept { self.start(false).await } else { self.launch(false).await }
    }

    /// Ends the process at once.
    pub async fn kill(&mut self) {
        let ended = self.killer.0.lock().take();
        if let Some(process) = ended {
            process.kill().await;
        }
    }

    /// Ends the app in order: what it does at its end is done.
    ///
    /// # Errors
    /// If the adapter does not end as the protocol says.
    pub async fn stop(&mut self) -> Result<(), InstallationError> {
        let ended = self.killer.0.lock().take();
        match ended {
            Some(process) => Ok(process.stop().await?),
            None => Ok(()),
        }
    }

    /// Ends the process and empties what does not outlast a restart of the device.
    ///
    /// # Errors
    /// If the folders cannot be emptied.
    pub async fn reboot(&mut self) -> Result<(), InstallationError> {
        self.kill().await;
        self.storage.empty(Area::Volatile)?;
        Ok(self.storage.empty_temporary()?)
    }

    /// Brings an app that was launched in the background to the foreground. Nothing happens without the capability `wake`.
    ///
    /// # Errors
    /// If the adapter fails.
    pub async fn come_to_foreground(&mut self) -> Result<(), InstallationError> {
        if !self.claims(Capability::Wake) {
            return Ok(());
        }
        self.must(SdkMethod::Foreground, json!({})).await
    }

    /// Locks or unlocks secure storage, from the next launch on where nothing runs.
    ///
    /// # Errors
    /// If the adapter fails.
    pub async fn set_locked(&mut self, locked: bool) -> Result<(), InstallationError> {
        self.locked = locked;
        if self.runs() && self.claims(Capability::StorageLock) {
            self.must(SdkMethod::LockStorage, json!({ "locked": locked })).await?;
        }
        Ok(())
    }

    /// Calls the SDK at the time of its device. The outer error is a failure of the process.
    ///
    /// # Errors
    /// If nothing runs, the adapter does not answer in time, or breaks the protocol.
    pub async fn call<R: DeserializeOwned>(
        &mut self,
        method: SdkMethod,
        params: impl Serialize,
    ) -> Result<Result<R, SdkRefusal>, InstallationError> {
        let now = self.clock.now_ms();
        if self.claims(Capability::Clock) && std::mem::replace(&mut self.sent_ms, now) != now {
            self.must(SdkMethod::Clock, message::Clock { now }).await?;
        }
        self.call_now(method, params).await
    }

    async fn call_now<R: DeserializeOwned>(
        &self,
        method: SdkMethod,
        params: impl Serialize,
    ) -> Result<Result<R, SdkRefusal>, InstallationError> {
        let Some(process) = self.process() else {
            return Err(
                SutError { what: "the app does not run".into(), killed_by_us: true, stderr: String::new() }.into()
            );
        };
        match process.call::<R>(method.word(), params).await {
            Ok(Ok(value)) => Ok(Ok(value)),
            Ok(Err(refusal)) => match refusal.kind() {
                Some(kind) => Ok(Err(SdkRefusal { kind, text: refusal.words() })),
                // Its text may hold a token.
                None => Err(wrong(format!(
                    "the adapter answered `{method}` with an error without a valid `data.kind` (code {})",
                    refusal.code
                ))),
            },
            Err(error) if error.killed_by_us => Err(error.into()),
            Err(error) => Err(process.explain(error).await.into()),
        }
    }

    /// Makes a call that no adapter may refuse.
    async fn must(&self, method: SdkMethod, params: impl Serialize) -> Result<(), InstallationError> {
        match self.call_now::<Value>(method, params).await? {
            Ok(_) => Ok(()),
            Err(refusal) => Err(wrong(format!("the adapter refused `{method}` with the error {}", refusal.kind))),
        }
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        // A process does not outlive its installation.
        self.killer.0.lock().take();
    }
}

/// Kills the process of an installation at any time.
#[derive(Clone, Default)]
pub struct Killer(Arc<Mutex<Option<Arc<Process>>>>);

impl Killer {
    /// Kills the process, if one runs, and waits until it has ended.
    pub async fn kill(&self) {
        let running = self.0.lock().clone();
        if let Some(process) = running {
            process.kill().await;
        }
    }
}

fn wrong(what: String) -> InstallationError {
    SutError { what, killed_by_us: false, stderr: String::new() }.into()
}

/// How `start` names a wire profile: a built-in one by its name, another one with its mapping.
pub(crate) fn announced(profile: &Profile) -> (String, Option<Value>) {
    let built_in = Profile::built_in(&profile.name).is_some_and(|known| *known == *profile);
    let custom = if built_in { None } else { profile.for_sdk() };
    (if custom.is_some() { "custom".into() } else { profile.name.clone() }, custom)
}

/// The requests of a process to its device.
struct Callbacks(Arc<dyn DeviceClock>);

#[async_trait]
impl HostCallbacks for Callbacks {
    async fn request(&self, method: &str, params: Value) -> Result<Value, Refusal> {
        match method {
            "sleep" => {
                let message::Sleep { milliseconds, background } =
                    serde_json::from_value(params).map_err(|error| Refusal::bad_params(method, &error))?;
                self.0.sleep(Duration::from_millis(milliseconds), background).await;
                Ok(json!({ "now": self.0.now_ms() }))
            }
            _ => Err(Refusal::unknown_method(method)),
        }
    }

    fn notification(&self, _: &str, _: Value) {}
}
