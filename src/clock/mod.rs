//! Time of one case: virtual, where an hour costs nothing, or real.
//!
//! Virtual time stands still until the scenario moves it ([`Clock::advance`]) or until everybody waits: when a part sleeps
//! and nothing else has happened for a moment, the clock jumps to the end of the nearest sleep.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// Where virtual time starts: 2026-01-01T00:00:00Z, in milliseconds since 1970.
pub const VIRTUAL_START_MS: i64 = 1_767_225_600_000;
/// Real time without any activity after which sleepers are let go.
const QUIET: Duration = Duration::from_millis(4);

/// Which time a case lives in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Virtual,
    Real,
}

/// The clock of one case. Cheap to clone.
#[derive(Clone)]
pub struct Clock(Arc<Inner>);

struct Inner {
    mode: Mode,
    now_ms: watch::Sender<i64>,
    /// Ends of the sleeps that go on, in virtual milliseconds.
    sleeps: Mutex<Vec<i64>>,
    activity: AtomicU64,
    /// How far a real clock has been set ahead, in milliseconds.
    ahead_ms: AtomicI64,
}

impl Clock {
    pub fn new(mode: Mode) -> Self {
        Self::starting_at(mode, VIRTUAL_START_MS)
    }

    /// A clock whose virtual time starts at `start_ms`, in milliseconds since 1970.
    pub fn starting_at(mode: Mode, start_ms: i64) -> Self {
        let now_ms = watch::Sender::new(start_ms);
        Self(Arc::new(Inner {
            mode,
            now_ms,
            sleeps: Mutex::default(),
            activity: AtomicU64::new(0),
            ahead_ms: AtomicI64::new(0),
        }))
    }

    pub fn mode(&self) -> Mode {
        self.0.mode
    }

    /// Milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        match self.0.mode {
            Mode::Virtual => *self.0.now_ms.borrow(),
            Mode::Real => real_now_ms() + self.0.ahead_ms.load(Ordering::Relaxed),
        }
    }

    /// Seconds since 1970, as JWT claims count.
    pub fn now_s(&self) -> i64 {
        self.now_ms().div_euclid(1000)
    }

    /// Says that something went on: sleepers wait a little longer for quiet.
    pub fn touch(&self) {
        self.0.activity.fetch_add(1, Ordering::Relaxed);
    }

    /// Moves virtual time on; in real time, waits.
    pub async fn advance(&self, by: Duration) {
        match self.0.mode {
            Mode::Virtual => self.move_to(self.now_ms() + millis(by)),
            Mode::Real => tokio::time::sleep(by).await,
        }
    }

    /// Sets the clock ahead at once, whichever time it keeps. Sleeps in real time are not shortened.
    pub fn set_ahead(&self, by: Duration) {
        match self.0.mode {
            Mode::Virtual => self.move_to(self.now_ms() + millis(by)),
            Mode::Real => {
                self.0.ahead_ms.fetch_add(millis(by), Ordering::Relaxed);
            }
        }
    }

    fn move_to(&self, to_ms: i64) {
        self.0.now_ms.send_modify(|now| *now = (*now).max(to_ms));
    }

    /// Waits in this clock's time.
    pub async fn sleep(&self, duration: Duration) {
        if self.0.mode == Mode::Real {
            return tokio::time::sleep(duration).await;
        }
        let end = self.now_ms() + millis(duration);
        let _awake = Sleeping::begin(self, end);
        let mut now = self.0.now_ms.subscribe();
        while *now.borrow_and_update() < end {
            tokio::select! {
                _ = now.changed() => {}
                () = self.quiet() => self.move_to(self.nearest_end().unwrap_or(end)),
            }
        }
    }

    /// Waits until nothing has gone on for a moment of real time.
    async fn quiet(&self) {
        loop {
            let before = self.0.activity.load(Ordering::Relaxed);
            tokio::time::sleep(QUIET).await;
            if self.0.activity.load(Ordering::Relaxed) == before {
                return;
            }
        }
    }

    fn nearest_end(&self) -> Option<i64> {
        self.sleeps().iter().copied().min()
    }

    fn sleeps(&self) -> std::sync::MutexGuard<'_, Vec<i64>> {
        self.0.sleeps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A sleep that goes on; forgotten when the sleeper wakes or is dropped.
struct Sleeping<'a> {
    clock: &'a Clock,
    end: i64,
}

impl<'a> Sleeping<'a> {
    fn begin(clock: &'a Clock, end: i64) -> Self {
        clock.sleeps().push(end);
        Self { clock, end }
    }
}

impl Drop for Sleeping<'_> {
    fn drop(&mut self) {
        let mut sleeps = self.clock.sleeps();
        if let Some(at) = sleeps.iter().position(|end| *end == self.end) {
            sleeps.swap_remove(at);
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

/// The machine's own time, in milliseconds since 1970.
pub fn real_now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_virtual_hour_costs_no_hour_and_sleepers_wake_in_order() {
        let clock = Clock::new(Mode::Virtual);
        let began = std::time::Instant::now();
        let order = Mutex::new(Vec::new());
        let sleeper = |minutes: u64| {
            let (clock, order) = (clock.clone(), &order);
            async move {
                clock.sleep(Duration::from_secs(minutes * 60)).await;
                order.lock().unwrap().push(minutes);
            }
        };
        tokio::join!(sleeper(60), sleeper(1), sleeper(5));
        assert_eq!(*order.lock().unwrap(), [1, 5, 60]);
        assert_eq!(clock.now_ms(), VIRTUAL_START_MS + 3_600_000);
        assert!(began.elapsed() < Duration::from_secs(5));
    }

    #[tokio::test]
    async fn virtual_time_stands_still_by_itself() {
        let clock = Clock::new(Mode::Virtual);
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(clock.now_ms(), VIRTUAL_START_MS);
        clock.advance(Duration::from_secs(90)).await;
        assert_eq!(clock.now_ms(), VIRTUAL_START_MS + 90_000);
    }
}
