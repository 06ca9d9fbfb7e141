//! `launch`: a device event.

use super::StepFields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Launch {}

impl StepFields for Launch {
    const NAME: &str = "launch";
    const ABOUT: &str = "Launches the app after a kill, or brings it to the foreground after a `wake`.";

    fn describe(&self) -> String {
        "the app is launched".into()
    }
}
