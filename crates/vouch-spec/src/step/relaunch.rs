//! `relaunch`: a device event.

use super::StepFields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Relaunch {}

impl StepFields for Relaunch {
    const NAME: &str = "relaunch";
    const ABOUT: &str = "Closes the app in order and launches it again on the same storage.";

    fn describe(&self) -> String {
        "the app is closed and launched again".into()
    }
}
