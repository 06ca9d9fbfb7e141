//! Reads the metrics of the system under test while the load runs.

use super::usage::{SystemSample, SystemUsage};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, interval_at};
use vouch_runner::sut::{MetricsError, MetricsProbe, MetricsReading};

/// The usual time between two readings.
const INTERVAL: Duration = Duration::from_secs(1);
/// More readings are not kept: every second one is dropped, and the time between them doubles.
const MAX_READINGS: usize = 7200;

/// A last reading sooner after the one before is left out: the clock of CPU time ticks only each 10 ms.
const MIN_LAST_INTERVAL: Duration = Duration::from_millis(250);

/// Gets each sample as soon as it is read.
pub type OnSample = Arc<dyn Fn(&SystemSample) + Send + Sync>;

/// Reads metrics from the start of a load until it is finished. Dropped, it ends without a result.
pub struct Sampler {
    source: String,
    queue_metric: Option<String>,
    started: Instant,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Readings>,
}

/// What was read so far.
#[derive(Default)]
pub(super) struct Readings {
    pub all: Vec<(Instant, MetricsReading)>,
    pub failed: u64,
    /// Why the first reading failed.
    pub first_error: Option<String>,
}

impl Readings {
    fn add(&mut self, read: Result<MetricsReading, MetricsError>) {
        match read {
            // The time after the answer: the system gathered the figures just before.
            Ok(reading) => self.all.push((Instant::now(), reading)),
            Err(error) => {
                self.failed += 1;
                self.first_error.get_or_insert_with(|| error.to_string());
            }
        }
    }

    /// Counts the readings as failed if none of them has the queue: its metric may be misspelt.
    fn require_queue(&mut self, metric: &str) {
        if !self.all.is_empty() && self.all.iter().all(|(_, reading)| reading.queue.is_none()) {
            self.failed += self.all.len() as u64;
            self.first_error.get_or_insert_with(|| format!("the metrics have no `{metric}`"));
        }
    }

    /// Drops every second reading if there are too many. Returns whether it did.
    fn thin(&mut self) -> bool {
        let too_many = self.all.len() >= MAX_READINGS;
        if too_many {
            let mut keep = false;
            self.all.retain(|_| {
                keep = !keep;
                keep
            });
        }
        too_many
    }
}

impl Sampler {
    /// Starts to read, on the current tokio runtime, when the load starts.
    pub fn start(probe: MetricsProbe, on_sample: Option<OnSample>) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (source, started) = (probe.source(), Instant::now());
        let queue_metric = probe.queue_metric().map(str::to_owned);
        Self { source, queue_metric, started, stop, task: tokio::spawn(read_until(probe, started, on_sample, stopped)) }
    }

    /// Reads a last time, when the load has ended. Returns what was read since it started.
    pub async fn finish(self) -> SystemUsage {
        let _ = self.stop.send(());
        let mut readings = self.task.await.unwrap_or_default();
        if let Some(metric) = self.queue_metric {
            readings.require_queue(&metric);
        }
        SystemUsage::of(self.source, readings, self.started)
    }
}

async fn read_until(
    probe: MetricsProbe,
    started: Instant,
    on_sample: Option<OnSample>,
    mut stopped: oneshot::Receiver<()>,
) -> Readings {
    let mut readings = Readings::default();
    let mut every = INTERVAL;
    let mut ticks = interval(every);
    loop {
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let is_last = tokio::select! {
            _ = ticks.tick() => false,
            // An error: the sampler was dropped.
            _ = &mut stopped => true,
        };
        let last = readings.all.last().map(|(at, _)| *at);
        if is_last && last.is_some_and(|at| at.elapsed() < MIN_LAST_INTERVAL) {
            return readings;
        }
        let read = probe.read().await;
        let is_good = read.is_ok();
        readings.add(read);
        if let (true, Some(on_sample), [.., before, last]) = (is_good, &on_sample, &readings.all[..]) {
            on_sample(&SystemSample::between(before, last, started));
        }
        if is_last {
            return readings;
        }
        if readings.thin() {
            every *= 2;
            ticks = interval_at(tokio::time::Instant::now() + every, every);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_that_no_reading_has_is_told() {
        let with = |queue| (Instant::now(), MetricsReading { queue, ..MetricsReading::default() });
        let told = |all: Vec<_>| {
            let mut readings = Readings { all, ..Readings::default() };
            readings.require_queue("waiting");
            (readings.failed, readings.first_error)
        };
        assert_eq!(told(vec![with(None), with(None)]), (2, Some("the metrics have no `waiting`".into())));
        // A gauge may be missing until the first request.
        assert_eq!(told(vec![with(None), with(Some(0.0))]), (0, None));
        assert_eq!(told(vec![]), (0, None));
    }

    #[test]
    fn too_many_readings_are_thinned() {
        let now = Instant::now();
        let mut readings =
            Readings { all: vec![(now, MetricsReading::default()); MAX_READINGS - 1], ..Readings::default() };
        assert!(!readings.thin());
        readings.all.push((now, MetricsReading::default()));
        assert!(readings.thin());
        assert_eq!(readings.all.len(), MAX_READINGS / 2);
    }
}
