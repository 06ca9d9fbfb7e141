//! Judges one case of a record.

use super::Disagreement;
use crate::record::{CaseRecord, StepOutcome, StepRecord};
use crate::run::event::Started;
use crate::run::verdict::{CaseReport, Finding, Verdict};
use crate::run::{
    CANNOT_INTERCEPT, NO_DEVICE_HOOK, NO_OTHER_PROFILE, NO_PREVIOUS_BUILD, PREVIOUS_UNCLAIMED, PlannedCase,
    STORED_INSTALLATION,
};
use std::collections::BTreeSet;
use vouch_spec::protocol::Capability;
use vouch_spec::scenario::Clauses;
use vouch_spec::step::ScenarioStep;

/// What is wrong with the verdict of a case.
pub fn judge(case: &CaseReport, planned: &PlannedCase, started: &Started, clauses: &Clauses) -> Vec<Disagreement> {
    let mut found = match &case.verdict {
        Verdict::Passed => passed(case, planned),
        Verdict::Failed(findings)
        | Verdict::Warned(findings)
        | Verdict::Waived(findings)
        | Verdict::KnownFailure(findings) => with_findings(case, findings, started, clauses),
        Verdict::Skipped(reason) => skipped(case, planned, started, reason),
        // They say nothing about the build, and no certificate follows from a run with one.
        Verdict::NotReached(_) | Verdict::InDoubt(_) | Verdict::BadScenario(_) | Verdict::HarnessFailed(_) => vec![],
    };
    if !case.proves.iter().map(String::as_str).eq(planned.scenario.proves()) {
        let tests = planned.scenario.proves().collect::<Vec<_>>().join(", ");
        let says = case.proves.join(", ");
        found.push(Disagreement::case(&case.id, format!("it tests the clauses {tests}; the record says {says}")));
    }
    let missing = missing_capabilities(planned, started);
    if !missing.is_empty() && !matches!(case.verdict, Verdict::Skipped(_)) {
        let what = format!("it ran, and needs {}, which the build does not claim", missing.join(", "));
        found.push(Disagreement::case(&case.id, what));
    }
    found
}

/// A case passes only with all its steps, each with a result that the scenario accepts.
fn passed(case: &CaseReport, planned: &PlannedCase) -> Vec<Disagreement> {
    let id = case.id.as_str();
    let Some(record) = &case.record else {
        return vec![Disagreement::case(id, "it is recorded as passed, and none of its steps is recorded")];
    };
    let mut found = Vec::new();
    let (did, should) = (record.steps.len(), planned.steps.len());
    if did != should || record.planned_steps != should {
        let what =
            format!("it is recorded as passed with {did} of {} steps; the suite has {should}", record.planned_steps);
        found.push(Disagreement::case(id, what));
    }
    for (number, (step, planned)) in (1..).zip(record.steps.iter().zip(&planned.steps)) {
        let wrong = step_is_wrong(step, planned).or_else(|| too_few_sent(record, number, planned));
        found.extend(wrong.map(|what| Disagreement::step(id, number, what)));
    }
    if record.wire.iter().zip(1..).any(|(exchange, number)| exchange.number != number) {
        found.push(Disagreement::case(id, "its exchanges are not numbered one by one: some are missing"));
    }
    found
}

fn step_is_wrong(step: &StepRecord, planned: &ScenarioStep) -> Option<String> {
    let kind = planned.step.kind();
    if step.step != kind.name {
        return Some(format!("the record has the step `{}`, and the suite `{}`", step.step, kind.name));
    }
    let (result, accepted) = match &step.outcome {
        StepOutcome::Passed { result, accepted } => (result, accepted),
        StepOutcome::Failed { expected, got } => {
            return Some(format!(
                "the case is recorded as passed, and this step failed: expected {expected}, got {got}"
            ));
        }
        StepOutcome::Inconclusive { reason } => {
            return Some(format!("the case is recorded as passed, and this step was inconclusive: {reason}"));
        }
    };
    if !kind.has_result {
        return result.as_ref().map(|_| format!("`{}` has no result, and one is recorded", kind.name));
    }
    let Some(result) = result else { return Some("its result is not recorded".into()) };
    let result = result.to_result();
    if !planned.expect.accepts(&result) {
        return Some(format!("the result was {result}; the suite accepts {}", planned.expect));
    }
    let narrower = accepted.as_ref().filter(|accepted| !accepted.accepts(&result));
    narrower.map(|accepted| format!("the result was {result}; the record itself accepts {accepted}"))
}

/// Requests that the step needs and that never arrived before the next step with requests.
fn too_few_sent(record: &CaseRecord, number: usize, planned: &ScenarioStep) -> Option<String> {
    let next = record.steps.iter().skip(number).find_map(|step| step.first_exchange);
    let until = next.map_or(record.wire.len(), |first| first.saturating_sub(1));
    let arrived = &record.wire[..until.min(record.wire.len())];
    planned.sent.as_ref()?.counts().find_map(|(operation, count)| {
        let least = count.count.or(count.at_least)?;
        let sent = arrived.iter().filter(|exchange| exchange.operation == operation).count();
        let words = operation.words();
        (sent < least).then(|| format!("the suite wants at least {least} × {words}; {sent} are recorded up to its end"))
    })
}

/// The verdict of a case with findings follows from their clauses, the strictness of the run, its waivers and known failures.
fn with_findings(case: &CaseReport, findings: &[Finding], started: &Started, clauses: &Clauses) -> Vec<Disagreement> {
    let id = case.id.as_str();
    let says = in_words(&case.verdict);
    if findings.is_empty() {
        return vec![Disagreement::case(id, format!("it is recorded as {says}, and has no finding"))];
    }
    let unknown = findings.iter().flat_map(|finding| &finding.clauses).filter(|id| clauses.get(id).is_none());
    let mut found: Vec<_> = unknown
        .map(|clause| Disagreement::case(id, format!("the suite has no clause {clause}, which a finding names")))
        .collect();
    let now = started.gate.apply(id, Verdict::Failed(findings.to_vec()), clauses, started.strictness);
    let is = in_words(&now);
    if says != is {
        let what = format!(
            "it is recorded as {says}; by the levels of its clauses, the waivers and the known failures of the run it is {is}"
        );
        found.push(Disagreement::case(id, what));
    }
    found
}

fn in_words(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Warned(_) => "a warning",
        Verdict::Waived(_) => "waived",
        Verdict::KnownFailure(_) => "a known failure",
        _ => "failed",
    }
}

/// A case is skipped only for a reason that holds, as far as the record shows it.
fn skipped(case: &CaseReport, planned: &PlannedCase, started: &Started, reason: &str) -> Vec<Disagreement> {
    let id = case.id.as_str();
    if let Some(record) = &case.record {
        // A step found out that the build does not do what the case is about.
        let failed = record.steps.iter().position(|step| matches!(step.outcome, StepOutcome::Failed { .. }));
        let what = "the case is recorded as skipped, and this step failed";
        return failed.map(|at| Disagreement::step(id, at + 1, what)).into_iter().collect();
    }
    let unclaimed = reason.strip_prefix("the SDK does not claim ");
    let holds = match unclaimed {
        Some(words) => words == started.profile || words == missing_capabilities(planned, started).join(", "),
        None if reason.starts_with("the wire profile does not claim ") => !planned.scenario.header.claims.is_empty(),
        None if reason.starts_with(CANNOT_INTERCEPT) => planned.traps(),
        None if reason.starts_with(NO_DEVICE_HOOK) => !planned.device.is_empty(),
        None if reason == NO_OTHER_PROFILE => planned.given.previous_profile.is_some(),
        None if reason == NO_PREVIOUS_BUILD || reason.starts_with(PREVIOUS_UNCLAIMED) => planned.needs_previous(),
        None if reason.starts_with(STORED_INSTALLATION) => planned.needs_previous(),
        // Only a cloud under test lacks what the mock cloud can do; a profile may lack one control.
        None => started.cloud_under_test || !planned.demands.is_empty(),
    };
    let what = || format!("it was skipped because {reason}; by the suite and the build's claims this does not hold");
    (!holds).then(|| Disagreement::case(id, what())).into_iter().collect()
}

fn missing_capabilities(planned: &PlannedCase, started: &Started) -> Vec<&'static str> {
    let claimed: BTreeSet<_> = started.capabilities.iter().filter_map(|word| Capability::parse(word)).collect();
    planned.needs.difference(&claimed).map(|capability| capability.word()).collect()
}
