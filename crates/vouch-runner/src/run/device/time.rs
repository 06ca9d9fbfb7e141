//! The device's clock, and when the SDK learns what time it is.
//!
//! A device that is not in use notices only when it is used again that time has passed: right before the next call. So what
//! an SDK does then of its own accord, as refreshing a token that has expired, meets the wire that the scenario has prepared.

use super::super::device_error::DeviceError;
use super::{CANCEL, Called, Device};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use vouch_sim::clock::Mode;
use vouch_sim::wire::{Exchange, ExchangeOutcome};
use vouch_spec::protocol::message;

/// Real time in which a timer that wakes has sent what it wants.
const QUIET_OF_TIMERS: Duration = Duration::from_millis(25);
/// How long they are waited for at the most.
const MOST_FOR_TIMERS: Duration = Duration::from_millis(500);

/// How the SDK took the news that time has passed.
pub(in crate::run) enum Noticed {
    Yes,
    /// Its process was killed on purpose in the middle.
    Killed,
}

impl Noticed {
    pub fn is_killed(&self) -> bool {
        matches!(self, Noticed::Killed)
    }
}

impl Device {
    /// The time that the SDK is told at launch, if it takes its time from the harness.
    pub(super) fn time_at_launch(&self) -> Option<i64> {
        let now = self.now_ms();
        self.told_ms.store(now, Ordering::Relaxed);
        self.tells_time.then_some(now)
    }

    pub fn clock_was_skewed(&self) -> bool {
        self.clock_was_skewed.load(Ordering::Relaxed)
    }

    /// Puts the clock wrong; told at the next launch, as a clock that was wrong from the start.
    pub fn set_clock_off(&self, milliseconds: i64) {
        self.clock_off_ms.store(milliseconds, Ordering::Relaxed);
        self.clock_was_skewed.store(true, Ordering::Relaxed);
    }

    /// The time by the device's clock.
    fn now_ms(&self) -> i64 {
        self.clock.now_ms().saturating_add(self.clock_off_ms.load(Ordering::Relaxed))
    }

    /// Gives timers of the SDK's own, which wake now, a moment before the call that the scenario makes.
    async fn let_timers_act(&self) {
        let (began, settles) = (Instant::now(), |exchanges: &[Exchange]| {
            exchanges.iter().all(|exchange| !matches!(exchange.fate, ExchangeOutcome::Pending))
        });
        let mut seen = (usize::MAX, false);
        while began.elapsed() < MOST_FOR_TIMERS {
            tokio::time::sleep(QUIET_OF_TIMERS).await;
            let now = self.transcript.look(|exchanges| (exchanges.len(), settles(exchanges)));
            if now.1 && now == seen {
                return;
            }
            seen = now;
        }
    }

    /// Time is about to pass, in virtual time at one stroke: the device notices it only when it is used again.
    pub fn pass_time(&self) {
        if self.clock.mode() == Mode::Virtual && !self.clock.is_owed() {
            self.rest.unnoticed.send_replace(true);
        }
    }

    /// The device is used: the SDK learns what time it is, if it wants to know.
    pub async fn notice_time(&self) -> Result<Noticed, DeviceError> {
        if !self.tells_time {
            return Ok(Noticed::Yes);
        }
        let _one_after_the_other = self.noticing.lock().await;
        let now = self.now_ms();
        let news = self.told_ms.swap(now, Ordering::Relaxed) != now;
        let timers = self.rest.unnoticed.send_replace(false) && self.rest.due.load(Ordering::Relaxed) > 0;
        if !news || !self.runs() {
            return Ok(Noticed::Yes);
        }
        // Not a call of the scenario's: nobody cancels it.
        let told = CANCEL.scope(Arc::default(), self.call::<Value>("clock", message::Clock { now })).await?;
        if timers {
            self.let_timers_act().await;
        }
        Ok(if matches!(told, Called::Killed) { Noticed::Killed } else { Noticed::Yes })
    }
}
