//! The verdict of a case and its findings.

use super::cause::CauseKey;
use super::plan::PlannedCase;
use std::fmt;
use std::time::Duration;
use vouch_sim::wire::redact::{Redacted, Redactor};
use vouch_spec::scenario::{Clauses, Level};
use vouch_spec::text::{Source, Span};

/// The report of one case.
#[derive(Clone, Debug)]
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
    pub duration: Duration,
    /// The conditions that were drawn for the case, each with its name.
    pub conditions: Vec<(&'static str, String)>,
}

impl CaseReport {
    /// The report of a planned case.
    pub(super) fn new(case: &PlannedCase, verdict: Verdict, duration: Duration) -> Self {
        let advice = match &verdict {
            Verdict::Failed(findings) | Verdict::Warned(findings) => {
                findings.iter().find_map(|finding| finding.advice.clone())
            }
            _ => None,
        };
        Self {
            id: case.id.clone(),
            group: case.scenario.group.clone(),
            title: case.scenario.header.title.clone(),
            advice,
            file: case.scenario.source.path().display().to_string(),
            proves: case.scenario.proves().map(str::to_owned).collect(),
            verdict,
            duration,
            conditions: vec![],
        }
    }

    /// The report of a case whose task panicked: a fault of the harness.
    pub(super) fn lost(error: &impl fmt::Display) -> Self {
        let what = Redactor::default().scrub(&format!("the harness lost a case: {error}"));
        Self {
            id: "unknown".into(),
            group: "harness".into(),
            title: "a case was lost".into(),
            advice: None,
            file: String::new(),
            proves: vec![],
            verdict: Verdict::HarnessFailed(what),
            duration: Duration::ZERO,
            conditions: vec![],
        }
    }
}

/// The verdict of a case.
#[derive(Clone, Debug)]
pub enum Verdict {
    Passed,
    Failed(Vec<Finding>),
    /// Only `should` clauses are violated, and the run is not strict.
    Warned(Vec<Finding>),
    /// A step that prepares the case failed, for a reason that a finding of another case shows. The case says nothing about
    /// its clauses.
    NotReached(Box<NotReached>),
    /// The case did not run, for this reason.
    Skipped(String),
    /// The scenario is invalid; the case says nothing about the build.
    BadScenario(Redacted),
    /// The harness or its environment failed; the case says nothing about the build.
    HarnessFailed(Redacted),
}

impl Verdict {
    /// Turns a failure into a warning if the strictness of the run allows it.
    #[must_use]
    pub fn with_strictness(self, clauses: &Clauses, strictness: Strictness) -> Self {
        match self {
            Verdict::Failed(findings)
                if !findings.is_empty() && findings.iter().all(|finding| finding.warns(clauses, strictness)) =>
            {
                Verdict::Warned(findings)
            }
            other => other,
        }
    }
}

/// Why a case was not reached.
#[derive(Clone, Debug)]
pub struct NotReached {
    /// The step that failed.
    pub setup: Finding,
    /// The id of the case whose finding explains it.
    pub because_of: String,
    /// The clauses that this finding violates.
    pub clauses: Vec<String>,
}

/// A nonconformity of the build.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The ids of the violated clauses.
    pub clauses: Vec<String>,
    pub severity: Severity,
    pub location: Location,
    /// Equal for findings that probably have one cause.
    pub cause: CauseKey,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It is a warning if all its clauses are `should` clauses.
    ByLevel,
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
#[derive(Clone, Debug)]
pub struct Location {
    pub source: Source,
    pub span: Span,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source.place(self.span))
    }
}

/// Whether `should` clauses fail a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    Strict,
    Lenient,
}

#[cfg(test)]
pub(super) mod tests {
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
            location: Location { source: Source::new("a.yaml", "id: a"), span: Span { start: 4, end: 5 } },
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
