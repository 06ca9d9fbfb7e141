//! One device with its app, SDK, network and provider, in virtual time. Nothing waits, so that a month takes milliseconds.

use super::REALM;
use super::app::{App, Called};
use super::network::{DeviceNetwork, Disturbances, ExchangeOutcome, NetworkStatus};
use super::record::{Foreground, Interrupted, Life, Loss, Moment, Recording};
use super::session::{Session, ending};
use super::time::DeviceTime;
use super::timeline::{Event, EventKind, Visit};
use crate::cause::Cause;
use crate::forecast::BuildSdk;
use crate::policy::{Policy, ProviderPolicy};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use vouch_runner::installation::InstallationError;
use vouch_sim::clock::{Clock, ClockMode};
use vouch_sim::mock_cloud::{CloudBehaviour, CloudParts, Keys, MockCloud, TokenGrantCount, TokenShape};
use vouch_sim::reference::sdk::SdkError;
use vouch_sim::wire::redact::Redactor;
use vouch_spec::operation::Operation;
use vouch_spec::profile::Profile;
use vouch_spec::protocol::ErrorKind;

/// What every device of a forecast has in common.
#[derive(Clone)]
pub struct Conditions {
    pub policy: Arc<Policy>,
    pub build: BuildSdk,
    pub keys: Arc<Keys>,
    pub profile: Arc<Profile>,
}

/// Lives through the events, from a first sign-in on. Needs a tokio runtime.
///
/// # Errors
/// If `stop` says so, if the first sign-in fails, or if a process of the build cannot be driven.
pub async fn live(
    conditions: &Conditions,
    events: &[Event],
    recording: Recording,
    stop: impl Fn() -> bool,
) -> Result<Life, Interrupted> {
    let mut device = Device::new(conditions, recording).await?;
    device.first_sign_in().await?.map_err(|error| Interrupted::CannotSignIn(error.text))?;
    for (number, event) in events.iter().enumerate() {
        if stop() {
            return Err(Interrupted::Stopped);
        }
        device.events = number + 1;
        device.apply_event(event).await?;
    }
    let TokenGrantCount { exchanges, refreshes } = device.network.cloud.granted();
    (device.result.sign_ins, device.result.refreshes) = (exchanges, refreshes);
    Ok(device.result)
}

type Done<T = ()> = Result<T, InstallationError>;

struct Device {
    conditions: Conditions,
    start_ms: i64,
    time: Arc<DeviceTime>,
    network: Arc<DeviceNetwork>,
    user_id: String,
    app: App,
    /// Where the app's process was last.
    foreground: Foreground,
    /// Whether secure storage is locked.
    locked: bool,
    session: Session,
    /// True times: of the next unlock, and of the next correction of the clock.
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
    async fn new(conditions: &Conditions, recording: Recording) -> Done<Self> {
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
        let network = Arc::new(DeviceNetwork { cloud, time: time.clone(), life: policy.life.clone(), profile, state });
        Ok(Self {
            app: App::new(&conditions.build, network.clone()).await?,
            conditions: conditions.clone(),
            start_ms,
            time,
            network,
            user_id,
            foreground: Foreground::Yes,
            locked: false,
            session: Session::new(start_ms),
            unlock_at_ms: None,
            clock_right_at_ms: None,
            recording,
            recorded_ms: start_ms,
            events: 0,
            result: Life::default(),
        })
    }

    async fn first_sign_in(&mut self) -> Done<Result<(), SdkError>> {
        self.launch(Foreground::Yes).await?;
        let signed_in = self.sign_in().await?;
        self.network.state.lock().calm = false;
        self.record_grants();
        self.result.moments.clear();
        Ok(signed_in.unwrap_or_else(|| Err(SdkError::new(ErrorKind::Internal, "the call does not end"))))
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

    async fn apply_event(&mut self, event: &Event) -> Done {
        self.time.pass_until(self.start_ms.saturating_add(event.at_ms));
        self.catch_up().await?;
        match &event.kind {
            EventKind::Use(visit) => self.visit(visit, Foreground::Yes).await?,
            EventKind::Wake(visit) => self.visit(visit, Foreground::No).await?,
            EventKind::Offline(length) => {
                let until_ms = self.time.after(*length);
                let mut state = self.network.state.lock();
                state.offline_until_ms = state.offline_until_ms.max(until_ms);
            }
            EventKind::Reboot(locked) => self.reboot(*locked).await?,
            EventKind::Update => {
                self.end_process(Cause::Update).await;
                self.record(Moment::Updated);
            }
            EventKind::ClockError { skew_ms, lasts } => {
                self.set_clock(*skew_ms);
                self.clock_right_at_ms = Some(self.time.after(*lasts));
            }
            EventKind::Revoke => self.end_session(Cause::Revoked),
        }
        Ok(())
    }

    /// What became due since the last event: the unlock, the right time, the limits of the provider.
    async fn catch_up(&mut self) -> Done {
        let now_ms = self.time.true_ms();
        if self.unlock_at_ms.is_some_and(|at_ms| at_ms <= now_ms) {
            self.unlock().await?;
        }
        if self.clock_right_at_ms.take_if(|at_ms| *at_ms <= now_ms).is_some() {
            self.set_clock(0);
        }
        if let Some(why) = self.session.limit(&self.conditions.policy.provider, now_ms) {
            self.end_session(why);
        }
        Ok(())
    }

    fn end_session(&mut self, why: Cause) {
        if self.session.end(why) {
            self.network.cloud.revoke(REALM, &self.user_id);
            self.record(Moment::SessionEnded);
        }
    }

    fn set_clock(&mut self, skew_ms: i64) {
        self.time.skew_ms.store(skew_ms, Ordering::Relaxed);
        self.disturb(Cause::ClockError);
        self.record(Moment::ClockSet { skew_ms });
    }

    async fn unlock(&mut self) -> Done {
        self.unlock_at_ms = None;
        self.locked = false;
        self.app.set_locked(false).await?;
        self.record(Moment::Unlocked);
        Ok(())
    }

    async fn reboot(&mut self, locked: Duration) -> Done {
        self.end_process(Cause::Reboot).await;
        self.app.reboot().await?;
        self.locked = true;
        self.app.set_locked(true).await?;
        self.unlock_at_ms = Some(self.time.after(locked));
        self.record(Moment::Rebooted);
        Ok(())
    }

    fn disturb(&self, cause: Cause) {
        self.network.state.lock().disturbances.last = Some(cause);
    }

    async fn end_process(&mut self, why: Cause) {
        if self.app.has_process() {
            self.app.kill().await;
            self.disturb(why);
            self.record(Moment::ProcessEnded);
        } else if why != Cause::ProcessEnd {
            self.disturb(why);
        }
    }

    async fn launch(&mut self, foreground: Foreground) -> Done {
        self.app.launch(foreground).await?;
        self.foreground = foreground;
        self.record(Moment::Launched(foreground));
        Ok(())
    }

    /// The app runs: in the foreground for some calls, or in the background for one.
    async fn visit(&mut self, visit: &Visit, foreground: Foreground) -> Done {
        self.time.seed(visit.seed);
        let killed_at_ms = visit.killed_after.map(|after| self.time.after(after));
        {
            let mut state = self.network.state.lock();
            state.seed(!visit.seed);
            state.killed_at_ms = killed_at_ms;
        }
        if foreground == Foreground::Yes && self.locked {
            self.unlock().await?;
        }
        if visit.cold {
            self.end_process(Cause::ProcessEnd).await;
        }
        if !self.app.has_process() {
            self.launch(foreground).await?;
        } else if foreground == Foreground::Yes {
            self.app.come_to_foreground().await?;
            if std::mem::replace(&mut self.foreground, foreground) == Foreground::No {
                self.record(Moment::Launched(foreground));
            }
        }
        if self.locked {
            self.disturb(Cause::LockedStorage);
        }
        let life = &self.conditions.policy.life;
        let (calls, gap) =
            if foreground == Foreground::Yes { (life.calls_per_use, life.call_gap) } else { (1, Duration::ZERO) };
        for number in 0..calls {
            if number > 0 {
                self.time.pass(gap);
            }
            if killed_at_ms.is_some_and(|at_ms| at_ms <= self.time.true_ms()) || !self.call(foreground).await? {
                break;
            }
        }
        if let Some(at_ms) = killed_at_ms {
            self.time.pass_until(at_ms);
            self.end_process(Cause::ProcessEnd).await;
        }
        self.network.state.lock().killed_at_ms = None;
        Ok(())
    }

    /// One call of the app, after a sign-in where the session was lost and the user is there. Returns whether the process still
    /// lives.
    async fn call(&mut self, foreground: Foreground) -> Done<bool> {
        if !self.app.has_process() {
            return Ok(false);
        }
        if !self.session.is_well() && foreground == Foreground::Yes {
            self.record_time();
            // Whether it helped, the call shows.
            let _ = self.sign_in().await?;
            let outcomes = self.take_outcomes();
            self.record_with_its_time(Moment::SignedIn(outcomes));
            self.record_grants();
        }
        self.record_time();
        let path = format!("/v2/user/{}", self.user_id);
        let result = self.app.request(&path).await?;
        self.result.calls += 1;
        self.result.failed_calls += u64::from(!matches!(result, Some(Ok(200))));
        let outcomes = self.take_outcomes();
        self.record_with_its_time(Moment::Called(outcomes));
        self.record_grants();
        if !self.app.runs() {
            self.end_process(Cause::ProcessEnd).await;
            return Ok(false);
        }
        self.check_session(result).await?;
        Ok(true)
    }

    fn take_outcomes(&self) -> Vec<(Operation, ExchangeOutcome)> {
        std::mem::take(&mut self.network.state.lock().outcomes)
    }

    /// The app gets a sign-in token from its backend and signs in.
    async fn sign_in(&mut self) -> Done<Called<()>> {
        if !self.app.has_process() {
            return Ok(None);
        }
        if self.time.true_ms() < self.network.state.lock().offline_until_ms {
            return Ok(Some(Err(SdkError::new(ErrorKind::Network, "the app's backend does not answer"))));
        }
        let Some(token) = self.sign_in_token() else { return Ok(None) };
        match self.app.sign_in(&token).await? {
            // The app knows better than an SDK that takes its lost session for a good one.
            Some(Err(SdkError { kind: ErrorKind::AlreadySignedIn | ErrorKind::Incompatible, .. })) => {
                self.app.sign_out().await?;
                let Some(token) = self.sign_in_token() else { return Ok(None) };
                self.app.sign_in(&token).await
            }
            done => Ok(done),
        }
    }

    fn sign_in_token(&self) -> Option<String> {
        self.network.cloud.sign_in_token(REALM, &self.user_id, &TokenShape::default())
    }

    fn record_grants(&mut self) {
        self.session.record_grants(self.network.cloud.granted(), self.time.true_ms());
    }

    /// Looks at the session after a call, as the app does. Locked storage shows nothing.
    async fn check_session(&mut self, result: Called<u16>) -> Done {
        if let Some(Ok(200)) = result {
            self.session.seen_well();
            self.network.state.lock().disturbances = Disturbances::default();
            return Ok(());
        }
        if self.locked {
            return Ok(());
        }
        let Some(ending) = ending(&mut self.app, result.and_then(Result::err)).await? else { return Ok(()) };
        let disturbances = self.network.state.lock().disturbances;
        if let Some(cause) = self.session.seen_lost(disturbances) {
            self.result.losses.push(Loss { cause, ending, events: self.events });
            self.record(Moment::Lost(cause, ending));
        }
        Ok(())
    }
}
