//! The result of one round of a load, merged from its workers.

use super::check::ResponseChecker;
use super::client::nanoseconds;
use super::duplicates::{DuplicateDetector, UserOwners};
use super::endpoints::LoadCall;
use super::failure::{Failure, WrongResponse};
use super::faults::FaultReport;
use super::latencies::{Latencies, latencies};
use super::measure::{FailureStats, SecondStats, Series};
use super::measurement_window::MeasurementWindow;
use super::plan::Load;
use super::scheduler::WorkerRecord;
use super::token_claims::LearnedClaims;
use super::traces::TracedCall;
use super::workload::{Workload, first_call};
use crate::record::{histogram, seconds};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// A hundredth of a second, in nanoseconds: one per cent of a core in a second.
const NS_PER_PERCENT: u64 = 10_000_000;

/// The statistics of one second, for the progress display and the timeline.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IntervalStats {
    /// Seconds since the start of the run.
    pub second: u64,
    pub started: u64,
    pub good: u64,
    pub errors: u64,
    pub permanent: u64,
    pub p50_ns: u64,
    pub p99_ns: u64,
    pub max_ns: u64,
    pub lag_ns: u64,
    /// The CPU time of the busiest worker.
    pub cpu_ns: u64,
}

impl IntervalStats {
    pub fn new(second: u64, figures: &SecondStats) -> Self {
        Self {
            second,
            started: figures.started,
            good: figures.good,
            errors: figures.errors,
            permanent: figures.permanent,
            p50_ns: figures.latency.value_at_quantile(0.5),
            p99_ns: figures.latency.value_at_quantile(0.99),
            max_ns: figures.latency.max(),
            lag_ns: figures.lag_ns,
            cpu_ns: figures.cpu_ns,
        }
    }
}

/// Decides whether to abort a run in which every request fails.
#[derive(Default)]
pub struct AbortPolicy {
    /// Seconds with only failures since the last good response. Seconds in which no request ended do not count.
    failing_seconds: u32,
    /// There was a good response.
    has_succeeded: bool,
}

/// The series of the wrong responses from before the measurement, to calls that no other series has.
pub const PREPARATION: &str = "preparation";

/// The run is aborted after this many seconds with only failures.
const MAX_FAILING_SECONDS: u32 = 5;
/// The limit for a server that has worked before and may be restarting.
const MAX_DOWN_SECONDS: u32 = 10;

impl AbortPolicy {
    /// Evaluates the next second. Returns whether to abort: there were only failures, and they are permanent or have lasted for
    /// too long.
    pub fn should_abort(&mut self, interval: &IntervalStats) -> bool {
        self.has_succeeded |= interval.good > 0;
        self.failing_seconds =
            if interval.good > 0 { 0 } else { self.failing_seconds + u32::from(interval.errors > 0) };
        let at_once = !self.has_succeeded && interval.errors >= 3 && interval.permanent * 2 > interval.errors;
        at_once || self.failing_seconds >= if self.has_succeeded { MAX_DOWN_SECONDS } else { MAX_FAILING_SECONDS }
    }
}

/// The result of a round.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Round {
    /// By name: each workload, and each call of a workload with several calls.
    pub series: Vec<(String, Series)>,
    /// All workloads combined.
    pub total: Series,
    pub intervals: Vec<IntervalStats>,
    /// The delays between arrivals and their start with a free connection, in nanoseconds.
    #[serde(with = "histogram")]
    #[schemars(with = "histogram::Histogram")]
    pub lag: Latencies,
    /// Arrivals without an idle installation or an unused sign-in token.
    pub starved: u64,
    /// Arrivals that waited for a connection.
    pub waited_for_connection: u64,
    pub started: u64,
    /// Installations whose refresh was refused.
    pub signed_out: u64,
    /// Requests that were sent again because the server had closed their connection before it processed them.
    pub resent: u64,
    /// Requests that were sent again because the server had refused their streams.
    #[serde(default)]
    pub refused_streams: u64,
    /// Users of journeys who waited for a response at the end and got none.
    pub unanswered_users: u64,
    /// Good responses after the end of the load, if the server fell behind.
    pub late_responses: u64,
    /// TLS handshakes, and how many of them resumed a session.
    pub handshakes: (u64, u64),
    /// The measured time.
    #[serde(rename = "measuredSeconds", with = "seconds")]
    #[schemars(with = "f64")]
    pub measured: Duration,
    /// The number of access tokens that are not readable JWTs.
    pub opaque_tokens: u64,
    pub learned_claims: LearnedClaims,
    /// Claims that differ between access tokens although they should not.
    pub inconsistent_claims: Vec<String>,
    /// Wrong responses before the measurement started; they count as errors.
    pub wrong_before_start: u64,
    /// One in this many refresh tokens was checked for duplicates.
    pub sample_one_in: u64,
    /// What the faults of the load led to; absent in a load without faults and retries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub faults: Option<FaultReport>,
    /// The run ended early because every request failed.
    pub aborted: bool,
    pub interrupted: bool,
    /// The traced calls, which are exported and not recorded.
    #[serde(skip)]
    pub traced_calls: Vec<TracedCall>,
}

/// A round in progress.
pub struct RoundBuilder {
    workloads: Vec<Workload>,
    warm_up: Duration,
    duration: Duration,
    /// The arrivals are `max`.
    max: bool,
    pub intervals: Vec<IntervalStats>,
    pub elapsed: Duration,
    pub aborted: bool,
    pub interrupted: bool,
}

impl RoundBuilder {
    pub fn new(load: &Load, warm_up: Duration, duration: Duration, max: bool) -> Self {
        Self {
            workloads: load.workloads.clone(),
            warm_up,
            duration,
            max,
            intervals: vec![],
            elapsed: Duration::ZERO,
            aborted: false,
            interrupted: false,
        }
    }

    /// Merges the records of the workers.
    pub fn close<'c>(
        self,
        mut records: Vec<WorkerRecord>,
        checkers: impl Iterator<Item = &'c ResponseChecker>,
    ) -> Round {
        let names: Vec<Vec<String>> = self.workloads.iter().map(Workload::series).collect();
        let mut series: Vec<Vec<Series>> =
            names.iter().map(|names| names.iter().map(|_| Series::default()).collect()).collect();
        let mut lag = latencies(3);
        let (mut starved, mut waited_for_connection, mut started, mut signed_out) = (0, 0, 0, 0);
        let (mut resent, mut refused_streams, mut handshakes) = (0, 0, (0, 0));
        let mut faults: Option<FaultReport> = None;
        let traced_calls = records.iter_mut().flat_map(|record| std::mem::take(&mut record.traced_calls)).collect();
        for record in &records {
            if let Some(report) = &record.faults {
                match &mut faults {
                    Some(all) => all.merge(report),
                    None => faults = Some(report.clone()),
                }
            }
            for (all, own) in series.iter_mut().flatten().zip(record.series.iter().flatten()) {
                all.merge(own);
            }
            let _ = lag.add(&record.lag);
            starved += record.starved;
            waited_for_connection += record.waited_for_connection;
            started += record.started;
            signed_out += record.signed_out;
            resent += record.resent;
            refused_streams += record.refused_streams;
            handshakes = (handshakes.0 + record.handshakes.0, handshakes.1 + record.handshakes.1);
        }
        let checkers: Vec<&ResponseChecker> = checkers.collect();
        let detectors: Vec<_> = checkers.iter().map(|checker| &checker.duplicates).collect();
        let (duplicates, sample_one_in) =
            DuplicateDetector::count_across(&detectors, checkers.iter().any(|checker| checker.requires_rotation));
        let (mut owners, mut shared_users) = (UserOwners::default(), 0);
        let (mut opaque_tokens, mut learned_claims, mut inconsistent_claims) = (0, LearnedClaims::default(), vec![]);
        for checker in checkers {
            shared_users += owners.merge(&checker.owners);
            opaque_tokens += checker.opaque_tokens;
            inconsistent_claims.extend(checker.claims.inconsistent_claims().into_iter().map(str::to_owned));
            learned_claims = learned_claims.or(checker.learned_claims());
        }
        inconsistent_claims.sort_unstable();
        inconsistent_claims.dedup();
        // It is not known which of the calls returned them.
        let mut charge = |count: u64, calls: [LoadCall; 2], wrong, example| {
            let (workload, step) = first_call(&self.workloads, |call| calls.contains(&call));
            let Some(series) = series.get_mut(workload) else { return };
            (0..count).for_each(|_| Series::reclassify_call_as_wrong(series, step, wrong, example));
        };
        let (grants, names_user) = ([LoadCall::Exchange, LoadCall::Refresh], [LoadCall::CreateUser, LoadCall::Issue]);
        charge(duplicates, grants, WrongResponse::DuplicateToken, "by different workers");
        charge(shared_users, names_user, WrongResponse::OtherUser, "two names have the same user");
        // A run that ended early was measured until then.
        let ended = if self.aborted || self.interrupted { self.elapsed.min(self.duration) } else { self.duration };
        let measured = ended.saturating_sub(self.warm_up);
        let window = nanoseconds(self.warm_up)..nanoseconds(ended.max(self.warm_up));
        series.iter_mut().flatten().for_each(|series| self.rate(series, &window));
        let (mut total, mut late_responses) = (Series::default(), 0);
        for of in series.iter().filter_map(|of| of.first()) {
            total.merge(of);
            total.rate = Some(total.rate.unwrap_or(0.0) + of.figures(measured.as_secs_f64()).rate);
            late_responses += if self.max { 0 } else { of.completions.late_count(of.good, of.latency.min(), &window) };
        }
        let names = names.into_iter().flatten();
        Round {
            intervals: self.intervals,
            lag,
            starved,
            waited_for_connection,
            started,
            signed_out,
            resent,
            refused_streams,
            late_responses,
            handshakes,
            opaque_tokens,
            learned_claims,
            inconsistent_claims,
            sample_one_in,
            faults,
            aborted: self.aborted,
            interrupted: self.interrupted,
            traced_calls,
            ..Round::new(names.zip(series.into_iter().flatten()).collect(), total, measured)
        }
    }

    /// Sets the rate of a series where it is not its good responses over the measured time.
    #[allow(clippy::cast_precision_loss, reason = "counts and nanoseconds far below 2^53")]
    fn rate(&self, series: &mut Series, window: &MeasurementWindow) {
        let (retries, seconds) = (series.completions.late_retries(), (window.end - window.start) as f64 / 1e9);
        if retries > 0 && seconds > 0.0 {
            series.rate = Some(series.good.saturating_sub(retries) as f64 / seconds);
        }
        if self.max || series.completions.late_count(series.good, series.latency.min(), window) > 0 {
            series.rate = Some(series.completions.rate(series.latency.min(), window));
        }
    }
}

impl Round {
    /// A round with these series and defaults for everything else.
    pub fn new(series: Vec<(String, Series)>, total: Series, measured: Duration) -> Self {
        Self {
            series,
            total,
            measured,
            intervals: vec![],
            lag: latencies(3),
            starved: 0,
            waited_for_connection: 0,
            started: 0,
            signed_out: 0,
            resent: 0,
            refused_streams: 0,
            unanswered_users: 0,
            late_responses: 0,
            handshakes: (0, 0),
            opaque_tokens: 0,
            learned_claims: LearnedClaims::default(),
            inconsistent_claims: vec![],
            wrong_before_start: 0,
            sample_one_in: 1,
            faults: None,
            aborted: false,
            interrupted: false,
            traced_calls: vec![],
        }
    }

    /// Merges another round of the same load.
    pub fn merge(&mut self, other: &Round) {
        let seconds = (self.seconds(), other.seconds());
        let share = |rates: (f64, f64)| (rates.0 * seconds.0 + rates.1 * seconds.1) / (seconds.0 + seconds.1).max(1e-9);
        let merge_series = |into: &mut Series, from: &Series| {
            let rate = share((into.figures(seconds.0).rate, from.figures(seconds.1).rate));
            into.merge(from);
            into.rate = Some(rate);
        };
        merge_series(&mut self.total, &other.total);
        // The series are those of the same load, except for the preparation, which comes last.
        for (index, (name, from)) in other.series.iter().enumerate() {
            match self.series.get_mut(index).filter(|(known, _)| known == name) {
                Some((_, into)) => merge_series(into, from),
                None => merge_series(self.series_or_new(name), from),
            }
        }
        self.intervals.extend_from_slice(&other.intervals);
        // Both have the same bounds, so the addition cannot fail.
        let _ = self.lag.add(&other.lag);
        self.measured += other.measured;
        self.starved += other.starved;
        self.waited_for_connection += other.waited_for_connection;
        self.started += other.started;
        self.signed_out += other.signed_out;
        self.resent += other.resent;
        self.refused_streams += other.refused_streams;
        self.late_responses += other.late_responses;
        self.handshakes = (self.handshakes.0 + other.handshakes.0, self.handshakes.1 + other.handshakes.1);
        // These are counted since the start of the load, not per round.
        (self.opaque_tokens, self.sample_one_in) = (other.opaque_tokens, other.sample_one_in);
        (self.learned_claims, self.inconsistent_claims) =
            (other.learned_claims.clone(), other.inconsistent_claims.clone());
        match (&mut self.faults, &other.faults) {
            (Some(into), Some(from)) => into.merge(from),
            (into, from) => *into = into.take().or_else(|| from.clone()),
        }
        self.wrong_before_start += other.wrong_before_start;
        self.aborted |= other.aborted;
        self.interrupted |= other.interrupted;
    }

    /// Adds wrong responses from before the measurement, as the series `preparation`.
    pub fn add_wrong_before_start(&mut self, wrong_responses: &BTreeMap<Failure, FailureStats>) {
        for (failure, failed) in wrong_responses {
            self.wrong_before_start += failed.count;
            self.total.add_failures(*failure, failed);
            self.series_or_new(PREPARATION).add_failures(*failure, failed);
        }
    }

    fn series_or_new(&mut self, name: &str) -> &mut Series {
        let known = self.series.iter().position(|(known, _)| known == name);
        let index = known.unwrap_or_else(|| {
            self.series.push((name.to_owned(), Series::default()));
            self.series.len() - 1
        });
        &mut self.series[index].1
    }

    /// The series with a name: several if a workload makes the same call more than once. `None` names the total.
    pub fn series_named<'a>(&'a self, name: Option<&'a str>) -> impl Iterator<Item = &'a Series> {
        let total = name.is_none().then_some(&self.total);
        let is_it = move |known: &str| {
            name.and_then(|name| known.strip_prefix(name)).is_some_and(|rest| rest.is_empty() || rest.starts_with('#'))
        };
        total.into_iter().chain(self.series.iter().filter(move |(known, _)| is_it(known)).map(|(_, series)| series))
    }

    /// The share of its core, from 0 to 1, that the busiest thread of the generator used: the median of the seconds with arrivals.
    #[allow(clippy::cast_precision_loss, reason = "nanoseconds far below 2^53")]
    pub fn busiest_thread(&self) -> Option<f64> {
        self.busiest_thread_ns().map(|nanoseconds| nanoseconds as f64 / 1e9)
    }

    /// The same in whole per cent.
    pub fn busiest_thread_percent(&self) -> Option<u64> {
        self.busiest_thread_ns().map(|nanoseconds| nanoseconds / NS_PER_PERCENT)
    }

    fn busiest_thread_ns(&self) -> Option<u64> {
        let busy = self.intervals.iter().filter(|interval| interval.started > 0).map(|interval| interval.cpu_ns);
        let mut busy: Vec<u64> = busy.collect();
        busy.sort_unstable();
        busy.get(busy.len() / 2).copied()
    }

    /// The measured time in seconds.
    pub fn seconds(&self) -> f64 {
        self.measured.as_secs_f64()
    }
}
