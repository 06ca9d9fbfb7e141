//! Counts the requests of a test run. Each thread has its own [`ThreadCounters`]; [`RequestCounters`] merges them for reports.
//! [`RunTotals`] keeps the sums that the worker prints at the end.

use super::stats::{StatsEntry, StatsError, now};
use crate::failure::Failure;
use crate::measure::Series;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Method and name of each request, by workload and step.
#[derive(Debug)]
pub struct RequestNames(pub Vec<Vec<(&'static str, String)>>);

/// The failures of one kind of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct FailureCount {
    count: u64,
    first: f64,
    last: f64,
}

/// The requests of one thread since the last report.
pub struct ThreadCounters {
    entries: Vec<Vec<StatsEntry>>,
    failures: BTreeMap<((u16, u16), Failure), FailureCount>,
    starved: Vec<u64>,
}

impl ThreadCounters {
    /// Counters that are zero.
    pub fn new(names: &RequestNames) -> Self {
        let start = now();
        let fresh = |(method, name): &(&str, String)| StatsEntry::new(name, method, start);
        let entries: Vec<Vec<StatsEntry>> = names.0.iter().map(|steps| steps.iter().map(fresh).collect()).collect();
        Self { starved: vec![0; entries.len()], entries, failures: BTreeMap::new() }
    }

    /// Counts a request: its workload and step, its failure, its latency and the size of its response.
    pub fn record(&mut self, request: (u16, u16), failure: Option<Failure>, latency_ns: u64, bytes: u64) {
        let moment = now();
        #[allow(clippy::cast_precision_loss, reason = "nanoseconds of one request")]
        let milliseconds = latency_ns as f64 / 1e6;
        if let Some(entry) = self.entry(request) {
            entry.request(milliseconds, bytes, moment);
        }
        if let Some(failure) = failure {
            self.failed(request, failure, 1, moment);
        }
    }

    /// Counts a user of this workload without an idle installation or a sign-in token.
    pub fn starved(&mut self, workload: usize) {
        if let Some(count) = self.starved.get_mut(workload) {
            *count += 1;
        }
    }

    fn failed(&mut self, request: (u16, u16), failure: Failure, count: u64, moment: f64) {
        if let Some(entry) = self.entry(request) {
            entry.failures(count, moment);
        }
        let known = self
            .failures
            .entry((request, failure))
            .or_insert(FailureCount { first: moment, ..FailureCount::default() });
        known.count += count;
        known.last = moment;
    }

    fn entry(&mut self, (workload, step): (u16, u16)) -> Option<&mut StatsEntry> {
        self.entries.get_mut(usize::from(workload))?.get_mut(usize::from(step))
    }
}

/// The counters of a test run.
pub struct RequestCounters {
    names: Arc<RequestNames>,
    threads: Vec<Arc<Mutex<ThreadCounters>>>,
    /// Failures that were reported, by workload.
    delta: BTreeMap<(u16, Failure), u64>,
}

/// The requests between two reports.
pub struct CountersDelta {
    pub stats: Vec<StatsEntry>,
    pub total: StatsEntry,
    pub errors: BTreeMap<String, StatsError>,
    /// The number of times that a user had nothing to work with, by workload.
    pub starved: Vec<u64>,
}

/// The totals of a test run, over all of its engines.
#[derive(Clone, Debug, Default)]
pub struct RunTotals(BTreeMap<String, StatsEntry>);

impl RunTotals {
    /// Adds the requests of a report.
    pub fn add(&mut self, delta: &CountersDelta) {
        for entry in &delta.stats {
            let sum = self.0.entry(entry.name.clone());
            sum.or_insert_with(|| StatsEntry::new(&entry.name, &entry.method, entry.start_time)).merge(entry);
        }
    }

    /// Resets the totals, as the master does with its own.
    pub fn reset(&mut self) {
        self.0.clear();
    }

    /// The totals as JSON for the worker's summary. Response times in milliseconds.
    pub fn json(&self) -> Value {
        let (mut requests, mut failures, mut time) = (0, 0, 0.0);
        let mut names = serde_json::Map::new();
        for (name, entry) in &self.0 {
            requests += entry.num_requests;
            failures += entry.num_failures;
            time += entry.total_response_time;
            let reported = json!({
                "method": entry.method, "requests": entry.num_requests, "failures": entry.num_failures,
                "responseTimeMs": entry.total_response_time,
            });
            names.insert(name.clone(), reported);
        }
        json!({ "requests": requests, "failures": failures, "responseTimeMs": time, "names": names })
    }
}

impl RequestCounters {
    /// Counters for a number of threads.
    pub fn new(names: RequestNames, threads: u32) -> Self {
        let names = Arc::new(names);
        let metrics = || Arc::new(Mutex::new(ThreadCounters::new(&names)));
        Self { threads: (0..threads).map(|_| metrics()).collect(), names, delta: BTreeMap::new() }
    }

    /// The counters of each thread.
    pub fn threads(&self) -> &[Arc<Mutex<ThreadCounters>>] {
        &self.threads
    }

    /// Takes the requests since the last report.
    pub fn take(&mut self) -> CountersDelta {
        let mut merged = ThreadCounters::new(&self.names);
        for metrics in &self.threads {
            let fresh = ThreadCounters::new(&self.names);
            let delta = std::mem::replace(&mut *metrics.lock(), fresh);
            for (own, other) in merged.entries.iter_mut().flatten().zip(delta.entries.iter().flatten()) {
                own.merge(other);
            }
            for (key, other) in delta.failures {
                let own = merged
                    .failures
                    .entry(key)
                    .or_insert(FailureCount { first: other.first, ..FailureCount::default() });
                own.count += other.count;
                (own.first, own.last) = (own.first.min(other.first), own.last.max(other.last));
            }
            merged.starved.iter_mut().zip(&delta.starved).for_each(|(own, other)| *own += other);
        }
        let mut total = StatsEntry::total(now());
        let stats: Vec<StatsEntry> = merged.entries.into_iter().flatten().filter(|entry| !entry.is_empty()).collect();
        stats.iter().for_each(|entry| total.merge(entry));
        let errors = merged.failures.into_iter().map(|(((workload, step), failure), count)| {
            *self.delta.entry((workload, failure)).or_default() += count.count;
            let (method, name) = &self.names.0[usize::from(workload)][usize::from(step)];
            let error = StatsError {
                name: name.clone(),
                method: (*method).to_owned(),
                error: failure.to_string(),
                occurrences: count.count,
                first_seen: Some(count.first),
                last_seen: Some(count.last),
            };
            (error.key(), error)
        });
        CountersDelta { errors: errors.collect(), stats, total, starved: merged.starved }
    }

    /// Takes the remaining requests at the end of a round, including responses that were recognised as wrong only at the end.
    /// `series`: the series of the round.
    pub fn conclude(&mut self, series: &[(String, Series)]) -> CountersDelta {
        let mut last = self.take();
        for (number, steps) in (0_u16..).zip(&self.names.0) {
            // The first series of a workload covers all of its calls.
            let chain = steps.first().map(|(_, name)| name.split('/').next().unwrap_or(name));
            let chain = chain.and_then(|chain| series.iter().find(|(name, _)| name == chain));
            let step = u16::try_from(steps.len().saturating_sub(1)).unwrap_or(0);
            for (failure, failed) in chain.iter().flat_map(|(_, series)| &series.failures) {
                let reported = self.delta.get(&(number, *failure)).copied().unwrap_or(0);
                let late = failed.count.saturating_sub(reported);
                if let Some(metrics) = self.threads.first().filter(|_| late > 0) {
                    let mut metrics = metrics.lock();
                    metrics.failed((number, step), *failure, late, now());
                }
            }
        }
        last.add(self.take());
        last
    }
}

impl CountersDelta {
    fn add(&mut self, later: CountersDelta) {
        self.total.merge(&later.total);
        // Locust merges entries with the same name.
        self.stats.extend(later.stats);
        for (key, error) in later.errors {
            match self.errors.get_mut(&key) {
                Some(known) => known.occurrences += error.occurrences,
                None => drop(self.errors.insert(key, error)),
            }
        }
        self.starved.iter_mut().zip(&later.starved).for_each(|(own, other)| *own += other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::WrongResponse;

    fn counters() -> RequestCounters {
        let names = vec![
            vec![("POST", "refresh".into())],
            vec![("POST", "signIn/issue".into()), ("POST", "signIn/exchange".into())],
        ];
        RequestCounters::new(RequestNames(names), 2)
    }

    fn record(counters: &RequestCounters, thread: usize, request: (u16, u16), failure: Option<Failure>) {
        counters.threads[thread].lock().record(request, failure, 5_000_000, 10);
    }

    #[test]
    fn reports_add_up_to_the_totals() {
        let mut counters = counters();
        record(&counters, 0, (0, 0), None);
        record(&counters, 1, (0, 0), Some(Failure::Status(500)));
        record(&counters, 1, (1, 1), Some(Failure::Status(500)));
        let first = counters.take();
        assert_eq!(
            first.stats.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(),
            ["refresh", "signIn/exchange"]
        );
        assert_eq!((first.total.num_requests, first.total.num_failures, first.errors.len()), (3, 2, 2));
        record(&counters, 0, (0, 0), None);
        let second = counters.take();
        assert_eq!((second.total.num_requests, second.errors.len()), (1, 0));
        let mut totals = RunTotals::default();
        totals.add(&first);
        totals.add(&second);
        let totals = totals.json();
        assert_eq!((totals["requests"].as_u64(), totals["failures"].as_u64()), (Some(4), Some(2)));
        assert_eq!(totals["names"]["refresh"]["requests"].as_u64(), Some(3));
        assert_eq!(totals["responseTimeMs"].as_f64(), Some(20.0));
    }

    #[test]
    fn a_response_that_is_recognised_as_wrong_later_adds_a_failure_but_no_request() {
        let mut counters = counters();
        (0..3).for_each(|_| record(&counters, 0, (1, 1), None));
        record(&counters, 0, (1, 0), Some(Failure::Status(500)));
        let mut series = Series::default();
        series.failed(Failure::Wrong(WrongResponse::DuplicateToken), 0, String::new);
        series.failed(Failure::Status(500), 0, String::new);
        let last = counters.conclude(&[("signIn".to_owned(), series)]);
        assert_eq!((last.total.num_requests, last.total.num_failures), (4, 2));
        let mut names: Vec<_> = last.errors.values().map(|error| error.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["signIn/exchange", "signIn/issue"]);
        let mut totals = RunTotals::default();
        totals.add(&last);
        assert_eq!(totals.json()["names"]["signIn/exchange"]["failures"].as_u64(), Some(1));
    }
}
