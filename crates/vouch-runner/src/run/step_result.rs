//! What comes back from a step, and why a case goes no further.

use crate::sut::SutError;
use std::fmt;
use vouch_spec::protocol::ErrorKind;
use vouch_spec::text::Span;

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub enum StepResult {
    /// The world was changed; there is no answer to judge.
    Done,
    Ok,
    Refused {
        kind: ErrorKind,
        text: String,
    },
    Http {
        status: u16,
    },
    /// The process was killed on purpose in the middle.
    Killed,
}

impl StepResult {
    /// Whether a call did what it was asked for.
    pub fn is_good(&self) -> bool {
        matches!(self, StepResult::Done | StepResult::Ok | StepResult::Http { status: 200..=299 })
    }
}

impl fmt::Display for StepResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StepResult::Done | StepResult::Ok => f.write_str("ok"),
            StepResult::Refused { kind, text } => write!(f, "the error {kind} ({text})"),
            StepResult::Http { status } => write!(f, "HTTP {status}"),
            StepResult::Killed => f.write_str("the process was killed in the middle"),
        }
    }
}

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
