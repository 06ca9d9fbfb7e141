//! Reports of mistakes in scenario, clause, target and load files: what `vouch check` found, or why a run did not start.

use crate::format::{Format, ViewError};
use crate::github::{self, Annotation};
use crate::gitlab;
use crate::junit;
use crate::outside_text::{block, line, line_up_to};
use crate::run_text::json_text;
use crate::sarif;
use serde_json::{Value, json};
use std::fmt::Write as _;
use vouch_runner::record::sha256;
use vouch_spec::text::{Diagnostic, Diagnostics};

/// The rule of every mistake.
const RULE: &str = "invalid-file";
const RULE_TEXT: &str = "A scenario, clause, target or load file has a mistake. `vouch check` shows it; nothing runs until it is corrected.";
/// The longest message that a list shows, in characters.
const MAX_TITLE: usize = 500;

impl Format {
    /// The formats that can show mistakes of files.
    pub const OF_MISTAKES: [Format; 4] =
        [Format::Sarif, Format::Junit, Format::GithubAnnotations, Format::GitlabCodeQuality];

    /// The report of mistakes in files. `failure` is what else kept the files from being read. `None`: the format shows runs only.
    ///
    /// # Errors
    /// If the text of the report cannot be made.
    pub fn render_mistakes(self, mistakes: &Diagnostics, failure: Option<&str>) -> Option<Result<String, ViewError>> {
        let Diagnostics(mistakes) = mistakes;
        match self {
            Format::Sarif => Some(json_text(&sarif_document(mistakes, failure))),
            Format::Junit => Some(Ok(junit_document(mistakes, failure))),
            Format::GithubAnnotations => Some(Ok(github::write(annotations(mistakes, failure)))),
            Format::GitlabCodeQuality => Some(json_text(&mistakes.iter().map(issue).collect::<Vec<_>>())),
            Format::Json | Format::Html | Format::Ctrf | Format::Markdown | Format::GithubSummary => None,
        }
    }
}

/// Message, label and help in one text.
fn text(of: &Diagnostic) -> String {
    let label =
        if of.label == "here" || of.message.contains(&of.label) { String::new() } else { format!(" ({})", of.label) };
    let help = of.help.as_ref().map(|help| format!("\n{help}")).unwrap_or_default();
    block(&format!("{}{label}{help}", of.message))
}

fn path(of: &Diagnostic) -> String {
    of.source.path().display().to_string()
}

/// The same for the same mistake in each call, wherever in the file it moves.
fn fingerprint(of: &Diagnostic) -> String {
    sha256(format!("{}\n{}", path(of), of.message).as_bytes())[..32].to_owned()
}

fn sarif_document(mistakes: &[Diagnostic], failure: Option<&str>) -> Value {
    let results: Vec<_> = mistakes.iter().map(result).collect();
    let notifications: Vec<_> = failure
        .iter()
        .map(|what| json!({ "descriptor": { "id": "unreadable" }, "level": "error", "message": { "text": block(what) } }))
        .collect();
    json!({
        "$schema": sarif::SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "vouch", "version": env!("CARGO_PKG_VERSION"),
                "rules": [{
                    "id": RULE, "shortDescription": { "text": RULE_TEXT }, "help": { "text": RULE_TEXT },
                    "defaultConfiguration": { "level": "error" },
                }],
            } },
            "columnKind": "unicodeCodePoints",
            "invocations": [{ "executionSuccessful": failure.is_none(), "toolExecutionNotifications": notifications }],
            "results": results,
        }],
    })
}

fn result(of: &Diagnostic) -> Value {
    let (start, end) = (of.source.line_column(of.span.start), of.source.line_column(of.span.end));
    let mut region = json!({ "startLine": start.0, "startColumn": start.1 });
    // An empty range is a place: it has no end.
    if end > start {
        (region["endLine"], region["endColumn"]) = (json!(end.0), json!(end.1));
    }
    json!({
        "ruleId": RULE,
        "ruleIndex": 0,
        "level": "error",
        "message": { "text": text(of) },
        "locations": [{ "physicalLocation": { "artifactLocation": { "uri": sarif::uri(&path(of)) }, "region": region } }],
        "partialFingerprints": { "vouchMistake/v1": fingerprint(of) },
    })
}

/// A test case for each mistake; without a mistake, one that passes, since servers take an empty report for a broken one.
fn junit_document(mistakes: &[Diagnostic], failure: Option<&str>) -> String {
    let errors = mistakes.len() + failure.iter().count();
    let tests = errors.max(1);
    let counts = format!("tests=\"{tests}\" failures=\"0\" errors=\"{errors}\"");
    let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    let _ = writeln!(xml, "<testsuites name=\"vouch: files\" {counts} time=\"0.000\">");
    let _ = writeln!(xml, "  <testsuite name=\"files\" {counts} skipped=\"0\" time=\"0.000\">");
    let shown = mistakes.iter().map(|of| (line(&of.place()), line(&of.message), text(of)));
    for (name, message, text) in shown.chain(failure.map(|what| ("files".into(), line(what), String::new()))) {
        junit::error_case(&mut xml, &name, "vouch.files", (RULE, &message), &text);
    }
    if errors == 0 {
        xml += "    <testcase name=\"files\" classname=\"vouch.files\" time=\"0.000\"/>\n";
    }
    xml + "  </testsuite>\n</testsuites>\n"
}

fn annotations(mistakes: &[Diagnostic], failure: Option<&str>) -> Vec<Annotation> {
    let of_file = mistakes.iter().map(|of| {
        let (line, column) = of.source.line_column(of.span.start);
        Annotation {
            kind: "error",
            file: path(of),
            line: Some(line),
            column: Some(column),
            title: RULE.into(),
            message: text(of),
        }
    });
    let other = failure.map(|what| Annotation {
        kind: "error",
        file: String::new(),
        line: None,
        column: None,
        title: RULE.into(),
        message: line(what),
    });
    of_file.chain(other).collect()
}

fn issue(of: &Diagnostic) -> Value {
    json!({
        "description": line_up_to(&of.message, MAX_TITLE),
        "check_name": RULE,
        "fingerprint": fingerprint(of),
        "severity": "blocker",
        "location": { "path": gitlab::path(&path(of)), "lines": { "begin": of.source.line_column(of.span.start).0 } },
    })
}
