//! What the system under test used during a load.

use super::sampler::Readings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Instant;
use vouch_runner::sut::MetricsReading;

/// One moment of the load.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SystemSample {
    /// Seconds since the start of the load.
    pub at: f64,
    /// The CPU time used since the sample before, per second: 1 is one busy processor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<f64>,
    /// How many requests wait, where the system tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<f64>,
}

/// The samples of a load.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SystemUsage {
    /// Where the figures come from.
    pub source: String,
    pub samples: Vec<SystemSample>,
    /// How many readings failed.
    pub failed: u64,
    /// Why the first of them failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_error: Option<String>,
}

impl SystemSample {
    /// The sample of a reading; `started` is the start of the load. CPU is the growth since the reading before.
    pub(super) fn between(
        (before, earlier): &(Instant, MetricsReading),
        (at, reading): &(Instant, MetricsReading),
        started: Instant,
    ) -> Self {
        let seconds = at.duration_since(*before).as_secs_f64();
        // A counter that shrinks belongs to a process that was started anew.
        let grown = earlier.cpu_seconds.zip(reading.cpu_seconds).map(|(earlier, now)| now - earlier);
        let cpu = grown.filter(|grown| *grown >= 0.0 && seconds > 0.0).map(|grown| rounded(grown / seconds));
        Self { cpu, ..Self::at(*at, reading, started) }
    }

    /// What one reading tells.
    fn at(at: Instant, reading: &MetricsReading, started: Instant) -> Self {
        Self {
            at: rounded(at.duration_since(started).as_secs_f64()),
            cpu: None,
            memory_bytes: reading.memory_bytes.map(f64::round),
            queue: reading.queue.map(rounded),
        }
    }
}

impl SystemUsage {
    /// The samples since the start of the load. The first has no CPU, because CPU is a growth.
    pub(super) fn of(source: String, readings: Readings, started: Instant) -> Self {
        let first = readings.all.first().map(|(at, reading)| SystemSample::at(*at, reading, started));
        let later = readings.all.windows(2).map(|pair| SystemSample::between(&pair[0], &pair[1], started));
        let samples = first.into_iter().chain(later).collect();
        Self { source, samples, failed: readings.failed, first_error: readings.first_error }
    }

    /// The average CPU after the warm-up, in processors.
    pub fn mean_cpu(&self, warm_up: f64) -> Option<f64> {
        let (used, elapsed) = self.cpu_after(warm_up);
        (elapsed > 0.0).then(|| used / elapsed)
    }

    /// The CPU time of all samples, in seconds.
    pub fn cpu_seconds(&self) -> Option<f64> {
        let (used, elapsed) = self.cpu_after(0.0);
        (elapsed > 0.0).then_some(used)
    }

    /// The CPU time after the warm-up, and the time in which it was used, in seconds.
    fn cpu_after(&self, warm_up: f64) -> (f64, f64) {
        let (mut used, mut elapsed) = (0.0, 0.0);
        let mut before = self.samples.first().map_or(0.0, |sample| sample.at);
        for sample in &self.samples {
            if let Some(cpu) = sample.cpu.filter(|_| sample.at >= warm_up) {
                used += cpu * (sample.at - before);
                elapsed += sample.at - before;
            }
            before = sample.at;
        }
        (used, elapsed)
    }

    /// The highest value after the warm-up.
    pub fn highest(&self, warm_up: f64, of: fn(&SystemSample) -> Option<f64>) -> Option<f64> {
        self.measured(warm_up).filter_map(of).reduce(f64::max)
    }

    fn measured(&self, warm_up: f64) -> impl Iterator<Item = &SystemSample> {
        self.samples.iter().filter(move |sample| sample.at >= warm_up)
    }

    /// Why figures are missing, if some are.
    pub fn gap(&self) -> Option<String> {
        let error = self.first_error.as_deref()?;
        Some(if self.samples.is_empty() {
            format!("what the system under test uses is not known: {error}")
        } else {
            format!("{} readings of what the system under test uses failed; the first: {error}", self.failed)
        })
    }
}

/// A figure to six decimals: with so few digits, a record that is read again has the same one to the last bit.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Readings a second apart, of this CPU time; the load starts with the first one.
    fn usage(cpu_seconds: &[f64]) -> SystemUsage {
        let first = Instant::now();
        let at = |index: usize| first + Duration::from_secs(index as u64);
        let reading = |cpu| MetricsReading { cpu_seconds: Some(cpu), memory_bytes: Some(5.0), queue: None };
        let all = cpu_seconds.iter().enumerate().map(|(index, cpu)| (at(index), reading(*cpu))).collect();
        let readings = Readings { all, failed: 1, first_error: Some("closed".into()) };
        SystemUsage::of("test".into(), readings, first)
    }

    #[test]
    fn cpu_is_the_growth_of_the_counter() {
        let usage = usage(&[10.0, 10.5, 12.0, 12.25, 13.25]);
        let cpu: Vec<_> = usage.samples.iter().filter_map(|sample| sample.cpu).collect();
        assert_eq!(cpu, [0.5, 1.5, 0.25, 1.0]);
        assert_eq!(usage.mean_cpu(2.5), Some(0.625));
        assert_eq!(usage.highest(0.0, |sample| sample.cpu), Some(1.5));
        assert_eq!(usage.highest(9.0, |sample| sample.cpu), None);
        assert!(usage.gap().is_some_and(|gap| gap.starts_with("1 readings") && gap.ends_with("closed")));
    }

    #[test]
    fn a_restart_is_no_negative_cpu() {
        let usage = usage(&[10.0, 11.0, 0.5, 1.0]);
        let cpu: Vec<_> = usage.samples.iter().map(|sample| sample.cpu).collect();
        assert_eq!(cpu, [None, Some(1.0), None, Some(0.5)]);
    }

    #[test]
    fn a_system_that_answers_late_is_measured_from_then_on() {
        let mut usage = usage(&[10.0, 14.0, 15.0]);
        usage.samples.iter_mut().for_each(|sample| sample.at += 10.0);
        assert_eq!(usage.mean_cpu(0.0), Some(2.5));
    }

    #[test]
    fn a_system_that_never_answered_is_unknown() {
        let readings = Readings { first_error: Some("refused".into()), failed: 3, ..Readings::default() };
        let usage = SystemUsage::of("test".into(), readings, Instant::now());
        assert_eq!(usage.mean_cpu(0.0), None);
        assert!(usage.gap().is_some_and(|gap| gap.contains("is not known: refused")));
    }
}
