//! `update`: a device event (UPD-1, UPD-2).

use super::StepFields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Update {}

impl StepFields for Update {
    const NAME: &str = "update";
    const ABOUT: &str = "Closes the app, and launches the build under test on the storage of the previous build. A case whose first such step is an `update` starts with the previous build (`[sdk.previous]` of the target file).";

    fn describe(&self) -> String {
        "the app is updated to the build under test and launched".into()
    }
}
