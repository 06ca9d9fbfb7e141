//! A worker's clock: tells the time of the run, sends a row of figures every second, and says when to stop.

use crate::measure::Second;
use crate::scheduler::Scheduler;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

/// One second of one worker.
pub struct Pulse {
    /// Seconds since the start of the clock.
    pub second: u64,
    pub figures: Second,
}

const SECOND: u64 = 1_000_000_000;

/// The clock of one worker.
pub struct Watch<'a> {
    start: Instant,
    /// When arrivals end, in nanoseconds. A schedule ends by itself; a max does not.
    end: u64,
    stop: &'a AtomicBool,
    pulses: Option<Sender<Pulse>>,
    second: u64,
    cpu_ns: u64,
    /// How long the worker was awake in this second without anything to do.
    idle: Duration,
    closed: bool,
}

impl<'a> Watch<'a> {
    pub fn new(
        start: Instant,
        duration: Option<Duration>,
        stop: &'a AtomicBool,
        pulses: Option<Sender<Pulse>>,
    ) -> Self {
        let end = duration.map_or(u64::MAX, nanoseconds);
        Self { start, end, stop, pulses, second: 0, cpu_ns: thread_cpu_ns(), idle: Duration::ZERO, closed: false }
    }

    /// Nanoseconds since the start of the clock.
    pub fn now(&self) -> u64 {
        nanoseconds(self.start.elapsed())
    }

    /// Sleeps until the clock starts.
    pub fn wait_for_start(&mut self) {
        std::thread::sleep(self.start.saturating_duration_since(Instant::now()));
        self.cpu_ns = thread_cpu_ns();
    }

    /// Notes that the worker was awake, but idle: that does not make it busy.
    pub fn was_idle(&mut self, duration: Duration) {
        self.idle += duration;
    }

    /// How long it is until a moment.
    pub fn until(&self, moment: u64) -> Duration {
        Duration::from_nanos(moment.saturating_sub(self.now()))
    }

    pub fn next_beat(&self) -> u64 {
        let next = (self.second + 1) * SECOND;
        if self.closed { next } else { next.min(self.end) }
    }

    /// Looks at the clock: sends the row of a second that is over, and closes the desk when it is time. The time.
    pub fn beat(&mut self, desk: &mut Scheduler) -> u64 {
        let now = self.now();
        if !self.closed && (now >= self.end || self.stop.load(Ordering::Relaxed)) {
            self.closed = true;
            desk.close();
        }
        if now >= (self.second + 1) * SECOND {
            self.send(desk);
            self.second = now / SECOND;
        }
        now
    }

    /// Sends the row of the second that goes on.
    pub fn send(&mut self, desk: &mut Scheduler) {
        let cpu_ns = thread_cpu_ns();
        let idle = nanoseconds(std::mem::take(&mut self.idle));
        desk.record.second.cpu_ns = cpu_ns.saturating_sub(self.cpu_ns).saturating_sub(idle);
        self.cpu_ns = cpu_ns;
        if let Some(pulses) = &self.pulses {
            let figures = desk.record.second.clone();
            // Nobody listens any more: the run is over.
            let _ = pulses.send(Pulse { second: self.second, figures });
        }
        desk.record.second.clear();
    }
}

/// A duration of time in nanoseconds.
pub fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// CPU time of this thread.
fn thread_cpu_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    u64::try_from(time.tv_sec).unwrap_or(0) * SECOND + u64::try_from(time.tv_nsec).unwrap_or(0)
}
