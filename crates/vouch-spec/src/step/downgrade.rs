//! `downgrade`: a device event (UPD-3).

use super::StepFields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Downgrade {}

impl StepFields for Downgrade {
    const NAME: &str = "downgrade";
    const ABOUT: &str = "Closes the app, and launches the previous build (`[sdk.previous]` of the target file) on the storage of the build under test.";

    fn describe(&self) -> String {
        "the app goes back to the previous build and is launched".into()
    }
}
