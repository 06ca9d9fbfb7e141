//! `release`: every held answer goes on its way.

use super::StepFields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Release {}

impl StepFields for Release {
    const NAME: &str = "release";
    const ABOUT: &str = "Lets every held exchange go on.";

    fn describe(&self) -> String {
        "held exchanges go on".into()
    }
}
