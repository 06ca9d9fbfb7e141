//! What several views say of a run in the same words.

use crate::ViewError;
use crate::outside_text::{block, line};
use serde::Serialize;
use std::fmt::Write as _;
use vouch_runner::record::RunRecord;
use vouch_runner::run::event::Started;
use vouch_runner::run::summary::{ClauseStatus, Outcome, Summary};
use vouch_runner::run::verdict::{CaseReport, Finding, Verdict};
use vouch_spec::text::OutsideText;

/// The cases in the order of their ids: they end in any order, and reports of two runs should be comparable.
pub(crate) fn sorted_cases(record: &RunRecord) -> Vec<&CaseReport> {
    let mut cases: Vec<_> = record.cases.iter().collect();
    cases.sort_by(|a, b| a.id.cmp(&b.id));
    cases
}

/// A JSON document in indented lines. Its strings are what they are; whoever prints the document is safe from them.
pub(crate) fn json_text(document: &impl Serialize) -> Result<String, ViewError> {
    let text = serde_json::to_string_pretty(document).map_err(|error| ViewError(error.to_string()))?;
    Ok(with_json_escapes(&text) + "\n")
}

/// Writes characters that a terminal obeys as JSON escapes. Such characters stand in strings only.
fn with_json_escapes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character == '\n' || OutsideText::is_safe(character) {
            out.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

/// The name and version of the build under test.
pub(crate) fn build_name(started: &Started) -> String {
    line(format!("{} {}", started.sdk.name, started.sdk.version).trim())
}

/// Which shard the run is, or from how many shards it was merged.
pub(crate) fn shard_words(started: &Started) -> Option<String> {
    let merged = &started.merged_from;
    let of_merged = || format!("merged from {}", counted(merged.len(), "shard", "shards"));
    started.shard.map(|of| format!("shard {}", of.shard)).or_else(|| (!merged.is_empty()).then(of_merged))
}

/// The outcome in a sentence.
pub(crate) fn outcome_sentence(summary: &Summary) -> String {
    let untested = summary.untested_must_clauses();
    match summary.outcome() {
        Outcome::Conforms if untested > 0 => format!(
            "The build conforms, as far as it was tested: {} not tested.",
            counted(untested, "must clause was", "must clauses were")
        ),
        Outcome::Conforms => "The build conforms.".into(),
        Outcome::PartPassed if summary.shard.is_some() => {
            "No case of this shard failed. The verdict on the build follows from all shards: join their records with \
             `vouch merge`."
                .into()
        }
        Outcome::ConformsWithWaivers => {
            let waived = counted(summary.waived, "case is", "cases are");
            let untested = match untested {
                0 => String::new(),
                some => format!(", and {} not tested", counted(some, "must clause was", "must clauses were")),
            };
            format!("The build conforms with waivers: {waived} waived{untested}.")
        }
        Outcome::PartPassed if summary.waived > 0 => {
            "The chosen cases passed or are waived. No verdict on the build follows from a part of the suite.".into()
        }
        Outcome::PartPassed => {
            "The chosen cases passed. No verdict on the build follows from a part of the suite.".into()
        }
        Outcome::OnlyKnownFailures => format!(
            "The build does not conform: it has {}, and no new one.",
            counted(summary.known_failures, "known failure", "known failures")
        ),
        Outcome::DoesNotConform => "The build does not conform.".into(),
        Outcome::GateOutdated => format!(
            "The run fails: there is no new failure, and {} of the waivers or known failures out of date.",
            counted(summary.gate_problems.len(), "entry is", "entries are")
        ),
        Outcome::BadScenario => "A scenario is invalid. The run says nothing about the build.".into(),
        Outcome::HarnessFailed => "The harness or its environment failed. The run says nothing about the build.".into(),
        Outcome::Inconclusive if summary.not_reached > 0 => {
            format!("The run is inconclusive: {} not reached.", counted(summary.not_reached, "case was", "cases were"))
        }
        Outcome::Inconclusive if summary.in_doubt > 0 => format!(
            "The run is inconclusive: {} failed on a machine that was late.",
            counted(summary.in_doubt, "case", "cases")
        ),
        Outcome::Inconclusive if summary.passed == 0 => "The run is inconclusive: no clause was tested.".into(),
        Outcome::Inconclusive => format!(
            "The run is inconclusive: {} not tested.",
            counted(untested, "must clause was", "must clauses were")
        ),
        Outcome::Interrupted => "The run was interrupted. The report shows the cases that had ended.".into(),
    }
}

/// What shows that the claim `reuse` is wrong.
pub(crate) fn reuse_notes(summary: &Summary) -> Vec<String> {
    let mut notes = vec![];
    if summary.survived > 0 {
        notes.push(format!(
            "{} failed in a process that had served other cases, and not in a new one, whose verdict counts. State of an earlier \
             case survives `stop`, so that the adapter must not claim `reuse`; or the failure comes and goes.",
            counted(summary.survived, "case", "cases")
        ));
    }
    if let Some(processes) = summary.processes.as_ref().filter(|processes| processes.unusable > 0) {
        let why = processes.why.as_deref().map(|why| format!(": {}", line(why))).unwrap_or_default();
        notes.push(format!(
            "the adapter claims `reuse`, and {} no further `start`{why}.",
            counted(processes.unusable, "process took", "processes took")
        ));
    }
    notes
}

/// The numbers of cases by verdict, for example `3 passed, 1 failed`.
pub(crate) fn counts_sentence(summary: &Summary) -> String {
    let counts = [
        (summary.passed, "passed"),
        (summary.failed, "failed"),
        (summary.warned, "warned"),
        (summary.waived, "waived"),
        (summary.known_failures, "known to fail"),
        (summary.not_reached, "not reached"),
        (summary.in_doubt, "in doubt"),
        (summary.skipped, "skipped"),
        (summary.bad_scenarios + summary.harness_failures, "without a verdict"),
        (summary.not_run, "not run"),
    ];
    let words: Vec<_> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    if words.is_empty() { "no case ran".into() } else { words.join(", ") }
}

/// The clauses that the build broke: of each status that has some, its key in JSON and their ids.
pub(crate) fn broken_clauses(summary: &Summary) -> Vec<(&'static str, Vec<String>)> {
    let statuses = [
        (ClauseStatus::Violated, "violated"),
        (ClauseStatus::KnownFailing, "knownFailing"),
        (ClauseStatus::Waived, "waived"),
    ];
    let ids = |status| summary.clauses.iter().filter(move |of| of.status == status).map(|of| line(&of.id)).collect();
    statuses
        .into_iter()
        .map(|(status, key)| (key, ids(status)))
        .filter(|(_, ids): &(_, Vec<_>)| !ids.is_empty())
        .collect()
}

/// A count with the noun in the right number.
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// The heading of a finding: its clauses, what was expected and what the build did.
pub(crate) fn finding_heading(finding: &Finding) -> String {
    let clauses = if finding.clauses.is_empty() { String::new() } else { finding.clauses.join(" ") + ": " };
    let got = finding.got.as_str().lines().next().unwrap_or("nothing");
    line(&format!("{clauses}expected {}, got {got}", finding.expected))
}

/// The whole finding as plain text.
pub(crate) fn finding_text(finding: &Finding) -> String {
    let mut text = format!(
        "{}\nstep: {}\nexpected: {}\ngot: {}\n",
        line(&finding.location.to_string()),
        line(finding.step.as_str()),
        line(finding.expected.as_str()),
        block(finding.got.as_str())
    );
    if let Some(advice) = &finding.advice {
        text += &format!("advice: {}\n", line(advice));
    }
    for (number, exchange) in finding.wire.iter().enumerate() {
        let heading = if number == 0 { "last exchanges:\n" } else { "" };
        text += &format!("{heading}{}\n", block(exchange.as_str()));
    }
    if !finding.stderr.as_str().trim().is_empty() {
        text += &format!("standard error, last lines:\n{}\n", block(finding.stderr.as_str()));
    }
    text
}

/// The word of a verdict, as the JSON report and the record have it.
pub(crate) fn verdict_word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::Failed(_) => "failed",
        Verdict::Warned(_) => "warned",
        Verdict::Waived(_) => "waived",
        Verdict::KnownFailure(_) => "knownFailure",
        Verdict::NotReached(_) => "notReached",
        Verdict::InDoubt(_) => "inDoubt",
        Verdict::Skipped(_) => "skipped",
        Verdict::BadScenario(_) => "badScenario",
        Verdict::HarnessFailed(_) => "harnessFailed",
    }
}

/// Why a case says nothing about its clauses, for one without a verdict on the build.
pub(crate) fn reason(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Passed | Verdict::Failed(_) | Verdict::Warned(_) | Verdict::Waived(_) | Verdict::KnownFailure(_) => {
            None
        }
        Verdict::NotReached(case) => {
            Some(line(&format!("not reached because of {}: {}", case.because_of, case.clauses.join(" "))))
        }
        Verdict::InDoubt(case) => {
            let first = case.findings.first().map(finding_heading).unwrap_or_default();
            Some(line(&format!("in doubt, because the machine was late: {first}")))
        }
        Verdict::Skipped(reason) => Some(line(reason)),
        Verdict::BadScenario(what) => Some(line(&format!("the scenario is invalid: {what}"))),
        Verdict::HarnessFailed(what) => Some(line(&format!("the harness failed: {what}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_document_prints_nothing_that_a_terminal_obeys_and_keeps_its_strings() {
        let strings = ["\u{202e}\u{9b}31m\u{7f}", "\u{1b}\0\n", "\u{e0041}é👩"];
        let text = json_text(&strings).expect("JSON");
        assert!(text.chars().all(|character| character == '\n' || OutsideText::is_safe(character)), "{text:?}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&text).expect("JSON"), strings);
    }
}
