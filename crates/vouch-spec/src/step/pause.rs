//! `pause`: real time for calls that were begun to get where they wait. Virtual time stands still.

use super::StepFields;
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
