//! The device's clock, and when the SDK learns the time.
//!
//! A device that is not in use notices that time has passed only when it is used again, right before the next SDK call. So
//! what an SDK then does without a call, such as refreshing an expired token, happens with the faults and network conditions
//! that the scenario has set up.

use super::super::device_error::DeviceError;
use super::super::host_callbacks::Sleepers;
use super::{CANCEL, Called, Device, second_process};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};
use vouch_sim::clock::{Clock, ClockMode};
use vouch_sim::wire::{Exchange, ExchangeOutcome};
use vouch_spec::protocol::{SdkMethod, message};

/// The SDK's timers have finished when it sent nothing for this long, in real time.
const TIMER_QUIET_TIME: Duration = Duration::from_millis(25);
/// The same while time passes in the foreground. A request that comes later counts in the next step.
const TICK_QUIET_TIME: Duration = Duration::from_millis(10);
/// The same, where no timer has fired.
const IDLE_QUIET_TIME: Duration = Duration::from_millis(4);
/// The maximum wait for the SDK's timers.
const TIMER_TIMEOUT: Duration = Duration::from_millis(500);

/// The clock of a device.
pub(super) struct DeviceClock {
    /// The clock of the case.
    pub case: Clock,
    /// How far the device's clock is ahead of the case's, in milliseconds.
    pub skew_ms: Arc<AtomicI64>,
    was_skewed: AtomicBool,
    /// Whether the SDK takes its time from the harness.
    tells_time: bool,
    pub sleepers: Arc<Sleepers>,
    /// The time that was last sent to the SDK, and to its second process.
    sent_ms: [AtomicI64; 2],
    /// Held while a time is sent.
    sending: tokio::sync::Mutex<()>,
}

impl DeviceClock {
    pub fn new(case: Clock, offset_ms: i64, tells_time: bool) -> Self {
        Self {
            case,
            skew_ms: Arc::new(AtomicI64::new(offset_ms)),
            was_skewed: AtomicBool::new(false),
            tells_time,
            sleepers: Arc::default(),
            sent_ms: Default::default(),
            sending: tokio::sync::Mutex::default(),
        }
    }

    /// Ends the timers of the previous process. Returns the number of the new launch.
    pub fn start_launch(&self) -> u64 {
        self.sleepers.launches.send_modify(|launch| *launch += 1);
        self.sleepers.time_unnoticed.send_replace(false);
        *self.sleepers.launches.borrow()
    }

    /// The time to send at launch. `None` if the SDK keeps its own time.
    pub fn time_at_launch(&self) -> Option<i64> {
        let now = self.now_ms();
        self.sent_ms().store(now, Ordering::Relaxed);
        self.tells_time.then_some(now)
    }

    /// The time that the process that is meant knows.
    fn sent_ms(&self) -> &AtomicI64 {
        &self.sent_ms[usize::from(second_process::is_meant())]
    }

    /// The time on the device, in milliseconds.
    fn now_ms(&self) -> i64 {
        self.case.now_ms().saturating_add(self.skew_ms.load(Ordering::Relaxed))
    }
}

/// What happened to the SDK's process when it got a new time.
pub(in crate::run) enum Noticed {
    Yes,
    /// The harness killed it at that moment.
    Killed,
}

impl Noticed {
    pub fn is_killed(&self) -> bool {
        matches!(self, Noticed::Killed)
    }
}

impl Device {
    /// Whether the clock was ever skewed.
    pub fn clock_was_skewed(&self) -> bool {
        self.clock.was_skewed.load(Ordering::Relaxed)
    }

    /// Skews the clock. The SDK notices at its next launch or call.
    pub fn set_clock_skew(&self, milliseconds: i64) {
        self.clock.skew_ms.store(milliseconds, Ordering::Relaxed);
        self.clock.was_skewed.store(true, Ordering::Relaxed);
    }

    /// Sends the time to an SDK that is in use without a call, and waits until it has done what it does then. `timers_fire`
    /// is whether one of its sleeps has just ended.
    pub async fn tick(&self, timers_fire: bool) -> Result<(), DeviceError> {
        self.notice_time().await?;
        self.await_quiet(if timers_fire { TICK_QUIET_TIME } else { IDLE_QUIET_TIME }).await;
        Ok(())
    }

    /// Waits until the SDK has sent nothing for `quiet`, and owes no answer to a request of its own.
    async fn await_quiet(&self, quiet: Duration) {
        let started = Instant::now();
        let none_pending = |exchanges: &[Exchange]| {
            exchanges.iter().all(|exchange| !matches!(exchange.outcome, ExchangeOutcome::Pending))
        };
        let mut previous = (usize::MAX, false);
        while started.elapsed() < TIMER_TIMEOUT {
            tokio::time::sleep(quiet).await;
            let current = self.transcript.read(|exchanges| (exchanges.len(), none_pending(exchanges)));
            if current.1 && current == previous {
                return;
            }
            previous = current;
        }
    }

    /// Announces that virtual time is about to pass. The device notices when it is used again.
    pub fn pass_time(&self) {
        if self.clock.case.mode() == ClockMode::Virtual && !self.clock.case.has_pending_calls() {
            self.clock.sleepers.time_unnoticed.send_replace(true);
        }
    }

    /// Sends the time to the SDK because the device is used, unless the SDK keeps its own time.
    pub async fn notice_time(&self) -> Result<Noticed, DeviceError> {
        if !self.clock.tells_time {
            return Ok(Noticed::Yes);
        }
        let _one_at_a_time = self.clock.sending.lock().await;
        let now = self.clock.now_ms();
        let changed = self.clock.sent_ms().swap(now, Ordering::Relaxed) != now;
        let sleepers = &self.clock.sleepers;
        let timers_fire = sleepers.time_unnoticed.send_replace(false) && sleepers.due.load(Ordering::Relaxed) > 0;
        if !changed || !self.runs() {
            return Ok(Noticed::Yes);
        }
        // This is not a call of the scenario, so the scenario cannot cancel it.
        let params = message::Clock { now };
        let called = CANCEL.scope(Arc::default(), self.call::<Value>(SdkMethod::Clock, params)).await?;
        if timers_fire {
            // So that the requests of timers precede the next call.
            self.await_quiet(TIMER_QUIET_TIME).await;
        }
        Ok(if matches!(called, Called::Killed) { Noticed::Killed } else { Noticed::Yes })
    }
}
