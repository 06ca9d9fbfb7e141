//! Time of one case: virtual, where an hour costs nothing, or real.
//!
//! Virtual time stands still until the scenario moves it ([`Clock::advance`]) or until everybody waits: when the build owes
//! the answer to a call ([`Clock::owe`]), sleeps and does nothing else for a moment, the clock jumps to the end of the suggest
//! sleep. A sleep from before that call may be a timer of the build's own: for its end alone time jumps only after a long
//! silence, and while nobody waits for the build it does not jump at all.

use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// Where virtual time starts: 2026-01-01T00:00:00Z, in milliseconds since 1970.
pub const VIRTUAL_START_MS: i64 = 1_767_225_600_000;
/// Real time without any activity after which sleepers are let go.
const QUIET: Duration = Duration::from_millis(4);
/// The same, where a call may wait for a sleep that was begun before it.
const LONG_QUIET: Duration = Duration::from_millis(1500);
/// No call waits as long as this for its own sake: a longer sleep is taken for a timer of the build's own.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

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
    owed: Mutex<Owed>,
}

/// The calls that the build has not answered yet.
#[derive(Default)]
struct Owed {
    calls: usize,
    /// Grows each time the last of them is answered.
    era: u64,
}

/// What a sleep is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A call may wait for it.
    Wait,
    /// No call does: a timer of the build's own.
    Background,
}

impl Clock {
    pub fn new(mode: Mode) -> Self {
        Self::starting_at(mode, VIRTUAL_START_MS)
    }

    /// A clock whose virtual time starts at `start_ms`, in milliseconds since 1970.
    pub fn starting_at(mode: Mode, start_ms: i64) -> Self {
        let now_ms = watch::Sender::new(start_ms);
        let (sleeps, activity, owed) = (Mutex::default(), AtomicU64::new(0), Mutex::default());
        Self(Arc::new(Inner { mode, now_ms, sleeps, activity, ahead_ms: AtomicI64::new(0), owed }))
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

    /// Says that the build owes an answer until what is returned is dropped.
    pub fn owe(&self) -> Owing {
        self.0.owed.lock().calls += 1;
        self.touch();
        Owing(self.clone())
    }

    /// Whether the build owes an answer.
    pub fn is_owed(&self) -> bool {
        self.0.owed.lock().calls > 0
    }

    /// Waits in this clock's time, as the build asks for.
    pub async fn sleep(&self, duration: Duration, purpose: Purpose) {
        if self.0.mode == Mode::Real {
            return tokio::time::sleep(duration).await;
        }
        let end = self.now_ms() + millis(duration);
        let era = self.era().filter(|_| duration <= LONGEST_WAIT);
        let _awake = Sleeping::begin(self, end);
        let mut now = self.0.now_ms.subscribe();
        while *now.borrow_and_update() < end {
            tokio::select! {
                _ = now.changed() => {}
                () = self.quiet(era), if purpose == Purpose::Wait => self.move_to(self.nearest_end().unwrap_or(end)),
            }
        }
    }

    /// The era of the calls that are owed now; none where none is.
    fn era(&self) -> Option<u64> {
        let owed = self.0.owed.lock();
        (owed.calls > 0).then_some(owed.era)
    }

    /// Waits until a call is owed and nothing has gone on for a moment of real time; a long one where the sleep was not begun
    /// in the era of that call.
    async fn quiet(&self, begun: Option<u64>) {
        loop {
            let before = self.0.activity.load(Ordering::Relaxed);
            let own = begun.is_some() && self.era() == begun;
            tokio::time::sleep(if own { QUIET } else { LONG_QUIET }).await;
            if self.is_owed() && self.0.activity.load(Ordering::Relaxed) == before {
                return;
            }
        }
    }

    fn nearest_end(&self) -> Option<i64> {
        self.0.sleeps.lock().iter().copied().min()
    }
}

/// An answer that the build owes, until this is dropped.
pub struct Owing(Clock);

impl Drop for Owing {
    fn drop(&mut self) {
        let mut owed = self.0.0.owed.lock();
        owed.calls = owed.calls.saturating_sub(1);
        if owed.calls == 0 {
            owed.era += 1;
        }
    }
}

/// A sleep that goes on; forgotten when the sleeper wakes or is dropped.
struct Sleeping<'a> {
    clock: &'a Clock,
    end: i64,
}

impl<'a> Sleeping<'a> {
    fn begin(clock: &'a Clock, end: i64) -> Self {
        clock.0.sleeps.lock().push(end);
        Self { clock, end }
    }
}

impl Drop for Sleeping<'_> {
    fn drop(&mut self) {
        let mut sleeps = self.clock.0.sleeps.lock();
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
    async fn virtual_minutes_cost_no_minutes_and_sleepers_wake_in_order() {
        let clock = Clock::new(Mode::Virtual);
        let _owed = clock.owe();
        let began = std::time::Instant::now();
        let order = Mutex::new(Vec::new());
        let sleeper = |tens: u64| {
            let (clock, order) = (clock.clone(), &order);
            async move {
                clock.sleep(Duration::from_secs(tens * 10), Purpose::Wait).await;
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
        let clock = Clock::new(Mode::Virtual);
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(clock.now_ms(), VIRTUAL_START_MS);
        clock.advance(Duration::from_secs(90)).await;
        assert_eq!(clock.now_ms(), VIRTUAL_START_MS + 90_000);
    }

    #[tokio::test]
    async fn no_time_passes_for_a_sleep_that_no_call_waits_for() {
        let clock = Clock::new(Mode::Virtual);
        let idle = clock.sleep(Duration::from_secs(3000), Purpose::Wait);
        assert!(tokio::time::timeout(Duration::from_millis(40), idle).await.is_err(), "nobody waits for the build");
        let _owed = clock.owe();
        let timer = clock.sleep(Duration::from_secs(3000), Purpose::Background);
        assert!(tokio::time::timeout(Duration::from_millis(40), timer).await.is_err(), "a timer of its own");
        assert_eq!(clock.now_ms(), VIRTUAL_START_MS);
        let timer = clock.sleep(Duration::from_secs(3000), Purpose::Background);
        tokio::join!(timer, clock.advance(Duration::from_secs(3001)));
    }

    #[tokio::test]
    async fn a_timer_from_before_a_call_does_not_hurry_and_yet_lets_the_call_end() {
        let clock = Clock::new(Mode::Virtual);
        let timer = {
            let clock = clock.clone();
            tokio::spawn(async move { clock.sleep(Duration::from_secs(3000), Purpose::Wait).await })
        };
        tokio::time::sleep(Duration::from_millis(10)).await;
        let _owed = clock.owe();
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(clock.now_ms(), VIRTUAL_START_MS);
        timer.await.expect("it ends after all");
    }
}
