//! What the users of a test run did: each thread has a [`Tally`] of its own, the [`RequestCounters`] takes them together for
//! reports and keeps the sums, so that a worker can say itself what it told its master.

use super::stats::{Entry, Fault, now};
use crate::failure::Failure;
use crate::measure::Series;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Method and name of each request, by workload and step.
#[derive(Debug)]
pub struct Names(pub Vec<Vec<(&'static str, String)>>);

/// Failures of one kind of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Count {
    count: u64,
    first: f64,
    last: f64,
}

/// What the users of one thread did since it was last taken.
pub struct Tally {
    entries: Vec<Vec<Entry>>,
    failures: BTreeMap<((u16, u16), Failure), Count>,
    starved: Vec<u64>,
}

impl Tally {
    /// An empty one.
    pub fn new(names: &Names) -> Self {
        let start = now();
        let fresh = |(method, name): &(&str, String)| Entry::new(name, method, start);
        let entries: Vec<Vec<Entry>> = names.0.iter().map(|steps| steps.iter().map(fresh).collect()).collect();
        Self { starved: vec![0; entries.len()], entries, failures: BTreeMap::new() }
    }

    /// Counts a request: its workload and step, why it failed, how long it took and how long the answer was.
    pub fn note(&mut self, request: (u16, u16), failure: Option<Failure>, latency_ns: u64, bytes: u64) {
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

    /// Counts a user of this workload who found nothing to work with.
    pub fn starved(&mut self, workload: usize) {
        if let Some(count) = self.starved.get_mut(workload) {
            *count += 1;
        }
    }

    fn failed(&mut self, request: (u16, u16), failure: Failure, count: u64, moment: f64) {
        if let Some(entry) = self.entry(request) {
            entry.failures(count, moment);
        }
        let known = self.failures.entry((request, failure)).or_insert(Count { first: moment, ..Count::default() });
        known.count += count;
        known.last = moment;
    }

    fn entry(&mut self, (workload, step): (u16, u16)) -> Option<&mut Entry> {
        self.entries.get_mut(usize::from(workload))?.get_mut(usize::from(step))
    }
}

/// All that a test run counted.
pub struct RequestCounters {
    names: Arc<Names>,
    tallies: Vec<Arc<Mutex<Tally>>>,
    /// Failures that were taken, by workload.
    taken: BTreeMap<(u16, Failure), u64>,
}

/// What was taken at one time.
pub struct Taken {
    pub stats: Vec<Entry>,
    pub total: Entry,
    pub errors: BTreeMap<String, Fault>,
    /// Users that found nothing to work with, by workload.
    pub starved: Vec<u64>,
}

/// The sums of a test run, over engines that came one after the other.
#[derive(Clone, Debug, Default)]
pub struct Sums(BTreeMap<String, Entry>);

impl Sums {
    /// Adds what was taken.
    pub fn add(&mut self, taken: &Taken) {
        for entry in &taken.stats {
            let sum = self.0.entry(entry.name.clone());
            sum.or_insert_with(|| Entry::new(&entry.name, &entry.method, entry.start_time)).merge(entry);
        }
    }

    /// Forgets what was counted: the master starts to count anew.
    pub fn reset(&mut self) {
        self.0.clear();
    }

    /// The sums as the worker's summary has them. Response times are milliseconds.
    pub fn json(&self) -> Value {
        let (mut requests, mut failures, mut time) = (0, 0, 0.0);
        let mut names = serde_json::Map::new();
        for (name, entry) in &self.0 {
            requests += entry.num_requests;
            failures += entry.num_failures;
            time += entry.total_response_time;
            let told = json!({
                "method": entry.method, "requests": entry.num_requests, "failures": entry.num_failures,
                "responseTimeMs": entry.total_response_time,
            });
            names.insert(name.clone(), told);
        }
        json!({ "requests": requests, "failures": failures, "responseTimeMs": time, "names": names })
    }
}

impl RequestCounters {
    /// A counters for so many threads.
    pub fn new(names: Names, threads: u32) -> Self {
        let names = Arc::new(names);
        let tally = || Arc::new(Mutex::new(Tally::new(&names)));
        Self { tallies: (0..threads).map(|_| tally()).collect(), names, taken: BTreeMap::new() }
    }

    /// The tally of each thread.
    pub fn tallies(&self) -> &[Arc<Mutex<Tally>>] {
        &self.tallies
    }

    /// Takes what happened since the last time.
    pub fn take(&mut self) -> Taken {
        let mut whole = Tally::new(&self.names);
        for tally in &self.tallies {
            let fresh = Tally::new(&self.names);
            let taken = std::mem::replace(&mut *tally.lock().unwrap_or_else(PoisonError::into_inner), fresh);
            for (mine, theirs) in whole.entries.iter_mut().flatten().zip(taken.entries.iter().flatten()) {
                mine.merge(theirs);
            }
            for (key, theirs) in taken.failures {
                let mine = whole.failures.entry(key).or_insert(Count { first: theirs.first, ..Count::default() });
                mine.count += theirs.count;
                (mine.first, mine.last) = (mine.first.min(theirs.first), mine.last.max(theirs.last));
            }
            whole.starved.iter_mut().zip(&taken.starved).for_each(|(mine, theirs)| *mine += theirs);
        }
        let mut total = Entry::total(now());
        let stats: Vec<Entry> = whole.entries.into_iter().flatten().filter(|entry| !entry.is_empty()).collect();
        stats.iter().for_each(|entry| total.merge(entry));
        let errors = whole.failures.into_iter().map(|(((workload, step), failure), count)| {
            *self.taken.entry((workload, failure)).or_default() += count.count;
            let (method, name) = &self.names.0[usize::from(workload)][usize::from(step)];
            let fault = Fault {
                name: name.clone(),
                method: (*method).to_owned(),
                error: failure.to_string(),
                occurrences: count.count,
                first_seen: Some(count.first),
                last_seen: Some(count.last),
            };
            (fault.key(), fault)
        });
        Taken { errors: errors.collect(), stats, total, starved: whole.starved }
    }

    /// Takes what is left at the end of a round, with the failures that only its end brought to light: answers that turned
    /// out to be wrong. `series`: the round's own, by name.
    pub fn conclude(&mut self, series: &[(String, Series)]) -> Taken {
        let mut last = self.take();
        for (number, steps) in (0_u16..).zip(&self.names.0) {
            // The first series of a workload is that of its whole chain.
            let chain = steps.first().map(|(_, name)| name.split('/').next().unwrap_or(name));
            let chain = chain.and_then(|chain| series.iter().find(|(name, _)| name == chain));
            let step = u16::try_from(steps.len().saturating_sub(1)).unwrap_or(0);
            for (failure, failed) in chain.iter().flat_map(|(_, series)| &series.failures) {
                let told = self.taken.get(&(number, *failure)).copied().unwrap_or(0);
                let late = failed.count.saturating_sub(told);
                if let Some(tally) = self.tallies.first().filter(|_| late > 0) {
                    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
                    tally.failed((number, step), *failure, late, now());
                }
            }
        }
        last.add(self.take());
        last
    }
}

impl Taken {
    fn add(&mut self, later: Taken) {
        self.total.merge(&later.total);
        // Locust adds up what has the same name.
        self.stats.extend(later.stats);
        for (key, fault) in later.errors {
            match self.errors.get_mut(&key) {
                Some(known) => known.occurrences += fault.occurrences,
                None => drop(self.errors.insert(key, fault)),
            }
        }
        self.starved.iter_mut().zip(&later.starved).for_each(|(mine, theirs)| *mine += theirs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Wrong;

    fn counters() -> RequestCounters {
        let names = vec![
            vec![("POST", "refresh".into())],
            vec![("POST", "signIn/issue".into()), ("POST", "signIn/exchange".into())],
        ];
        RequestCounters::new(Names(names), 2)
    }

    fn note(counters: &RequestCounters, thread: usize, request: (u16, u16), failure: Option<Failure>) {
        counters.tallies[thread].lock().expect("sound").note(request, failure, 5_000_000, 10);
    }

    #[test]
    fn what_is_taken_adds_up_to_the_sums() {
        let mut counters = counters();
        note(&counters, 0, (0, 0), None);
        note(&counters, 1, (0, 0), Some(Failure::Status(500)));
        note(&counters, 1, (1, 1), Some(Failure::Status(500)));
        let first = counters.take();
        assert_eq!(
            first.stats.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(),
            ["refresh", "signIn/exchange"]
        );
        assert_eq!((first.total.num_requests, first.total.num_failures, first.errors.len()), (3, 2, 2));
        note(&counters, 0, (0, 0), None);
        let second = counters.take();
        assert_eq!((second.total.num_requests, second.errors.len()), (1, 0));
        let mut sums = Sums::default();
        sums.add(&first);
        sums.add(&second);
        let sums = sums.json();
        assert_eq!((sums["requests"].as_u64(), sums["failures"].as_u64()), (Some(4), Some(2)));
        assert_eq!(sums["names"]["refresh"]["requests"].as_u64(), Some(3));
        assert_eq!(sums["responseTimeMs"].as_f64(), Some(20.0));
    }

    #[test]
    fn an_answer_that_turns_out_to_be_wrong_is_told_without_another_request() {
        let mut counters = counters();
        (0..3).for_each(|_| note(&counters, 0, (1, 1), None));
        note(&counters, 0, (1, 0), Some(Failure::Status(500)));
        let mut series = Series::default();
        series.failed(Failure::Wrong(Wrong::HandedOutTwice), 0, String::new);
        series.failed(Failure::Status(500), 0, String::new);
        let last = counters.conclude(&[("signIn".to_owned(), series)]);
        assert_eq!((last.total.num_requests, last.total.num_failures), (4, 2));
        let mut names: Vec<_> = last.errors.values().map(|fault| fault.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["signIn/exchange", "signIn/issue"]);
        let mut sums = Sums::default();
        sums.add(&last);
        assert_eq!(sums.json()["names"]["signIn/exchange"]["failures"].as_u64(), Some(1));
    }
}
