//! The world of one case: cloud, wire, device, backends, app, and the names that the scenario gave to things.

mod users;

use super::app::App;
use super::crash_points::CrashPoint;
use super::device::{Device, DeviceParts};
use super::device_error::DeviceError;
use super::environment::{endpoints, vendor};
use super::expiries::lifetimes;
use super::sdk_calls::CallLog;
use super::step_result::{StepError, StepResult};
use super::vendor::Vendor;
use crate::sut::{
    AppRole, Backend, BackendEnvironment, BackendLaunch, BackendRole, CloudRole, Deadlines, SdkRole, ServiceError,
    SutError,
};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
pub use users::TestUser;
use vouch_sim::clock::{Clock, Mode, real_now_ms};
use vouch_sim::mock_cloud::{DefaultCloudPolicy, Keys};
use vouch_sim::reference::adapter::{Reference, TimeSource};
use vouch_sim::reference::app::DefaultAppPolicy;
use vouch_sim::reference::backend::DefaultBackendPolicy;
use vouch_sim::wire::redact::{Redactor, SecretKind};
use vouch_sim::wire::{Faults, Link, Party, Received, RecordingProxy, Reply, Transcript};
use vouch_spec::profile::Profile;
use vouch_spec::protocol::{Capability, Realm};
use vouch_spec::scenario::{Given, OwnProfile, Text};
use vouch_spec::step::Expiries;

/// What every case of a run shares.
#[derive(Clone)]
pub struct Setup {
    pub sdk: SdkRole,
    pub app: AppRole,
    pub backend: BackendRole,
    pub cloud: CloudRole,
    /// How exchange and refresh look on the wire.
    pub profile: Arc<Profile>,
    /// What the SDK claims.
    pub capabilities: BTreeSet<Capability>,
    pub mode: Mode,
    /// Whether the SDK takes its time from the harness, also where that is real time.
    pub tells_time: bool,
    pub deadlines: Deadlines,
    /// How long parts wait for one HTTP answer, in real time.
    pub request_timeout: Duration,
}

impl Setup {
    /// Everything built in.
    pub fn built_in(keys: Arc<Keys>) -> Self {
        Self {
            sdk: SdkRole::Builtin { assembly: Arc::new(Reference), time: TimeSource::Harness },
            app: AppRole::Builtin(Arc::new(DefaultAppPolicy)),
            backend: BackendRole::Builtin(Arc::new(DefaultBackendPolicy)),
            cloud: CloudRole::Simulated { keys, policy: Arc::new(DefaultCloudPolicy) },
            profile: Profile::junction(),
            capabilities: Capability::ALL.iter().copied().collect(),
            mode: Mode::Virtual,
            tells_time: true,
            deadlines: Deadlines::default(),
            request_timeout: Duration::from_secs(5),
        }
    }
}

pub struct World {
    pub given: Given,
    pub clock: Clock,
    pub redactor: Redactor,
    pub profile: Arc<Profile>,
    pub vendor: Vendor,
    pub transcript: Transcript,
    pub faults: Faults,
    pub(super) device: Device,
    pub(super) app: App,
    front: RecordingProxy,
    backend_seat: BackendRole,
    pub(super) deadlines: Deadlines,
    request_timeout: Duration,
    /// Ends the names of app users where others may have had them before.
    suffix: String,
    people: Mutex<HashMap<String, TestUser>>,
    values: Mutex<HashMap<String, String>>,
    expiries: Mutex<Expiries>,
    backends: tokio::sync::Mutex<HashMap<Realm, Issuer>>,
    pub(super) begun: Mutex<HashMap<String, StartedCall>>,
    pub(super) conversation: Mutex<CallLog>,
    /// How the process dies in this playing, where the scenario leaves that open.
    pub(super) death: CrashPoint,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    /// Brings up everything but the app's process.
    pub async fn build(
        setup: &Setup,
        given: Given,
        expiries: Expiries,
        traps: bool,
        death: CrashPoint,
    ) -> std::io::Result<Arc<Self>> {
        let redactor = Redactor::default();
        let profile = match given.profile {
            Some(OwnProfile::Standard) => Profile::built_in("standard").unwrap_or_else(|| setup.profile.clone()),
            None => setup.profile.clone(),
        };
        let clock = match &setup.cloud {
            CloudRole::Simulated { .. } => Clock::new(setup.mode),
            // Its tokens carry its own time.
            CloudRole::External(_) => Clock::starting_at(setup.mode, real_now_ms()),
        };
        let vendor = vendor(setup, &given, &clock, &redactor, &profile).map_err(std::io::Error::other)?;
        let transcript = Transcript::new(clock.clone(), profile.clone());
        let faults = Faults::default();
        let front = RecordingProxy::new(transcript.clone(), faults.clone(), clock.clone());
        let endpoints = endpoints(&front, &vendor, &profile, given.realm()).await?;
        let device = Device::new(DeviceParts {
            sdk: setup.sdk.clone(),
            app: setup.app.clone(),
            deadlines: setup.deadlines,
            request_timeout: setup.request_timeout,
            endpoints,
            traps,
            transcript: transcript.clone(),
            profile: profile.clone(),
            clock: clock.clone(),
            capabilities: setup.capabilities.clone(),
            tells_time: setup.tells_time,
        })?;
        let running =
            matches!(&setup.backend, BackendRole::External(spec) if matches!(spec.run, BackendLaunch::Running { .. }));
        let shared = running || matches!(setup.cloud, CloudRole::External(_));
        let suffix =
            if shared { format!("-{}", &uuid::Uuid::new_v4().simple().to_string()[..8]) } else { String::new() };
        let world = Arc::new(Self {
            clock,
            redactor,
            profile,
            vendor,
            transcript,
            faults,
            device,
            app: App::new(&setup.app),
            front,
            backend_seat: setup.backend.clone(),
            deadlines: setup.deadlines,
            request_timeout: setup.request_timeout,
            suffix,
            people: Mutex::default(),
            values: Mutex::default(),
            expiries: Mutex::new(expiries),
            backends: tokio::sync::Mutex::default(),
            begun: Mutex::default(),
            conversation: Mutex::default(),
            death,
            given,
        });
        world.connect();
        Ok(world)
    }

    /// Brings in the people of the scenario, and the backend where it is the one on trial.
    pub(super) async fn prepare_users(&self) -> Result<(), StepError> {
        let realm = self.given.realm();
        for name in &self.given.users {
            let external_id = self.external_id(name);
            let id = self.vendor.add_user(realm, &external_id, None).await?;
            if let Some(id) = &id {
                self.redactor.id(id, format!("{name}.id"));
            }
            lock(&self.people).insert(name.clone(), TestUser { external_id, id });
        }
        for name in &self.given.newcomers {
            lock(&self.people).insert(name.clone(), TestUser { external_id: self.external_id(name), id: None });
        }
        if matches!(self.backend_seat, BackendRole::External(_)) {
            let issuer = self.backend(realm).await?;
            for name in self.given.users.iter().chain(&self.given.newcomers) {
                issuer.backend.log_in(&self.external_id(name), &self.redactor).await.map_err(StepError::Backend)?;
            }
        }
        Ok(())
    }

    fn external_id(&self, name: &str) -> String {
        format!("app-user-{name}{}", self.suffix)
    }

    /// Ties what needs the whole world to it.
    fn connect(self: &Arc<Self>) {
        self.update_expiries(|_| {});
        self.device.set_authenticator(super::app::authenticator(self));
        self.device.set_app_ears(super::app::callbacks(self));
        let weak = Arc::downgrade(self);
        self.front.set_killer(Arc::new(move || {
            let world = weak.upgrade();
            Box::pin(async move {
                if let Some(world) = world {
                    world.device.kill().await;
                }
            })
        }));
    }

    /// Notes that a wait for an expiry is over.
    pub fn update_expiries(&self, change: impl FnOnce(&mut Expiries)) {
        let mut expiries = lock(&self.expiries);
        change(&mut expiries);
        if let Vendor::Simulated(cloud) = &self.vendor {
            cloud.set_lifetimes(lifetimes(*expiries, self.clock.mode()));
        }
    }

    /// Gives a value a name.
    pub fn bind(&self, name: &str, value: String) {
        lock(&self.values).insert(name.to_owned(), value);
    }

    /// A text with its variables filled in.
    pub fn text(&self, text: &Text) -> Result<String, StepError> {
        text.resolve(|name| self.value(name))
            .map_err(|name| StepError::Scenario(format!("`${name}` has no value here")))
    }

    fn value(&self, name: &str) -> Option<String> {
        if let Some((who, field)) = name.split_once('.') {
            return match (who, field) {
                ("team", "key") => self.vendor.api_key(self.given.realm()).ok(),
                (_, "id") => self.person(who).ok()?.id,
                (_, "externalId") => Some(self.person(who).ok()?.external_id),
                _ => lock(&self.values).get(name).cloned(),
            };
        }
        lock(&self.values).get(name).cloned()
    }

    /// The backend of a realm's team and its address, brought up when first needed.
    pub(super) async fn backend(&self, realm: Realm) -> Result<Issuer, StepError> {
        let mut backends = self.backends.lock().await;
        if let Some(found) = backends.get(&realm) {
            return Ok(found.clone());
        }
        let harness = |e: &dyn std::fmt::Display| StepError::Harness(format!("cannot bring up a backend: {e}"));
        let to_api = Link { from: Party::Backend, to: Party::Api, realm };
        let (api, api_key) = match &self.backend_seat {
            BackendRole::External(spec) if let BackendLaunch::Running { listen, api_key, .. } = &spec.run => {
                let cloud = self.vendor.simulated()?;
                cloud.set_key(realm, api_key);
                self.redactor.named_secret(SecretKind::ApiKey, api_key, format!("API key of {realm}"));
                let api = self.front.open_at(*listen, to_api, self.vendor.upstream()).await.map_err(|e| harness(&e))?;
                (api, api_key.clone())
            }
            _ => {
                let api = self.front.open(to_api, self.vendor.upstream()).await.map_err(|e| harness(&e))?;
                (api, self.vendor.api_key(realm)?)
            }
        };
        let around = BackendEnvironment {
            api: &format!("http://{api}"),
            api_key: &api_key,
            realm,
            timeout: self.request_timeout,
            connect_timeout: self.deadlines.call,
        };
        let backend = self.backend_seat.bring_up(&around).await.map_err(|error| match error {
            ServiceError::StartError(error) => harness(&error),
            ServiceError::Unready(trouble) => StepError::Backend(trouble),
        })?;
        let from_app = Link { from: Party::App, to: Party::Backend, realm };
        let upstream = backend.upstream().map_err(|e| harness(&e))?;
        let address = self.front.open(from_app, upstream).await.map_err(|e| harness(&e))?;
        let issuer = Issuer { address: format!("http://{address}"), backend: Arc::new(backend) };
        backends.insert(realm, issuer.clone());
        Ok(issuer)
    }

    /// Calls that were begun and have not ended.
    pub(super) fn calls_under_way(&self) -> usize {
        lock(&self.begun).values().filter(|begun| !begun.task.is_finished()).count()
    }

    pub(super) fn sdk_runs(&self) -> bool {
        self.device.runs()
    }

    /// One call of the harness's own client to the cloud, recorded like any other.
    pub(super) async fn client_call(&self, to: Party, realm: Realm, request: Received) -> Option<Reply> {
        let link = Link { from: Party::Client, to, realm };
        self.front.pass(link, &*self.vendor.upstream(), request).await
    }

    /// Time passes for everybody. A device that is not in use notices it when it is used again.
    pub(super) async fn advance(&self, by: Duration) -> Result<(), StepError> {
        self.device.pass_time();
        self.clock.advance(by).await;
        self.vendor.advance(self.given.realm(), by).await?;
        if self.clock.is_owed() {
            self.device.notice_time().await.map_err(StepError::from)?;
        }
        Ok(())
    }

    /// Launches the app for the first time.
    pub(super) async fn launch(&self) -> Result<(), StepError> {
        self.device.launch().await.map_err(StepError::from)
    }

    /// Everything that the device keeps, as far as it can be seen.
    pub async fn items(&self) -> Result<Vec<vouch_spec::protocol::message::Item>, StepError> {
        self.device.items().await.map_err(StepError::from)
    }

    /// What the SDK has written to its log and to standard error since the last time this was asked.
    pub fn take_written(&self) -> String {
        self.device.take_written()
    }

    /// A notification of the SDK that could not be read.
    pub(super) fn unreadable(&self) -> Option<StepError> {
        let what = self.device.unreadable()?;
        Some(StepError::Adapter(SutError::new(format!("the adapter failed: {what}"))))
    }

    /// What the implementations on trial wrote to standard error.
    pub async fn stderr(&self) -> String {
        let mut text = self.device.stderr();
        for issuer in self.backends.lock().await.values() {
            text.push_str(&issuer.backend.stderr());
        }
        text.push_str(&self.vendor.stderr());
        text
    }

    /// Whether what happens on this machine can be blamed on the build: there is room on the disk, and sockets can be had.
    pub async fn check_environment(&self) -> std::io::Result<()> {
        self.device.storage.check()?;
        tokio::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await.map(drop)
    }

    pub async fn shut_down(&self) {
        self.faults.release();
        self.device.shut_down().await;
    }
}

impl From<DeviceError> for StepError {
    fn from(error: DeviceError) -> Self {
        match error {
            DeviceError::Adapter(trouble) => StepError::Adapter(trouble),
            DeviceError::StartError(why) => StepError::Harness(why.to_string()),
            DeviceError::Scenario(what) => StepError::Scenario(what),
            DeviceError::Io(error) => StepError::Harness(format!("the device's storage failed: {error}")),
        }
    }
}

/// A backend that is up.
#[derive(Clone)]
pub(super) struct Issuer {
    /// The address of its front, as the app calls it.
    pub address: String,
    pub backend: Arc<Backend>,
}

/// A call that goes on.
pub struct StartedCall {
    pub task: JoinHandle<Result<StepResult, StepError>>,
    pub cancel: Arc<Notify>,
    pub mark: usize,
}
