//! `start`: starts a call and goes on without waiting for its end. `await` waits for it, `cancel` cancels it.

use super::{Reading, ScenarioStep, StepFields};
use crate::operation::Operation;
use crate::text::Node;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Starts a call.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Start {
    /// The step to start.
    pub step: ScenarioStep,
    /// The name of the call from here on.
    #[serde(rename = "as")]
    pub bind: String,
    /// Goes on only when the call has sent this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Operation>,
}

/// The fields beside the step, which is read by itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Fields {
    #[allow(dead_code, reason = "read as a step")]
    step: serde_json::Value,
    #[serde(rename = "as")]
    bind: String,
    #[serde(default)]
    until: Option<Operation>,
}

impl StepFields for Start {
    const NAME: &str = "start";
    const ABOUT: &str = "Starts a call and goes on without waiting for its end.";

    fn describe(&self) -> String {
        format!("start: {}", self.step.step.describe())
    }

    fn inner(&self) -> Vec<&ScenarioStep> {
        vec![&self.step]
    }
}

impl Start {
    pub(super) fn read(node: &Node, reading: &Reading<'_>) -> Option<Self> {
        let Fields { bind, until, .. } = reading.decoder.decode(node)?;
        Some(Self { step: ScenarioStep::read(node.get("step")?, reading)?, bind, until })
    }
}
