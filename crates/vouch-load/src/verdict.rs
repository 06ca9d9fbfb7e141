//! The verdict of a round: its thresholds, and whether the load generator was the bottleneck.
//!
//! A saturated generator makes results worse, never better. A threshold that passes nevertheless has passed, and a threshold
//! that fails because of responses alone has failed; anything else is inconclusive. A load that was not sent completely makes
//! results better and cannot pass.

use super::caveats::{generator_limits, no_lifecycle_completed, notes, unsent};
use super::failure::Failure;
use super::measure::Series;
use super::plan::Load;
use super::round::Round;
use super::threshold::{Bound, Figures, Metric, Threshold};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The evaluation of a round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Evaluation {
    pub thresholds: Vec<ThresholdResult>,
    /// Reasons why the results may show the limits of the generator instead of those of the server.
    pub generator_limits: Vec<String>,
    /// Notes that do not change the verdict.
    pub notes: Vec<String>,
    pub verdict: LoadVerdict,
}

/// A threshold and its measured value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ThresholdResult {
    pub threshold: Threshold,
    /// `None` if nothing was measured.
    pub value: Option<f64>,
    pub passed: bool,
}

impl ThresholdResult {
    /// Formats the measured value.
    pub fn measured(&self) -> String {
        self.value.map_or_else(|| "nothing was measured".to_owned(), |value| self.threshold.show(value))
    }
}

/// Whether a load passed its thresholds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LoadVerdict {
    Passed,
    Failed,
    Inconclusive,
}

/// The default thresholds of a load without its own for the same metric.
fn default_thresholds() -> [Threshold; 2] {
    let threshold = |metric, bound, limit| Threshold { of: None, metric, bound, limit };
    [threshold(Metric::Wrong, Bound::AtMost, 0.0), threshold(Metric::ErrorShare, Bound::Below, 1.0)]
}

/// Evaluates a round.
pub fn evaluate(load: &Load, round: &Round) -> Evaluation {
    let mut thresholds = load.thresholds.clone();
    for threshold in default_thresholds() {
        let same = |own: &Threshold| {
            own.of.is_none()
                && (own.metric == threshold.metric || counts_errors(own.metric) && counts_errors(threshold.metric))
        };
        if !load.thresholds.iter().any(same) {
            thresholds.push(threshold);
        }
    }
    let results = thresholds.into_iter().map(|threshold| evaluate_threshold(threshold, round));
    let results: Vec<ThresholdResult> = results.chain(failing_journeys(load, round)).collect();
    let (mut generator_limits, unsent) = (generator_limits(load, round), unsent(load, round));
    let by_responses = results.iter().any(|result| failed_by_responses(result, round));
    let excused = |result: &ThresholdResult| unsent.is_some() && result.threshold.metric == Metric::Rate;
    let failed = results.iter().any(|result| result.value.is_some() && !result.passed && !excused(result));
    let incomplete = unsent.is_some() || round.aborted;
    let unknown = incomplete
        || !round.inconsistent_claims.is_empty()
        || no_lifecycle_completed(load, round)
        || results.iter().any(|result| result.value.is_none());
    let asked = !load.thresholds.is_empty();
    let verdict = match (failed, generator_limits.is_empty()) {
        _ if by_responses || too_many_unanswered(load, round) || round.aborted && round.total.good == 0 => {
            LoadVerdict::Failed
        }
        (true, true) => LoadVerdict::Failed,
        _ if unknown => LoadVerdict::Inconclusive,
        (false, true) => LoadVerdict::Passed,
        (false, false) if asked => LoadVerdict::Passed,
        (_, false) => LoadVerdict::Inconclusive,
    };
    generator_limits.extend(unsent);
    Evaluation { thresholds: results, generator_limits, notes: notes(load, round), verdict }
}

/// The default limit of failed lifecycles of a journey, in per cent. A lifecycle has about ten calls, of which one in a hundred
/// may fail.
const MAX_LIFECYCLE_ERRORS_PERCENT: f64 = 10.0;

/// Whether more than a tenth of the users got no response at the end. Such users are few compared with all earlier responses,
/// because a waiting user sends no requests.
fn too_many_unanswered(load: &Load, round: &Round) -> bool {
    !load.journeys.is_empty() && round.unanswered_users * 10 > u64::from(load.connections)
}

/// The failed default thresholds of journeys, however small their share of all calls is.
fn failing_journeys(load: &Load, round: &Round) -> Vec<ThresholdResult> {
    let bound = |name: &String| Threshold {
        of: Some(name.clone()),
        metric: Metric::ErrorShare,
        bound: Bound::Below,
        limit: MAX_LIFECYCLE_ERRORS_PERCENT,
    };
    let has_its_own = |name: &String| {
        let is_it = |own: &Threshold| own.of.as_ref() == Some(name);
        load.thresholds.iter().any(|own| is_it(own) && counts_errors(own.metric))
    };
    let results =
        load.journeys.iter().filter(|name| !has_its_own(name)).map(|name| evaluate_threshold(bound(name), round));
    results.filter(|result| result.value.is_some() && !result.passed).collect()
}

fn counts_errors(metric: Metric) -> bool {
    matches!(metric, Metric::ErrorShare | Metric::Errors)
}

/// Whether a threshold on errors or wrong responses fails because of responses alone, which a slow generator cannot cause.
/// Timeouts, lost connections and missing sockets can be caused by the generator.
fn failed_by_responses(result: &ThresholdResult, round: &Round) -> bool {
    let said = |failure: &Failure| {
        !matches!(failure, Failure::TimedOut | Failure::ConnectionLost | Failure::OutOfSockets | Failure::Unreachable)
    };
    let counts = result.threshold.metric == Metric::Wrong || counts_errors(result.threshold.metric);
    let breaks = |series: &Series| {
        let errors = series.failures.iter().filter(|(failure, _)| said(failure)).map(|(_, failed)| failed.count).sum();
        let figures = Figures { errors, ..series.figures(round.seconds()) };
        result.threshold.value(&figures, |_| 0).is_some_and(|value| !result.threshold.holds(value))
    };
    counts && !result.passed && round.series_named(result.threshold.of.as_deref()).any(breaks)
}

fn evaluate_threshold(threshold: Threshold, round: &Round) -> ThresholdResult {
    let value = |series: &Series| {
        let figures = series.figures(round.seconds());
        threshold.value(&figures, |p| series.latency.value_at_percentile(p))
    };
    // A repeated call of a workload must pass the threshold each time.
    let values = round.series_named(threshold.of.as_deref()).map(value);
    let values: Vec<_> = values.map(|value| (value, value.is_some_and(|value| threshold.holds(value)))).collect();
    let first = values.iter().find(|(_, holds)| !holds).or(values.first()).copied();
    let (value, holds) = first.unwrap_or((None, false));
    ThresholdResult { threshold, value, passed: holds }
}

#[cfg(test)]
mod tests;
