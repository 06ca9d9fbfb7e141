//! `advance`: time passes.

use super::StepFields;
use crate::protocol::Capability;
use crate::protocol::Control;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Advance {
    /// For example `90s`, `10m`, `1h`, `30d`.
    pub by: String,
}

impl StepFields for Advance {
    const NAME: &str = "advance";
    const ABOUT: &str = "Time passes.";
    const NEEDS: &[Capability] = &[Capability::Clock];
    const DEMANDS: &[Control] = &[Control::Advance];

    fn describe(&self) -> String {
        format!("{} pass", self.by)
    }
}
