//! `wait`: seconds pass that a server has asked for: at once where time is virtual, else for real.

use super::{Reading, StepFields};
use crate::text::Node;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest wait, in seconds: an SDK without a clock waits for real.
pub const LONGEST: u64 = 5;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Wait {
    /// At most 5.
    pub seconds: u64,
}

impl StepFields for Wait {
    const NAME: &str = "wait";
    const ABOUT: &str = "Lets seconds pass that a server has asked for, virtual ones or real ones.";

    fn describe(&self) -> String {
        format!("{} s pass", self.seconds)
    }
}

impl Wait {
    pub(super) fn read(node: &Node, reading: &Reading<'_>) -> Option<Self> {
        let step: Self = reading.decoder.decode(node)?;
        if !(1..=LONGEST).contains(&step.seconds) {
            let place = node.get("seconds").unwrap_or(node).span;
            reading.decoder.wrong(place, format!("a wait lasts from 1 to {LONGEST} seconds"), "use `advance` for more");
            return None;
        }
        Some(step)
    }
}
