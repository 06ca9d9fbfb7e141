//! The JSON report: one document at a run.

use crate::ViewError;
use serde_json::{Value, json};
use vouch_runner::record::RunRecord;
use vouch_runner::run::verdict::{CaseReport, Finding, Verdict};

/// The version of the document's layout, raised on every incompatible change.
const FORMAT: u32 = 2;

pub(crate) fn render(record: &RunRecord) -> Result<String, ViewError> {
    let summary = record.summary();
    // Cases finish in any order; a stable order makes runs comparable.
    let mut cases: Vec<_> = record.cases.iter().collect();
    cases.sort_by(|a, b| a.id.cmp(&b.id));
    let document = json!({
        "format": FORMAT,
        "vouch": record.started.vouch,
        "run": record.started,
        "outcome": summary.outcome(),
        "summary": summary,
        "cases": cases.into_iter().map(case_json).collect::<Vec<_>>(),
    });
    serde_json::to_string_pretty(&document).map(|text| text + "\n").map_err(|error| ViewError(error.to_string()))
}

fn case_json(case: &CaseReport) -> Value {
    let (verdict, detail) = match &case.verdict {
        Verdict::Passed => ("passed", Value::Null),
        Verdict::Failed(findings) => ("failed", findings.iter().map(finding_json).collect()),
        Verdict::Warned(findings) => ("warned", findings.iter().map(finding_json).collect()),
        Verdict::NotReached(case) => (
            "notReached",
            json!({ "becauseOf": case.because_of, "clauses": case.clauses, "setup": finding_json(&case.setup) }),
        ),
        Verdict::Skipped(reason) => ("skipped", json!(reason)),
        Verdict::BadScenario(what) => ("badScenario", json!(what)),
        Verdict::HarnessFailed(what) => ("harnessFailed", json!(what)),
    };
    json!({
        "id": case.id, "group": case.group, "title": case.title, "file": case.file, "proves": case.proves,
        "conditions": case.conditions.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<serde_json::Map<_, _>>(),
        "verdict": verdict, "durationSeconds": case.duration.as_secs_f64(), "detail": detail,
    })
}

fn finding_json(finding: &Finding) -> Value {
    json!({
        "clauses": finding.clauses, "location": finding.location.to_string(), "step": finding.step,
        "expected": finding.expected, "got": finding.got, "wire": finding.wire, "stderr": finding.stderr,
        "advice": finding.advice,
    })
}
