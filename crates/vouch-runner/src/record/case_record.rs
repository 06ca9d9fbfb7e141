//! What happened in one case.

use crate::run::verdict::Location;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vouch_sim::wire::redact::Redacted;
use vouch_spec::operation::Operation;
use vouch_spec::protocol::ErrorKind;
use vouch_spec::protocol::message::Area;
use vouch_spec::step::{Outcomes, StepResult};

/// What happened in one case: its steps, its HTTP exchanges, its storage.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaseRecord {
    /// The steps that were performed. A case that ended early has fewer than its scenario.
    pub steps: Vec<StepRecord>,
    /// The number of steps of the scenario.
    pub planned_steps: usize,
    /// Every HTTP exchange, in the order of arrival.
    pub wire: Vec<WireRecord>,
    /// The storage of the device after the launch, before the first step.
    pub storage_at_start: Vec<StoredItem>,
    /// The write to storage at which the process was killed, in a case about crashes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crash_at_write: Option<u32>,
}

/// A step that was performed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepRecord {
    /// The name of its kind, for example `signIn`.
    pub step: String,
    /// The step in words.
    pub description: Redacted,
    pub location: Location,
    /// The clauses that the step itself names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clauses: Vec<String>,
    /// When it began, in milliseconds of the case's time since its first step.
    pub at_ms: i64,
    /// The number of the first exchange that arrived during the step, from 1, if any did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_exchange: Option<usize>,
    pub outcome: StepOutcome,
    /// The storage of the device after the step, where the step changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<Vec<StoredItem>>,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum StepOutcome {
    /// It did what the scenario expects.
    Passed {
        /// The result, where the step has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        result: Option<RecordedResult>,
        /// The results that the scenario accepts.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        accepted: Option<Outcomes>,
    },
    /// It did something else; the findings of the case say what.
    Failed { expected: Redacted, got: Redacted },
    /// It said nothing about the build: see the verdict of the case.
    Inconclusive { reason: Redacted },
}

/// The result of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum RecordedResult {
    /// The world was changed; there is nothing to check.
    Done,
    Ok,
    Refused {
        error: ErrorKind,
        text: Redacted,
    },
    Http {
        status: u16,
    },
    Killed,
}

impl RecordedResult {
    /// The result as the scenario's expectation takes it.
    pub fn to_result(&self) -> StepResult {
        match self {
            RecordedResult::Done => StepResult::Done,
            RecordedResult::Ok => StepResult::Ok,
            RecordedResult::Refused { error, text } => {
                StepResult::Refused { kind: *error, text: text.as_str().to_owned() }
            }
            RecordedResult::Http { status } => StepResult::Http { status: *status },
            RecordedResult::Killed => StepResult::Killed,
        }
    }
}

/// An HTTP exchange.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WireRecord {
    /// Its number in the case, from 1.
    pub number: usize,
    /// When the request arrived, in milliseconds of the case's time since its first step.
    pub at_ms: i64,
    /// `app`, `sdk`, `client` (the harness), `backend`, `api` or `auth` (the identity provider).
    pub from: String,
    pub to: String,
    /// Environment and region of the host.
    pub realm: String,
    /// What the exchange is for.
    pub operation: Operation,
    pub method: String,
    /// Path and query.
    pub path: Redacted,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<HeaderRecord>,
    #[serde(default, skip_serializing_if = "is_empty")]
    pub body: Redacted,
    /// The injected fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    pub answer: Answer,
}

fn is_empty(text: &Redacted) -> bool {
    text.as_str().is_empty()
}

/// A header that matters to the scheme.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeaderRecord {
    pub name: String,
    pub value: Redacted,
}

/// How an exchange ended, from the caller's point of view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum Answer {
    Answered {
        status: u16,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        headers: Vec<HeaderRecord>,
        #[serde(default, skip_serializing_if = "is_empty")]
        body: Redacted,
    },
    /// Not answered when the case ended.
    Pending,
    /// The connection ended without an answer.
    Lost {
        /// Whether the server had processed the request.
        processed: bool,
    },
    /// The caller went away before the answer.
    Abandoned,
    NoNetwork,
}

/// An item in the storage of the device.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoredItem {
    pub area: Area,
    pub key: Redacted,
    /// The value; a long one is cut.
    pub value: Redacted,
}
