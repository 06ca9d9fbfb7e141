//! The world of one case: cloud, recording proxy, device, backends, app, and the values that the scenario named.
//!
//! The world knows its parts; a part gets the handles that it needs ([`CaseContext`]) and must not know the world.

use super::app::{App, AppAuthenticator, AppCallbacks, AppParts};
use super::backends::{BackendTimeouts, Backends};
use super::conditions::Conditions;
use super::context::CaseContext;
use super::crash_points::CrashPoint;
use super::device::{Build, Device, DeviceParts};
use super::environment::{endpoints, endpoints_of_earlier, vendor};
use super::expiries::lifetimes;
use super::rate_limit;
use super::role_setup::RoleSetup;
use super::sdk_client::SdkClient;
use super::step_result::{StepError, StepResult};
use super::stored_start::InstallationToUpdate;
use super::users::Users;
use super::vendor::Vendor;
use crate::sut::{BackendLaunch, BackendRole, CloudRole, SutError};
use hyper::StatusCode;
use parking_lot::Mutex;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use vouch_sim::clock::{Clock, real_now_ms};
use vouch_sim::wire::redact::Redactor;
use vouch_sim::wire::{
    FaultInjector, Link, Party, RecordingProxy, SpokenProfile, Transcript, WireRequest, WireResponse,
};
use vouch_spec::profile::Profile;
use vouch_spec::protocol::message::{Area, Item};
use vouch_spec::protocol::{Realm, Role};
use vouch_spec::scenario::{Given, OwnProfile, PreviousProfile, Text};
use vouch_spec::step::{Expiries, Step};

/// How far time moves at once while the app is in the foreground.
const FOREGROUND_TICK: Duration = Duration::from_secs(600);
/// How long the time in the foreground may take, in real time. Then the rest of it passes at once.
const FOREGROUND_LIMIT: Duration = Duration::from_secs(3);

/// The world of one case.
pub struct World {
    pub given: Arc<Given>,
    pub clock: Clock,
    pub redactor: Redactor,
    pub profile: Arc<Profile>,
    pub vendor: Arc<Vendor>,
    pub transcript: Transcript,
    pub faults: FaultInjector,
    pub(super) users: Arc<Users>,
    /// What the previous build left on the device before the case.
    stored: Option<InstallationToUpdate>,
    pub(super) device: Arc<Device>,
    pub(super) sdk: Arc<SdkClient>,
    pub(super) backends: Arc<Backends>,
    pub(super) app: Arc<App>,
    proxy: Arc<RecordingProxy>,
    values: Mutex<HashMap<String, String>>,
    expiries: Mutex<Expiries>,
    /// How long access tokens are good, where not as usual.
    lifetime: Option<Duration>,
    /// The calls of `start` steps by name.
    pub(super) started_calls: Mutex<HashMap<String, StartedCall>>,
    pub(super) crash_point: CrashPoint,
    /// The areas in which the SDK may keep tokens.
    pub(super) token_storage: Vec<Area>,
    /// The roles under test; empty if all are built in.
    pub(super) under_test: BTreeSet<Role>,
    call_timeout: Duration,
}

/// What a case prescribes for its world.
pub(super) struct WorldOptions {
    pub given: Given,
    pub conditions: Conditions,
    pub expiries: Expiries,
    /// Whether writes to storage are intercepted, for a `crash` step.
    pub intercept_writes: bool,
    pub crash_point: CrashPoint,
    /// The build that is installed at first.
    pub build: Build,
    /// What the previous build left on the device before the case.
    pub stored: Option<InstallationToUpdate>,
}

impl World {
    /// Starts everything except the process of the app.
    pub(super) async fn build(setup: &RoleSetup, options: WorldOptions) -> std::io::Result<Arc<Self>> {
        let faults = FaultInjector::default();
        let stored = options.stored;
        let context = context(setup, (options.given, stored.as_ref()), &options.conditions, &faults)?;
        let CaseContext { proxy, vendor, profile, spoken, .. } = &context;
        let home = context.given.realm();
        let endpoints = endpoints(proxy, vendor, profile, home).await?;
        let earlier_endpoints = match spoken.earlier() {
            Some(earlier) => endpoints_of_earlier(proxy, vendor, (earlier, &endpoints), home).await?,
            None => endpoints.clone(),
        };
        let parts = DeviceParts {
            endpoints: [endpoints, earlier_endpoints],
            intercept_writes: options.intercept_writes,
            transcript: context.transcript.clone(),
            profile: context.spoken.clone(),
            clock: context.clock.clone(),
            clock_offset_ms: options.conditions.clock_offset_ms,
            environment: options.conditions.environment(),
            build: options.build,
        };
        let device = Arc::new(Device::new(setup, parts)?);
        let id_of_first = stored.as_ref().map(|stored| stored.state().user.id.clone());
        let users = Arc::new(Users::new(context.clone(), setup.backend.clone(), is_shared(setup), id_of_first));
        let timeouts = BackendTimeouts { from_app: setup.deadlines.call, to_vendor: setup.request_timeout };
        let backends = Arc::new(Backends::new(context.clone(), setup.backend.clone(), timeouts));
        let sdk = Arc::new(SdkClient::new(context.clone(), device.clone()));
        let parts = AppParts {
            context: context.clone(),
            users: users.clone(),
            backends: backends.clone(),
            device: device.clone(),
            sdk: sdk.clone(),
        };
        let app = Arc::new(App::new(&setup.app, parts));
        device.set_authenticator(Arc::new(AppAuthenticator(Arc::downgrade(&app))));
        device.set_app_callbacks(Arc::new(AppCallbacks(Arc::downgrade(&app))));
        kill_device_on_fault(&context.proxy, &device);
        let CaseContext { given, clock, redactor, profile, transcript, vendor, proxy, .. } = context;
        let own = given.cloud.access_token_seconds.map(|seconds| Duration::from_secs(seconds.into()));
        let unannounced = || profile.unannounced_lifetime().map(Duration::from_secs);
        let lifetime = own.or(options.conditions.lifetime).or_else(unannounced);
        let world = Self {
            given,
            clock,
            redactor,
            profile,
            vendor,
            transcript,
            faults,
            users,
            stored,
            device,
            sdk,
            backends,
            app,
            proxy,
            values: Mutex::default(),
            expiries: Mutex::new(options.expiries),
            lifetime,
            started_calls: Mutex::default(),
            crash_point: options.crash_point,
            token_storage: setup.token_storage.clone(),
            under_test: setup.under_test.clone(),
            call_timeout: setup.deadlines.call,
        };
        world.update_expiries(|_| {});
        Ok(Arc::new(world))
    }

    /// Creates the users of the scenario and starts the backend under test.
    pub(super) async fn prepare_users(&self) -> Result<(), StepError> {
        self.check_lifetime()?;
        self.users.create().await?;
        if let Some(stored) = &self.stored {
            stored.adopt(&self.vendor)?;
            stored.install(&self.device.storage).map_err(|error| {
                StepError::Harness(format!("the stored installation of the previous build cannot be copied: {error}"))
            })?;
        }
        self.backends.prepare(&self.users).await?;
        for name in self.users.unknown_at_vendor() {
            self.make_vendor_user(&name).await?;
        }
        Ok(())
    }

    /// Has the backend make the vendor user of a user whose `client_user_id` only the backend knows.
    async fn make_vendor_user(&self, name: &str) -> Result<(), StepError> {
        let made = self.app.request_token(name, self.given.realm()).await?;
        let token = made.map_err(|error| StepError::Unmet {
            expected: "a sign-in token for a user of the case, before its first step".into(),
            got: error.text,
        })?;
        let id = super::step::owner_of(&token)?;
        self.users.set_id(name, id);
        Ok(())
    }

    /// Changes which expiries the remaining steps wait for, and the token lifetimes accordingly.
    pub fn update_expiries(&self, change: impl FnOnce(&mut Expiries)) {
        let mut expiries = self.expiries.lock();
        change(&mut expiries);
        if let Vendor::Simulated(cloud) = &*self.vendor {
            cloud.set_lifetimes(lifetimes(*expiries, self.clock.mode(), self.lifetime));
        }
    }

    /// An SDK cannot know another lifetime than the usual one where no answer says it.
    fn check_lifetime(&self) -> Result<(), StepError> {
        let (Some(usual), Vendor::Simulated(cloud)) = (self.profile.unannounced_lifetime(), &*self.vendor) else {
            return Ok(());
        };
        if cloud.lifetimes().access_token == Duration::from_secs(usual) {
            return Ok(());
        }
        let why = format!(
            "access tokens live {}, and the wire profile has no `expiresIn` that says so",
            humantime::format_duration(cloud.lifetimes().access_token)
        );
        Err(StepError::NotApplicable(why))
    }

    /// Names a value.
    pub fn bind(&self, name: &str, value: String) {
        self.values.lock().insert(name.to_owned(), value);
    }

    /// A value that a step named.
    pub fn bound(&self, name: &str) -> Option<String> {
        self.values.lock().get(name).cloned()
    }

    /// Replaces the variables of a text.
    pub fn text(&self, text: &Text) -> Result<String, StepError> {
        text.resolve(|name| self.value(name)).map_err(|name| {
            let is_user = name.strip_suffix(".id").is_some_and(|user| self.users.get(user).is_ok());
            match is_user {
                // Every person of a scenario gets a vendor user, when the backend is asked for a token at the latest.
                true => StepError::Unmet { expected: format!("a vendor user: `${name}`"), got: "none".into() },
                false => StepError::Scenario(format!("`${name}` has no value here")),
            }
        })
    }

    fn value(&self, name: &str) -> Option<String> {
        match name.split_once('.') {
            Some(("team", "key")) => self.vendor.api_key(self.given.realm()).ok(),
            // What a server that compares beginnings takes for the key.
            Some(("team", "keyStart")) => {
                let key = self.vendor.api_key(self.given.realm()).ok()?;
                key.get(..key.len().checked_sub(1)?).map(str::to_owned)
            }
            Some((user, "id")) => self.users.get(user).ok()?.id,
            Some((user, "externalId")) => Some(self.users.get(user).ok()?.external_id),
            _ => self.values.lock().get(name).cloned(),
        }
    }

    /// The number of started calls that are still in flight.
    pub(super) fn calls_in_flight(&self) -> usize {
        let runs = |call: &&StartedCall| matches!(&call.progress, CallProgress::Running(task) if !task.is_finished());
        self.started_calls.lock().values().filter(runs).count()
    }

    /// Sends a request of the harness's own client to the cloud. It is recorded like any other. An external cloud may limit the
    /// rate: then waits as long as it says, and sends the request again.
    pub(super) async fn client_call(&self, to: Party, realm: Realm, request: WireRequest) -> Option<WireResponse> {
        let link = Link { from: Party::Client, to, realm };
        let upstream = self.vendor.upstream();
        let mut reply = self.proxy.forward(link, &*upstream, request.clone()).await;
        for _ in 0..rate_limit::PATIENCE {
            let limited = reply.as_ref().filter(|reply| reply.status == StatusCode::TOO_MANY_REQUESTS);
            // With a fault in force, 429 may be what the scenario is about.
            let (Some(limited), Vendor::External(_), true) = (limited, &*self.vendor, self.faults.is_empty()) else {
                break;
            };
            tokio::time::sleep(rate_limit::wait(&limited.headers)).await;
            reply = self.proxy.forward(link, &*upstream, request.clone()).await;
        }
        reply
    }

    /// Advances the time of every part. A device that is not in use notices when it is used again.
    pub(super) async fn advance(&self, by: Duration) -> Result<(), StepError> {
        self.device.pass_time();
        self.clock.advance(by).await;
        self.vendor.advance(self.given.realm(), by).await?;
        if self.clock.has_pending_calls() {
            self.device.notice_time().await?;
        }
        Ok(())
    }

    /// Advances the time while the app stays in the foreground: in steps, from one end of a sleep to the next, so that the
    /// timers of the SDK fire at their time.
    pub(super) async fn advance_in_foreground(&self, by: Duration) -> Result<(), StepError> {
        let started = Instant::now();
        let mut left = by;
        while !left.is_zero() {
            let hurry = started.elapsed() > FOREGROUND_LIMIT;
            let until_end = self.clock.until_next_end();
            let step = match until_end {
                _ if hurry => left,
                // Whole seconds, as the hooks of clouds count.
                Some(until_end) => Duration::from_secs(until_end.as_secs() + 1).min(FOREGROUND_TICK).min(left),
                None => FOREGROUND_TICK.min(left),
            };
            left -= step;
            self.clock.advance(step).await;
            self.vendor.advance(self.given.realm(), step).await?;
            self.device.tick(until_end.is_some_and(|until_end| until_end <= step)).await?;
        }
        Ok(())
    }

    /// Lets the tokens issued so far become older than what happens next, in the clock of the cloud. Used before revocations:
    /// a cloud that compares whole seconds cannot tell a token from before a revocation in the same second.
    pub(super) async fn leave_second(&self) -> Result<(), StepError> {
        let unit = self.vendor.time_resolution();
        if unit.is_zero() { Ok(()) } else { self.advance(unit).await }
    }

    /// How long a call of the build under test may take, in real time.
    pub(super) fn call_timeout(&self) -> Duration {
        self.call_timeout
    }

    /// Launches the app, unless its build before the update is only stored.
    pub(super) async fn launch(&self) -> Result<(), StepError> {
        if self.stored.is_some() {
            return Ok(());
        }
        Ok(self.device.launch().await?)
    }

    /// Whether the previous build did a step before it was stored. `index`: that of the step in the case.
    pub(super) fn is_done(&self, index: usize, step: &Step) -> bool {
        self.stored.as_ref().is_some_and(|stored| stored.start.replaces(index, step))
    }

    /// Every storage item of the device.
    pub async fn items(&self) -> Result<Vec<Item>, StepError> {
        Ok(self.device.items().await?)
    }

    /// The error for an invalid notification of the SDK, if there was one.
    pub(super) fn invalid_notification(&self) -> Option<StepError> {
        let what = self.device.invalid_notification()?;
        Some(StepError::Adapter(SutError::new(format!("the adapter failed: {what}"))))
    }

    /// The last part of the standard error of every implementation under test.
    pub async fn stderr(&self) -> String {
        self.device.stderr() + &self.backends.stderr().await + &self.vendor.stderr()
    }

    /// Checks that the machine is fit: there is space on the disk, and sockets are available. If not, a failure is not the
    /// fault of the build.
    pub async fn check_environment(&self) -> std::io::Result<()> {
        self.device.storage.check()?;
        tokio::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await.map(drop)
    }

    /// Ends every process of the case, or keeps one that can serve another case.
    pub async fn shut_down(&self, passed: bool) {
        self.faults.release();
        self.device.shut_down(passed).await;
    }
}

fn context(
    setup: &RoleSetup,
    (given, stored): (Given, Option<&InstallationToUpdate>),
    conditions: &Conditions,
    faults: &FaultInjector,
) -> std::io::Result<CaseContext> {
    let redactor = Redactor::default();
    let profile = match given.profile {
        Some(OwnProfile::Standard) => Profile::built_in("standard").unwrap_or_else(|| setup.profile.clone()),
        None => setup.profile.clone(),
    };
    let clock = match &setup.cloud {
        CloudRole::Simulated { .. } => match stored {
            // The installation goes on at the time at which it was stored.
            Some(stored) => Clock::starting_at(setup.mode, stored.state().captured_ms),
            None => Clock::new(setup.mode),
        },
        // The tokens of an external cloud carry real time.
        CloudRole::External(_) => Clock::starting_at(setup.mode, real_now_ms()),
    };
    let spoken = SpokenProfile::new(profile.clone(), earlier_profile(setup, &given));
    let vendor = vendor(setup, (&given, conditions), &clock, &redactor, &spoken).map_err(std::io::Error::other)?;
    let transcript = Transcript::new(clock.clone(), spoken.clone());
    let proxy = RecordingProxy::new(transcript.clone(), faults.clone(), clock.clone());
    proxy.set_title_case_headers(conditions.title_case_headers || given.cloud.title_case_headers);
    let (given, vendor, proxy) = (Arc::new(given), Arc::new(vendor), Arc::new(proxy));
    Ok(CaseContext { given, clock, redactor, profile, spoken, transcript, vendor, proxy })
}

/// The wire profile of the previous build, where the scenario or the target file names one.
fn earlier_profile(setup: &RoleSetup, given: &Given) -> Option<Arc<Profile>> {
    match given.previous_profile {
        Some(PreviousProfile::Gcip) => Some(Profile::gcip()),
        None => setup.previous.as_ref()?.profile().cloned(),
    }
}

/// Whether other runs may use the same cloud or backend.
fn is_shared(setup: &RoleSetup) -> bool {
    let running = matches!(
        &setup.backend,
        BackendRole::External(spec) if matches!(spec.run, BackendLaunch::Running { .. })
    );
    running || matches!(setup.cloud, CloudRole::External(_))
}

/// Lets faults of the wire kill the app.
fn kill_device_on_fault(proxy: &RecordingProxy, device: &Arc<Device>) {
    let device = Arc::downgrade(device);
    proxy.set_kill_hook(Arc::new(move || {
        let device = device.upgrade();
        Box::pin(async move {
            // In a task of its own: the end of the app ends the exchange in which it is killed.
            if let Some(device) = device {
                let _ = tokio::spawn(async move { device.kill().await }).await;
            }
        })
    }));
}

/// A call of a `start` step.
pub(super) struct StartedCall {
    pub progress: CallProgress,
    pub cancel: Arc<Notify>,
    /// The number of exchanges in the transcript when it started.
    pub mark: usize,
}

/// How far a call of a `start` step is.
pub(super) enum CallProgress {
    Running(JoinHandle<Result<StepResult, StepError>>),
    /// A step waits for its end.
    Awaited,
    Ended(Result<StepResult, StepError>),
}
