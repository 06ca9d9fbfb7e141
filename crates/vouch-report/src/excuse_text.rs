//! What views say of findings that are waived or known, and of entries that are out of date.

use crate::outside_text::line;
use vouch_runner::gate::{Excuse, GateProblem};
use vouch_runner::record::RunRecord;
use vouch_runner::run::cause::Cause;
use vouch_runner::run::event::Started;
use vouch_runner::run::verdict::{CaseReport, Finding, Verdict};

/// Why the findings of a case do not fail the run: its waivers, or its line in the list of known failures.
pub(crate) fn of_case(started: &Started, case: &CaseReport) -> Vec<String> {
    unique(case.verdict.findings().iter().flat_map(|finding| of_finding(started, case, finding)))
}

/// Why the findings of a cause do not fail the run.
pub(crate) fn of_cause(record: &RunRecord, cause: &Cause) -> Vec<String> {
    of_findings(&record.started, cause, &record.cases)
}

/// As [`of_cause`], of these cases.
pub(crate) fn of_findings(started: &Started, cause: &Cause, cases: &[CaseReport]) -> Vec<String> {
    if cause.excuse.is_none() {
        return vec![];
    }
    let found = cause.findings(cases);
    unique(found.into_iter().flat_map(|(case, finding)| of_finding(started, case, finding)))
}

fn of_finding(started: &Started, case: &CaseReport, finding: &Finding) -> Vec<String> {
    let waivers = started.gate.waivers_of(&case.id, finding);
    if !waivers.is_empty() {
        return waivers.into_iter().map(|waiver| line(&waiver.describe())).collect();
    }
    match (&case.verdict, &started.gate.known_failures) {
        (Verdict::KnownFailure(_), Some(known)) => vec![match known.get(&case.id) {
            Some(entry) => line(&format!("known failure: {}:{}", entry.location.file, entry.location.line)),
            None => line(&format!("known failure: written to {}", known.file)),
        }],
        _ => vec![],
    }
}

fn unique(texts: impl Iterator<Item = String>) -> Vec<String> {
    texts.fold(vec![], |mut all, text| {
        if !all.contains(&text) {
            all.push(text);
        }
        all
    })
}

/// `waived` or `known failure`.
pub(crate) fn words(excuse: Excuse) -> &'static str {
    match excuse {
        Excuse::Waived => "waived",
        Excuse::KnownFailure => "known failure",
    }
}

/// What a cause is beside a failure: `warning`, `waived`, `known failure`.
pub(crate) fn standing(cause: &Cause) -> Option<&'static str> {
    cause.excuse.map(words).or(cause.warning.then_some("warning"))
}

/// An entry that is out of date, in one line.
pub(crate) fn problem(of: &GateProblem) -> String {
    line(&of.to_string())
}
