//! Records for the tests of the views.

use serde_json::{Value, json};
use vouch_report::Format;
use vouch_runner::record::RunRecord;
use vouch_runner::run::event::RunEvent;
use vouch_runner::run::summary::RunEnd;
use vouch_runner::run::verdict::{CaseReport, NotReached, Verdict};

/// What a hostile build, file or server puts into every text. It has the delimiters and line breaks of every format.
pub const HOSTILE: &str = "\u{1b}[2J\u{1b}]0;title\u{7}\0\u{9b}31m\u{202e}\u{2066}\u{feff}\u{ffff}</system-out>]]>\
    <script>alert(1)</script><!--\"'&amp;| `code` [a](javascript:b) ![i](http://x/y)\r\n::error file=a,line=1::injected %0A\n\
    # heading\n```\n## [x]: y";

/// The record of a real run of the reference SDK with the mutant `region-ignored`: four cases pass, four fail.
pub fn failing() -> RunRecord {
    parse(include_str!("../fixtures/region-ignored.jsonl"))
}

/// The record of a real run of the same cases without the mutant.
pub fn conforming() -> RunRecord {
    parse(include_str!("../fixtures/conforming.jsonl"))
}

/// A record with a case of every verdict.
pub fn of_every_verdict() -> RunRecord {
    let mut record = failing();
    let (failed, passed): (Vec<_>, Vec<_>) =
        record.cases.into_iter().partition(|case| matches!(case.verdict, Verdict::Failed(_)));
    let finding = |case: &CaseReport| match &case.verdict {
        Verdict::Failed(findings) => findings[0].clone(),
        _ => unreachable!("partitioned"),
    };
    let setup = finding(&failed[0]);
    let got = setup.got.clone();
    let warned = Verdict::Warned(vec![finding(&failed[1])]);
    let not_reached = NotReached { clauses: setup.clauses.clone(), because_of: failed[0].id.clone(), setup };
    let verdicts = [
        Some(Verdict::Skipped("it needs the capability `cancel`".into())),
        Some(Verdict::NotReached(Box::new(not_reached))),
        Some(warned),
    ];
    let mut cases: Vec<_> = failed.into_iter().chain(passed).collect();
    for (case, verdict) in cases.iter_mut().rev().zip(verdicts) {
        case.verdict = verdict.unwrap_or_else(|| case.verdict.clone());
    }
    cases[2].verdict = Verdict::BadScenario(got.clone());
    cases[3].verdict = Verdict::HarnessFailed(got);
    record.cases = cases;
    record.written_summary = None;
    let summary = record.summarize(RunEnd { duration: std::time::Duration::from_millis(1234), ..RunEnd::default() });
    record.written_summary = Some(summary);
    record
}

/// The failing record with a waiver of its first failed case, and a list of known failures with the others and with a case that
/// passes.
pub fn excused() -> RunRecord {
    let mut record = failing();
    let ids = |failed: bool| -> Vec<String> {
        let cases = record.cases.iter().filter(|case| matches!(case.verdict, Verdict::Failed(_)) == failed);
        cases.map(|case| case.id.clone()).collect()
    };
    let (failed, passed) = (ids(true), ids(false));
    let place = |file: &str, line: usize| json!({ "file": file, "line": line, "column": 1 });
    let known = failed[1..].iter().chain(&passed[..1]).enumerate();
    let known: Vec<_> =
        known.map(|(number, id)| json!({ "id": id, "location": place("known.txt", number + 1) })).collect();
    let gate = json!({
        "day": "2026-11-28",
        "waivers": [{
            "clause": "MIG-5", "case": failed[0], "reason": "ticket 7", "owner": "team sdk", "expires": "2027-01-31",
            "location": place("waivers.toml", 2),
        }],
        "knownFailures": { "file": "known.txt", "cases": known },
    });
    record.started.gate = serde_json::from_value(gate).expect("a gate");
    let started = &record.started;
    for case in &mut record.cases {
        let verdict = case.verdict.clone();
        case.verdict = started.gate.apply(&case.id, verdict, &started.suite.clauses, started.strictness);
    }
    record.written_summary = None;
    let summary = record.summarize(RunEnd { duration: std::time::Duration::from_millis(1234), ..RunEnd::default() });
    record.written_summary = Some(summary);
    record
}

/// The record with [`HOSTILE`] in the place of each text that comes from outside.
pub fn hostile() -> RunRecord {
    hostile_with(HOSTILE)
}

/// As [`hostile`], with another text.
pub fn hostile_with(text: &str) -> RunRecord {
    hostile_of(of_every_verdict(), text)
}

/// A record with a text in the place of each text that comes from outside.
pub fn hostile_of(mut record: RunRecord, text: &str) -> RunRecord {
    record.started = replaced(&record.started, text);
    record.cases = record.cases.iter().map(|case| replaced(case, text)).collect();
    record.written_summary = record.written_summary.map(|summary| replaced(&summary, text));
    record
}

fn replaced<T: serde::Serialize + serde::de::DeserializeOwned>(of: &T, text: &str) -> T {
    let mut value = serde_json::to_value(of).expect("JSON");
    replace(&mut value, text);
    serde_json::from_value(value).expect("the same type")
}

/// Fields of free text. Others have a format of their own: ids of clauses, times, digests.
const FREE: [&str; 19] = [
    "reason",
    "owner",
    "id",
    "group",
    "title",
    "advice",
    "file",
    "name",
    "version",
    "platform",
    "step",
    "description",
    "expected",
    "got",
    "stderr",
    "text",
    "target",
    "becauseOf",
    "value",
];

fn replace(value: &mut Value, text: &str) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    Value::String(of) if FREE.contains(&name.as_str()) => *of = format!("{of}{text}"),
                    Value::Array(items) if matches!(name.as_str(), "wire" | "cases" | "violatedBy") => {
                        for item in items {
                            match item {
                                Value::String(of) => of.push_str(text),
                                other => replace(other, text),
                            }
                        }
                    }
                    other => replace(other, text),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, text)),
        _ => {}
    }
}

pub fn parse(lines: &str) -> RunRecord {
    let (mut started, mut cases, mut summary) = (None, vec![], None);
    for line in lines.lines() {
        match serde_json::from_str(line).expect("an event") {
            RunEvent::Started(of) => started = Some(*of),
            RunEvent::CaseFinished(case) => cases.push(*case),
            RunEvent::Finished(of) => summary = Some(of),
            RunEvent::Progress { .. } => {}
        }
    }
    RunRecord { started: started.expect("a first line"), cases, written_summary: summary, sha256: String::new() }
}

/// The report in the format of this name.
pub fn render(format: &str, record: &RunRecord) -> String {
    Format::parse(format).expect("a format").render(record).expect("a report")
}

/// The unsafe characters of a report; line breaks and tabs are none.
pub fn unsafe_characters(text: &str) -> String {
    let is_unsafe = |letter: &char| {
        letter.is_control() && !matches!(letter, '\n' | '\t')
            || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
            || u32::from(*letter) & 0xfffe == 0xfffe
    };
    text.chars().filter(is_unsafe).flat_map(char::escape_unicode).collect()
}

/// Checks a document against a JSON Schema.
pub fn assert_valid(schema: &str, document: &str) {
    let schema = serde_json::from_str(schema).expect("JSON");
    let document = serde_json::from_str(document).expect("JSON");
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema");
    let errors: Vec<_> =
        validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}
