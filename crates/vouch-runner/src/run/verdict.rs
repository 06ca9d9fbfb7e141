//! How a case ended, and what it found.

use std::time::Duration;
use vouch_sim::wire::redact::Redacted;
use vouch_spec::scenario::{Clauses, Level};
use vouch_spec::text::{Source, Span};

/// What became of one case.
#[derive(Clone, Debug)]
pub struct CaseReport {
    pub id: String,
    pub group: String,
    pub title: String,
    /// What to change, for whoever maintains a build that fails.
    pub advice: Option<String>,
    pub file: String,
    pub proves: Vec<String>,
    pub verdict: Verdict,
    pub duration: Duration,
}

/// How a case ended.
#[derive(Clone, Debug)]
pub enum Verdict {
    Passed,
    Failed(Vec<Finding>),
    /// Nothing but `should` clauses is broken, in a run that is not strict.
    Warned(Vec<Finding>),
    Skipped(String),
    /// Nothing is known of the build: the scenario makes no sense.
    BadScenario(Redacted),
    /// Nothing is known of the build: the harness or its environment failed.
    HarnessFailed(Redacted),
}

impl Verdict {
    /// A failure that is a warning only becomes one.
    pub fn weighed(self, clauses: &Clauses, strictness: Strictness) -> Self {
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

/// Something that the build does wrong.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The clauses that it breaks.
    pub clauses: Vec<String>,
    pub weight: Weight,
    pub place: Place,
    /// The step in the guide's words.
    pub step: Redacted,
    pub expected: Redacted,
    pub got: Redacted,
    /// The wire around it, one exchange each.
    pub wire: Vec<Redacted>,
    /// The tail of the adapter's standard error.
    pub stderr: Redacted,
}

/// What decides whether a finding fails the build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// The level of its clauses.
    Clauses,
    /// It always does: the build cannot even be tried.
    Always,
}

impl Finding {
    /// Whether it is a warning only.
    pub fn warns(&self, clauses: &Clauses, strictness: Strictness) -> bool {
        strictness == Strictness::Lenient
            && self.weight == Weight::Clauses
            && !self.clauses.is_empty()
            && self.clauses.iter().all(|id| clauses.get(id).is_some_and(|clause| clause.level == Level::Should))
    }
}

/// Where in a scenario file.
#[derive(Clone, Debug)]
pub struct Place {
    pub source: Source,
    pub span: Span,
}

impl Place {
    pub fn words(&self) -> String {
        self.source.place(self.span)
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

    pub fn finding(clauses: &[&str], weight: Weight) -> Finding {
        let nothing = Redacted::default;
        Finding {
            clauses: clauses.iter().map(|id| (*id).to_owned()).collect(),
            weight,
            place: Place { source: Source::new("a.yaml", "id: a"), span: Span { start: 4, end: 5 } },
            step: nothing(),
            expected: nothing(),
            got: nothing(),
            wire: vec![],
            stderr: nothing(),
        }
    }

    #[test]
    fn a_place_is_file_line_and_column() {
        assert_eq!(finding(&[], Weight::Clauses).place.words(), "a.yaml:1:5");
    }

    #[test]
    fn only_what_breaks_should_clauses_alone_is_a_warning() {
        use Strictness::{Lenient, Strict};
        let clauses = clauses();
        let warns = |ids: &[&str], weight, strictness| finding(ids, weight).warns(&clauses, strictness);
        assert!(warns(&["AB-2"], Weight::Clauses, Lenient));
        assert!(!warns(&["AB-2"], Weight::Clauses, Strict));
        assert!(!warns(&["AB-2"], Weight::Always, Lenient));
        assert!(!warns(&["AB-1"], Weight::Clauses, Lenient));
        assert!(!warns(&["AB-2", "AB-1"], Weight::Clauses, Lenient));
        assert!(!warns(&[], Weight::Clauses, Lenient), "nothing is known to be harmless");
        assert!(!warns(&["ZZ-9"], Weight::Clauses, Lenient), "nor is what nobody knows");
    }
}
