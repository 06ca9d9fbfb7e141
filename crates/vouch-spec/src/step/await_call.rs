//! `await`: waits for a call that `start` started, and checks its result. `sent` counts from its start.

use super::StepFields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Await {
    /// The name that `start` gave.
    pub call: String,
}

impl StepFields for Await {
    const NAME: &str = "await";
    const ABOUT: &str = "Waits for a call that `start` started.";
    const HAS_RESULT: bool = true;

    fn describe(&self) -> String {
        format!("await the call `{}`", self.call)
    }
}
