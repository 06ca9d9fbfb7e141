//! Measurements: latencies in HDR histograms per worker, merged at the end, and statistics per second.

use super::check::ResponseCheck;
use super::failure::{Failure, WrongResponse};
use super::latencies::{Latencies, latencies, record};
use super::measurement_window::Completions;
use super::threshold::Figures;
use crate::record::{failure_list, histogram};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The measurements of one workload or call.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Series {
    /// Latency from the intended start, which is what a user experiences. Covers good responses and timeouts (as a lower bound);
    /// other failures may be fast and are only counted.
    #[serde(with = "histogram")]
    #[schemars(with = "histogram::Histogram")]
    pub latency: Latencies,
    /// Service time from the send, of good responses.
    #[serde(with = "histogram")]
    #[schemars(with = "histogram::Histogram")]
    pub service: Latencies,
    pub good: u64,
    #[serde(with = "failure_list")]
    #[schemars(with = "Vec<failure_list::FailureEntry>")]
    pub failures: BTreeMap<Failure, FailureStats>,
    /// When good responses arrived.
    pub completions: Completions,
    /// Good responses per second, if it differs from all good responses over the measured time.
    pub rate: Option<f64>,
}

/// Failures of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailureStats {
    pub count: u64,
    /// The message of the first one, without secrets.
    pub example: String,
}

/// Adds failures of one kind; the first example is kept.
pub fn add_failures(all: &mut BTreeMap<Failure, FailureStats>, failure: Failure, failed: &FailureStats) {
    let here = all.entry(failure).or_insert_with(|| FailureStats { count: 0, example: failed.example.clone() });
    here.count += failed.count;
}

impl Default for Series {
    fn default() -> Self {
        Self {
            latency: latencies(3),
            service: latencies(3),
            good: 0,
            failures: BTreeMap::new(),
            completions: Completions::default(),
            rate: None,
        }
    }
}

impl Series {
    pub fn good(&mut self, latency_ns: u64, service_ns: u64) {
        record(&mut self.latency, latency_ns);
        record(&mut self.service, service_ns);
        self.good += 1;
    }

    /// Records the result of a request. Both times in nanoseconds.
    pub fn record_check(&mut self, check: &ResponseCheck, latency_ns: u64, service_ns: u64) {
        match check {
            Ok(()) => self.good(latency_ns, service_ns),
            Err((failure, example)) => self.failed(*failure, latency_ns, || example.clone()),
        }
    }

    /// Counts a response that was recorded as good as wrong.
    pub fn reclassify_as_wrong(&mut self, wrong: WrongResponse, example: &str) {
        self.good = self.good.saturating_sub(1);
        self.failed(Failure::Wrong(wrong), 0, || example.to_owned());
    }

    /// Counts a response of a workload that was recorded as good as wrong. `series`: of the workload, then of its calls, as
    /// `Workload::series` has them. `step`: the index of the call.
    pub fn reclassify_call_as_wrong(series: &mut [Series], step: usize, wrong: WrongResponse, example: &str) {
        let (workload, calls) = series.split_at_mut(series.len().min(1));
        workload.iter_mut().chain(calls.get_mut(step)).for_each(|series| series.reclassify_as_wrong(wrong, example));
    }

    /// Records a failure; `example` is only called for the first of its kind.
    pub fn failed(&mut self, failure: Failure, latency_ns: u64, example: impl FnOnce() -> String) {
        if failure.is_timeout() {
            record(&mut self.latency, latency_ns);
        }
        let failed = self.failures.entry(failure).or_insert_with(|| FailureStats { count: 0, example: example() });
        failed.count += 1;
    }

    pub fn merge(&mut self, other: &Series) {
        // Both have the same bounds, so the additions cannot fail.
        let _ = self.latency.add(&other.latency);
        let _ = self.service.add(&other.service);
        self.good += other.good;
        self.completions.merge(&other.completions);
        other.failures.iter().for_each(|(failure, failed)| self.add_failures(*failure, failed));
    }

    /// Adds failures that were counted elsewhere.
    pub fn add_failures(&mut self, failure: Failure, failed: &FailureStats) {
        add_failures(&mut self.failures, failure, failed);
    }

    pub fn errors(&self) -> u64 {
        self.failures.values().map(|failed| failed.count).sum()
    }

    pub fn wrong(&self) -> u64 {
        self.failures.iter().filter(|(failure, _)| failure.is_wrong()).map(|(_, failed)| failed.count).sum()
    }

    pub fn done(&self) -> u64 {
        self.good + self.errors()
    }

    /// The results over a measured time in seconds.
    pub fn figures(&self, seconds: f64) -> Figures {
        #[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
        let rate = self.rate.unwrap_or(if seconds > 0.0 { self.good as f64 / seconds } else { 0.0 });
        let (errors, wrong) = (self.errors(), self.wrong());
        let (done, timed) = (self.done(), self.latency.len());
        Figures { done, timed, errors, wrong, rate, mean: self.latency.mean(), max: self.latency.max() }
    }
}

/// The requests that ended within one second of a run.
#[derive(Clone)]
pub struct SecondStats {
    pub good: u64,
    pub errors: u64,
    pub started: u64,
    pub latency: Latencies,
    /// The number of failures that will persist, such as a closed port.
    pub permanent: u64,
    /// The longest delay between an arrival and its start with a free connection, in nanoseconds.
    pub lag_ns: u64,
    /// The CPU time of the worker's thread, in nanoseconds.
    pub cpu_ns: u64,
}

impl Default for SecondStats {
    fn default() -> Self {
        Self { good: 0, errors: 0, started: 0, latency: latencies(2), permanent: 0, lag_ns: 0, cpu_ns: 0 }
    }
}

impl SecondStats {
    /// Records the result of a request.
    pub fn record_check(&mut self, check: &ResponseCheck, latency_ns: u64) {
        let failure = check.as_ref().err().map(|(failure, _)| *failure);
        match failure {
            None => self.good += 1,
            Some(_) => self.errors += 1,
        }
        self.permanent += u64::from(failure.is_some_and(Failure::is_permanent));
        if failure.is_none_or(Failure::is_timeout) {
            record(&mut self.latency, latency_ns);
        }
    }

    pub fn merge(&mut self, other: &SecondStats) {
        self.good += other.good;
        self.errors += other.errors;
        self.started += other.started;
        let _ = self.latency.add(&other.latency);
        self.permanent += other.permanent;
        self.lag_ns = self.lag_ns.max(other.lag_ns);
        self.cpu_ns = self.cpu_ns.max(other.cpu_ns);
    }

    pub fn clear(&mut self) {
        self.latency.reset();
        (self.good, self.errors, self.started, self.permanent) = (0, 0, 0, 0);
        (self.lag_ns, self.cpu_ns) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_count_what_was_recorded() {
        let mut series = Series::default();
        (1..=98).for_each(|n| series.good(n * 1_000_000, 1_000_000));
        series.failed(Failure::Status(500), 7, || "first".into());
        series.failed(Failure::Status(500), 7, || unreachable!("made once"));
        series.failed(Failure::Wrong(WrongResponse::OtherUser), 7, String::new);
        series.failed(Failure::TimedOut, 5_000_000_000, String::new);
        let figures = series.figures(2.0);
        assert_eq!((figures.done, figures.errors, figures.wrong), (102, 4, 1));
        assert!((figures.rate - 49.0).abs() < 1e-9);
        // A timeout of five seconds counts as a latency; refusals do not.
        assert_eq!(series.latency.len(), 99);
        assert!(series.latency.max() >= 5_000_000_000 && series.latency.max() < 5_010_000_000);
        let mut both = series.clone();
        both.merge(&series);
        assert_eq!((both.done(), both.wrong(), both.latency.len()), (204, 2, 198));
        assert_eq!(both.failures[&Failure::Status(500)], FailureStats { count: 4, example: "first".into() });
    }

    #[test]
    fn a_latency_above_the_bound_is_recorded_as_the_bound() {
        let mut series = Series::default();
        series.good(u64::MAX, 0);
        assert!(series.latency.max() >= super::super::latencies::MAX_LATENCY_NS && series.latency.len() == 1);
    }

    #[test]
    fn a_cleared_second_is_empty() {
        let mut second = SecondStats {
            good: 3,
            errors: 2,
            started: 9,
            permanent: 1,
            lag_ns: 5,
            cpu_ns: 6,
            ..SecondStats::default()
        };
        record(&mut second.latency, 5_000_000);
        second.clear();
        assert_eq!(
            (second.good, second.errors, second.started, second.permanent, second.lag_ns, second.cpu_ns),
            (0, 0, 0, 0, 0, 0)
        );
        assert_eq!(second.latency.len(), 0);
        second.merge(&SecondStats { good: 1, latency: latencies(2), ..SecondStats::default() });
        assert_eq!(second.good, 1);
    }
}
