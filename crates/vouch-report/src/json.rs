//! The JSON report: one document at a run.

use crate::ViewError;
use crate::excuse_text;
use crate::run_text::{json_text, sorted_cases, verdict_word};
use serde_json::{Value, json};
use vouch_runner::record::RunRecord;
use vouch_runner::run::verdict::{CaseReport, Finding, Verdict};

/// The version of the document's layout, raised on every incompatible change.
const FORMAT: u32 = 4;

pub(crate) fn render(record: &RunRecord) -> Result<String, ViewError> {
    let summary = record.summary();
    let document = json!({
        "format": FORMAT,
        "vouch": record.started.vouch,
        "run": record.started,
        "outcome": summary.outcome(),
        "summary": summary,
        "cases": sorted_cases(record).into_iter().map(|case| case_json(record, case)).collect::<Vec<_>>(),
    });
    json_text(&document)
}

fn case_json(record: &RunRecord, case: &CaseReport) -> Value {
    let detail = match &case.verdict {
        Verdict::Passed => Value::Null,
        Verdict::Failed(findings)
        | Verdict::Warned(findings)
        | Verdict::Waived(findings)
        | Verdict::KnownFailure(findings) => findings.iter().map(finding_json).collect(),
        Verdict::NotReached(case) => {
            json!({ "becauseOf": case.because_of, "clauses": case.clauses, "setup": finding_json(&case.setup) })
        }
        Verdict::InDoubt(case) => case.findings.iter().map(finding_json).collect(),
        Verdict::Skipped(reason) => json!(reason),
        Verdict::BadScenario(what) | Verdict::HarnessFailed(what) => json!(what),
    };
    json!({
        "id": case.id, "group": case.group, "title": case.title, "file": case.file, "proves": case.proves,
        "conditions": case.conditions.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<serde_json::Map<_, _>>(),
        "verdict": verdict_word(&case.verdict), "durationSeconds": case.duration.as_secs_f64(), "detail": detail,
        "excuses": excuse_text::of_case(&record.started, case),
    })
}

fn finding_json(finding: &Finding) -> Value {
    json!({
        "clauses": finding.clauses, "location": finding.location.to_string(), "step": finding.step,
        "expected": finding.expected, "got": finding.got, "wire": finding.wire, "stderr": finding.stderr,
        "advice": finding.advice,
    })
}
