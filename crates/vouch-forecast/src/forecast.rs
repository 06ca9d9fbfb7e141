//! Many devices, on all cores.

use crate::cause::{Cause, Ending};
use crate::life::{Conditions, Interrupted, Life, Loss, Recording, live, timeline};
use crate::policy::Policy;
use crate::statistics::{Rate, rate};
use parking_lot::Mutex;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use vouch_runner::installation::{InstallableSdk, InstallationError};
use vouch_sim::mock_cloud::Keys;
use vouch_sim::reference::adapter::SdkFactory;
use vouch_spec::profile::Profile;

/// The build under forecast.
#[derive(Clone)]
pub struct Build {
    /// In tables and plots.
    pub name: String,
    pub sdk: BuildSdk,
}

/// The SDK of a build.
#[derive(Clone)]
pub enum BuildSdk {
    /// In this process.
    InProcess(Arc<dyn SdkFactory>),
    /// In processes of its own, driven through its adapter. It must take its time from Vouch (the capability `clock`).
    Processes(Arc<InstallableSdk>),
}

impl Build {
    /// A build of the reference SDK.
    pub fn in_process(name: impl Into<String>, sdk: Arc<dyn SdkFactory>) -> Self {
        Self { name: name.into(), sdk: BuildSdk::InProcess(sdk) }
    }
}

/// The size of a forecast.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub devices: u32,
    pub days: u32,
    /// What chance depends on.
    pub seed: u64,
    /// The number of threads.
    pub jobs: NonZeroUsize,
}

/// Why there is no forecast.
#[derive(Debug, thiserror::Error)]
pub enum ForecastError {
    #[error("cannot sign a token: {0}")]
    Keys(String),
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
    /// `why` is a text of the build: text from outside.
    #[error("{build} cannot sign in on an undisturbed network: {why}")]
    CannotSignIn { build: String, why: String },
    /// A process of this build could not be driven.
    #[error("{build}, device {device}: {error}")]
    Installation { build: String, device: u32, error: InstallationError },
    #[error("a device ended with a panic; this is a mistake in Vouch")]
    Panicked,
}

/// What came of the devices that lived to the end.
#[derive(Clone, Debug)]
pub struct Forecast {
    pub policy: Policy,
    pub build: String,
    pub days: u32,
    pub seed: u64,
    /// The number of devices that were asked for.
    pub asked: u32,
    /// The losses of each device that lived to the end, by its number.
    pub devices: Vec<(u32, Vec<Loss>)>,
    pub sign_ins: u64,
    pub refreshes: u64,
    pub calls: u64,
    pub failed_calls: u64,
}

/// How long the progress stays as it was shown.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

impl Conditions {
    /// The conditions of devices under a policy, with a build.
    ///
    /// # Errors
    /// If this machine gives no random key.
    pub fn new(policy: &Policy, build: &Build) -> Result<Self, ForecastError> {
        let keys = Keys::hmac().map_err(|error| ForecastError::Keys(error.to_string()))?;
        Ok(Self {
            policy: Arc::new(policy.clone()),
            build: build.sdk.clone(),
            keys: Arc::new(keys),
            profile: match &build.sdk {
                BuildSdk::InProcess(_) => Profile::junction(),
                BuildSdk::Processes(sdk) => sdk.profile.clone(),
            },
        })
    }
}

/// Forecasts. `on_progress` is called with the number of devices that are done. When `stop` is set, the result holds the devices
/// that were done by then.
///
/// # Errors
/// If the build cannot sign in, or this machine gives no threads or keys.
pub fn forecast(
    policy: &Policy,
    build: &Build,
    settings: Settings,
    stop: &AtomicBool,
    mut on_progress: impl FnMut(u32),
) -> Result<Forecast, ForecastError> {
    let work = Work {
        conditions: Conditions::new(policy, build)?,
        build: &build.name,
        settings,
        next: AtomicU32::new(0),
        failed: AtomicBool::new(false),
        stop,
        lives: Mutex::default(),
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..settings.jobs.get())
            .map(|_| std::thread::Builder::new().spawn_scoped(scope, || work.work()))
            .collect::<Result<_, _>>()
            .map_err(|error| work.fail(ForecastError::Thread(error)))?;
        while workers.iter().any(|worker| !worker.is_finished()) {
            on_progress(u32::try_from(work.lives.lock().len()).unwrap_or(u32::MAX));
            std::thread::sleep(PROGRESS_INTERVAL);
        }
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or(Err(ForecastError::Panicked)))
    })?;
    let mut lives = work.lives.into_inner();
    lives.sort_by_key(|(device, _)| *device);
    let sum = |of: fn(&Life) -> u64| lives.iter().map(|(_, life)| of(life)).sum();
    let (sign_ins, refreshes) = (sum(|life| life.sign_ins), sum(|life| life.refreshes));
    let (calls, failed_calls) = (sum(|life| life.calls), sum(|life| life.failed_calls));
    let devices = lives.into_iter().map(|(device, life)| (device, life.losses)).collect();
    let (policy, build) = (policy.clone(), build.name.clone());
    let Settings { devices: asked, days, seed, .. } = settings;
    Ok(Forecast { policy, build, days, seed, asked, devices, sign_ins, refreshes, calls, failed_calls })
}

/// What the threads share.
struct Work<'a> {
    conditions: Conditions,
    build: &'a str,
    settings: Settings,
    next: AtomicU32,
    /// A thread has failed; the others end.
    failed: AtomicBool,
    stop: &'a AtomicBool,
    lives: Mutex<Vec<(u32, Life)>>,
}

impl Work<'_> {
    /// One thread: lives one device after the other.
    fn work(&self) -> Result<(), ForecastError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| self.fail(ForecastError::Thread(error)))?;
        let Settings { devices, days, seed, .. } = self.settings;
        while !self.is_over() {
            let device = self.next.fetch_add(1, Ordering::Relaxed);
            if device >= devices {
                break;
            }
            let events = timeline(&self.conditions.policy, seed, device, days);
            match runtime.block_on(live(&self.conditions, &events, Recording::Off, || self.is_over())) {
                Ok(life) => self.lives.lock().push((device, life)),
                Err(Interrupted::Stopped) => break,
                Err(Interrupted::CannotSignIn(why)) => {
                    let build = self.build.to_owned();
                    return Err(self.fail(ForecastError::CannotSignIn { build, why }));
                }
                Err(Interrupted::Installation(error)) => {
                    let build = self.build.to_owned();
                    return Err(self.fail(ForecastError::Installation { build, device, error }));
                }
            }
        }
        Ok(())
    }

    /// Whether somebody asked for the end, or another thread has failed.
    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.failed.load(Ordering::Relaxed)
    }

    fn fail(&self, error: ForecastError) -> ForecastError {
        self.failed.store(true, Ordering::Relaxed);
        error
    }
}

impl Forecast {
    /// The rate of the losses that are asked for. None if no device lived to the end, as for every other figure.
    pub fn rate(&self, is_asked: impl Fn(&Loss) -> bool) -> Option<Rate> {
        let count = |losses: &Vec<Loss>| losses.iter().filter(|loss| is_asked(loss)).count() as u64;
        let counts: Vec<u64> = self.devices.iter().map(|(_, losses)| count(losses)).collect();
        rate(&counts, f64::from(self.days) / 30.0)
    }

    /// The rate of all losses.
    pub fn all(&self) -> Option<Rate> {
        self.rate(|_| true)
    }

    /// The rate of the losses that no provider policy ordered.
    pub fn involuntary(&self) -> Option<Rate> {
        self.rate(|loss| !loss.cause.is_ordered())
    }

    pub fn of_ending(&self, ending: Ending) -> Option<Rate> {
        self.rate(|loss| loss.ending == ending)
    }

    /// The causes that occurred, in the order of tables, each with its rate.
    pub fn causes(&self) -> Vec<(Cause, Rate)> {
        let of = |cause: Cause| Some((cause, self.rate(|loss| loss.cause == cause)?));
        Cause::ALL.into_iter().filter_map(of).filter(|(_, rate)| rate.events > 0).collect()
    }

    /// Whether all devices lived to the end.
    pub fn is_whole(&self) -> bool {
        self.devices.len() == self.asked as usize
    }
}
