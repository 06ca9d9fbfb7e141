//! The CTRF report (<https://ctrf.io>): one JSON document, which CI plug-ins of many products read.

use crate::ViewError;
use crate::excuse_text;
use crate::outside_text::{block, line};
use crate::run_text::{
    broken_clauses, build_name, finding_heading, finding_text, json_text, reason, sorted_cases, verdict_word,
};
use serde_json::{Map, Value, json};
use vouch_runner::gate::GateProblem;
use vouch_runner::record::RunRecord;
use vouch_runner::run::event::Started;
use vouch_runner::run::verdict::{CaseReport, Verdict};

/// The version of the CTRF specification.
const SPECIFICATION: &str = "1.0.0";

pub(crate) fn render(record: &RunRecord) -> Result<String, ViewError> {
    let (started, summary) = (&record.started, record.summary());
    let start = start_ms(&started.started_at)?;
    let duration = milliseconds(summary.duration);
    let of = |wanted: &str| record.cases.iter().filter(|case| status(&case.verdict) == wanted).count();
    let problems = &summary.gate_problems;
    let tests = sorted_cases(record).into_iter().map(|case| test(started, case));
    let tests: Vec<_> = tests.chain(problems.iter().map(gate_test)).collect();
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
                "tests": tests.len(), "passed": of("passed"), "failed": of("failed") + problems.len(), "skipped": of("skipped"),
                "pending": of("pending"), "other": of("other"), "suites": groups.len() + usize::from(!problems.is_empty()),
                "start": start, "stop": start + duration, "duration": duration,
                "extra": {
                    "outcome": summary.outcome(), "notRun": summary.not_run,
                    "clauses": broken_clauses(&summary).into_iter().map(|(key, ids)| (key.to_owned(), json!(ids))).collect::<Map<_, _>>(),
                },
            },
            "tests": tests,
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

/// A case with warnings is a success, in agreement with the exit code. One that is waived or known to fail is no success.
fn status(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Passed | Verdict::Warned(_) => "passed",
        Verdict::Failed(_) => "failed",
        Verdict::Waived(_) | Verdict::KnownFailure(_) | Verdict::Skipped(_) | Verdict::NotReached(_) => "skipped",
        Verdict::InDoubt(_) | Verdict::BadScenario(_) | Verdict::HarnessFailed(_) => "other",
    }
}

/// An entry of the waivers or known failures that is out of date fails the run, and no case shows it.
fn gate_test(problem: &GateProblem) -> Value {
    json!({
        "name": excuse_text::problem(problem), "status": "failed", "duration": 0, "suite": ["waivers and known failures"],
        "message": line(&problem.text), "filePath": line(&problem.location.file), "line": problem.location.line,
    })
}

fn test(started: &Started, case: &CaseReport) -> Value {
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
    let excuses = excuse_text::of_case(started, case);
    if let Some(first) = found.first() {
        let message = [excuses.clone(), vec![finding_heading(first)]].concat().join("\n");
        set("message", json!(message));
        set("trace", json!(found.iter().map(finding_text).collect::<Vec<_>>().join("\n")));
        set("line", json!(first.location.line));
        set("snippet", json!(block(&first.excerpt.text)));
    } else if let Some(reason) = reason(&case.verdict) {
        set("message", json!(reason));
    }
    let conditions: Map<_, _> = case.conditions.iter().map(|(name, value)| (line(name), json!(line(value)))).collect();
    let advice = case.advice.as_deref().map(line);
    set("extra", json!({ "title": line(&case.title), "advice": advice, "conditions": conditions, "excuses": excuses }));
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
