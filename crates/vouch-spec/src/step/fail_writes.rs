//! `failWrites`: a write to storage fails during a call, for example because the disk is full (PER-9).

use super::{Reading, ScenarioStep, StepFields};
use crate::text::Node;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Lets writes to storage fail.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FailWrites {
    /// The step during which they fail.
    pub step: ScenarioStep,
    /// The error that the operating system returns.
    pub error: WriteError,
    /// Which write, from 1. Left out, the case runs again and again, with one write later each time, until the step writes
    /// less often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write: Option<u32>,
}

/// Why a write fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum WriteError {
    /// The disk is full (`ENOSPC`): this write and each later one of the step that needs space fail. What frees space does not.
    NoSpace,
    /// This one write fails (`EIO`).
    IoError,
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WriteError::NoSpace => "the disk is full",
            WriteError::IoError => "an I/O error",
        })
    }
}

/// The fields beside the step, which is read by itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Fields {
    #[allow(dead_code, reason = "read as a step")]
    step: serde_json::Value,
    error: WriteError,
    #[serde(default)]
    write: Option<u32>,
}

impl StepFields for FailWrites {
    const NAME: &str = "failWrites";
    const ABOUT: &str = "Lets the n-th write to storage in a step fail.";
    const HAS_RESULT: bool = true;

    fn describe(&self) -> String {
        let step = self.step.step.describe();
        match self.write {
            Some(write) => format!("{} at write {write} of: {step}", self.error),
            None => format!("{} at a write of: {step}", self.error),
        }
    }

    fn inner(&self) -> Vec<&ScenarioStep> {
        vec![&self.step]
    }

    fn intercepts_writes(&self) -> bool {
        true
    }
}

impl FailWrites {
    pub(super) fn read(node: &Node, reading: &Reading<'_>) -> Option<Self> {
        let Fields { error, write, .. } = reading.decoder.decode(node)?;
        let step = ScenarioStep::read(node.get("step")?, reading)?;
        if write == Some(0) {
            reading.decoder.wrong(node.get("write")?.span, "writes count from 1", "write a number from 1 on");
            return None;
        }
        Some(Self { step, error, write })
    }
}
