//! `finish`: waits for a call that `begin` began and judges its answer. `sent` counts from its beginning.

use super::StepFields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Await {
    /// The name that `begin` gave.
    pub call: String,
}

impl StepFields for Await {
    const NAME: &str = "await";
    const ABOUT: &str = "Waits for a call that was begun.";
    const HAS_RESULT: bool = true;

    fn describe(&self) -> String {
        format!("finish the call `{}`", self.call)
    }
}
