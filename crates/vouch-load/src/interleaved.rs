//! Loads of several rounds: a baseline and a new build in interleaved rounds, or a search for the highest rate.

use super::arrivals::Arrivals;
use super::compare::{ComparedMetric, MetricComparison, RoundSample, compare};
use super::cpu_comparison::{CpuComparison, CpuOfRounds};
use super::faults::FaultReport;
use super::max_rate::MaxRateSearch;
use super::measure::Series;
use super::plan::Load;
use super::round::Round;
use super::system::{Observer, SystemUsage};
use super::threshold::short;
use super::verdict::{Evaluation, LoadVerdict, evaluate};
use super::workers::{LoadError, ProgressEvent, Workers};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The comparison of a new build with a baseline.
pub struct Comparison {
    /// The evaluation of all rounds of the new build against the load's thresholds.
    pub evaluation: Evaluation,
    pub pairs: Vec<(RoundSample, RoundSample)>,
    pub compared: Vec<MetricComparison>,
    /// The CPU time of a good response. It does not decide the comparison.
    pub cpu: CpuComparison,
    /// What the faults of the load led to, at the baseline and at the new build; `None` in a load without faults.
    pub faults: Option<(FaultReport, FaultReport)>,
    /// Why the rounds cannot be compared, if they cannot.
    pub unsound_reason: Option<String>,
}

/// A build in a comparison: the workers that load it, and what reads meanwhile what it uses.
pub struct Build<'b> {
    pub workers: &'b mut Workers,
    pub observer: &'b Observer,
}

/// What reports call the two builds.
const BASELINE: &str = "the baseline";
const NEW_BUILD: &str = "the new build";
/// A rate of good responses that is lower than the arrival rate by more than this share has fallen behind.
const MAX_SHORTFALL: f64 = 0.02;
/// The shortest duration of a round.
const MIN_ROUND: Duration = Duration::from_millis(500);
/// With a larger share of failures, the latencies of a round are not comparable.
const MAX_ERROR_SHARE: f64 = 0.01;

/// Measures both builds in interleaved rounds. The first pair is a warm-up: only its wrong responses count.
pub fn compare_builds(
    mut baseline: Build<'_>,
    mut new: Build<'_>,
    load: &Load,
    rounds: u32,
    stop: &AtomicBool,
    on_event: &mut dyn FnMut(ProgressEvent<'_>),
) -> Result<Comparison, LoadError> {
    let duration = round_duration(load, rounds);
    let (mut pairs, mut unsound_reason, mut merged_new, mut wrong_responses) =
        (Vec::new(), None, None::<Round>, BTreeMap::new());
    let mut faults = (FaultReport::new(&load.faults), FaultReport::new(&load.faults));
    let mut cpu = (CpuOfRounds::new(BASELINE, baseline.observer), CpuOfRounds::new(NEW_BUILD, new.observer));
    for pair in 0..=rounds {
        if stop.load(Ordering::Relaxed) {
            return Err(LoadError { interrupted: true, ..LoadError::new("interrupted") });
        }
        on_event(ProgressEvent::Preparing {
            what: "pairs of rounds",
            done: u64::from(pair),
            of: u64::from(rounds) + 1,
        });
        let run_round = |build: &mut Build<'_>| {
            let times = (duration, Duration::ZERO);
            build.observer.round(build.workers, &load.arrivals, times, stop, &mut |_| {})
        };
        // The order alternates, so that neither build has an advantage.
        let (first, second) = if pair % 2 == 0 {
            let first = run_round(&mut baseline)?;
            (first, run_round(&mut new)?)
        } else {
            let second = run_round(&mut new)?;
            (run_round(&mut baseline)?, second)
        };
        let ((first, first_usage), (second, second_usage)) = (first, second);
        if pair == 0 {
            let wrong = second.total.failures.into_iter().filter(|(failure, _)| failure.is_wrong());
            wrong_responses = wrong.collect();
            continue;
        }
        for (all, round) in [(&mut faults.0, &first), (&mut faults.1, &second)] {
            round.faults.iter().for_each(|report| all.merge(report));
        }
        unsound_reason = unsound_reason.or(unsound(BASELINE, &first)).or(unsound(NEW_BUILD, &second));
        let cpu_per_response = (cpu.0.add(&first, first_usage.as_ref()), cpu.1.add(&second, second_usage.as_ref()));
        pairs.push((sample(&first, cpu_per_response.0), sample(&second, cpu_per_response.1)));
        match &mut merged_new {
            None => merged_new = Some(second),
            Some(all) => all.merge(&second),
        }
    }
    on_event(ProgressEvent::Preparing {
        what: "pairs of rounds",
        done: u64::from(rounds) + 1,
        of: u64::from(rounds) + 1,
    });
    let measures: &[ComparedMetric] = match load.arrivals {
        Arrivals::Max => &[ComparedMetric::Rate, ComparedMetric::P99],
        _ => &[ComparedMetric::P50, ComparedMetric::Mean, ComparedMetric::P99],
    };
    let mut merged_new = merged_new.unwrap_or_else(|| Round::new(vec![], Series::default(), Duration::ZERO));
    merged_new.add_wrong_before_start(&wrong_responses);
    Ok(Comparison {
        evaluation: evaluate(load, &merged_new),
        compared: compare(&pairs, measures),
        cpu: CpuComparison::of(&cpu.0, &cpu.1, &pairs),
        pairs,
        faults: (!load.faults.is_empty()).then_some(faults),
        unsound_reason,
    })
}

/// The duration of each round of a comparison.
pub fn round_duration(load: &Load, rounds: u32) -> Duration {
    (load.measured() / rounds.max(1)).max(MIN_ROUND)
}

fn unsound(who: &str, round: &Round) -> Option<String> {
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    let share = round.total.errors() as f64 / round.total.done().max(1) as f64;
    let failure = round.total.failures.iter().max_by_key(|(_, failed)| failed.count);
    match failure {
        Some((failure, failed)) if share > MAX_ERROR_SHARE => {
            Some(format!("{who} failed in {} of {} requests of a round ({failure})", failed.count, round.total.done()))
        }
        _ if round.starved * 1000 > round.started + round.starved => Some(format!(
            "{who} had no idle installation or sign-in token for {} of {} arrivals of a round; give more --installations or --tokens",
            round.starved,
            round.started + round.starved
        )),
        _ if round.total.good == 0 => Some(format!("{who} returned no good response in a round")),
        _ => None,
    }
}

#[allow(clippy::cast_precision_loss, reason = "nanoseconds far below 2^53")]
fn sample(round: &Round, cpu_per_response: Option<f64>) -> RoundSample {
    let latency = &round.total.latency;
    let at = |quantile: f64| latency.value_at_quantile(quantile) as f64;
    let rate = round.total.figures(round.seconds()).rate;
    RoundSample { p50: at(0.5), mean: latency.mean(), p99: at(0.99), rate, cpu_per_response }
}

/// One round of a search for the highest rate.
pub struct RateTrial {
    pub rate: f64,
    pub round: Round,
    pub evaluation: Evaluation,
    /// The rate of good responses was lower than the arrival rate.
    pub fell_behind: bool,
    /// What the system under test used meanwhile, where that could be read.
    pub usage: Option<SystemUsage>,
}

impl RateTrial {
    pub fn has_passed(&self) -> bool {
        self.evaluation.verdict == LoadVerdict::Passed && !self.fell_behind
    }

    /// Why it has not passed: the thresholds that failed, the rate of good responses if that fell behind, the commonest failure of
    /// its requests, and the limits of the generator. Empty if it has passed.
    pub fn reasons(&self) -> Vec<String> {
        if self.has_passed() {
            return vec![];
        }
        let failed = self.evaluation.thresholds.iter().filter(|result| !result.passed);
        let mut reasons: Vec<_> = failed.map(|result| format!("{}: {}", result.threshold, result.measured())).collect();
        if self.fell_behind {
            let good = self.round.total.figures(self.round.seconds()).rate;
            reasons.push(format!("{}/s good responses to {}/s arrivals", short(good), short(self.rate)));
        }
        if let Some((failure, failed)) = self.round.total.failures.iter().max_by_key(|(_, failed)| failed.count) {
            let example = Some(&failed.example).filter(|example| !example.is_empty());
            let example = example.map_or_else(String::new, |example| format!(" ({example})"));
            reasons.push(format!("{} × {failure}{example}", failed.count));
        }
        reasons.extend(self.evaluation.generator_limits.iter().cloned());
        reasons
    }
}

/// Finds the highest rate that passes the thresholds. Each rate is held for the duration of the load.
pub fn find_max_rate(
    Build { workers, observer }: Build<'_>,
    load: &Load,
    (start, most): (f64, f64),
    stop: &AtomicBool,
    on_trial: &mut dyn FnMut(&RateTrial),
) -> Result<(MaxRateSearch, Vec<RateTrial>), LoadError> {
    let (mut search, mut all) = (MaxRateSearch::new(start, most), Vec::new());
    while let Some(rate) = search.next_rate().filter(|_| !stop.load(Ordering::Relaxed)) {
        let arrivals = Arrivals::Constant(rate);
        let times = (load.duration, load.warm_up);
        let (round, usage) = observer.round(workers, &arrivals, times, stop, &mut |_| {})?;
        // What was cut off says nothing of its rate.
        if round.interrupted {
            break;
        }
        let evaluation = evaluate(&Load { arrivals, ..load.clone() }, &round);
        // Beyond the capacity of server or generator the backlog grows: such a rate does not count as passed.
        // A rate is counted in whole responses.
        let least = (1.0 - MAX_SHORTFALL) * rate - 1.0 / round.seconds().max(1e-9);
        let fell_behind = round.total.figures(round.seconds()).rate < least;
        let trial = RateTrial { rate, round, evaluation, fell_behind, usage };
        search.record(rate, trial.has_passed());
        on_trial(&trial);
        all.push(trial);
    }
    Ok((search, all))
}
