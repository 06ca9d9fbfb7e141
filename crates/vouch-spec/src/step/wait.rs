//! `wait`: seconds pass that a server has asked for: at once where time is virtual, else for real.

use super::StepFields;
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
