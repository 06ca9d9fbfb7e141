//! The code-quality report of GitLab, for the widget in merge requests: one issue for each probable cause.

use crate::ViewError;
use crate::outside_text::line_up_to;
use crate::run_text::{counted, json_text};
use crate::sarif::fingerprint;
use serde_json::{Value, json};
use vouch_runner::record::RunRecord;
use vouch_runner::run::cause::Cause;

/// GitLab shows the description in a list.
const MAX_DESCRIPTION: usize = 500;

pub(crate) fn render(record: &RunRecord) -> Result<String, ViewError> {
    let issues: Vec<_> = record.summary().causes.iter().filter_map(|cause| issue(record, cause)).collect();
    json_text(&issues)
}

fn issue(record: &RunRecord, cause: &Cause) -> Option<Value> {
    let shown = cause.findings(&record.cases);
    let (_, first) = shown.first()?;
    let clauses = if cause.clauses.is_empty() { "no clause".to_owned() } else { cause.clauses.join(" ") };
    let cases = counted(cause.cases.len(), "case", "cases");
    let got = cause.got.lines().next().unwrap_or("nothing");
    let description = format!("{clauses}: expected {}, got {got} ({cases})", cause.expected);
    // GitLab refuses a path with `./` and one that is absolute.
    let path = first.location.file.replace('\\', "/");
    Some(json!({
        "description": line_up_to(&description, MAX_DESCRIPTION),
        "check_name": line_up_to(cause.clauses.first().map_or("nonconformance", String::as_str), MAX_DESCRIPTION),
        "fingerprint": fingerprint(&cause.key),
        "severity": if cause.warning { "minor" } else { "major" },
        "location": {
            "path": line_up_to(path.trim_start_matches("./").trim_start_matches('/'), MAX_DESCRIPTION),
            "lines": { "begin": first.location.line.max(1) },
        },
    }))
}
