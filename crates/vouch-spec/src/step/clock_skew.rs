//! `clockOff`: the device's clock goes wrong by some minutes (REF-8).

use super::StepFields;
use crate::protocol::Capability;
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
