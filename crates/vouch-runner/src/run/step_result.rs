//! Why a case goes no further.

pub use vouch_spec::step::StepResult;

use crate::sut::SutError;
use vouch_spec::scenario::Advice;
use vouch_spec::text::Span;

/// Why a step failed.
#[derive(Clone, Debug)]
pub enum StepError {
    /// The build did something else than the scenario expects.
    Unmet { expected: String, got: String },
    /// The build reported an undocumented error (the kind `internal`). It is a failure under a `should` clause too.
    Undocumented { expected: String, got: String },
    /// The build violates this clause, whatever the step is about.
    Violates { clause: &'static str, expected: String, got: String },
    /// The adapter does not comply with the protocol, or its process ended.
    Adapter(SutError),
    /// The backend under test does not serve.
    Backend(SutError),
    /// The build does not do what the case is about, and need not, or the target file does not say how: the case is skipped.
    NotApplicable(String),
    /// The scenario asks for something that makes no sense.
    Scenario(String),
    /// The harness or its environment failed.
    Harness(String),
    /// A step inside this one failed.
    Inside(Box<StepFailure>),
}

/// A failed step.
#[derive(Clone, Debug)]
pub struct StepFailure {
    pub span: Span,
    /// The step in words.
    pub description: String,
    /// The name of the step's kind, for example `signIn`, and whether it goes to another realm than the case's own: what a host
    /// accepts of another realm has another cause than what it accepts of its own.
    pub kind: String,
    pub about: About,
    /// The advice of the step itself.
    pub advice: Option<Advice>,
    pub error: StepError,
}

/// What a failed step says about the clauses of its case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// It violates these clauses, which the step names.
    Clauses(Vec<String>),
    /// It violates the clauses that the scenario proves.
    Case,
    /// The step prepares the case: see [`Severity::Setup`](super::verdict::Severity::Setup). If nothing else explains the
    /// failure, it violates this clause, or those of the case.
    Setup(Option<&'static str>),
}

impl StepFailure {
    /// The innermost step that failed. A step that says nothing about clauses has those of the step around it.
    pub fn innermost(self) -> StepFailure {
        match self.error {
            StepError::Inside(inner) => {
                let mut inner = inner.innermost();
                if let (About::Case | About::Setup(None), About::Clauses(_)) = (&inner.about, &self.about) {
                    inner.about = self.about;
                }
                inner.advice = inner.advice.or(self.advice);
                inner
            }
            _ => self,
        }
    }
}
