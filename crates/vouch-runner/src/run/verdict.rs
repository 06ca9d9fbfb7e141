//! The verdict of a case and its findings.

use super::cause::CauseKey;
use super::plan::PlannedCase;
use crate::record::{CaseRecord, seconds};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;
use vouch_sim::wire::redact::{Redacted, Redactor};
use vouch_spec::scenario::{Clauses, Level};
use vouch_spec::text::{Source, Span};

/// The report of one case.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaseReport {
    pub id: String,
    pub group: String,
    pub title: String,
    /// How to repair a build that fails the case: the advice of its first finding that has one.
    pub advice: Option<String>,
    /// The path of the scenario file.
    pub file: String,
    /// The ids of the clauses that the case tests.
    pub proves: Vec<String>,
    pub verdict: Verdict,
    #[serde(rename = "durationSeconds", with = "seconds")]
    #[schemars(with = "f64")]
    pub duration: Duration,
    /// The conditions that were drawn for the case, each with its name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<(String, String)>,
    /// Set if the case failed while the machine was late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late: Option<Late>,
    /// How long a thread of the process under test waited for a processor, at the end of a case that failed.
    #[serde(skip)]
    pub cpu_wait: Duration,
    /// Whether it had a process that had served other cases, or that failed when it was asked to.
    #[serde(skip)]
    pub reused: bool,
    /// Set if the case failed in a process that had served other cases, and not in new processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub survived: Option<Survived>,
    /// What happened: the steps, the wire and the storage. Absent where the case did not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Box<CaseRecord>>,
}

impl CaseReport {
    /// The report of a planned case.
    pub(super) fn new(case: &PlannedCase, verdict: Verdict, duration: Duration) -> Self {
        let advice = verdict.findings().iter().find_map(|finding| finding.advice.clone());
        Self {
            id: case.id.clone(),
            group: case.scenario.group.clone(),
            title: Redactor::default().scrub(&case.scenario.header.title).to_string(),
            advice,
            file: case.scenario.source.path().display().to_string(),
            proves: case.scenario.proves().map(str::to_owned).collect(),
            verdict,
            duration,
            conditions: vec![],
            late: None,
            cpu_wait: Duration::ZERO,
            reused: false,
            survived: None,
            record: None,
        }
    }

    /// A copy without the record, which is most of a report.
    #[must_use]
    pub fn without_record(&self) -> Self {
        Self {
            id: self.id.clone(),
            group: self.group.clone(),
            title: self.title.clone(),
            advice: self.advice.clone(),
            file: self.file.clone(),
            proves: self.proves.clone(),
            verdict: self.verdict.clone(),
            duration: self.duration,
            conditions: self.conditions.clone(),
            late: self.late.clone(),
            cpu_wait: self.cpu_wait,
            reused: self.reused,
            survived: self.survived.clone(),
            record: None,
        }
    }

    /// The report of a case whose task panicked: a fault of the harness.
    pub(super) fn lost(error: &impl fmt::Display) -> Self {
        let what = Redactor::default().scrub(&format!("the harness lost a case: {error}"));
        let bare = Self::bare("unknown", Verdict::HarnessFailed(what));
        Self { group: "harness".into(), title: "a case was lost".into(), ..bare }
    }

    /// A report with an id and a verdict, without a scenario.
    pub(crate) fn bare(id: &str, verdict: Verdict) -> Self {
        Self {
            id: id.into(),
            group: String::new(),
            title: String::new(),
            advice: None,
            file: String::new(),
            proves: vec![],
            verdict,
            duration: Duration::ZERO,
            conditions: vec![],
            late: None,
            cpu_wait: Duration::ZERO,
            reused: false,
            survived: None,
            record: None,
        }
    }
}

/// The verdict of a case.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", tag = "kind", content = "detail")]
pub enum Verdict {
    Passed,
    Failed(Vec<Finding>),
    /// Only `should` clauses are violated, and the run is not strict.
    Warned(Vec<Finding>),
    /// Waivers accept each finding that would fail the run. Findings that only warn may be among them.
    Waived(Vec<Finding>),
    /// The case failed, and the list of known failures has it.
    KnownFailure(Vec<Finding>),
    /// A step that prepares the case failed, for a reason that a finding of another case shows. The case says nothing about
    /// its clauses.
    NotReached(Box<NotReached>),
    /// The case failed twice while the machine was late. It says nothing about the build.
    InDoubt(Box<InDoubt>),
    /// The case did not run, for this reason.
    Skipped(String),
    /// The scenario is invalid; the case says nothing about the build.
    BadScenario(Redacted),
    /// The harness or its environment failed; the case says nothing about the build.
    HarnessFailed(Redacted),
}

impl Verdict {
    /// The findings of a case that failed or warned, also if they are waived or known; none of another.
    pub fn findings(&self) -> &[Finding] {
        match self {
            Verdict::Failed(findings)
            | Verdict::Warned(findings)
            | Verdict::Waived(findings)
            | Verdict::KnownFailure(findings) => findings,
            _ => &[],
        }
    }
}

/// Why a case was not reached.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotReached {
    /// The step that failed.
    pub setup: Finding,
    /// The id of the case whose finding explains it.
    pub because_of: String,
    /// The clauses that this finding violates.
    pub clauses: Vec<String>,
}

/// A case that failed while the machine was late, and could not be judged.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InDoubt {
    /// What failed. It violates no clause.
    pub findings: Vec<Finding>,
}

/// How late the machine was while a case failed. The case then ran again, alone.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Late {
    /// The longest time by which the harness was late, or that the process under test waited for a processor.
    #[serde(rename = "delaySeconds", with = "seconds")]
    #[schemars(with = "f64")]
    pub delay: Duration,
    /// How it ended when the case ran again, for example "it failed again, alone".
    pub again: String,
}

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the machine was {:.1} s late; {}", self.delay.as_secs_f64(), self.again)
    }
}

/// A case that failed in a process that had served other cases, and not in new processes. State of an earlier case survived `stop`,
/// so that the claim `reuse` is wrong, or the failure comes and goes.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Survived {
    /// The first finding in the process with a history.
    pub failed: Redacted,
}

impl fmt::Display for Survived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it failed in a reused process, and not in a new one; {}", self.failed)
    }
}

/// A nonconformity of the build.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The ids of the violated clauses.
    pub clauses: Vec<String>,
    pub severity: Severity,
    pub location: Location,
    /// The lines of the scenario file there.
    pub excerpt: Excerpt,
    /// Equal for findings that probably have one cause.
    pub cause: CauseKey,
    /// Like `cause`, but different for each kind of step and expectation: what may explain a failed preparation.
    #[serde(default)]
    pub exact_cause: CauseKey,
    /// The failed step only prepares the case, and no other finding of the run explains it. In a shard, one of another shard
    /// may.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub setup: bool,
    /// An invariant was violated, whatever the step.
    #[serde(skip)]
    pub is_of_invariant: bool,
    /// The description of the step.
    pub step: Redacted,
    pub expected: Redacted,
    pub got: Redacted,
    /// The last exchanges, one rendered exchange each.
    pub wire: Vec<Redacted>,
    /// The last lines of the adapter's standard error.
    pub stderr: Redacted,
    /// What to change, for the authors of the build under test.
    pub advice: Option<String>,
}

/// Whether a finding can be a warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// It is a warning if all its clauses are `should` clauses.
    ByLevel,
    /// It fails the build, whatever the levels of its clauses: an error of the kind `internal` is not documented.
    AnyLevel,
    /// It always fails the build, because the build cannot be tested.
    Always,
    /// The failed step prepares the case. It violates the clauses only if no other finding of the run explains it; see
    /// the module `attribution`. No finished case has such a finding.
    Setup,
}

impl Finding {
    /// Whether the finding is a warning.
    pub fn warns(&self, clauses: &Clauses, strictness: Strictness) -> bool {
        strictness == Strictness::Lenient
            && self.severity == Severity::ByLevel
            && !self.clauses.is_empty()
            && self.clauses.iter().all(|id| clauses.get(id).is_some_and(|clause| clause.level == Level::Should))
    }
}

/// A location in a scenario file, displayed as `file:line:column`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Location {
    /// The path of the file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl Location {
    /// The location of a span.
    pub fn of(source: &Source, span: Span) -> Self {
        let (line, column) = source.line_column(span.start);
        Self { file: source.path().display().to_string(), line, column }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// The lines of a file around a location.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Excerpt {
    /// The number of the first line, from 1.
    pub first_line: usize,
    /// The line before, the line itself, and the line after.
    pub text: String,
    /// Where the marked part begins in the text, in bytes.
    pub start: usize,
    /// The length of the marked part, in bytes.
    pub length: usize,
}

impl Excerpt {
    /// The lines around a span.
    pub fn of(source: &Source, span: Span) -> Self {
        let text = source.text();
        let (line, _) = source.line_column(span.start);
        let first_line = line.saturating_sub(1).max(1);
        let mut lines = text.split_inclusive('\n');
        let skipped: usize = lines.by_ref().take(first_line - 1).map(str::len).sum();
        let shown: String = lines.take(line + 2 - first_line).collect();
        let start = span.start.saturating_sub(skipped).min(shown.len());
        let length = span.end.saturating_sub(span.start).min(shown.len() - start);
        Self { first_line, text: shown, start, length }.cut().without_secrets()
    }

    /// Without what looks like a secret, with the marked part where it was.
    fn without_secrets(self) -> Self {
        let redactor = Redactor::default();
        let end = self.start + self.length;
        let piece = |from: usize, to: usize| self.text.get(from..to).map(|text| redactor.scrub(text).to_string());
        let pieces = (piece(0, self.start), piece(self.start, end), piece(end, self.text.len()));
        let (Some(before), Some(marked), Some(after)) = pieces else { return Self::default() };
        let (start, length) = (before.len(), marked.len());
        Self { first_line: self.first_line, text: before + &marked + &after, start, length }
    }

    /// Without what is far from the marked part, in a file of long lines.
    fn cut(self) -> Self {
        if self.text.len() <= MAX_EXCERPT {
            return self;
        }
        let boundary = |at: usize| (0..=at.min(self.text.len())).rev().find(|at| self.text.is_char_boundary(*at));
        let from = boundary(self.start.saturating_sub(MAX_EXCERPT / 4)).unwrap_or(0);
        let to = boundary(self.start + MAX_EXCERPT / 2).unwrap_or(0);
        let (skipped, text) = (&self.text[..from], self.text[from..to].to_owned());
        let (start, first_line) = (self.start - from, self.first_line + skipped.matches('\n').count());
        Self { first_line, length: self.length.min(text.len() - start), text, start }
    }

    /// A stand-in for the file, in which the lines have their numbers, and the span in it.
    pub fn to_source(&self, file: &str) -> (Source, Span) {
        let before = self.first_line.saturating_sub(1).min(MAX_EXCERPT_LINE);
        let start = before + self.start;
        let text = "\n".repeat(before) + &self.text;
        (Source::new(file, text), Span { start, end: start.saturating_add(self.length) })
    }
}

/// The longest text of an excerpt, in bytes.
const MAX_EXCERPT: usize = 8_192;
/// A record from outside must not make a text of any size.
const MAX_EXCERPT_LINE: usize = 100_000;

/// Whether `should` clauses fail a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Strictness {
    Strict,
    Lenient,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::sync::Arc;

    const CLAUSES: &str = "\
groups:
  - {id: AB, title: first, clauses: [{id: AB-1, level: must, text: one}, {id: AB-2, level: should, text: two}]}
  - {id: AC, title: second, clauses: [{id: AC-1, level: must, text: three}]}
";

    pub fn clauses() -> Arc<Clauses> {
        Arc::new(Clauses::parse(&Source::new("clauses.yaml", CLAUSES)).expect("clauses"))
    }

    pub fn finding(clauses: &[&str], severity: Severity) -> Finding {
        let empty = Redacted::default;
        Finding {
            clauses: clauses.iter().map(|id| (*id).to_owned()).collect(),
            severity,
            cause: CauseKey::default(),
            exact_cause: CauseKey::default(),
            setup: false,
            is_of_invariant: false,
            excerpt: Excerpt::default(),
            location: Location::of(&Source::new("a.yaml", "id: a"), Span { start: 4, end: 5 }),
            step: empty(),
            expected: empty(),
            got: empty(),
            wire: vec![],
            stderr: empty(),
            advice: None,
        }
    }

    #[test]
    fn a_location_is_displayed_as_file_line_and_column() {
        assert_eq!(finding(&[], Severity::ByLevel).location.to_string(), "a.yaml:1:5");
    }

    #[test]
    fn an_excerpt_of_long_lines_is_cut_around_its_marked_part() {
        let long = "é".repeat(50_000);
        let source = Source::new("a.yaml", format!("{long}\n{long}BAD{long}\n{long}"));
        let start = source.text().find("BAD").expect("it is there");
        let excerpt = Excerpt::of(&source, Span { start, end: start + 3 });
        assert!(excerpt.text.len() <= MAX_EXCERPT && excerpt.first_line == 2, "{}", excerpt.first_line);
        assert_eq!(&excerpt.text[excerpt.start..excerpt.start + excerpt.length], "BAD");
    }

    #[test]
    fn only_a_finding_with_should_clauses_alone_is_a_warning() {
        use Strictness::{Lenient, Strict};
        let clauses = clauses();
        let warns = |ids: &[&str], severity, strictness| finding(ids, severity).warns(&clauses, strictness);
        assert!(warns(&["AB-2"], Severity::ByLevel, Lenient));
        assert!(!warns(&["AB-2"], Severity::ByLevel, Strict));
        assert!(!warns(&["AB-2"], Severity::Always, Lenient));
        assert!(!warns(&["AB-1"], Severity::ByLevel, Lenient));
        assert!(!warns(&["AB-2", "AB-1"], Severity::ByLevel, Lenient));
        assert!(!warns(&[], Severity::ByLevel, Lenient), "a finding without clauses");
        assert!(!warns(&["ZZ-9"], Severity::ByLevel, Lenient), "an unknown clause");
    }
}
