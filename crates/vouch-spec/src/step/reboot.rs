//! `reboot`: a device event.

use super::StepFields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reboot {}

impl StepFields for Reboot {
    const NAME: &str = "reboot";
    const ABOUT: &str = "Reboots the device and launches the app: volatile storage is gone.";

    fn describe(&self) -> String {
        "the device reboots and the app is launched".into()
    }
}
