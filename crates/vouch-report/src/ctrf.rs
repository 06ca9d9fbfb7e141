//! The CTRF report (<https://ctrf.io>): one JSON document, which CI plug-ins of many products read.

use crate::ViewError;
use crate::outside_text::{block, line};
use crate::run_text::{build_name, finding_heading, finding_text, json_text, reason, sorted_cases, verdict_word};
use serde_json::{Map, Value, json};
use vouch_runner::record::RunRecord;
use vouch_runner::run::verdict::{CaseReport, Verdict};

/// The version of the CTRF specification.
const SPECIFICATION: &str = "1.0.0";

pub(crate) fn render(record: &RunRecord) -> Result<String, ViewError> {
    let (started, summary) = (&record.started, record.summary());
    let start = start_ms(&started.started_at)?;
    let duration = milliseconds(summary.duration);
    let of = |wanted: &str| record.cases.iter().filter(|case| status(&case.verdict) == wanted).count();
    let mut groups: Vec<_> = record.cases.iter().map(|case| &case.group).collect();
    groups.sort_unstable();
    groups.dedup();
    let document = json!({
        "reportFormat": "CTRF",
        "specVersion": SPECIFICATION,
        "timestamp": started.started_at,
        "generatedBy": format!("vouch {}", line(&started.vouch)),
        "results": {
            "tool": { "name": "vouch", "version": line(&started.vouch) },
            "summary": {
                "tests": record.cases.len(), "passed": of("passed"), "failed": of("failed"), "skipped": of("skipped"),
                "pending": of("pending"), "other": of("other"), "suites": groups.len(),
                "start": start, "stop": start + duration, "duration": duration,
                "extra": { "outcome": summary.outcome(), "notRun": summary.not_run },
            },
            "tests": sorted_cases(record).into_iter().map(test).collect::<Vec<_>>(),
            "environment": {
                "appName": line(&started.sdk.name),
                "appVersion": line(&started.sdk.version),
                "buildName": build_name(started),
                "osPlatform": line(&started.host.os),
                "extra": {
                    "target": line(&started.target), "roles": started.roles, "profile": line(&started.profile),
                    "suiteEdition": started.suite.edition, "suiteSha256": started.suite.sha256,
                    "buildSha256": started.build_digest.as_ref().map(|digest| &digest.sha256),
                    "host": line(&started.host.name),
                },
            },
        },
    });
    json_text(&document)
}

/// A case with warnings is a success, in agreement with the exit code.
fn status(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Passed | Verdict::Warned(_) => "passed",
        Verdict::Failed(_) => "failed",
        Verdict::Skipped(_) | Verdict::NotReached(_) => "skipped",
        Verdict::BadScenario(_) | Verdict::HarnessFailed(_) => "other",
    }
}

fn test(case: &CaseReport) -> Value {
    let mut test = Map::new();
    let mut set = |name: &str, value: Value| test.insert(name.to_owned(), value);
    set("name", json!(line(&case.id)));
    set("status", json!(status(&case.verdict)));
    set("duration", json!(milliseconds(case.duration)));
    set("suite", json!([line(&case.group)]));
    set("rawStatus", json!(verdict_word(&case.verdict)));
    set("tags", json!(case.proves));
    set("filePath", json!(line(&case.file)));
    let found = case.verdict.findings();
    if let Some(first) = found.first() {
        set("message", json!(finding_heading(first)));
        set("trace", json!(found.iter().map(finding_text).collect::<Vec<_>>().join("\n")));
        set("line", json!(first.location.line));
        set("snippet", json!(block(&first.excerpt.text)));
    } else if let Some(reason) = reason(&case.verdict) {
        set("message", json!(reason));
    }
    let conditions: Map<_, _> = case.conditions.iter().map(|(name, value)| (line(name), json!(line(value)))).collect();
    let advice = case.advice.as_deref().map(line);
    set("extra", json!({ "title": line(&case.title), "advice": advice, "conditions": conditions }));
    Value::Object(test)
}

/// Whole milliseconds, as CTRF has them.
fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX / 2)
}

/// A time of RFC 3339 in milliseconds since 1970.
fn start_ms(time: &str) -> Result<u64, ViewError> {
    let time = humantime::parse_rfc3339_weak(time)
        .map_err(|error| ViewError(format!("the record has the start time `{}`: {error}", line(time))))?;
    Ok(milliseconds(time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default()))
}
