//! The clock of a worker: measures the time of the run, sends statistics every second, and stops the worker.

use crate::measure::SecondStats;
use crate::scheduler::Scheduler;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

/// The statistics of one second of one worker.
pub struct WorkerSecond {
    /// Seconds since the start of the run.
    pub second: u64,
    pub stats: SecondStats,
}

const NS_PER_SECOND: u64 = 1_000_000_000;

/// The clock of one worker.
pub struct WorkerClock<'a> {
    start: Instant,
    /// When arrivals end, in nanoseconds. Only `max` needs it: a schedule has its own end.
    end: u64,
    stop: &'a AtomicBool,
    seconds: Option<Sender<WorkerSecond>>,
    second: u64,
    cpu_ns: u64,
    /// The time in this second that the worker spent spinning.
    idle: Duration,
    closed: bool,
}

impl<'a> WorkerClock<'a> {
    pub fn new(
        start: Instant,
        duration: Option<Duration>,
        stop: &'a AtomicBool,
        seconds: Option<Sender<WorkerSecond>>,
    ) -> Self {
        let end = duration.map_or(u64::MAX, nanoseconds);
        Self { start, end, stop, seconds, second: 0, cpu_ns: thread_cpu_ns(), idle: Duration::ZERO, closed: false }
    }

    /// Nanoseconds since the start of the run.
    pub fn now(&self) -> u64 {
        nanoseconds(self.start.elapsed())
    }

    /// Sleeps until the run starts.
    pub fn wait_for_start(&mut self) {
        std::thread::sleep(self.start.saturating_duration_since(Instant::now()));
        self.cpu_ns = thread_cpu_ns();
    }

    /// Adds spinning time, which does not count as CPU usage.
    pub fn add_idle(&mut self, duration: Duration) {
        self.idle += duration;
    }

    /// The duration until a time in nanoseconds of this clock.
    pub fn until(&self, moment: u64) -> Duration {
        Duration::from_nanos(moment.saturating_sub(self.now()))
    }

    pub fn next_tick(&self) -> u64 {
        let next = (self.second + 1) * NS_PER_SECOND;
        if self.closed { next } else { next.min(self.end) }
    }

    /// Sends the statistics of a second that has ended, and closes the scheduler at the end. Returns the time in nanoseconds.
    pub fn tick(&mut self, scheduler: &mut Scheduler) -> u64 {
        let now = self.now();
        if !self.closed && (now >= self.end || self.stop.load(Ordering::Relaxed)) {
            self.closed = true;
            scheduler.close();
        }
        if now >= (self.second + 1) * NS_PER_SECOND {
            self.send(scheduler);
            self.second = now / NS_PER_SECOND;
        }
        now
    }

    /// Sends the statistics of the current second.
    pub fn send(&mut self, scheduler: &mut Scheduler) {
        let cpu_ns = thread_cpu_ns();
        let idle = nanoseconds(std::mem::take(&mut self.idle));
        scheduler.record.second.cpu_ns = cpu_ns.saturating_sub(self.cpu_ns).saturating_sub(idle);
        self.cpu_ns = cpu_ns;
        if let Some(seconds) = &self.seconds {
            let stats = scheduler.record.second.clone();
            // The receiver is gone when the run is over.
            let _ = seconds.send(WorkerSecond { second: self.second, stats });
        }
        scheduler.record.second.clear();
    }
}

/// A duration in nanoseconds.
pub fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The CPU time of this thread, in nanoseconds.
fn thread_cpu_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    u64::try_from(time.tv_sec).unwrap_or(0) * NS_PER_SECOND + u64::try_from(time.tv_nsec).unwrap_or(0)
}
