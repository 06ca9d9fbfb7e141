//! One round of a load, put together from what its workers measured.

use super::check::Checker;
use super::client::nanoseconds;
use super::duplicates::{Owners, Seen};
use super::failure::{Failure, Wrong};
use super::latencies::{Latencies, latencies};
use super::measure::{Failed, Second, Series};
use super::measurement_window::Window;
use super::plan::Load;
use super::scheduler::Record;
use super::token_claims::Learned;
use std::collections::BTreeMap;
use std::time::Duration;

/// One second, for the live view and the timeline. Latencies in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IntervalStats {
    /// Seconds since the start of the clock.
    pub second: u64,
    pub started: u64,
    pub good: u64,
    pub errors: u64,
    pub lasting: u64,
    pub p50_ns: u64,
    pub p99_ns: u64,
    pub max_ns: u64,
    pub lag_ns: u64,
    /// CPU time of the busiest worker.
    pub cpu_ns: u64,
}

impl IntervalStats {
    pub fn new(second: u64, figures: &Second) -> Self {
        Self {
            second,
            started: figures.started,
            good: figures.good,
            errors: figures.errors,
            lasting: figures.lasting,
            p50_ns: figures.latency.value_at_quantile(0.5),
            p99_ns: figures.latency.value_at_quantile(0.99),
            max_ns: figures.latency.max(),
            lag_ns: figures.lag_ns,
            cpu_ns: figures.cpu_ns,
        }
    }
}

/// Whether a run can still come to something.
#[derive(Default)]
pub struct AbortPolicy {
    /// Seconds with nothing but failures since the last good answer. Seconds in which nothing ended say nothing.
    failing: u32,
    /// There was a good answer.
    works: bool,
}

/// After so many such seconds there is none.
const MOST_FAILING: u32 = 5;
/// The same for a server that has answered well before: it may be on its way up again.
const MOST_DOWN: u32 = 10;

impl AbortPolicy {
    /// Looks at the next second; whether hope is lost: there were only failures, and more of the same are sure to follow, or
    /// they did for long enough.
    pub fn is_lost(&mut self, row: &IntervalStats) -> bool {
        self.works |= row.good > 0;
        self.failing = if row.good > 0 { 0 } else { self.failing + u32::from(row.errors > 0) };
        let at_once = !self.works && row.errors >= 3 && row.lasting * 2 > row.errors;
        at_once || self.failing >= if self.works { MOST_DOWN } else { MOST_FAILING }
    }
}

/// What a round measured.
#[derive(Clone)]
pub struct Round {
    /// By name: each workload, and where it has several calls, each of them.
    pub series: Vec<(String, Series)>,
    /// All workloads together.
    pub whole: Series,
    pub rows: Vec<IntervalStats>,
    /// How late arrivals were taken up though a connection was free, in nanoseconds.
    pub lag: Latencies,
    pub starved: u64,
    pub held: u64,
    pub started: u64,
    pub signed_out: u64,
    /// Requests that were sent again, because the server had not looked at them.
    pub resent: u64,
    /// Users of journeys who waited for an answer at the end, and got none.
    pub stuck: u64,
    /// Good answers that came after the load, since the server fell behind.
    pub late: u64,
    /// TLS handshakes, and how many of them took up an earlier session.
    pub handshakes: (u64, u64),
    /// The measured time.
    pub measured: Duration,
    /// Access tokens that could not be read.
    pub opaque: u64,
    pub learned: Learned,
    /// Claims that should be the same in every access token and are not.
    pub mixed: Vec<&'static str>,
    /// Wrong answers before the clock started; they count.
    pub lied_before: u64,
    /// One in how many refresh tokens was looked at twice.
    pub one_in: u64,
    /// Ended early: nothing but failures.
    pub gave_up: bool,
    pub interrupted: bool,
}

/// A round that goes on.
pub struct RoundBuilder {
    names: Vec<Vec<String>>,
    warm_up: Duration,
    duration: Duration,
    /// No arrivals but whenever a connection is free.
    max: bool,
    pub rows: Vec<IntervalStats>,
    pub took: Duration,
    pub gave_up: bool,
    pub interrupted: bool,
}

impl RoundBuilder {
    pub fn new(load: &Load, warm_up: Duration, duration: Duration, max: bool) -> Self {
        let names = load.workloads.iter().map(super::scheduler::Workload::series).collect();
        Self { names, warm_up, duration, max, rows: vec![], took: Duration::ZERO, gave_up: false, interrupted: false }
    }

    /// Puts the workers' records together.
    pub fn close<'c>(self, records: Vec<Record>, checkers: impl Iterator<Item = &'c Checker>) -> Round {
        let mut series: Vec<Vec<Series>> =
            self.names.iter().map(|names| names.iter().map(|_| Series::default()).collect()).collect();
        let mut lag = latencies(3);
        let (mut starved, mut held, mut started, mut signed_out, mut resent, mut handshakes) = (0, 0, 0, 0, 0, (0, 0));
        for record in &records {
            for (all, own) in series.iter_mut().flatten().zip(record.series.iter().flatten()) {
                all.merge(own);
            }
            let _ = lag.add(&record.lag);
            starved += record.starved;
            held += record.held;
            started += record.started;
            signed_out += record.signed_out;
            resent += record.resent;
            handshakes = (handshakes.0 + record.handshakes.0, handshakes.1 + record.handshakes.1);
        }
        let checkers: Vec<&Checker> = checkers.collect();
        let seen: Vec<_> = checkers.iter().map(|checker| &checker.seen).collect();
        let (twice, one_in) = Seen::across(&seen, checkers.iter().any(|checker| checker.rotates));
        let (mut owners, mut others) = (Owners::default(), 0);
        let (mut opaque, mut learned, mut mixed) = (0, Learned::default(), vec![]);
        for checker in checkers {
            others += owners.merge(&checker.owners);
            opaque += checker.opaque;
            mixed.extend(checker.identity.mixed());
            if learned == Learned::default() {
                learned = checker.learned();
            }
        }
        mixed.sort_unstable();
        mixed.dedup();
        if let Some(first) = series.iter_mut().flatten().next() {
            (0..twice).for_each(|_| first.belie(Wrong::HandedOutTwice, "by two workers' connections"));
            (0..others).for_each(|_| first.belie(Wrong::OtherUser, "two names have one user"));
        }
        // What is cut short was measured only so long.
        let ended = if self.gave_up || self.interrupted { self.took.min(self.duration) } else { self.duration };
        let measured = ended.saturating_sub(self.warm_up);
        let window = nanoseconds(self.warm_up)..nanoseconds(ended.max(self.warm_up));
        series.iter_mut().flatten().for_each(|series| self.rate(series, &window));
        let (mut whole, mut late) = (Series::default(), 0);
        for of in series.iter().filter_map(|of| of.first()) {
            whole.merge(of);
            whole.rate = Some(whole.rate.unwrap_or(0.0) + of.figures(measured.as_secs_f64()).rate);
            late += if self.max { 0 } else { of.came.behind(of.good, of.latency.min(), &window) };
        }
        let names = self.names.into_iter().flatten();
        Round {
            rows: self.rows,
            lag,
            starved,
            held,
            started,
            signed_out,
            resent,
            late,
            handshakes,
            opaque,
            learned,
            mixed,
            one_in,
            gave_up: self.gave_up,
            interrupted: self.interrupted,
            ..Round::new(names.zip(series.into_iter().flatten()).collect(), whole, measured)
        }
    }

    /// Works out the rate of a series that is not simply its good answers over the measured time.
    fn rate(&self, series: &mut Series, window: &Window) {
        if self.max || series.came.behind(series.good, series.latency.min(), window) > 0 {
            series.rate = Some(series.came.rate(window));
        }
    }
}

impl Round {
    /// A round of these figures, of which nothing else is known.
    pub fn new(series: Vec<(String, Series)>, whole: Series, measured: Duration) -> Self {
        Self {
            series,
            whole,
            measured,
            rows: vec![],
            lag: latencies(3),
            starved: 0,
            held: 0,
            started: 0,
            signed_out: 0,
            resent: 0,
            stuck: 0,
            late: 0,
            handshakes: (0, 0),
            opaque: 0,
            learned: Learned::default(),
            mixed: vec![],
            lied_before: 0,
            one_in: 1,
            gave_up: false,
            interrupted: false,
        }
    }

    /// Takes in another round of the same load, as if both were one.
    pub fn merge(&mut self, other: &Round) {
        let seconds = (self.seconds(), other.seconds());
        let share = |rates: (f64, f64)| (rates.0 * seconds.0 + rates.1 * seconds.1) / (seconds.0 + seconds.1).max(1e-9);
        let take_in = |into: &mut Series, from: &Series| {
            let rate = share((into.figures(seconds.0).rate, from.figures(seconds.1).rate));
            into.merge(from);
            into.rate = Some(rate);
        };
        take_in(&mut self.whole, &other.whole);
        for ((_, into), (_, from)) in self.series.iter_mut().zip(&other.series) {
            take_in(into, from);
        }
        self.rows.extend_from_slice(&other.rows);
        // Both have the same bounds, so the addition cannot fail.
        let _ = self.lag.add(&other.lag);
        self.measured += other.measured;
        self.starved += other.starved;
        self.held += other.held;
        self.started += other.started;
        self.signed_out += other.signed_out;
        self.resent += other.resent;
        self.late += other.late;
        self.handshakes = (self.handshakes.0 + other.handshakes.0, self.handshakes.1 + other.handshakes.1);
        // These are told since the beginning, not by round.
        (self.opaque, self.one_in) = (other.opaque, other.one_in);
        (self.learned, self.mixed) = (other.learned.clone(), other.mixed.clone());
        self.lied_before += other.lied_before;
        self.gave_up |= other.gave_up;
        self.interrupted |= other.interrupted;
    }

    /// Counts wrong answers from before the clock started.
    pub fn count_before(&mut self, lies: &BTreeMap<Failure, Failed>) {
        for (failure, failed) in lies {
            self.lied_before += failed.count;
            self.whole.add(*failure, failed);
            if let Some((_, first)) = self.series.first_mut() {
                first.add(*failure, failed);
            }
        }
    }

    /// The series that a threshold is about: several where a workload makes the same call more than once.
    pub fn all_of<'a>(&'a self, name: Option<&'a str>) -> impl Iterator<Item = &'a Series> {
        let whole = name.is_none().then_some(&self.whole);
        let is_it = move |known: &str| {
            name.and_then(|name| known.strip_prefix(name)).is_some_and(|rest| rest.is_empty() || rest.starts_with('#'))
        };
        whole.into_iter().chain(self.series.iter().filter(move |(known, _)| is_it(known)).map(|(_, series)| series))
    }

    /// The measured time in seconds.
    pub fn seconds(&self) -> f64 {
        self.measured.as_secs_f64()
    }
}
