//! `statusChanges`: the statuses that the SDK reported since the last such step (or the start), in order. With `any: true`
//! every report is accepted, and does not count for the next such step.

use super::{Reading, StepFields};
use crate::protocol::{Capability, StatusWord};
use crate::text::Node;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Checks the reported status changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StatusChanges {
    /// The changes, each a whole set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub are: Option<Vec<Vec<StatusWord>>>,
    /// Whatever was reported so far is accepted.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub any: bool,
}

impl StepFields for StatusChanges {
    const NAME: &str = "statusChanges";
    const ABOUT: &str = "Checks the status changes that were reported since the last such step.";
    const NEEDS: &[Capability] = &[Capability::StatusStream];

    fn describe(&self) -> String {
        "the status changes reported so far".into()
    }
}

impl StatusChanges {
    pub(super) fn read(node: &Node, reading: &Reading<'_>) -> Option<Self> {
        let step: Self = reading.decoder.decode(node)?;
        if step.are.is_some() == step.any {
            let what = "this needs either the changes, each a list of words, or `any: true`";
            reading.decoder.wrong(node.span, what, "for example `statusChanges: [[configured, signedIn]]`");
            return None;
        }
        Some(step)
    }
}
