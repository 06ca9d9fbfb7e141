//! `kill`: a device event.

use super::StepFields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Kill {}

impl StepFields for Kill {
    const NAME: &str = "kill";
    const ABOUT: &str = "Kills the app (SIGKILL). `launch` starts it again.";

    fn describe(&self) -> String {
        "the app is killed".into()
    }
}
