//! Why a case goes no further.

pub use vouch_spec::step::StepResult;

use crate::sut::SutError;
use vouch_spec::text::Span;

/// Why a case goes no further.
#[derive(Clone, Debug)]
pub enum StepError {
    /// The build did something else than the scenario expects.
    Unmet { expected: String, got: String },
    /// The adapter misbehaved.
    Adapter(SutError),
    /// The backend on trial does not serve.
    Backend(SutError),
    /// The scenario asks for what makes no sense: its author's fault.
    Scenario(String),
    /// The harness or its environment failed.
    Harness(String),
    /// A step inside this one halted.
    Inside(Box<StepFailure>),
}

/// A step that halted.
#[derive(Clone, Debug)]
pub struct StepFailure {
    pub span: Span,
    pub words: String,
    /// The clauses that the step itself names.
    pub clauses: Vec<String>,
    pub halt: StepError,
}

impl StepFailure {
    /// The innermost step that halted.
    pub fn innermost(self) -> StepFailure {
        match self.halt {
            StepError::Inside(inner) => inner.innermost(),
            _ => self,
        }
    }
}
