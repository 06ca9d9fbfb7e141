//! `clockSkew`: the device's clock goes wrong by some minutes (REF-8).

use super::{Reading, StepFields};
use crate::duration;
use crate::protocol::Capability;
use crate::text::Node;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClockSkew {
    /// Ahead of the servers' time, or behind it if negative.
    pub minutes: i64,
}

impl StepFields for ClockSkew {
    const NAME: &str = "clockSkew";
    const ABOUT: &str = "Puts the device's clock ahead of the servers' time, or behind it.";
    const NEEDS: &[Capability] = &[Capability::Clock];

    fn describe(&self) -> String {
        format!("the device's clock is off by {} minutes", self.minutes)
    }
}

impl ClockSkew {
    pub(super) fn read(node: &Node, reading: &Reading<'_>) -> Option<Self> {
        let step: Self = reading.decoder.decode(node)?;
        if step.minutes.unsigned_abs() > duration::LONGEST.as_secs() / 60 {
            let place = node.get("minutes").unwrap_or(node).span;
            reading.decoder.wrong(
                place,
                "the clock is off by more than a century",
                "write for example `clockSkew: -7`",
            );
            return None;
        }
        Some(step)
    }
}
