//! `crash`: the SDK's process is killed instead of its n-th write to storage during a call (EXC-5, PER-3, PER-4, MIG-9,
//! OUT-5). Without n the case runs once for each write, until the call ends by itself.

use super::{Reading, ScenarioStep, StepFields};
use crate::text::Node;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Kills the SDK's process at a write to storage.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Crash {
    /// The step to interrupt.
    pub step: ScenarioStep,
    /// Which write, from 1. A step that writes less often ends by itself. Left out, the case runs again and again, and
    /// crashes one write later each time, until the step ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write: Option<u32>,
}

/// The fields beside the step, which is read by itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Fields {
    #[allow(dead_code, reason = "read as a step")]
    step: serde_json::Value,
    #[serde(default)]
    write: Option<u32>,
}

impl StepFields for Crash {
    const NAME: &str = "crash";
    const ABOUT: &str = "Kills the SDK instead of its n-th write to storage in a step.";
    const HAS_RESULT: bool = true;

    fn describe(&self) -> String {
        let step = self.step.step.describe();
        match self.write {
            Some(write) => format!("killed at write {write} of: {step}"),
            None => format!("killed at a write of: {step}"),
        }
    }

    fn inner(&self) -> Vec<&ScenarioStep> {
        vec![&self.step]
    }

    fn intercepts_writes(&self) -> bool {
        true
    }
}

impl Crash {
    pub(super) fn read(node: &Node, reading: &Reading<'_>) -> Option<Self> {
        let Fields { write, .. } = reading.decoder.decode(node)?;
        let step = ScenarioStep::read(node.get("step")?, reading)?;
        if write == Some(0) {
            reading.decoder.wrong(node.get("write")?.span, "writes count from 1", "write a number from 1 on");
            return None;
        }
        Some(Self { step, write })
    }
}
