//! The annotations of GitHub Actions: workflow commands on standard output, which GitHub shows at the lines of files.

use crate::ViewError;
use crate::excuse_text;
use crate::outside_text::{block, line, line_up_to};
use crate::run_text::{counted, finding_heading, reason};
use std::fmt::Write as _;
use vouch_runner::record::RunRecord;
use vouch_runner::run::verdict::Verdict;

/// GitHub shows ten annotations of a kind and step; the last one counts the rest.
const MAX_ANNOTATIONS: usize = 10;
const MAX_TITLE: usize = 200;

/// An annotation: `error`, `warning` or `notice`, where, and what.
pub(crate) struct Annotation {
    pub(crate) kind: &'static str,
    pub(crate) file: String,
    pub(crate) line: Option<usize>,
    /// In characters, from 1.
    pub(crate) column: Option<usize>,
    pub(crate) title: String,
    pub(crate) message: String,
}

pub(crate) fn render_annotations(record: &RunRecord) -> Result<String, ViewError> {
    Ok(write(annotations(record)))
}

/// The workflow commands, as many as GitHub shows.
pub(crate) fn write(mut annotations: Vec<Annotation>) -> String {
    let more = annotations.len().saturating_sub(MAX_ANNOTATIONS);
    if more > 0 {
        annotations.truncate(MAX_ANNOTATIONS - 1);
        annotations.push(Annotation {
            kind: "error",
            file: String::new(),
            line: None,
            column: None,
            title: format!("{} more", more + 1),
            message: "The report of the run shows them.".into(),
        });
    }
    let mut text = String::new();
    for annotation in annotations {
        let mut properties = Vec::new();
        if !annotation.file.is_empty() {
            properties.push(format!("file={}", property(&annotation.file)));
        }
        properties.extend(annotation.line.map(|line| format!("line={}", line.max(1))));
        properties.extend(annotation.column.map(|column| format!("col={column}")));
        properties.push(format!("title={}", property(&line_up_to(&annotation.title, MAX_TITLE))));
        let _ = writeln!(text, "::{} {}::{}", annotation.kind, properties.join(","), data(&annotation.message));
    }
    text
}

/// One for each probable cause, for each case without a verdict, and for each entry that is out of date.
fn annotations(record: &RunRecord) -> Vec<Annotation> {
    let summary = record.summary();
    let causes = summary.causes.iter().filter_map(|cause| {
        let shown = cause.findings(&record.cases);
        let (case, first) = shown.first()?;
        let cases = counted(cause.cases.len(), "case", "cases");
        let advice = first.advice.as_ref().map(|advice| format!("\nAdvice: {}", line(advice))).unwrap_or_default();
        let excuses: String = excuse_text::of_cause(record, cause).iter().map(|text| format!("{text}\n")).collect();
        Some(Annotation {
            kind: match (cause.excuse, cause.warning) {
                (Some(_), _) => "notice",
                (None, true) => "warning",
                (None, false) => "error",
            },
            file: first.location.file.clone(),
            line: Some(first.location.line),
            column: None,
            title: if cause.clauses.is_empty() { "no clause".into() } else { cause.clauses.join(" ") },
            message: format!(
                "{excuses}{}\nIn {cases}; the first is {}: {}{advice}",
                finding_heading(first),
                line(&case.id),
                line(&case.title)
            ),
        })
    });
    let without_verdict = record.cases.iter().filter_map(|case| {
        let (Verdict::BadScenario(_) | Verdict::HarnessFailed(_)) = &case.verdict else { return None };
        Some(Annotation {
            kind: "error",
            file: case.file.clone(),
            line: None,
            column: None,
            title: case.id.clone(),
            message: reason(&case.verdict)?,
        })
    });
    let outdated = summary.gate_problems.iter().map(|problem| Annotation {
        kind: "error",
        file: problem.location.file.clone(),
        line: Some(problem.location.line),
        column: None,
        title: problem.kind.words().into(),
        message: line(&problem.text),
    });
    // What fails the run comes first, since GitHub shows only some.
    let (mut shown, excused): (Vec<_>, Vec<_>) = causes.partition(|annotation| annotation.kind != "notice");
    shown.extend(without_verdict);
    shown.extend(outdated);
    shown.extend(excused);
    shown
}

/// The message of a workflow command.
fn data(text: &str) -> String {
    block(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property of a workflow command.
fn property(text: &str) -> String {
    line(text).replace('%', "%25").replace(':', "%3A").replace(',', "%2C")
}
