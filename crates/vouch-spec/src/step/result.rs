//! What a step returns.

use crate::protocol::ErrorKind;
use std::fmt;

/// What a step returns; `expect` says which results are right.
#[derive(Clone, Debug, PartialEq)]
pub enum StepResult {
    /// The world was changed; there is no result to check.
    Done,
    /// The call succeeded.
    Ok,
    /// The call failed with an error of the protocol.
    Refused {
        /// The documented kind.
        kind: ErrorKind,
        /// The SDK's own text.
        text: String,
    },
    /// A server answered with this status.
    Http {
        /// The HTTP status code.
        status: u16,
    },
    /// The process was killed on purpose during the call.
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
            StepResult::Killed => f.write_str("the process was killed during the call"),
        }
    }
}
