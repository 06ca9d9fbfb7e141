//! The clock of one case: virtual, where an hour costs nothing, or real.
//!
//! Virtual time stands still until the scenario advances it ([`Clock::advance`]) or until every participant waits. When the
//! build owes the answer to a call ([`Clock::begin_call`]), sleeps, and shows no activity for a moment, the clock jumps to
//! the end of the nearest sleep. A sleep that began before that call may be a background timer of the build. The clock
//! jumps to the end of such a sleep only after a long silence, and never while no call is pending.

use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// Where virtual time starts: 2026-01-01T00:00:00Z, in milliseconds since 1970.
pub const VIRTUAL_START_MS: i64 = 1_767_225_600_000;
/// Real time without any activity after which sleepers are let go.
const QUIET: Duration = Duration::from_millis(4);
/// The same, where a call may wait for a sleep that began before it.
const LONG_QUIET: Duration = Duration::from_millis(1500);
/// No call waits as long as this for its own sake: a longer sleep is taken for a timer of the build's own.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// Which time a case lives in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockMode {
    Virtual,
    Real,
}

/// The clock of one case. Cheap to clone.
#[derive(Clone)]
pub struct Clock(Arc<ClockState>);

struct ClockState {
    mode: ClockMode,
    now_ms: watch::Sender<i64>,
    /// Ends of the sleeps that go on, in virtual milliseconds.
    sleeps: Mutex<Vec<i64>>,
    activity: AtomicU64,
    /// How far a real clock has been set ahead, in milliseconds.
    ahead_ms: AtomicI64,
    pending_calls: Mutex<PendingCalls>,
}

/// The calls that the build has not answered yet.
#[derive(Default)]
struct PendingCalls {
    calls: usize,
    /// Grows each time the last of them is answered.
    generation: u64,
}

/// What a sleep is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SleepPurpose {
    /// A call may wait for it.
    Wait,
    /// No call does: a timer of the build's own.
    Background,
}

impl Clock {
    pub fn new(mode: ClockMode) -> Self {
        Self::starting_at(mode, VIRTUAL_START_MS)
    }

    /// A clock whose virtual time starts at `start_ms`, in milliseconds since 1970.
    pub fn starting_at(mode: ClockMode, start_ms: i64) -> Self {
        let now_ms = watch::Sender::new(start_ms);
        let (sleeps, activity, pending_calls) = (Mutex::default(), AtomicU64::new(0), Mutex::default());
        Self(Arc::new(ClockState { mode, now_ms, sleeps, activity, ahead_ms: AtomicI64::new(0), pending_calls }))
    }

    pub fn mode(&self) -> ClockMode {
        self.0.mode
    }

    /// Milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        match self.0.mode {
            ClockMode::Virtual => *self.0.now_ms.borrow(),
            ClockMode::Real => real_now_ms() + self.0.ahead_ms.load(Ordering::Relaxed),
        }
    }

    /// Seconds since 1970, as JWT claims count.
    pub fn now_s(&self) -> i64 {
        self.now_ms().div_euclid(1000)
    }

    /// Says that something went on: sleepers wait a little longer for quiet.
    pub fn record_activity(&self) {
        self.0.activity.fetch_add(1, Ordering::Relaxed);
    }

    /// Moves virtual time on; in real time, waits.
    pub async fn advance(&self, by: Duration) {
        match self.0.mode {
            ClockMode::Virtual => self.move_to(self.now_ms() + to_ms(by)),
            ClockMode::Real => tokio::time::sleep(by).await,
        }
    }

    /// Sets the clock ahead at once, whichever time it keeps. Sleeps in real time are not shortened.
    pub fn set_ahead(&self, by: Duration) {
        match self.0.mode {
            ClockMode::Virtual => self.move_to(self.now_ms() + to_ms(by)),
            ClockMode::Real => {
                self.0.ahead_ms.fetch_add(to_ms(by), Ordering::Relaxed);
            }
        }
    }

    fn move_to(&self, to_ms: i64) {
        self.0.now_ms.send_modify(|now| *now = (*now).max(to_ms));
    }

    /// Says that the build owes an answer until what is returned is dropped.
    pub fn begin_call(&self) -> PendingCallGuard {
        self.0.pending_calls.lock().calls += 1;
        self.record_activity();
        PendingCallGuard(self.clone())
    }

    /// Whether the build owes an answer.
    pub fn has_pending_calls(&self) -> bool {
        self.0.pending_calls.lock().calls > 0
    }

    /// Waits in this clock's time, as the build asks for.
    pub async fn sleep(&self, duration: Duration, purpose: SleepPurpose) {
        if self.0.mode == ClockMode::Real {
            return tokio::time::sleep(duration).await;
        }
        let end = self.now_ms() + to_ms(duration);
        let generation = self.generation().filter(|_| duration <= LONGEST_WAIT);
        let _awake = SleepGuard::begin(self, end);
        let mut now = self.0.now_ms.subscribe();
        while *now.borrow_and_update() < end {
            tokio::select! {
                _ = now.changed() => {}
                () = self.quiet(generation), if purpose == SleepPurpose::Wait => self.move_to(self.nearest_end().unwrap_or(end)),
            }
        }
    }

    /// The generation of the calls that are pending now; none where no call is pending.
    fn generation(&self) -> Option<u64> {
        let pending_calls = self.0.pending_calls.lock();
        (pending_calls.calls > 0).then_some(pending_calls.generation)
    }

    /// Waits until a call is pending and nothing has gone on for a moment of real time; a long one where the sleep did not begin
    /// in the generation of that call.
    async fn quiet(&self, begun_in: Option<u64>) {
        loop {
            let before = self.0.activity.load(Ordering::Relaxed);
            let own = begun_in.is_some() && self.generation() == begun_in;
            tokio::time::sleep(if own { QUIET } else { LONG_QUIET }).await;
            if self.has_pending_calls() && self.0.activity.load(Ordering::Relaxed) == before {
                return;
            }
        }
    }

    /// How long it is until the next sleep ends; none where nobody sleeps.
    pub fn until_next_end(&self) -> Option<Duration> {
        let left = self.nearest_end()?.saturating_sub(self.now_ms());
        Some(Duration::from_millis(u64::try_from(left).unwrap_or(0)))
    }

    fn nearest_end(&self) -> Option<i64> {
        self.0.sleeps.lock().iter().copied().min()
    }
}

/// An answer that the build owes, until this is dropped.
pub struct PendingCallGuard(Clock);

impl Drop for PendingCallGuard {
    fn drop(&mut self) {
        let mut pending_calls = self.0.0.pending_calls.lock();
        pending_calls.calls = pending_calls.calls.saturating_sub(1);
        if pending_calls.calls == 0 {
            pending_calls.generation += 1;
        }
    }
}

/// A sleep that goes on; forgotten when the sleeper wakes or is dropped.
struct SleepGuard<'a> {
    clock: &'a Clock,
    end: i64,
}

impl<'a> SleepGuard<'a> {
    fn begin(clock: &'a Clock, end: i64) -> Self {
        clock.0.sleeps.lock().push(end);
        Self { clock, end }
    }
}

impl Drop for SleepGuard<'_> {
    fn drop(&mut self) {
        let mut sleeps = self.clock.0.sleeps.lock();
        if let Some(at) = sleeps.iter().position(|end| *end == self.end) {
            sleeps.swap_remove(at);
        }
    }
}

fn to_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

/// The machine's own time, in milliseconds since 1970.
pub fn real_now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, to_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn virtual_minutes_cost_no_minutes_and_sleepers_wake_in_order() {
        let clock = Clock::new(ClockMode::Virtual);
        let _owed = clock.begin_call();
        let began = std::time::Instant::now();
        let order = Mutex::new(Vec::new());
        let sleeper = |tens: u64| {
            let (clock, order) = (clock.clone(), &order);
            async move {
                clock.sleep(Duration::from_secs(tens * 10), SleepPurpose::Wait).await;
                order.lock().push(tens);
            }
        };
        tokio::join!(sleeper(60), sleeper(6), sleeper(30));
        assert_eq!(*order.lock(), [6, 30, 60]);
        assert_eq!(clock.now_ms(), VIRTUAL_START_MS + 600_000);
        assert!(began.elapsed() < Duration::from_secs(5));
    }

    #[tokio::test]
    async fn virtual_time_stands_still_by_itself() {
        let clock = Clock::new(ClockMode::Virtual);
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(clock.now_ms(), VIRTUAL_START_MS);
        clock.advance(Duration::from_secs(90)).await;
        assert_eq!(clock.now_ms(), VIRTUAL_START_MS + 90_000);
    }

    #[tokio::test]
    async fn no_time_passes_for_a_sleep_that_no_call_waits_for() {
        let clock = Clock::new(ClockMode::Virtual);
        let idle = clock.sleep(Duration::from_secs(3000), SleepPurpose::Wait);
        assert!(tokio::time::timeout(Duration::from_millis(40), idle).await.is_err(), "nobody waits for the build");
        let _owed = clock.begin_call();
        let timer = clock.sleep(Duration::from_secs(3000), SleepPurpose::Background);
        assert!(tokio::time::timeout(Duration::from_millis(40), timer).await.is_err(), "a timer of its own");
        assert_eq!(clock.now_ms(), VIRTUAL_START_MS);
        let timer = clock.sleep(Duration::from_secs(3000), SleepPurpose::Background);
        tokio::join!(timer, clock.advance(Duration::from_secs(3001)));
    }

    #[tokio::test]
    async fn a_timer_from_before_a_call_does_not_hurry_and_yet_lets_the_call_end() {
        let clock = Clock::new(ClockMode::Virtual);
        let timer = {
            let clock = clock.clone();
            tokio::spawn(async move { clock.sleep(Duration::from_secs(3000), SleepPurpose::Wait).await })
        };
        tokio::time::sleep(Duration::from_millis(10)).await;
        let _owed = clock.begin_call();
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(clock.now_ms(), VIRTUAL_START_MS);
        timer.await.expect("it ends after all");
    }
}
