//! What a round is worth: its thresholds, and whether the generator itself was the limit.
//!
//! A busy or late generator makes figures worse, never better. So thresholds that hold in spite of it hold, and one that
//! answers alone break is broken; anything else is inconclusive then. A load that was not sent in full makes figures better,
//! and proves nothing.

use super::caveats::{limits, nobody_lived, notes, unsent};
use super::failure::Failure;
use super::measure::Series;
use super::plan::Load;
use super::round::Round;
use super::threshold::{Bound, Figures, Metric, Threshold};

/// What a round is worth.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    pub held: Vec<Held>,
    /// Why the figures may be the generator's and not the server's.
    pub limits: Vec<String>,
    /// What a reader should know, and that is no fault.
    pub notes: Vec<String>,
    pub verdict: Verdict,
}

/// A threshold and what was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    pub threshold: Threshold,
    /// None where nothing was measured.
    pub value: Option<f64>,
    pub passed: bool,
}

impl Held {
    /// What was measured, for readers.
    pub fn measured(&self) -> String {
        self.value.map_or_else(|| "nothing was measured".to_owned(), |value| self.threshold.show(value))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Passed,
    Failed,
    Inconclusive,
}

/// Thresholds that count where a load says nothing about their figure.
fn by_default() -> [Threshold; 2] {
    let threshold = |metric, bound, limit| Threshold { of: None, metric, bound, limit };
    [threshold(Metric::Wrong, Bound::AtMost, 0.0), threshold(Metric::ErrorShare, Bound::Below, 1.0)]
}

/// Judges a round.
pub fn judge(load: &Load, round: &Round) -> Judged {
    let mut thresholds = load.thresholds.clone();
    for threshold in by_default() {
        let same = |own: &Threshold| {
            own.of.is_none()
                && (own.metric == threshold.metric || is_of_errors(own.metric) && is_of_errors(threshold.metric))
        };
        if !load.thresholds.iter().any(same) {
            thresholds.push(threshold);
        }
    }
    let held = thresholds.into_iter().map(|threshold| hold(threshold, round));
    let held: Vec<Held> = held.chain(failing_journeys(load, round)).collect();
    let (mut limits, unsent) = (limits(load, round), unsent(load, round));
    let by_answers = held.iter().any(|held| broken_by_answers(held, round));
    let excused = |held: &Held| unsent.is_some() && held.threshold.metric == Metric::Rate;
    let broken = held.iter().any(|held| held.value.is_some() && !held.passed && !excused(held));
    let in_part = unsent.is_some() || round.gave_up;
    let unknown =
        in_part || !round.mixed.is_empty() || nobody_lived(load, round) || held.iter().any(|held| held.value.is_none());
    let asked = !load.thresholds.is_empty();
    let verdict = match (broken, limits.is_empty()) {
        _ if by_answers || are_stuck(load, round) || round.gave_up && round.whole.good == 0 => Verdict::Failed,
        (true, true) => Verdict::Failed,
        _ if unknown => Verdict::Inconclusive,
        (false, true) => Verdict::Passed,
        (false, false) if asked => Verdict::Passed,
        (_, false) => Verdict::Inconclusive,
    };
    limits.extend(unsent);
    Judged { held, limits, notes: notes(load, round), verdict }
}

/// The most lifecycles of a journey that may fail, in per cent, where nothing is said of them. A lifecycle is some ten calls,
/// of which one in a hundred may fail.
const LIVES_PERCENT: f64 = 10.0;

/// Whether a tenth of the users waited in vain at the end. They are few beside all that was answered before, for who waits
/// asks nothing.
fn are_stuck(load: &Load, round: &Round) -> bool {
    !load.journeys.is_empty() && round.stuck * 10 > u64::from(load.connections)
}

/// Bounds that journeys break which fail too often, however small a part of all calls theirs are.
fn failing_journeys(load: &Load, round: &Round) -> Vec<Held> {
    let bound = |name: &String| Threshold {
        of: Some(name.clone()),
        metric: Metric::ErrorShare,
        bound: Bound::Below,
        limit: LIVES_PERCENT,
    };
    let has_its_own = |name: &String| {
        let is_it = |own: &Threshold| own.of.as_ref() == Some(name);
        load.thresholds.iter().any(|own| is_it(own) && is_of_errors(own.metric))
    };
    let held = load.journeys.iter().filter(|name| !has_its_own(name)).map(|name| hold(bound(name), round));
    held.filter(|held| held.value.is_some() && !held.passed).collect()
}

fn is_of_errors(metric: Metric) -> bool {
    matches!(metric, Metric::ErrorShare | Metric::Errors)
}

/// Whether a bound on errors or wrong answers is broken by what the server said, which is its own doing however slow the
/// generator. Time-outs, lost connections and missing sockets may be the generator's.
fn broken_by_answers(held: &Held, round: &Round) -> bool {
    let said = |failure: &Failure| {
        !matches!(failure, Failure::TimedOut | Failure::Lost | Failure::OutOfSockets | Failure::Unreachable)
    };
    let counts = held.threshold.metric == Metric::Wrong || is_of_errors(held.threshold.metric);
    let breaks = |series: &Series| {
        let errors = series.failures.iter().filter(|(failure, _)| said(failure)).map(|(_, failed)| failed.count).sum();
        let figures = Figures { errors, ..series.figures(round.seconds()) };
        held.threshold.value(&figures, |_| 0).is_some_and(|value| !held.threshold.holds(value))
    };
    counts && !held.passed && round.all_of(held.threshold.of.as_deref()).any(breaks)
}

fn hold(threshold: Threshold, round: &Round) -> Held {
    let value = |series: &Series| {
        let figures = series.figures(round.seconds());
        threshold.value(&figures, |p| series.latency.value_at_percentile(p))
    };
    // A call that a workload makes more than once keeps to its threshold each time.
    let values = round.all_of(threshold.of.as_deref()).map(value);
    let values: Vec<_> = values.map(|value| (value, value.is_some_and(|value| threshold.holds(value)))).collect();
    let first = values.iter().find(|(_, holds)| !holds).or(values.first()).copied();
    let (value, holds) = first.unwrap_or((None, false));
    Held { threshold, value, passed: holds }
}

#[cfg(test)]
mod tests;
