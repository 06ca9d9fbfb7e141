//! What comes back from a step, and why a case goes no further.

use vouch_spec::protocol::ErrorKind;
use crate::sut::Trouble;
use vouch_spec::text::Span;
use std::fmt;

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
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

impl Answer {
    /// Whether a call did what it was asked for.
    pub fn is_good(&self) -> bool {
        matches!(self, Answer::Done | Answer::Ok | Answer::Http { status: 200..=299 })
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Done | Answer::Ok => f.write_str("ok"),
            Answer::Refused { kind, text } => write!(f, "the error {kind} ({text})"),
            Answer::Http { status } => write!(f, "HTTP {status}"),
            Answer::Killed => f.write_str("the process was killed in the middle"),
        }
    }
}

/// Why a case goes no further.
#[derive(Clone, Debug)]
pub enum Halt {
    /// The build did something else than the scenario expects.
    Unmet { expected: String, got: String },
    /// The adapter misbehaved.
    Adapter(Trouble),
    /// The backend on trial does not serve.
    Backend(Trouble),
    /// The scenario asks for what makes no sense: its author's fault.
    Scenario(String),
    /// The harness or its environment failed.
    Harness(String),
    /// A step inside this one halted.
    Inside(Box<Failure>),
}

/// A step that halted.
#[derive(Clone, Debug)]
pub struct Failure {
    pub span: Span,
    pub words: String,
    /// The clauses that the step itself names.
    pub clauses: Vec<String>,
    pub halt: Halt,
}

impl Failure {
    /// The innermost step that halted.
    pub fn innermost(self) -> Failure {
        match self.halt {
            Halt::Inside(inner) => inner.innermost(),
            _ => self,
        }
    }
}
