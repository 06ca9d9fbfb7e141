//! The code-quality report of GitLab, for the widget in merge requests: one issue for each probable cause.

use crate::ViewError;
use crate::excuse_text;
use crate::outside_text::line_up_to;
use crate::run_text::{counted, json_text};
use crate::sarif::fingerprint;
use serde_json::{Value, json};
use vouch_runner::gate::GateProblem;
use vouch_runner::record::{RunRecord, sha256};
use vouch_runner::run::cause::Cause;

/// GitLab shows the description in a list.
const MAX_DESCRIPTION: usize = 500;

pub(crate) fn render(record: &RunRecord) -> Result<String, ViewError> {
    let summary = record.summary();
    let issues = summary.causes.iter().filter_map(|cause| issue(record, cause));
    let issues: Vec<_> = issues.chain(summary.gate_problems.iter().map(outdated)).collect();
    json_text(&issues)
}

fn issue(record: &RunRecord, cause: &Cause) -> Option<Value> {
    let shown = cause.findings(&record.cases);
    let (_, first) = shown.first()?;
    let clauses = if cause.clauses.is_empty() { "no clause".to_owned() } else { cause.clauses.join(" ") };
    let cases = counted(cause.cases.len(), "case", "cases");
    let got = cause.got.lines().next().unwrap_or("nothing");
    let excuses = excuse_text::of_cause(record, cause);
    let excuse = if excuses.is_empty() { String::new() } else { format!("({}) ", excuses.join("; ")) };
    let description = format!("{excuse}{clauses}: expected {}, got {got} ({cases})", cause.expected);
    Some(json!({
        "description": line_up_to(&description, MAX_DESCRIPTION),
        "check_name": line_up_to(cause.clauses.first().map_or("nonconformance", String::as_str), MAX_DESCRIPTION),
        "fingerprint": fingerprint(&cause.key),
        "severity": match (cause.excuse, cause.warning) {
            (Some(_), _) => "info",
            (None, true) => "minor",
            (None, false) => "major",
        },
        "location": {
            "path": path(&first.location.file),
            "lines": { "begin": first.location.line.max(1) },
        },
    }))
}

/// An entry of the waivers or known failures that is out of date.
fn outdated(of: &GateProblem) -> Value {
    let text = excuse_text::problem(of);
    json!({
        "description": line_up_to(&text, MAX_DESCRIPTION),
        "check_name": of.kind.words(),
        "fingerprint": &sha256(text.as_bytes())[..32],
        "severity": "major",
        "location": { "path": path(&of.location.file), "lines": { "begin": of.location.line.max(1) } },
    })
}

/// GitLab refuses a path with `./` and one that is absolute.
pub(crate) fn path(of: &str) -> String {
    line_up_to(of.replace('\\', "/").trim_start_matches("./").trim_start_matches('/'), MAX_DESCRIPTION)
}
