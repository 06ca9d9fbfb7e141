//! One device with its app, SDK, network and provider, in virtual time. Nothing waits, so that a month takes milliseconds.

use super::network::{DeviceNetwork, Fate, NetworkStatus, ProcessNetwork, Trouble};
use super::time::DeviceTime;
use super::timeline::{Event, EventKind, Visit, whole_ms};
use crate::cause::{Cause, Ending};
use crate::policy::{Policy, ProviderPolicy};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use vouch_explore::{Disk, MemoryStorage, ended_in_time};
use vouch_sim::clock::{Clock, ClockMode};
use vouch_sim::mock_cloud::{CloudBehaviour, CloudParts, Keys, MockCloud, TokenGrantCount, TokenShape};
use vouch_sim::reference::adapter::SdkFactory;
use vouch_sim::reference::sdk::ports::ProcessLifetime;
use vouch_sim::reference::sdk::{AppState, Sdk, SdkEnvironment, SdkError};
use vouch_sim::wire::redact::Redactor;
use vouch_spec::operation::Operation;
use vouch_spec::profile::Profile;
use vouch_spec::protocol::message::Area;
use vouch_spec::protocol::{Environment, ErrorKind, Realm, Region, StatusWord};

const REALM: Realm = Realm { environment: Environment::Production, region: Region::Us };

/// What every device of a forecast has in common.
#[derive(Clone)]
pub struct Conditions {
    pub policy: Arc<Policy>,
    pub build: Arc<dyn SdkFactory>,
    pub keys: Arc<Keys>,
    pub profile: Arc<Profile>,
}

/// The life of a device.
#[derive(Debug, Default)]
pub struct Life {
    pub losses: Vec<Loss>,
    /// Sign-ins and refreshes that the provider granted, the first sign-in included.
    pub sign_ins: u64,
    pub refreshes: u64,
    /// Calls that the app made, and those of them that did not get a 200.
    pub calls: u64,
    pub failed_calls: u64,
    /// What happened in detail, where it was asked for.
    pub moments: Vec<Moment>,
}

/// A session that ended against the will of its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    pub cause: Cause,
    pub ending: Ending,
    /// The number of events up to it, this one included.
    pub events: usize,
}

/// What happened to a device, as a scenario can repeat it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moment {
    Passed(Duration),
    ProcessEnded,
    Launched(Foreground),
    Unlocked,
    Rebooted,
    Updated,
    ClockSet {
        skew_ms: i64,
    },
    /// The provider ended the session.
    SessionEnded,
    /// An API call, and the fates of its exchanges.
    Called(Vec<(Operation, Fate)>),
    SignedIn(Vec<(Operation, Fate)>),
    Lost(Cause, Ending),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreground {
    Yes,
    No,
}

/// Why there is no whole life.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Interrupted {
    /// Somebody asked for the end.
    #[error("interrupted")]
    Stopped,
    #[error("the build cannot sign in on an undisturbed network: {0}")]
    CannotSignIn(String),
}

/// Whether moments are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recording {
    On,
    Off,
}

/// Lives through the events, from a first sign-in on. Needs a tokio runtime.
///
/// # Errors
/// If `stop` is set, or if the first sign-in fails.
pub async fn live(
    conditions: &Conditions,
    events: &[Event],
    recording: Recording,
    stop: &AtomicBool,
) -> Result<Life, Interrupted> {
    let mut device = Device::new(conditions, recording);
    device.first_sign_in().await.map_err(|error| Interrupted::CannotSignIn(error.text))?;
    for (number, event) in events.iter().enumerate() {
        if stop.load(Ordering::Relaxed) {
            return Err(Interrupted::Stopped);
        }
        device.events = number + 1;
        device.happen(event).await;
    }
    let TokenGrantCount { exchanges, refreshes } = device.network.cloud.granted();
    (device.result.sign_ins, device.result.refreshes) = (exchanges, refreshes);
    Ok(device.result)
}

/// How the session was last seen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Well,
    Lost(Ending),
}

struct Process {
    sdk: Arc<Sdk>,
    life: ProcessLifetime,
    foreground: Foreground,
}

struct Device {
    conditions: Conditions,
    start_ms: i64,
    time: Arc<DeviceTime>,
    network: Arc<DeviceNetwork>,
    user_id: String,
    disk: Disk,
    locked: Arc<AtomicBool>,
    process: Option<Process>,
    seen: Seen,
    /// Why the provider ended the newest session.
    ended_by: Option<Cause>,
    granted: TokenGrantCount,
    /// True times: of the newest sign-in, of the last grant, of the next unlock, and of the next correction of the clock.
    opened_ms: i64,
    last_grant_ms: i64,
    unlock_at_ms: Option<i64>,
    clock_right_at_ms: Option<i64>,
    recording: Recording,
    /// The time up to which moments are kept.
    recorded_ms: i64,
    /// The number of events so far.
    events: usize,
    result: Life,
}

impl Device {
    fn new(conditions: &Conditions, recording: Recording) -> Self {
        let clock = Clock::new(ClockMode::Virtual);
        let (policy, profile) = (&conditions.policy, conditions.profile.clone());
        let cloud = MockCloud::new(CloudParts {
            keys: conditions.keys.clone(),
            clock: clock.clone(),
            redactor: Redactor::closed(),
            behaviour: CloudBehaviour::default(),
            profile: profile.clone().into(),
            policy: Arc::new(ProviderPolicy::new(&policy.provider)),
        });
        cloud.set_lifetimes(ProviderPolicy::lifetimes(&policy.provider));
        let user_id = cloud.store().add_user(REALM, "ada", None).map(|user| user.id).unwrap_or_default();
        let start_ms = clock.now_ms();
        let time = Arc::new(DeviceTime::new(clock));
        let state = Mutex::new(NetworkStatus::new());
        let network = DeviceNetwork { cloud, time: time.clone(), life: policy.life.clone(), profile, state };
        Self {
            conditions: conditions.clone(),
            start_ms,
            time,
            network: Arc::new(network),
            user_id,
            disk: Disk::default(),
            locked: Arc::default(),
            process: None,
            seen: Seen::Well,
            ended_by: None,
            granted: TokenGrantCount { exchanges: 0, refreshes: 0 },
            opened_ms: start_ms,
            last_grant_ms: start_ms,
            unlock_at_ms: None,
            clock_right_at_ms: None,
            recording,
            recorded_ms: start_ms,
            events: 0,
            result: Life::default(),
        }
    }

    async fn first_sign_in(&mut self) -> Result<(), SdkError> {
        self.launch(Foreground::Yes);
        let signed_in = self.sign_in().await;
        self.network.state.lock().calm = false;
        self.note_grants();
        self.result.moments.clear();
        signed_in.unwrap_or_else(|| Err(SdkError::new(ErrorKind::Internal, "the call does not end")))
    }

    /// Keeps a moment, and the time that passed before it.
    fn record(&mut self, moment: Moment) {
        self.record_time();
        self.record_with_its_time(moment);
    }

    /// Keeps a moment that itself takes the time since [`Device::record_time`].
    fn record_with_its_time(&mut self, moment: Moment) {
        if self.recording == Recording::On {
            self.recorded_ms = self.time.true_ms();
            self.result.moments.push(moment);
        }
    }

    /// Keeps the time that passed since the last moment.
    fn record_time(&mut self) {
        if self.recording == Recording::Off {
            return;
        }
        let passed = self.time.true_ms() - self.recorded_ms;
        self.recorded_ms = self.time.true_ms();
        if let Ok(passed @ 1..) = u64::try_from(passed) {
            self.result.moments.push(Moment::Passed(Duration::from_millis(passed)));
        }
    }

    async fn happen(&mut self, event: &Event) {
        self.time.pass_until(self.start_ms.saturating_add(event.at_ms));
        self.catch_up();
        match &event.kind {
            EventKind::Use(visit) => self.visit(visit, Foreground::Yes).await,
            EventKind::Wake(visit) => self.visit(visit, Foreground::No).await,
            EventKind::Offline(length) => {
                let until_ms = self.time.after(*length);
                let mut state = self.network.state.lock();
                state.offline_until_ms = state.offline_until_ms.max(until_ms);
            }
            EventKind::Reboot(locked) => self.reboot(*locked),
            EventKind::Update => {
                self.end_process(Cause::Update);
                self.record(Moment::Updated);
            }
            EventKind::ClockError { skew_ms, lasts } => {
                self.set_clock(*skew_ms);
                self.clock_right_at_ms = Some(self.time.after(*lasts));
            }
            EventKind::Revoke => self.end_session(Cause::Revoked),
        }
    }

    /// What became due since the last event: the unlock, the right time, the limits of the provider.
    fn catch_up(&mut self) {
        let now_ms = self.time.true_ms();
        if self.unlock_at_ms.is_some_and(|at_ms| at_ms <= now_ms) {
            self.unlock();
        }
        if self.clock_right_at_ms.take_if(|at_ms| *at_ms <= now_ms).is_some() {
            self.set_clock(0);
        }
        let provider = &self.conditions.policy.provider;
        let over =
            |limit: Option<Duration>, since_ms: i64| limit.is_some_and(|limit| now_ms - since_ms > whole_ms(limit));
        if over(provider.idle_limit, self.last_grant_ms) {
            self.end_session(Cause::IdleLimit);
        } else if over(provider.session_lifetime, self.opened_ms) {
            self.end_session(Cause::SessionLifetime);
        }
    }

    fn end_session(&mut self, why: Cause) {
        if self.ended_by.is_none() {
            self.network.cloud.revoke(REALM, &self.user_id);
            self.ended_by = Some(why);
            self.record(Moment::SessionEnded);
        }
    }

    fn set_clock(&mut self, skew_ms: i64) {
        self.time.skew_ms.store(skew_ms, Ordering::Relaxed);
        self.disturb(Cause::ClockError);
        self.record(Moment::ClockSet { skew_ms });
    }

    fn unlock(&mut self) {
        self.unlock_at_ms = None;
        self.locked.store(false, Ordering::Relaxed);
        self.record(Moment::Unlocked);
    }

    fn reboot(&mut self, locked: Duration) {
        self.end_process(Cause::Reboot);
        self.disk.lock().retain(|(area, _), _| *area != Area::Volatile);
        self.locked.store(true, Ordering::Relaxed);
        self.unlock_at_ms = Some(self.time.after(locked));
        self.record(Moment::Rebooted);
    }

    fn disturb(&self, cause: Cause) {
        self.network.state.lock().trouble.last = Some(cause);
    }

    fn end_process(&mut self, why: Cause) {
        if let Some(process) = self.process.take() {
            process.life.end();
            self.disturb(why);
            self.record(Moment::ProcessEnded);
        } else if why != Cause::ProcessEnd {
            self.disturb(why);
        }
    }

    fn launch(&mut self, foreground: Foreground) {
        let life = ProcessLifetime::default();
        let storage = MemoryStorage { disk: self.disk.clone(), life: life.clone(), locked: self.locked.clone() };
        let network = ProcessNetwork { network: self.network.clone(), process: life.clone() };
        let parts = self.conditions.build.assemble(Arc::new(storage), Arc::new(network));
        let sdk = Sdk::launch(SdkEnvironment {
            policy: parts.policy,
            profile: self.conditions.profile.clone(),
            storage: parts.storage,
            net: parts.net,
            time: self.time.clone(),
            app_state: if foreground == Foreground::Yes { AppState::Foreground } else { AppState::Background },
            on_status: Box::new(|_| {}),
        });
        self.process = Some(Process { sdk, life, foreground });
        self.record(Moment::Launched(foreground));
    }

    /// The app runs: in the foreground for some calls, or in the background for one.
    async fn visit(&mut self, visit: &Visit, foreground: Foreground) {
        self.time.seed(visit.seed);
        let killed_at_ms = visit.killed_after.map(|after| self.time.after(after));
        {
            let mut state = self.network.state.lock();
            state.seed(!visit.seed);
            state.killed_at_ms = killed_at_ms;
        }
        if foreground == Foreground::Yes && self.locked.load(Ordering::Relaxed) {
            self.unlock();
        }
        if visit.cold {
            self.end_process(Cause::ProcessEnd);
        }
        match &mut self.process {
            None => self.launch(foreground),
            Some(process) if foreground == Foreground::Yes => {
                process.sdk.come_to_foreground();
                if std::mem::replace(&mut process.foreground, foreground) == Foreground::No {
                    self.record(Moment::Launched(foreground));
                }
            }
            Some(_) => {}
        }
        if self.locked.load(Ordering::Relaxed) {
            self.disturb(Cause::LockedStorage);
        }
        let life = &self.conditions.policy.life;
        let (calls, gap) =
            if foreground == Foreground::Yes { (life.calls_per_use, life.call_gap) } else { (1, Duration::ZERO) };
        for number in 0..calls {
            if number > 0 {
                self.time.pass(gap);
            }
            if killed_at_ms.is_some_and(|at_ms| at_ms <= self.time.true_ms()) || !self.call(foreground).await {
                break;
            }
        }
        if let Some(at_ms) = killed_at_ms {
            self.time.pass_until(at_ms);
            self.end_process(Cause::ProcessEnd);
        }
        self.network.state.lock().killed_at_ms = None;
    }

    /// One call of the app, after a sign-in where the session was lost and the user is there. Returns whether the process still
    /// lives.
    async fn call(&mut self, foreground: Foreground) -> bool {
        let Some(sdk) = self.process.as_ref().map(|process| process.sdk.clone()) else { return false };
        if self.seen != Seen::Well && foreground == Foreground::Yes {
            self.record_time();
            // Whether it helped, the call shows.
            let _ = self.sign_in().await;
            let fates = self.take_fates();
            self.record_with_its_time(Moment::SignedIn(fates));
            self.note_grants();
        }
        self.record_time();
        let path = format!("/v2/user/{}", self.user_id);
        let answered = ended_in_time(sdk.request("GET", &path)).await;
        let result = answered.map(|answered| answered.map(|answer| answer.status));
        self.result.calls += 1;
        self.result.failed_calls += u64::from(!matches!(result, Some(Ok(200))));
        let fates = self.take_fates();
        self.record_with_its_time(Moment::Called(fates));
        self.note_grants();
        if self.process.as_ref().is_none_or(|process| process.life.is_over()) {
            self.end_process(Cause::ProcessEnd);
            return false;
        }
        self.look(&sdk, result);
        true
    }

    fn take_fates(&self) -> Vec<(Operation, Fate)> {
        std::mem::take(&mut self.network.state.lock().fates)
    }

    /// The app gets a sign-in token from its backend and signs in. None if the call does not end.
    async fn sign_in(&self) -> Option<Result<(), SdkError>> {
        let sdk = &self.process.as_ref()?.sdk;
        if self.time.true_ms() < self.network.state.lock().offline_until_ms {
            return Some(Err(SdkError::new(ErrorKind::Network, "the app's backend does not answer")));
        }
        let first = ended_in_time(sdk.sign_in(&self.sign_in_token()?)).await?;
        match first {
            // The app knows better than an SDK that takes its lost session for a good one.
            Err(SdkError { kind: ErrorKind::AlreadySignedIn | ErrorKind::Incompatible, .. }) => {
                let _ = sdk.sign_out();
                ended_in_time(sdk.sign_in(&self.sign_in_token()?)).await
            }
            done => Some(done),
        }
    }

    fn sign_in_token(&self) -> Option<String> {
        self.network.cloud.sign_in_token(REALM, &self.user_id, &TokenShape::default())
    }

    /// Notes what the provider has granted since.
    fn note_grants(&mut self) {
        let granted = self.network.cloud.granted();
        let now_ms = self.time.true_ms();
        if granted != self.granted {
            self.last_grant_ms = now_ms;
        }
        if granted.exchanges > self.granted.exchanges {
            (self.opened_ms, self.ended_by) = (now_ms, None);
        }
        self.granted = granted;
    }

    /// Looks at the session after a call, as the app does. Locked storage shows nothing.
    fn look(&mut self, sdk: &Sdk, result: Option<Result<u16, SdkError>>) {
        if let Some(Ok(200)) = result {
            self.seen = Seen::Well;
            self.network.state.lock().trouble = Trouble::default();
            return;
        }
        if self.locked.load(Ordering::Relaxed) {
            return;
        }
        let Some(ending) = ending(sdk, result.and_then(Result::err)) else { return };
        if self.seen == Seen::Well {
            let cause = self.cause();
            self.result.losses.push(Loss { cause, ending, events: self.events });
            self.record(Moment::Lost(cause, ending));
        }
        self.seen = Seen::Lost(ending);
    }

    /// Why the session ended.
    fn cause(&self) -> Cause {
        let Trouble { token_lost, last } = self.network.state.lock().trouble;
        self.ended_by.or(token_lost).or(last).unwrap_or(Cause::Undisturbed)
    }
}

/// How the session has ended, by the error of a call or by the status; none if it has not.
fn ending(sdk: &Sdk, error: Option<SdkError>) -> Option<Ending> {
    match error.map(|error| error.kind) {
        Some(ErrorKind::NeedsReauthentication) => return Some(Ending::Reauthentication),
        Some(ErrorKind::InvalidUser | ErrorKind::NotSignedIn) => return Some(Ending::SignOut),
        _ => {}
    }
    let status = sdk.status().ok()?;
    if status.contains(&StatusWord::PendingReauthentication) {
        return Some(Ending::Reauthentication);
    }
    (!status.contains(&StatusWord::SignedIn)).then_some(Ending::SignOut)
}
