//! What is measured: latencies in HDR histograms, one set a worker, merged at the end; and a row for each second.

use super::check::Verdict;
use super::failure::{Failure, Wrong};
use super::latencies::{Latencies, latencies, record};
use super::measurement_window::Came;
use super::threshold::Figures;
use std::collections::BTreeMap;

/// The requests of one workload or call.
#[derive(Clone)]
pub struct Series {
    /// From the intended start: what a user waits. Of good answers, and of requests that were not answered in time (at least
    /// so long); refusals and lost connections may be quick and are counted only.
    pub latency: Latencies,
    /// From the sending: what the server takes.
    pub service: Latencies,
    pub good: u64,
    pub failures: BTreeMap<Failure, Failed>,
    /// When good answers came.
    pub came: Came,
    /// Good answers a second; None: all that there were over the measured time.
    pub rate: Option<f64>,
}

/// Failures of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failed {
    pub count: u64,
    /// What the first one said, without secrets.
    pub example: String,
}

/// Counts failures of one kind among others; the first example stays.
pub fn add(all: &mut BTreeMap<Failure, Failed>, failure: Failure, failed: &Failed) {
    let here = all.entry(failure).or_insert_with(|| Failed { count: 0, example: failed.example.clone() });
    here.count += failed.count;
}

impl Default for Series {
    fn default() -> Self {
        Self {
            latency: latencies(3),
            service: latencies(3),
            good: 0,
            failures: BTreeMap::new(),
            came: Came::default(),
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

    /// Notes how a request ended. Both times in nanoseconds.
    pub fn note(&mut self, verdict: &Verdict, latency_ns: u64, service_ns: u64) {
        match verdict {
            Ok(()) => self.good(latency_ns, service_ns),
            Err((failure, example)) => self.failed(*failure, latency_ns, || example.clone()),
        }
    }

    /// A good answer turns out to have been wrong.
    pub fn belie(&mut self, wrong: Wrong, example: &str) {
        self.good = self.good.saturating_sub(1);
        self.failed(Failure::Wrong(wrong), 0, || example.to_owned());
    }

    /// Counts a failure; `example` is made for the first of its kind only.
    pub fn failed(&mut self, failure: Failure, latency_ns: u64, example: impl FnOnce() -> String) {
        if failure.was_waited_for() {
            record(&mut self.latency, latency_ns);
        }
        let failed = self.failures.entry(failure).or_insert_with(|| Failed { count: 0, example: example() });
        failed.count += 1;
    }

    pub fn merge(&mut self, other: &Series) {
        // Both have the same bounds, so neither addition can fail.
        let _ = self.latency.add(&other.latency);
        let _ = self.service.add(&other.service);
        self.good += other.good;
        self.came.merge(&other.came);
        other.failures.iter().for_each(|(failure, failed)| self.add(*failure, failed));
    }

    /// Counts failures that were noted elsewhere.
    pub fn add(&mut self, failure: Failure, failed: &Failed) {
        add(&mut self.failures, failure, failed);
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

    /// The figures of a measured time, in seconds.
    pub fn figures(&self, seconds: f64) -> Figures {
        #[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
        let rate = self.rate.unwrap_or(if seconds > 0.0 { self.good as f64 / seconds } else { 0.0 });
        let (errors, wrong) = (self.errors(), self.wrong());
        let (done, timed) = (self.done(), self.latency.len());
        Figures { done, timed, errors, wrong, rate, mean: self.latency.mean(), max: self.latency.max() }
    }
}

/// What ended within one second of a run.
#[derive(Clone)]
pub struct Second {
    pub good: u64,
    pub errors: u64,
    pub started: u64,
    pub latency: Latencies,
    /// The failures of which more are sure to follow.
    pub lasting: u64,
    /// How late arrivals were taken up at most, in nanoseconds.
    pub lag_ns: u64,
    /// CPU time of the worker's thread, in nanoseconds.
    pub cpu_ns: u64,
}

impl Default for Second {
    fn default() -> Self {
        Self { good: 0, errors: 0, started: 0, latency: latencies(2), lasting: 0, lag_ns: 0, cpu_ns: 0 }
    }
}

impl Second {
    /// Notes how a request ended.
    pub fn note(&mut self, verdict: &Verdict, latency_ns: u64) {
        let failure = verdict.as_ref().err().map(|(failure, _)| *failure);
        match failure {
            None => self.good += 1,
            Some(_) => self.errors += 1,
        }
        self.lasting += u64::from(failure.is_some_and(Failure::is_lasting));
        if failure.is_none_or(Failure::was_waited_for) {
            record(&mut self.latency, latency_ns);
        }
    }

    pub fn merge(&mut self, other: &Second) {
        self.good += other.good;
        self.errors += other.errors;
        self.started += other.started;
        let _ = self.latency.add(&other.latency);
        self.lasting += other.lasting;
        self.lag_ns = self.lag_ns.max(other.lag_ns);
        self.cpu_ns = self.cpu_ns.max(other.cpu_ns);
    }

    pub fn clear(&mut self) {
        self.latency.reset();
        (self.good, self.errors, self.started, self.lasting) = (0, 0, 0, 0);
        (self.lag_ns, self.cpu_ns) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_count_what_was_noted() {
        let mut series = Series::default();
        (1..=98).for_each(|n| series.good(n * 1_000_000, 1_000_000));
        series.failed(Failure::Status(500), 7, || "first".into());
        series.failed(Failure::Status(500), 7, || unreachable!("made once"));
        series.failed(Failure::Wrong(Wrong::OtherUser), 7, String::new);
        series.failed(Failure::TimedOut, 5_000_000_000, String::new);
        let figures = series.figures(2.0);
        assert_eq!((figures.done, figures.errors, figures.wrong), (102, 4, 1));
        assert!((figures.rate - 49.0).abs() < 1e-9);
        // Five seconds of waiting count; refusals do not make latencies better.
        assert_eq!(series.latency.len(), 99);
        assert!(series.latency.max() >= 5_000_000_000 && series.latency.max() < 5_010_000_000);
        let mut both = series.clone();
        both.merge(&series);
        assert_eq!((both.done(), both.wrong(), both.latency.len()), (204, 2, 198));
        assert_eq!(both.failures[&Failure::Status(500)], Failed { count: 4, example: "first".into() });
    }

    #[test]
    fn a_latency_beyond_the_longest_is_kept_as_the_longest() {
        let mut series = Series::default();
        series.good(u64::MAX, 0);
        assert!(series.latency.max() >= super::super::latencies::LONGEST_NS && series.latency.len() == 1);
    }

    #[test]
    fn a_cleared_second_is_an_empty_one() {
        let mut second =
            Second { good: 3, errors: 2, started: 9, lasting: 1, lag_ns: 5, cpu_ns: 6, ..Second::default() };
        record(&mut second.latency, 5_000_000);
        second.clear();
        assert_eq!(
            (second.good, second.errors, second.started, second.lasting, second.lag_ns, second.cpu_ns),
            (0, 0, 0, 0, 0, 0)
        );
        assert_eq!(second.latency.len(), 0);
        second.merge(&Second { good: 1, latency: latencies(2), ..Second::default() });
        assert_eq!(second.good, 1);
    }
}
