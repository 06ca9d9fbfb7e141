//! The clock of a running load of journeys: statistics every second, and the end.

use super::cpu_meter::{CpuMeter, Meter, threads};
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
    /// The seconds that have statistics.
    reported: u64,
    cpu: CpuMeter,
    /// Reads the memory of the SDK's processes, if there are any.
    memory: Option<Meter<()>>,
    abort_policy: AbortPolicy,
    /// When the end was triggered.
    pub ended: Option<Duration>,
    pub aborted: bool,
    pub interrupted: bool,
}

/// The time between two readings of memory. One comes before the load.
const MEMORY_EVERY: Duration = Duration::from_secs(10);

impl WorkerClock {
    pub fn new(started: Instant, duration: Duration, cpu: CpuMeter) -> Self {
        Self {
            started,
            duration,
            intervals: vec![],
            reported: 0,
            cpu,
            memory: None,
            abort_policy: AbortPolicy::default(),
            ended: None,
            aborted: false,
            interrupted: false,
        }
    }

    /// Also reads the memory of the SDK's processes.
    pub fn with_memory(mut self, processes: Option<Arc<SdkProcesses>>) -> Self {
        let started = self.started;
        let meter = |processes: Arc<SdkProcesses>| {
            Meter::new(MEMORY_EVERY, MEMORY_EVERY, move || processes.measure_memory(started))
        };
        self.memory = processes.map(meter);
        self
    }

    /// It must be called several times per second.
    pub fn tick(&mut self, metrics: &JourneyMetrics, stop: &AtomicBool, on_event: &mut dyn FnMut(ProgressEvent<'_>)) {
        let now = self.started.elapsed();
        self.cpu.tick();
        if let Some(memory) = &mut self.memory {
            memory.tick();
        }
        if now.as_secs() > self.reported && self.ended.is_none() {
            self.reported = now.as_secs();
            self.interval(metrics, on_event);
        }
        if self.ended.is_none() {
            self.interrupted = stop.load(Ordering::Relaxed);
            if self.interrupted || self.aborted || now >= self.duration {
                self.ended = Some(now);
                metrics.end();
                // The SDK's processes still run.
                self.cpu.measure_now();
                self.memory.iter_mut().for_each(Meter::measure_now);
            }
        }
        // Goose ignores the kill switch before it has started, so it is triggered again.
        if self.ended.is_some() && !goose::is_killswitch_triggered() {
            goose::trigger_killswitch("the load is over");
        }
    }

    /// Waits for the last reading of memory.
    pub async fn finish_memory(&mut self) {
        if let Some(memory) = self.memory.take() {
            memory.finish().await;
        }
    }

    /// The statistics of the second that has ended, and of those before it that have none.
    fn interval(&mut self, metrics: &JourneyMetrics, on_event: &mut dyn FnMut(ProgressEvent<'_>)) {
        let mut second = metrics.take_second();
        second.cpu_ns = self.cpu.ns_per_second() / threads();
        let interval = IntervalStats::new(self.reported - 1, &second);
        on_event(ProgressEvent::Second(&interval));
        self.aborted = self.abort_policy.should_abort(&interval);
        self.intervals.push(interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journey::http_client::tests::metrics_of;

    #[tokio::test]
    async fn seconds_are_numbered_by_time_when_a_tick_comes_late() {
        let metrics = metrics_of(&[]);
        let started = Instant::now().checked_sub(Duration::from_millis(3_400)).expect("the machine is up longer");
        let cpu = CpuMeter::new(|| Duration::ZERO);
        let mut clock = WorkerClock::new(started, Duration::from_secs(60), cpu);
        for _ in 0..3 {
            clock.tick(&metrics, &AtomicBool::new(false), &mut |_| {});
        }
        let seconds: Vec<_> = clock.intervals.iter().map(|interval| interval.second).collect();
        assert_eq!((seconds, clock.ended), (vec![2], None));
    }
}
