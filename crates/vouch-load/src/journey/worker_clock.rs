//! The clock of a running load of journeys: statistics every second, and the end.

use super::metrics::JourneyMetrics;
use super::sdk_process::SdkProcesses;
use crate::round::{AbortPolicy, IntervalStats};
use crate::workers::ProgressEvent;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Monitors a running load: reports statistics every second, and ends it.
pub(super) struct WorkerClock {
    started: Instant,
    duration: Duration,
    pub intervals: Vec<IntervalStats>,
    cpu_time: Duration,
    /// The SDK's processes, which work on this machine too.
    processes: Option<Arc<SdkProcesses>>,
    abort_policy: AbortPolicy,
    /// When the end was triggered.
    pub ended: Option<Duration>,
    pub aborted: bool,
    pub interrupted: bool,
}

impl WorkerClock {
    pub fn new(started: Instant, duration: Duration, processes: Option<Arc<SdkProcesses>>) -> Self {
        let (intervals, cpu_time) = (vec![], cpu_time(processes.as_deref()));
        Self {
            started,
            duration,
            intervals,
            cpu_time,
            processes,
            abort_policy: AbortPolicy::default(),
            ended: None,
            aborted: false,
            interrupted: false,
        }
    }

    pub fn tick(&mut self, metrics: &JourneyMetrics, stop: &AtomicBool, on_event: &mut dyn FnMut(ProgressEvent<'_>)) {
        let now = self.started.elapsed();
        if now.as_secs() > self.intervals.len() as u64 && self.ended.is_none() {
            self.interval(metrics, on_event);
        }
        if self.ended.is_none() {
            self.interrupted = stop.load(Ordering::Relaxed);
            if self.interrupted || self.aborted || now >= self.duration {
                self.ended = Some(now);
                metrics.end();
            }
        }
        // Goose ignores the kill switch before it has started, so it is triggered again.
        if self.ended.is_some() && !goose::is_killswitch_triggered() {
            goose::trigger_killswitch("the load is over");
        }
    }

    fn interval(&mut self, metrics: &JourneyMetrics, on_event: &mut dyn FnMut(ProgressEvent<'_>)) {
        let mut second = metrics.take_second();
        let used = cpu_time(self.processes.as_deref());
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let spent = used.saturating_sub(self.cpu_time).as_nanos() / threads as u128;
        second.cpu_ns = u64::try_from(spent).unwrap_or(u64::MAX);
        self.cpu_time = used;
        let interval = IntervalStats::new(self.intervals.len() as u64, &second);
        on_event(ProgressEvent::Second(&interval));
        self.aborted = self.abort_policy.should_abort(&interval);
        self.intervals.push(interval);
    }
}

/// The CPU time of this process, and of the SDK's processes: those that run, and all children that have ended.
fn cpu_time(processes: Option<&SdkProcesses>) -> Duration {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let (seconds, nanoseconds) = (u64::try_from(spent.tv_sec).unwrap_or(0), u32::try_from(spent.tv_nsec).unwrap_or(0));
    let own = Duration::new(seconds, nanoseconds);
    processes.map_or(own, |processes| own + processes.measure().cpu + cpu_time_of_ended_children())
}

fn cpu_time_of_ended_children() -> Duration {
    let mut used = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the system call fills in the structure; one that is all zero is valid too.
    let used = unsafe {
        libc::getrusage(libc::RUSAGE_CHILDREN, used.as_mut_ptr());
        used.assume_init()
    };
    let time = |time: libc::timeval| {
        let (seconds, micros) = (u64::try_from(time.tv_sec).unwrap_or(0), u64::try_from(time.tv_usec).unwrap_or(0));
        Duration::from_secs(seconds) + Duration::from_micros(micros)
    };
    time(used.ru_utime) + time(used.ru_stime)
}
