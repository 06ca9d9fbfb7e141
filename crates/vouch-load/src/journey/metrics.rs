//! The measurements of all virtual users, and the known tokens and users. They are shared, so that a token that was issued to
//! two users is detected.

use super::definition::Journey;
use crate::check::{ResponseCheck, ResponseChecker};
use crate::client::nanoseconds;
use crate::endpoints::LoadCall;
use crate::failure::{Failure, WrongResponse};
use crate::installations::Installations;
use crate::measure::{SecondStats, Series};
use crate::measurement_window::MeasurementWindow;
use crate::round::Round;
use crate::token_claims::{SampleId, WrongSample};
use parking_lot::{Mutex, MutexGuard};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use vouch_sim::wire::redact::Redacted;

/// What a call of a virtual user is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JourneyCall {
    /// A call that a load makes too. Its response is checked.
    Load(LoadCall),
    /// A call of the SDK that the scenario does not have: to the identity provider, such as one for its JWK Set, or to the API.
    Other,
}

impl From<LoadCall> for JourneyCall {
    fn from(call: LoadCall) -> Self {
        JourneyCall::Load(call)
    }
}

impl fmt::Display for JourneyCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JourneyCall::Load(call) => call.fmt(f),
            JourneyCall::Other => f.write_str("other"),
        }
    }
}

/// A completed call.
pub struct CompletedCall {
    pub call: JourneyCall,
    pub sent: Instant,
    /// The time from the send to the complete response, in nanoseconds.
    pub latency_ns: u64,
    pub check: ResponseCheck,
    /// Its access token, if the claims of the provider are learned from it.
    pub sample: Option<SampleId>,
}

/// So many different notes are kept.
const MAX_NOTES: usize = 12;

/// The outcome of a step.
pub enum StepOutcome {
    /// The expected result, which is a success.
    Succeeded,
    /// The expected result, which is a refusal: refused calls count as good.
    ExpectedRefusal,
    /// An unexpected result: a message with the expected and the actual one.
    Unexpected(String),
    /// An unexpected result that violates no clause but `should` clauses: a warning, as in a conformance run.
    Warned(String),
    /// The load ended before the step did.
    Aborted,
}

/// The measurements of all virtual users.
pub struct JourneyMetrics {
    totals: Mutex<JourneyTotals>,
    clock: OnceLock<Instant>,
    duration: Duration,
    ended: OnceLock<Instant>,
    /// Method and path of the first [`JourneyCall::Other`].
    other_call: OnceLock<String>,
}

/// The data behind the lock.
pub struct JourneyTotals {
    pub installations: Installations,
    pub checker: ResponseChecker,
    journeys: Vec<JourneySeries>,
    total: Series,
    second: SecondStats,
    started: u64,
    /// What else was noticed, and how often.
    notes: BTreeMap<String, u64>,
    /// The number of users who waited for a response at the end and got none.
    unanswered_users: u64,
}

struct JourneySeries {
    names: Vec<String>,
    lifecycle: Series,
    /// Whether a lifecycle ended with a warning.
    warned: bool,
    calls: Vec<(JourneyCall, Series)>,
}

impl JourneyMetrics {
    /// `duration`: calls that start later do not count.
    pub fn new(
        journeys: &[Arc<Journey>],
        installations: Installations,
        checker: ResponseChecker,
        duration: Duration,
    ) -> Self {
        let of = |journey: &Arc<Journey>| JourneySeries {
            names: journey.series(),
            lifecycle: Series::default(),
            warned: false,
            calls: journey.measured_calls().map(|call| (call, Series::default())).collect(),
        };
        let journeys = journeys.iter().map(of).collect();
        let totals = JourneyTotals {
            installations,
            checker,
            journeys,
            total: Series::default(),
            second: SecondStats::default(),
            started: 0,
            notes: BTreeMap::new(),
            unanswered_users: 0,
        };
        let (clock, ended, other_call) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Self { totals: Mutex::new(totals), clock, duration, ended, other_call }
    }

    pub fn lock(&self) -> MutexGuard<'_, JourneyTotals> {
        self.totals.lock()
    }

    /// Starts the measurement.
    pub fn start(&self) {
        let _ = self.clock.set(Instant::now());
    }

    /// Ends the measurement: calls that start later do not count, and the users stop.
    pub fn end(&self) {
        let _ = self.ended.set(Instant::now());
    }

    /// Whether the load has started and not ended.
    pub fn is_running(&self) -> bool {
        self.is_measured(Instant::now())
    }

    /// Whether a moment is within the measured time. A call that was sent within it counts, however long its response takes.
    fn is_measured(&self, moment: Instant) -> bool {
        let before_end = self.ended.get().is_none_or(|end| moment <= *end);
        before_end && self.clock.get().is_some_and(|start| (*start..=*start + self.duration).contains(&moment))
    }

    /// The measurement window, and a moment in nanoseconds since the start of the measurement.
    fn at(&self, moment: Instant) -> (MeasurementWindow, u64) {
        let since = |moment: Instant| self.clock.get().map_or(0, |start| nanoseconds(moment.duration_since(*start)));
        let end = self.ended.get().map_or(u64::MAX, |end| since(*end));
        (0..end.min(nanoseconds(self.duration)), since(moment))
    }

    /// Records the calls of one step. Returns the failure that ends the lifecycle, if any.
    pub fn resolve(
        &self,
        journey: usize,
        mut completed: Vec<CompletedCall>,
        end: &StepOutcome,
    ) -> Result<(), (Failure, String)> {
        let stop = match end {
            StepOutcome::Unexpected(what) => Some((Failure::Wrong(WrongResponse::Unexpected), what.clone())),
            StepOutcome::Succeeded | StepOutcome::ExpectedRefusal | StepOutcome::Warned(_) | StepOutcome::Aborted => {
                None
            }
        };
        // The last response caused the unexpected result if it seemed good: that of an other call only where there is none else.
        let last = completed.iter().rposition(|completed| completed.call != JourneyCall::Other);
        let last = last.or(completed.len().checked_sub(1)).and_then(|last| completed.get_mut(last));
        if let (Some(unexpected), Some(last)) = (&stop, last.filter(|last| last.check.is_ok())) {
            last.check = Err(unexpected.clone());
        }
        let mut totals = self.lock();
        let mut found = None;
        for CompletedCall { call, sent, latency_ns, check, sample } in completed {
            // The step did not end, so it is unknown whether the scenario expects this refusal. None expects that a load is too
            // high.
            if matches!((&check, end), (Err((Failure::Status(status @ ..500), _)), StepOutcome::Aborted) if !matches!(status, 408 | 429))
            {
                let what =
                    "refusal in a step that the end of the load cut off: not counted, the scenario may expect it";
                *totals.notes.entry(what.into()).or_default() += 1;
                continue;
            }
            let check = match (check, end) {
                (Err((Failure::Status(_), _)), StepOutcome::ExpectedRefusal | StepOutcome::Warned(_)) => Ok(()),
                (other, _) => other,
            };
            if let Err((failure, example)) = &check {
                let ends = failure.is_wrong() || !matches!(end, StepOutcome::Succeeded | StepOutcome::ExpectedRefusal);
                found = ends.then(|| (*failure, example.clone())).or(found);
            }
            let is_measured = self.is_measured(sent);
            if let Some(sample) = sample.filter(|_| check.is_err() || !is_measured) {
                totals.checker.claims.withdraw(sample);
            }
            if is_measured {
                let completions = self.at(sent + Duration::from_nanos(latency_ns));
                totals.unanswered_users += u64::from(check.is_err() && !completions.0.contains(&completions.1));
                totals.record(journey, call, latency_ns, &check, &completions);
            }
        }
        found.or(stop).map_or(Ok(()), Err)
    }

    /// A text of the SDK as reports show it, without the secrets of an installation.
    pub fn scrub(&self, text: &str, installation_id: u32) -> Redacted {
        let totals = self.lock();
        totals.checker.scrub(text, installation_id, &totals.installations)
    }

    /// Notes something that belongs to no call.
    pub fn note(&self, what: String) {
        let notes = &mut self.lock().notes;
        if notes.len() < MAX_NOTES || notes.contains_key(&what) {
            *notes.entry(what).or_default() += 1;
        }
    }

    /// Keeps method and path of the first other call, for a note.
    pub fn record_other_call(&self, call: impl FnOnce() -> String) {
        self.other_call.get_or_init(call);
    }

    /// Notes that a lifecycle ended with a warning.
    pub fn warn(&self, journey: usize, what: &str) {
        self.note(format!("warning, a `should` clause is not satisfied, {what}"));
        if let Some(of) = self.lock().journeys.get_mut(journey) {
            of.warned = true;
        }
    }

    /// The journeys of which every lifecycle ended with a warning.
    pub fn only_warned(&self) -> Vec<String> {
        let totals = self.lock();
        let warned = totals.journeys.iter().filter(|of| of.warned && of.lifecycle.done() == 0);
        warned.filter_map(|of| of.names.first().cloned()).collect()
    }

    /// What was noted, with how often.
    pub fn notes(&self) -> Vec<String> {
        let other = self.other_call.get().map(|call| {
            format!(
                "the SDK makes calls that the scenario does not have, the first was `{call}`: they are in the series `…/{}`, \
                 and the content of their responses is not checked",
                JourneyCall::Other
            )
        });
        let counted: Vec<_> = self.lock().notes.iter().map(|(what, count)| format!("{count} × {what}")).collect();
        other.into_iter().chain(counted).collect()
    }

    /// Records a lifecycle: the sum of its latencies, or the failure that ended it. It counts only if it was `decided` within
    /// the measured time: its last step ended within it, or a step that started within it failed.
    pub fn record_lifecycle(&self, journey: usize, outcome: &Result<u64, (Failure, String)>, decided: Instant) {
        if !self.is_measured(decided) {
            return;
        }
        let mut totals = self.lock();
        let Some(of) = totals.journeys.get_mut(journey) else { return };
        match outcome {
            Ok(taken_ns) => of.lifecycle.good(*taken_ns, *taken_ns),
            Err((failure, example)) => of.lifecycle.failed(*failure, 0, || example.clone()),
        }
    }

    /// Takes the statistics since the last call of this method.
    pub fn take_second(&self) -> SecondStats {
        std::mem::take(&mut self.lock().second)
    }

    /// The results of the whole run.
    pub fn close(&self, measured: Duration) -> Round {
        let mut totals = self.lock();
        let late = totals.checker.claims.conclude();
        for WrongSample { wrong, call, origin } in late {
            totals.total.reclassify_as_wrong(wrong, "");
            let journey = origin.map_or(0, |origin| usize::from(origin.workload));
            let mut calls = totals.journeys.get_mut(journey).into_iter().flat_map(|of| &mut of.calls);
            if let Some((_, series)) = calls.find(|(known, _)| *known == LoadCall::from(call).into()) {
                series.reclassify_as_wrong(wrong, "");
            }
        }
        // Responses after the end are good, but do not count in the rate.
        let calls = totals.journeys.iter_mut().flat_map(|of| of.calls.iter_mut().map(|(_, series)| series));
        calls.for_each(|series| limit_rate(series, measured));
        limit_rate(&mut totals.total, measured);
        let series = totals.journeys.iter().flat_map(|of| {
            // Few SDKs make other calls.
            let shown = |(call, series): &&(JourneyCall, Series)| *call != JourneyCall::Other || series.done() > 0;
            let calls = of.calls.iter().filter(shown).map(|(_, series)| series);
            of.names.iter().cloned().zip(std::iter::once(&of.lifecycle).chain(calls).cloned())
        });
        Round {
            started: totals.started,
            unanswered_users: totals.unanswered_users,
            opaque_tokens: totals.checker.opaque_tokens,
            learned_claims: totals.checker.learned_claims(),
            sample_one_in: totals.checker.duplicates.sample_one_in(),
            ..Round::new(series.collect(), totals.total.clone(), measured)
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn limit_rate(series: &mut Series, measured: Duration) {
    let within = series.completions.within().min(series.good);
    if within < series.good && !measured.is_zero() {
        series.rate = Some(within as f64 / measured.as_secs_f64());
    }
}

impl JourneyTotals {
    fn record(
        &mut self,
        journey: usize,
        call: JourneyCall,
        latency_ns: u64,
        check: &ResponseCheck,
        completions: &(MeasurementWindow, u64),
    ) {
        self.started += 1;
        let of_call =
            self.journeys.get_mut(journey).and_then(|of| of.calls.iter_mut().find(|(known, _)| *known == call));
        for series in of_call.map(|(_, series)| series).into_iter().chain([&mut self.total]) {
            series.record_check(check, latency_ns, latency_ns);
            if check.is_ok() {
                series.completions.record(&completions.0, true, completions.1);
            }
        }
        self.second.started += 1;
        self.second.record_check(check, latency_ns);
    }
}

#[cfg(test)]
mod tests;
