//! The SARIF 2.1.0 report, for code-scanning dashboards: a rule for each clause, a result for each probable cause, at the line of
//! the scenario that shows it.

use crate::ViewError;
use crate::excuse_text;
use crate::outside_text::{block, line};
use crate::run_text::{build_name, counted, json_text, outcome_sentence, verdict_word};
use serde_json::{Value, json};
use vouch_runner::gate::GateProblem;
use vouch_runner::record::{RunRecord, sha256};
use vouch_runner::run::cause::{Cause, CauseKey};
use vouch_runner::run::verdict::{CaseReport, Location, Verdict};
use vouch_spec::scenario::{Clause, Level};

pub(crate) const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
/// The rule of a finding that violates no clause.
const NO_CLAUSE: &str = "nonconformance";
/// The most related locations of a result. GitHub shows no more.
const MAX_RELATED: usize = 100;

pub(crate) fn render(record: &RunRecord) -> Result<String, ViewError> {
    let (started, summary) = (&record.started, record.summary());
    let clauses: Vec<_> = started.suite.clauses.iter().collect();
    let rules: Vec<_> = clauses.iter().map(|clause| rule(clause)).chain([rule_without_clause()]).collect();
    let rule_index = |id: &str| clauses.iter().position(|clause| clause.id == id).unwrap_or(clauses.len());
    let results: Vec<_> = summary.causes.iter().filter_map(|cause| result(record, cause, &rule_index)).collect();
    let notifications = record.cases.iter().filter_map(notification);
    let notifications: Vec<_> = notifications.chain(summary.gate_problems.iter().map(outdated)).collect();
    let document = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "vouch", "version": line(&started.vouch), "rules": rules,
                "properties": { "suiteEdition": started.suite.edition, "suiteSha256": started.suite.sha256 },
            } },
            "invocations": [{
                "executionSuccessful": !record.cases.iter().any(is_without_verdict) && !summary.interrupted,
                "startTimeUtc": started.started_at,
                "exitCode": summary.outcome().exit_code(),
                "toolExecutionNotifications": notifications,
            }],
            "results": results,
            "properties": {
                "build": build_name(started), "outcome": summary.outcome(), "summary": outcome_sentence(&summary),
            },
        }],
    });
    json_text(&document)
}

fn level(level: Level) -> &'static str {
    if level == Level::Must { "error" } else { "warning" }
}

fn rule(clause: &Clause) -> Value {
    let source =
        clause.source.as_ref().map(|source| format!(" Source: {}.", line(&source.to_string()))).unwrap_or_default();
    json!({
        "id": line(&clause.id),
        "shortDescription": { "text": line(&clause.text) },
        "fullDescription": { "text": format!("{} ({}): {}", line(&clause.group), clause.level.word(), line(&clause.text)) },
        "help": { "text": format!("{}{source}", line(&clause.text)) },
        "defaultConfiguration": { "level": level(clause.level) },
        "properties": { "tags": [line(&clause.group)], "since": clause.since },
    })
}

fn rule_without_clause() -> Value {
    let text = "The build cannot be tested, or does what no clause allows.";
    json!({
        "id": NO_CLAUSE, "shortDescription": { "text": text }, "help": { "text": text },
        "defaultConfiguration": { "level": "error" },
    })
}

/// The result of a cause: its first finding, with the other findings as related locations.
fn result(record: &RunRecord, cause: &Cause, rule_index: &impl Fn(&str) -> usize) -> Option<Value> {
    let shown = cause.findings(&record.cases);
    let (case, first) = shown.first()?;
    let rule = cause.clauses.iter().find(|id| record.started.suite.clauses.get(id).is_some());
    let related = shown[1..].iter().take(MAX_RELATED).enumerate().map(|(id, (case, finding))| {
        let mut location = location(&finding.location);
        location["id"] = json!(id + 1);
        location["message"] = json!({ "text": line(&case.id) });
        location
    });
    let related: Vec<_> = related.collect();
    let cases = counted(cause.cases.len(), "case", "cases");
    let advice = first.advice.as_ref().map(|advice| format!("\nAdvice: {}", line(advice))).unwrap_or_default();
    let text = format!(
        "Expected {}, got {}.\nShown by {cases}; the first is {}: {}{advice}",
        line(&cause.expected),
        block(&cause.got),
        line(&case.id),
        line(&case.title)
    );
    let mut result = json!({
        "ruleId": rule.map_or(NO_CLAUSE.to_owned(), |id| line(id)),
        "ruleIndex": rule_index(rule.map_or(NO_CLAUSE, String::as_str)),
        "level": if cause.warning { "warning" } else { "error" },
        "message": { "text": text },
        "locations": [location(&first.location)],
        "relatedLocations": related,
        "partialFingerprints": { "vouchCause/v1": fingerprint(&cause.key) },
        "properties": {
            "clauses": cause.clauses.iter().map(|id| line(id)).collect::<Vec<_>>(),
            "cases": cause.cases.iter().map(|id| line(id)).collect::<Vec<_>>(),
            "notReached": cause.not_reached.iter().map(|id| line(id)).collect::<Vec<_>>(),
        },
    });
    if cause.excuse.is_some() {
        let justification = excuse_text::of_cause(record, cause).join("; ");
        result["suppressions"] = json!([{ "kind": "external", "status": "accepted", "justification": justification }]);
    }
    Some(result)
}

/// The same for the same cause in every run.
pub(crate) fn fingerprint(key: &CauseKey) -> String {
    let text = serde_json::to_string(key).unwrap_or_default();
    sha256(text.as_bytes())[..32].to_owned()
}

fn location(of: &Location) -> Value {
    json!({ "physicalLocation": {
        "artifactLocation": { "uri": uri(&of.file) },
        "region": { "startLine": of.line.max(1), "startColumn": of.column.max(1) },
    } })
}

/// A path as a URI reference: relative, with `/`, and every special character percent-encoded.
pub(crate) fn uri(path: &str) -> String {
    let path = path.replace('\\', "/");
    let mut uri = String::with_capacity(path.len());
    for byte in path.trim_start_matches("./").bytes().take(4096) {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(byte)),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    if path.starts_with('/') { format!("file://{uri}") } else { uri }
}

fn is_without_verdict(case: &CaseReport) -> bool {
    matches!(case.verdict, Verdict::BadScenario(_) | Verdict::HarnessFailed(_))
}

/// An entry of the waivers or known failures that is out of date.
fn outdated(of: &GateProblem) -> Value {
    let mut at = location(&of.location);
    at["message"] = json!({ "text": of.kind.words() });
    json!({
        "descriptor": { "id": "gateOutdated" },
        "level": "error",
        "message": { "text": excuse_text::problem(of) },
        "locations": [at],
    })
}

/// What kept a case from a verdict.
fn notification(case: &CaseReport) -> Option<Value> {
    let (Verdict::BadScenario(what) | Verdict::HarnessFailed(what)) = &case.verdict else { return None };
    Some(json!({
        "descriptor": { "id": verdict_word(&case.verdict) },
        "level": "error",
        "message": { "text": format!("{}: {}", line(&case.id), block(what.as_str())) },
        "locations": [{ "physicalLocation": { "artifactLocation": { "uri": uri(&case.file) } } }],
    }))
}
