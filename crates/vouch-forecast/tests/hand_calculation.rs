//! The forecast agrees with figures that are calculated by hand.
//!
//! Each test switches off everything but one disturbance, calculates the expected number of losses, and allows four standard
//! deviations of a Poisson count. Seeds are fixed, so a test passes always or never.

use async_trait::async_trait;
use parking_lot::Mutex;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use vouch_forecast::{Build, Cause, Forecast, Policy, Settings, forecast};
use vouch_sim::mutant::{self, Mutation};
use vouch_sim::reference::adapter::{ReferenceSdk, SdkFactory, SdkParts};
use vouch_sim::reference::sdk::policy::{DefaultSdkPolicy, SESSION};
use vouch_sim::reference::sdk::ports::{Host, HttpRequest, HttpResponse, Network, NetworkError, Storage, StorageError};
use vouch_spec::protocol::message::{Area, Item};
use vouch_spec::text::Source;

/// Nothing disturbs these devices. Their access tokens live for a minute, so that nearly each use refreshes.
const CALM: &str = r#"
[provider]
accessToken = "1m"
grace = "GRACE"
idleLimit = "none"
revocationsPerMonth = 0
[life]
usesPerDay = 10
callsPerUse = 1
wakesPerDay = 0
killsPerWake = 0
crashesPerUse = 0
coldStarts = 0
roundTrip = "0s"
lostRequests = 0
lostAnswers = 0
serverErrors = 0
resets = 1
outageAfterLoss = "0s"
offlinePerDay = 0
rebootsPerMonth = 0
updatesPerMonth = 0
clockErrorsPerMonth = 0
dormantPerMonth = 0
"#;

fn calm(grace: &str) -> Policy {
    let text = CALM.replace("GRACE", grace);
    Policy::parse(&Source::new("calm.toml", text)).expect("a valid policy")
}

fn reference() -> Build {
    Build::in_process("reference", Arc::new(ReferenceSdk))
}

fn mutant(name: &str) -> Build {
    match mutant::named(name).map(|mutant| mutant.mutation) {
        Some(Mutation::Sdk(sdk)) => Build::in_process(name, sdk),
        _ => panic!("{name} is a mutant of the SDK"),
    }
}

/// 100 devices for 30 days: 30,000 uses at 10 a day.
fn of(policy: &Policy, build: &Build) -> Forecast {
    of_devices(policy, build, 100, 30)
}

fn of_devices(policy: &Policy, build: &Build, devices: u32, days: u32) -> Forecast {
    let settings = Settings { devices, days, seed: 1, jobs: NonZeroUsize::new(2).expect("two") };
    forecast(policy, build, settings, &AtomicBool::new(false), |_| {}).expect("a forecast")
}

const USES: f64 = 30_000.0;

fn assert_near(found: &Forecast, cause: Cause, expected: f64) {
    let (all, of_cause) = (found.all().expect("devices"), found.rate(|loss| loss.cause == cause).expect("devices"));
    assert_eq!(all.events, of_cause.events, "other causes: {:?}", found.causes());
    #[allow(clippy::cast_precision_loss, reason = "a few thousand")]
    let events = all.events as f64;
    let allowed = 4.0 * expected.sqrt();
    assert!((events - expected).abs() < allowed, "{events} losses, {expected:.0} ± {allowed:.0} by hand");
}

#[test]
fn an_undisturbed_device_is_never_signed_out() {
    assert_eq!(of(&calm("0s"), &reference()).all().expect("devices").events, 0);
}

#[test]
fn without_grace_each_lost_answer_of_a_refresh_ends_the_session() {
    let mut policy = calm("0s");
    let q = 0.02;
    policy.life.lost_answers = q;
    // A well session is lost with q at a use. A lost one is well again after a use in which neither the exchange nor the call is
    // lost. So of a use it is well at r / (r + q).
    let r = (1.0 - q) * (1.0 - q);
    assert_near(&of(&policy, &reference()), Cause::LostAnswer, USES * q * r / (r + q));
    // The SDK tries again within three seconds, and the connection is there again at once.
    let mut graceful = calm("10s");
    graceful.life.lost_answers = q;
    assert_eq!(of(&graceful, &reference()).all().expect("devices").events, 0);
}

#[test]
fn a_grace_shorter_than_the_time_out_does_not_help() {
    for (grace, helps) in [("10s", false), ("30s", true)] {
        let mut policy = calm(grace);
        policy.life.lost_answers = 0.02;
        // No connection is reset, so the SDK learns of the loss by the time-out of 10 s.
        policy.life.resets = 0.0;
        assert_eq!(of(&policy, &reference()).all().expect("devices").events == 0, helps, "{grace}");
    }
}

#[test]
fn without_rotation_no_lost_answer_ends_a_session() {
    let mut policy = calm("0s");
    (policy.life.lost_answers, policy.provider.rotates) = (0.05, false);
    assert_eq!(of(&policy, &reference()).all().expect("devices").events, 0);
    let mut lenient = calm("0s");
    (lenient.life.lost_answers, lenient.provider.detects_reuse) = (0.05, false);
    assert_eq!(of(&lenient, &reference()).all().expect("devices").events, 0);
    let mut keeps = calm("0s");
    (keeps.life.lost_answers, keeps.provider.keeps_predecessor) = (0.05, true);
    assert_eq!(of(&keeps, &reference()).all().expect("devices").events, 0);
}

/// The planted defect: a renewed session is stored after its access token was used for the first time.
struct SavesAfterUse;

impl SdkFactory for SavesAfterUse {
    fn assemble(&self, storage: Arc<dyn Storage>, net: Arc<dyn Network>) -> SdkParts {
        let storage = Arc::new(LateStorage { storage, pending: Mutex::default() });
        let net = Arc::new(FlushesAfterUse { net, storage: storage.clone() });
        SdkParts { policy: Arc::new(DefaultSdkPolicy), storage, net }
    }
}

struct LateStorage {
    storage: Arc<dyn Storage>,
    pending: Mutex<Option<Vec<u8>>>,
}

impl Storage for LateStorage {
    fn read(&self, area: Area, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        let pending = self.pending.lock().clone().filter(|_| key == SESSION);
        if pending.is_some() { Ok(pending) } else { self.storage.read(area, key) }
    }

    fn write(&self, area: Area, key: &str, value: &[u8]) -> Result<(), StorageError> {
        if key == SESSION && self.storage.read(area, key)?.is_some() {
            *self.pending.lock() = Some(value.to_vec());
            return Ok(());
        }
        self.storage.write(area, key, value)
    }

    fn erase(&self, area: Area, key: &str) -> Result<(), StorageError> {
        self.storage.erase(area, key)
    }

    fn remove_partial_writes(&self) -> Result<(), StorageError> {
        self.storage.remove_partial_writes()
    }

    fn items(&self) -> Result<Vec<Item>, StorageError> {
        self.storage.items()
    }
}

struct FlushesAfterUse {
    net: Arc<dyn Network>,
    storage: Arc<LateStorage>,
}

#[async_trait]
impl Network for FlushesAfterUse {
    async fn send(&self, call: HttpRequest) -> Result<HttpResponse, NetworkError> {
        let is_use = call.host == Host::Api;
        let answer = self.net.send(call).await;
        if is_use
            && answer.is_ok()
            && let Some(value) = self.storage.pending.lock().take()
        {
            let _ = self.storage.storage.write(Area::Secure, SESSION, &value);
        }
        answer
    }
}

#[test]
fn a_token_saved_after_use_triples_the_sign_outs_by_kills() {
    let mut policy = calm("0s");
    let crashes = 0.04;
    policy.life.crashes_per_use = crashes;
    policy.life.round_trip = std::time::Duration::from_secs(2);
    // A use is a refresh of 2 s and a call of 2 s, and the process ends at a random moment of these 4 s. The server grants after
    // 1 s. The reference stores at 2 s, so that one of four seconds is dangerous; the defect at 4 s, so that three are.
    // Then the next use loses the session, and one more use starts a new one: 1 / p + 2 uses from loss to loss.
    let by_hand = |seconds: f64| {
        let p = crashes * seconds / 4.0;
        USES / (1.0 / p + 2.0)
    };
    let sound = of(&policy, &reference());
    let defect = of(&policy, &Build::in_process("saves after use", Arc::new(SavesAfterUse)));
    let killed_in_refresh = sound.rate(|loss| loss.cause == Cause::KilledInRefresh).expect("devices");
    assert_eq!(sound.all().expect("devices").events, killed_in_refresh.events);
    assert_near(&sound, Cause::KilledInRefresh, by_hand(1.0));
    // Two of the three seconds are after the refresh.
    let after = defect.rate(|loss| loss.cause == Cause::ProcessEnd).expect("devices").events;
    let within = defect.rate(|loss| loss.cause == Cause::KilledInRefresh).expect("devices").events;
    assert_eq!(defect.all().expect("devices").events, after + within, "{:?}", defect.causes());
    #[allow(clippy::cast_precision_loss, reason = "a few hundred")]
    let (all, after) = ((after + within) as f64, after as f64);
    let expected = by_hand(3.0);
    assert!((all - expected).abs() < 4.0 * expected.sqrt(), "{all} losses, {expected:.0} by hand");
    assert!((after - expected * 2.0 / 3.0).abs() < 4.0 * expected.sqrt(), "{after} of {all} after the refresh");
}

#[test]
fn a_token_that_is_never_saved_is_lost_with_each_process() {
    let mut policy = calm("0s");
    let h = 0.25;
    policy.life.cold_starts = h;
    assert_eq!(of(&policy, &reference()).all().expect("devices").events, 0);
    // A process ends before a use with h, and the use loses the session. The next use whose process lives starts a new one:
    // 1 / h + 1 / (1 - h) uses from loss to loss.
    assert_near(&of(&policy, &mutant("saves-late")), Cause::ProcessEnd, USES * h * (1.0 - h));
}

#[test]
fn a_session_ends_when_no_use_comes_within_the_idle_limit() {
    let mut policy = calm("0s");
    policy.life.uses_per_day = 0.1;
    policy.life.calls_per_use = 2;
    policy.provider.idle_limit = Some(std::time::Duration::from_secs(20 * 86_400));
    // 300 devices for 90 days, of which the first 20 follow the sign-in. On each of the other 70 days comes a use with 0.1, and
    // none was in the 20 days before it with exp(-20 * 0.1).
    assert_near(&of_devices(&policy, &reference(), 300, 90), Cause::IdleLimit, 300.0 * 70.0 * 0.1 * (-2.0f64).exp());
}

#[test]
fn each_revocation_ends_a_session() {
    let mut policy = calm("0s");
    policy.life.calls_per_use = 2;
    policy.provider.revocations_per_month = 2.0;
    // 100 devices for one month. Two revocations between two uses count once: a use comes after 1/10 day, a revocation after 15.
    assert_near(&of(&policy, &reference()), Cause::Revoked, 200.0 * (1.0 - 0.1 / 15.0));
}

#[test]
fn a_reboot_ends_the_session_of_a_build_that_takes_it_for_a_reinstallation() {
    let mut policy = calm("0s");
    policy.life.calls_per_use = 2;
    policy.life.reboots_per_month = 3.0;
    policy.life.until_unlock = std::time::Duration::ZERO;
    assert_eq!(of(&policy, &reference()).all().expect("devices").events, 0);
    assert_near(&of(&policy, &mutant("reboot-is-reinstall")), Cause::Reboot, 300.0);
}

#[test]
fn a_forecast_is_the_same_again_and_on_any_number_of_threads() {
    let policy = Policy::default();
    let losses = |jobs: usize| {
        let jobs = NonZeroUsize::new(jobs).expect("not zero");
        let settings = Settings { devices: 40, days: 30, seed: 7, jobs };
        forecast(&policy, &reference(), settings, &AtomicBool::new(false), |_| {}).expect("a forecast").devices
    };
    let first = losses(1);
    assert!(first.iter().any(|(_, losses)| !losses.is_empty()));
    assert_eq!(first, losses(3));
}

#[test]
fn a_build_that_cannot_sign_in_has_no_forecast() {
    struct Offline;
    impl SdkFactory for Offline {
        fn assemble(&self, storage: Arc<dyn Storage>, _: Arc<dyn Network>) -> SdkParts {
            SdkParts { policy: Arc::new(DefaultSdkPolicy), storage, net: Arc::new(NoNetwork) }
        }
    }
    struct NoNetwork;
    #[async_trait]
    impl Network for NoNetwork {
        async fn send(&self, _: HttpRequest) -> Result<HttpResponse, NetworkError> {
            Err(NetworkError::ConnectionLost)
        }
    }
    let settings = Settings { devices: 3, days: 1, seed: 1, jobs: NonZeroUsize::MIN };
    let build = Build::in_process("offline", Arc::new(Offline));
    let failed = forecast(&calm("0s"), &build, settings, &AtomicBool::new(false), |_| {});
    assert!(failed.is_err_and(|error| error.to_string().contains("cannot sign in")));
}
