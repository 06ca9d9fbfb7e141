//! `pause`: real time for calls that were begun to get where they wait. Virtual time stands still.

use super::{Reading, StepFields};
use crate::text::Node;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest pause, in milliseconds.
pub const LONGEST: u64 = 2000;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pause {
    /// At most 2000.
    pub milliseconds: u64,
}

impl StepFields for Pause {
    const NAME: &str = "pause";
    const ABOUT: &str = "Waits a moment of real time for begun calls to get where they wait.";

    fn describe(&self) -> String {
        format!("{} ms of real time pass", self.milliseconds)
    }
}

impl Pause {
    pub(super) fn read(node: &Node, reading: &Reading<'_>) -> Option<Self> {
        let step: Self = reading.decoder.decode(node)?;
        if !(1..=LONGEST).contains(&step.milliseconds) {
            let place = node.get("milliseconds").unwrap_or(node).span;
            reading.decoder.wrong(
                place,
                format!("a pause lasts from 1 to {LONGEST} milliseconds"),
                "use `advance` for more: it costs no time",
            );
            return None;
        }
        Some(step)
    }
}
